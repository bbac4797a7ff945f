package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// build builds an example.
func build(t *testing.T, example string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "example")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/xsignin/xsignin/examples/"+example).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// clean is the environment without the variables that examples read, and with more.
func clean(more ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		ours := strings.HasPrefix(name, "X_") ||
			slices.Contains([]string{"PUBLIC_URL", "SECRETS", "DATABASE_URL", "REDIS_URL", "INTERSTITIAL"}, name)
		if !ours {
			env = append(env, v)
		}
	}
	return append(env, more...)
}

// start builds and runs an example until the test ends, and returns where it listens. It
// brings a local X along.
func start(t *testing.T, example string, env ...string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		missing(t, "Windows has no SIGTERM, which ends the examples")
	}
	cmd := exec.Command(build(t, example))
	cmd.Dir = t.TempDir()
	cmd.Env = append(clean("ADDR=127.0.0.1:0"), env...)
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
