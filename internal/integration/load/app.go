package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/xtest"
)

const (
	// publicURL is the address that visitors use. A door knows the replicas behind it.
	publicURL = "http://load.localhost"
	// secret seals the tokens of every run.
	secret = "0123456789abcdef0123456789abcdef"
	// connections limits a replica's connections to PostgreSQL. The driver's default is 4 on a
	// small machine, and a hundred visitors would queue for them.
	connections = 16
)

// program is examples/app as users get it: a file that go build created.
type program string

// build builds the program into a directory.
func build(ctx context.Context, dir string) (program, error) {
	file := filepath.Join(dir, "app")
	args := []string{"build", "-o", file}
	if raced {
		args = append(args, "-race")
	}
	out, err := exec.CommandContext(ctx, "go", append(args, "github.com/xsignin/xsignin/examples/app")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("examples/app cannot be built: %w: run this from within the work space of the repository, with go in the PATH\n%s", err, out)
	}
	return program(file), nil
}

// process is a replica: the application in a separate process.
type process struct {
	addr   string
	debug  string // the address of its counters and profiles, without a path
	cmd    *exec.Cmd
	stderr *tail
}

// start starts a replica with an X and a place, and waits until it serves visitors. The replica
// ends with stop or kill, and when this process ends.
func (p program) start(x *localX, at place) (*process, error) {
	r := &process{cmd: exec.Command(string(p)), stderr: &tail{}}
	r.cmd.Dir = filepath.Dir(string(p))
	// Pass nothing of this process's environment, which may belong to another application.
	r.cmd.Env = []string{
		"ADDR=127.0.0.1:0", "DEBUG_ADDR=127.0.0.1:0", "PUBLIC_URL=" + publicURL, "SECRETS=" + secret, at.variable(),
		"X_API_URL=" + x.url, "X_AUTHORIZE_URL=" + x.url + "/i/oauth2/authorize",
		"X_CLIENT_ID=" + xtest.DefaultClientID, "X_CLIENT_SECRET=" + xtest.DefaultClientSecret,
		"X_CONSUMER_KEY=" + xtest.DefaultConsumerKey, "X_CONSUMER_SECRET=" + xtest.DefaultConsumerSecret,
		// With the race detector, each replica would sleep for a second at its end.
		"GORACE=atexit_sleep_ms=0 " + os.Getenv("GORACE"),
	}
	r.cmd.SysProcAttr = testservers.Tied(syscall.SIGKILL)
	r.cmd.Stderr = r.stderr
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	said, _ := bufio.NewReader(out).ReadString('\n')
	r.addr, r.debug = between(said, "listening at http://", ","), between(said, "counters at ", "/debug/vars")
	if r.addr == "" || r.debug == "" {
		r.kill()
		return nil, fmt.Errorf("the application did not start: it said %q\n%s", said, r.stderr)
	}
	return r, nil
}

// between returns the text in s between two others, or "".
func between(s, before, after string) string {
	_, s, _ = strings.Cut(s, before)
	s, _, ok := strings.Cut(s, after)
	if !ok {
		return ""
	}
	return s
}

// kill ends the replica with SIGKILL.
func (r *process) kill() {
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
}

// stop lets the replica end normally. Its error has the replica's last output.
func (r *process) stop() error {
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	guard := time.AfterFunc(time.Minute, func() { _ = r.cmd.Process.Kill() })
	defer guard.Stop()
	if err := r.cmd.Wait(); err != nil {
		return fmt.Errorf("the application ended: %w\n%s", err, r.stderr)
	}
	return nil
}

// stats is the state of a replica.
type stats struct {
	Events     map[string]int
	Goroutines int
	Memstats   struct{ Sys, HeapAlloc, HeapObjects uint64 }
	RSS        int64 `json:"-"` // bytes of memory, as the system counts them
	MaxRSS     int64 `json:"-"`
}

// stats gets the state from the replica's DEBUG_ADDR, and the memory from the system.
func (r *process) stats(ctx context.Context, c *http.Client) (st stats, err error) {
	b, err := r.ask(ctx, c, "/debug/vars")
	if err == nil {
		err = json.Unmarshal(b, &st)
	}
	if err == nil {
		st.RSS, st.MaxRSS = r.memory(int64(st.Memstats.Sys))
	}
	return st, err
}

func (r *process) ask(ctx context.Context, c *http.Client, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.debug+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %s", path, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// memory is the replica's memory, now and at most, as Linux counts it. On other systems it is
// the memory that the runtime got from the system.
func (r *process) memory(got int64) (now, most int64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		return got, got
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			now = kib << 10
		case "VmHWM":
			most = kib << 10
		}
	}
	return now, most
}

// tail keeps the end of a process's output.
type tail struct {
	mu sync.Mutex // guards b
	b  []byte
}

// Write implements [io.Writer].
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > 64<<10 {
		t.b = append([]byte(nil), t.b[len(t.b)-32<<10:]...)
	}
	return len(p), nil
}

// String implements [fmt.Stringer].
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.b))
}

// warnings are the last n warnings.
func (t *tail) warnings(n int) []string {
	var all []string
	for line := range strings.Lines(t.String()) {
		if strings.Contains(line, " level=WARN ") || strings.Contains(line, " level=ERROR ") {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all[max(0, len(all)-n):]
}
