package e2e

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// startLimit is how long a built example may take to start.
const startLimit = 5 * time.Second

// TestEveryExampleStartsAtOnce: each starts with one command, without keys or servers.
func TestEveryExampleStartsAtOnce(t *testing.T) {
	mains, err := filepath.Glob("../../../examples/*/main.go")
	if err != nil || len(mains) < 10 {
		t.Fatalf("%d examples, %v", len(mains), err)
	}
	for _, file := range mains {
		example := filepath.Base(filepath.Dir(file))
		t.Run(example, func(t *testing.T) {
			bin := build(t, example)
			best := time.Hour
			// The machine may be busy with other tests.
			for try := 0; try < 10 && best >= startLimit; try++ {
				best = min(best, ready(t, bin, example))
			}
			if best >= startLimit {
				t.Errorf("it took %v", best)
			}
		})
	}
}

// ready runs an example until it prints its address, and returns the time that took. The command
// line does not listen: its demonstration runs to the end.
func ready(t *testing.T, bin, example string) time.Duration {
	t.Helper()
	var args []string
	if example == "xpost" {
		args = []string{"demo", "whoami"}
	}
	cmd := exec.Command(bin, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = clean("ADDR=127.0.0.1:0", "HOME="+cmd.Dir, "XDG_CONFIG_HOME="+cmd.Dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if args != nil {
		for s := bufio.NewScanner(out); s.Scan(); {
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s %v: %v", example, args, err)
		}
		return time.Since(began)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	for s := bufio.NewScanner(out); s.Scan(); {
		if address.MatchString(s.Text()) {
			return time.Since(began)
		}
	}
	t.Errorf("%s ended", example)
	return time.Since(began)
}
