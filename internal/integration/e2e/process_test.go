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

// built has the built examples by name.
var (
	built    = map[string]string{}
	building sync.Mutex // guards built
	builtIn  string
)

func TestMain(m *testing.M) {
	var err error
	if builtIn, err = os.MkdirTemp("", "xsignin-e2e-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(builtIn)
	os.Exit(code)
}

// build builds an example once for all tests.
func build(t *testing.T, example string) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	if bin := built[example]; bin != "" {
		return bin
	}
	bin := filepath.Join(builtIn, example)
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/xsignin/xsignin/examples/"+example).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	built[example] = bin
	return bin
}

// clean is the environment with more variables, but without those that examples read.
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

// start builds and runs an example until the test ends, and returns its address. The example
// starts a local X.
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
