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
	// publicURL is the URL that visitors use. A [balancer] sends the requests to replicas.
	publicURL = "http://load.localhost"
	// secret seals the tokens of every run.
	secret = "0123456789abcdef0123456789abcdef"
	// connections is the size of a replica's pool for PostgreSQL. The driver's default on a
	// small machine is 4, too few for a hundred visitors.
	connections = 16
)

// program is the file name of examples/app, built by go build.
type program string

// build builds examples/app into a directory.
func build(ctx context.Context, dir string) (program, error) {
	file := filepath.Join(dir, "app")
	args := []string{"build", "-o", file}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.CommandContext(ctx, "go", append(args, "github.com/xsignin/xsignin/examples/app")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("cannot build examples/app (run this in the workspace of the repository, with go in the PATH): %w\n%s", err, out)
	}
	return program(file), nil
}

// process is a replica: a process of the application.
type process struct {
	addr   string
	debug  string // URL of its counters, without a path
	cmd    *exec.Cmd
	stderr *tail
}

// start starts a replica with an X and a backend, and waits until it listens. The replica ends
// with stop or kill, or when this process ends.
func (p program) start(x *localX, at backend) (*process, error) {
	r := &process{cmd: exec.Command(string(p)), stderr: &tail{}}
	r.cmd.Dir = filepath.Dir(string(p))
	// The environment of this process is not passed on. It may configure another application.
	r.cmd.Env = []string{
		"ADDR=127.0.0.1:0", "DEBUG_ADDR=127.0.0.1:0", "PUBLIC_URL=" + publicURL, "SECRETS=" + secret, "CHECK=off", at.variable(),
		"X_API_URL=" + x.url, "X_AUTHORIZE_URL=" + x.url + "/i/oauth2/authorize",
		"X_CLIENT_ID=" + xtest.DefaultClientID, "X_CLIENT_SECRET=" + xtest.DefaultClientSecret,
		"X_CONSUMER_KEY=" + xtest.DefaultConsumerKey, "X_CONSUMER_SECRET=" + xtest.DefaultConsumerSecret,
		// By default a program with the race detector sleeps for a second before it exits.
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
	line, _ := bufio.NewReader(out).ReadString('\n')
	r.addr, r.debug = between(line, "listening at http://", ","), between(line, "counters at ", "/debug/vars")
	if r.addr == "" || r.debug == "" {
		r.kill()
		return nil, fmt.Errorf("the application did not start: its first line is %q\n%s", line, r.stderr)
	}
	return r, nil
}

// between returns the part of s between two texts, or "".
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

// stop shuts the replica down with SIGTERM. Its error includes the replica's last lines.
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
	RSS        int64 `json:"-"` // bytes of memory, by the operating system
	MaxRSS     int64 `json:"-"`
}

// stats reads the replica's counters at DEBUG_ADDR and its memory from the operating system.
func (r *process) stats(ctx context.Context, c *http.Client) (st stats, err error) {
	b, err := r.get(ctx, c, "/debug/vars")
	if err == nil {
		err = json.Unmarshal(b, &st)
	}
	if err == nil {
		st.RSS, st.MaxRSS = r.memory(int64(st.Memstats.Sys))
	}
	return st, err
}

func (r *process) get(ctx context.Context, c *http.Client, path string) ([]byte, error) {
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

// memory returns the replica's current and peak memory on Linux. On other systems it returns
// got, which is the memory that the Go runtime has got from the system.
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

// tail is a writer that keeps the last bytes.
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

// warnings returns the last n log lines with a warning or an error.
func (t *tail) warnings(n int) []string {
	var all []string
	for line := range strings.Lines(t.String()) {
		if strings.Contains(line, " level=WARN ") || strings.Contains(line, " level=ERROR ") {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all[max(0, len(all)-n):]
}
