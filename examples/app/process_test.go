package main

import (
	"bufio"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/xsignin/xsignin/internal/testservers"
)

// build builds a command of this module.
func build(t *testing.T, command string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM, which ends the processes of this test")
	}
	bin := filepath.Join(t.TempDir(), command)
	if out, err := exec.Command("go", "build", "-o", bin, "../"+command).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// clean is the environment without the variables that the commands read.
func clean(more ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.Contains(usage, "\n  "+name+" ") && name != "X_CALLBACK_URLS" && name != "X_PUBLIC_CLIENT_ID" {
			env = append(env, v)
		}
	}
	env = append(env, "CHECK=off") // tests count requests to X
	return append(env, more...)
}

// process starts bin and returns its output up to the line that begins with last.
func process(t *testing.T, bin, last string, env ...string) (cmd *exec.Cmd, said []string) {
	t.Helper()
	cmd = exec.Command(bin)
	cmd.Dir = t.TempDir()
	cmd.Env = clean(env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for s := bufio.NewScanner(out); s.Scan(); {
		said = append(said, s.Text())
		if strings.HasPrefix(s.Text(), last) {
			return cmd, said
		}
	}
	t.Fatalf("%s ended: %q", bin, said)
	return nil, nil
}

// terminate sends SIGTERM and expects exit status 0.
func terminate(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

func TestAppAsAProcess(t *testing.T) {
	t.Parallel()
	bin := build(t, "app")
	cmd, said := process(t, bin, "Ready: ", "ADDR=127.0.0.1:0")
	if len(said) != 1 {
		t.Errorf("said %q", said)
	}
	at, _, _ := strings.Cut(strings.TrimPrefix(said[0], "Ready: "), ",")
	newBrowser(t, at).signIn("OAuth 1.0a").want(http.StatusOK, "coffee")
	terminate(t, cmd)

	wrong := exec.Command(bin)
	wrong.Env = clean("X_CONSUMER_KEY=k", "PUBLIC_URL=nowhere")
	out, err := wrong.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("%v", err)
	}
	for _, name := range []string{"app: PUBLIC_URL: ", "app: X_CONSUMER_SECRET: "} {
		if !strings.Contains(string(out), name) {
			t.Errorf("%q is not in\n%s", name, out)
		}
	}

	help := exec.Command(bin, "-h")
	if out, err := help.CombinedOutput(); err != nil || !strings.Contains(string(out), "X_REFRESH_BEFORE") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAppWithXsimAsAProcess(t *testing.T) {
	t.Parallel()
	bin := build(t, "xsim")
	// The callback is registered before the application runs, so its port is chosen here.
	addr := "127.0.0.1:" + testservers.FreePort(t)
	cmd, said := process(t, bin, "export X_CLIENT_SECRET=", "ADDR=127.0.0.1:0", "X_CALLBACK_URLS=http://"+addr+callbackPath)
	env := map[string]string{"ADDR": addr}
	for _, line := range said {
		if assignment, ok := strings.CutPrefix(line, "export "); ok {
			name, value, _ := strings.Cut(assignment, "=")
			env[name] = value
		}
	}
	b := newBrowser(t, start(t, env))
	front := b.get("/").want(http.StatusOK)
	if strings.Contains(text(front.doc), "local simulator") {
		t.Error("the application takes xsim for its own simulator")
	}
	b.signIn("OAuth 2.0").want(http.StatusOK, "coffee")
	b.get("/compose").press("Post", map[string]any{"text": "Through two processes"}).want(http.StatusOK, "Through two processes")
	terminate(t, cmd)
}
