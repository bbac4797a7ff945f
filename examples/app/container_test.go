//go:build linux && !race

// The race detector needs cgo, and its run would only repeat these minutes of building.

package main

import (
	"bufio"
	"debug/elf"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/xsignin/xsignin/internal/testservers"
)

// TestContainerfiles builds and runs both commands as their Containerfiles say, without a
// container engine: a static program, alone in a root directory that it cannot change, as a
// user without rights. SIGTERM ends it.
func TestContainerfiles(t *testing.T) {
	x := newX()
	t.Cleanup(x.Close)

	t.Run("app", func(t *testing.T) {
		c := readContainerfile(t, "app")
		addr := "127.0.0.1:" + testservers.FreePort(t)
		x.SetCallbacks("http://" + addr + callbackPath)
		end := c.run(t, append(credentials(x.URL), "ADDR="+addr, "SECRETS="+replicaKey("c"), "CHECK=off")...)
		b := newBrowser(t, "http://"+addr)
		b.signIn("OAuth 2.0").want(http.StatusOK, "coffee")
		b.get("/compose").press("Post", map[string]any{"text": "From a container"}).want(http.StatusOK, "From a container")
		end()
		if _, err := os.Stat(filepath.Join(c.root, "data", "xsignin.db")); err != nil {
			t.Errorf("the volume has no database: %v", err)
		}
	})
	t.Run("xsim", func(t *testing.T) {
		c := readContainerfile(t, "xsim")
		addr := "127.0.0.1:" + testservers.FreePort(t)
		end := c.run(t, "ADDR="+addr)
		newBrowser(t, "http://"+addr).get("/").want(http.StatusOK, "Nora Lindqvist")
		end()
	})
}

// container is what a Containerfile says.
type container struct {
	root       string // the directory that becomes /
	env        []string
	user       uint32
	entrypoint []string
	volumes    []string
}

// readContainerfile builds the program of a command, and puts it into the root directory.
func readContainerfile(t *testing.T, command string) *container {
	t.Helper()
	file, err := os.ReadFile("../" + command + "/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	one := func(pattern string) []string {
		t.Helper()
		m := regexp.MustCompile(`(?m)^`+pattern+`$`).FindAllStringSubmatch(string(file), -1)
		if len(m) != 1 {
			t.Fatalf("%s: %d lines like %q, not 1", command, len(m), pattern)
		}
		return m[0][1:]
	}
	c := &container{root: t.TempDir()}
	// Below this directory everybody may open files.
	for dir := c.root; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c.env = strings.Fields(one(`ENV (.*)`)[0])
	if err := json.Unmarshal([]byte(one(`ENTRYPOINT (.*)`)[0]), &c.entrypoint); err != nil {
		t.Fatal(err)
	}
	ids := one(`USER (\d+):(\d+)`)
	id, err := strconv.ParseUint(ids[0], 10, 32)
	if err != nil || id == 0 || ids[0] != ids[1] {
		t.Fatalf("the user is %q", ids)
	}
	c.user = uint32(id)
	for _, m := range regexp.MustCompile(`(?m)^VOLUME (/\S+)$`).FindAllStringSubmatch(string(file), -1) {
		c.volumes = append(c.volumes, m[1])
	}

	line := one(`RUN (.* go build .*)`)[0]
	built := one(`COPY --from=build (/out/` + command + `) (/\S+)`)
	bin := filepath.Join(c.root, built[1])
	build := exec.Command("sh", "-c", strings.Replace(line, "-o "+built[0], "-o '"+bin+"'", 1))
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	program, err := elf.Open(bin)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Errorf("%s is not static", command)
	}
	return c
}

// run runs the program and returns a function that ends it by SIGTERM.
func (c *container) run(t *testing.T, env ...string) (end func()) {
	t.Helper()
	cmd := exec.Command(c.entrypoint[0])
	cmd.Args = c.entrypoint
	cmd.Dir = "/"
	cmd.Env = append(slices.Clone(c.env), env...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root}
	id := int(c.user)
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: c.user, Gid: c.user}
	} else {
		// In a user namespace the own user has that id, and may change its root directory.
		id = os.Getuid()
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: int(c.user), HostID: id, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: int(c.user), HostID: os.Getgid(), Size: 1}}
	}
	for _, volume := range c.volumes {
		if err := os.Mkdir(filepath.Join(c.root, volume), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(filepath.Join(c.root, volume), id, -1); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(c.root, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(c.root, 0o755) }) // or it cannot be removed
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	switch err := cmd.Start(); {
	case errors.Is(err, syscall.EPERM):
		t.Skip("this needs root, or a machine that allows user namespaces")
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	said := bufio.NewScanner(out)
	if !said.Scan() || !strings.HasPrefix(said.Text(), "Ready: ") {
		t.Fatalf("it does not start: %q", said.Text())
	}
	return func() {
		t.Helper()
		terminate(t, cmd)
		var left []string
		entries, err := os.ReadDir(c.root)
		for _, e := range entries {
			left = append(left, "/"+e.Name())
		}
		want := append(slices.Clone(c.volumes), c.entrypoint[0])
		if slices.Sort(want); err != nil || !slices.Equal(left, want) {
			t.Errorf("the root directory has %q, not %q: %v", left, want, err)
		}
	}
}
