package fleet

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// patience limits every wait, so that a fault ends with a message and not with the timeout of
// the whole run. It allows for machines that are much slower than expected.
const patience = 2 * time.Minute

// process is a worker, as the test sees it.
type process struct {
	t      *testing.T
	number int
	cmd    *exec.Cmd
	in     io.WriteCloser
	stderr bytes.Buffer  // read after gone
	gone   chan struct{} // closed at the end of its output

	mu      sync.Mutex // guards all below
	last    int
	waiting map[int]chan answer
	killed  bool
}

// newProcess starts a worker that ends with the test. Its events go to happens.
func newProcess(t *testing.T, number int, s setup, happens chan<- happening) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, number: number, cmd: exec.Command(self), gone: make(chan struct{}), waiting: map[int]chan answer{}}
	// With the race detector, each worker would sleep for a second at its end.
	p.cmd.Env = append(os.Environ(), asWorker+"=1", "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	p.cmd.Stderr = &p.stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(out, happens)
	t.Cleanup(p.end)
	if err := json.NewEncoder(p.in).Encode(s); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *process) read(out io.Reader, happens chan<- happening) {
	defer close(p.gone)
	for lines := json.NewDecoder(out); ; {
		var a answer
		if err := lines.Decode(&a); err != nil {
			return
		}
		if a.ID == 0 {
			happens <- happening{p.number, a.Event}
			continue
		}
		p.mu.Lock()
		c := p.waiting[a.ID]
		delete(p.waiting, a.ID)
		p.mu.Unlock()
		c <- a
	}
}

// start sends a command. The channel delivers the answer.
func (p *process) start(c command) <-chan answer {
	p.t.Helper()
	answered := make(chan answer, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	c.ID = p.last
	p.waiting[c.ID] = answered
	if err := json.NewEncoder(p.in).Encode(c); err != nil {
		p.t.Fatalf("worker %d: %v", p.number, err)
	}
	return answered
}

// finish waits for the answer to a command.
func (p *process) finish(answered <-chan answer) answer {
	p.t.Helper()
	guard := time.NewTimer(patience)
	defer guard.Stop()
	select {
	case a := <-answered:
		if a.Err != "" {
			p.t.Fatalf("worker %d: %s", p.number, a.Err)
		}
		return a
	case <-p.gone:
		// The end of the output may be seen before an answer is read.
		select {
		case a := <-answered:
			return a
		default:
			p.t.Fatalf("worker %d has ended", p.number)
		}
	case <-guard.C:
		p.t.Fatalf("worker %d does not answer", p.number)
	}
	return answer{}
}

func (p *process) do(c command) answer {
	p.t.Helper()
	return p.finish(p.start(c))
}

// kill ends the worker with SIGKILL, like a machine that fails.
func (p *process) kill() {
	p.t.Helper()
	p.mu.Lock()
	p.killed = true
	p.mu.Unlock()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	<-p.gone
}

// end lets the worker end normally.
func (p *process) end() {
	_ = p.in.Close()
	guard := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer guard.Stop()
	p.mu.Lock()
	killed := p.killed
	p.mu.Unlock()
	if p.t.Failed() && !killed {
		// It may be blocked at the point at which it was to be killed.
		killed = true
		_ = p.cmd.Process.Kill()
	}
	<-p.gone
	// Output on standard error comes from the drivers, and is ignored. A race changes the exit
	// status.
	if err := p.cmd.Wait(); err != nil && !killed {
		p.t.Errorf("worker %d: %v\n%s", p.number, err, p.stderr.String())
	}
}
