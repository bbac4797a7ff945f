package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"
)

// process is a site in a process of its own: this binary again.
type process struct {
	addr   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	stderr *tail
}

// startSite starts a site and waits until visitors may come. It ends with stop or kill,
// and when this process does.
func startSite(cfg siteConfig) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self), stderr: &tail{}}
	// The race detector would let each site sleep for a second at its end.
	p.cmd.Env = append(os.Environ(), asSite+"=1", "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	p.cmd.Stderr = p.stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	var ready siteReady
	err = json.NewEncoder(p.in).Encode(cfg)
	if err == nil {
		err = json.NewDecoder(out).Decode(&ready)
	}
	if err == nil && ready.Err != "" {
		err = errors.New(ready.Err)
	}
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("the site did not start: %w\n%s", err, p.stderr)
	}
	p.addr = ready.Addr
	return p, nil
}

// kill ends the site by SIGKILL.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.in.Close()
}

// stop lets the site end by itself. Its error has what the site said last.
func (p *process) stop() error {
	_ = p.in.Close()
	guard := time.AfterFunc(time.Minute, func() { _ = p.cmd.Process.Kill() })
	defer guard.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the site ended: %w\n%s", err, p.stderr)
	}
	return nil
}

// stats asks the site how it is; query may be empty.
func (p *process) stats(ctx context.Context, c *http.Client, query string) (st siteStats, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+"/stats?"+query, http.NoBody)
	if err != nil {
		return st, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return st, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return st, errors.New("stats: " + resp.Status)
	}
	return st, json.NewDecoder(resp.Body).Decode(&st)
}

// tail keeps the end of what a process says.
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
