package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// start builds and runs an example until the test ends, and returns where it listens. It
// brings a local X along.
func start(t *testing.T, example string, env ...string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		missing(t, "Windows has no SIGTERM, which ends the examples")
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "example")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/xsignin/xsignin/examples/"+example).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(bin)
	cmd.Dir = dir
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); !strings.HasPrefix(name, "X_") && name != "PUBLIC_URL" && name != "SECRET_KEYS" &&
			name != "DATABASE_URL" && name != "REDIS_URL" && name != "INTERSTITIAL" {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(append(cmd.Env, "ADDR=127.0.0.1:0"), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	t.Cleanup(func() {
		end()
		if t.Failed() {
			t.Logf("%s said:\n%s", example, log.String())
		}
	})
	for s := bufio.NewScanner(out); s.Scan(); {
		if at := address.FindString(s.Text()); at != "" {
			go func() {
				for s.Scan() {
				}
			}()
			return at
		}
	}
	end()
	t.Fatalf("%s ended: %s", example, log.String())
	return ""
}
