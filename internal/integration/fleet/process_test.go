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

// patience bounds every wait, so that a fault ends in a message and not in the end of
// the whole run. It is for machines that are much slower than expected.
const patience = 2 * time.Minute

// process is a worker as its test sees it.
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

// newProcess starts a worker and ends it with the test. Its events go to happens.
func newProcess(t *testing.T, number int, s setup, happens chan<- happening) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, number: number, cmd: exec.Command(self), gone: make(chan struct{}), waiting: map[int]chan answer{}}
	// The race detector would let each worker sleep for a second at its end.
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

// start sends a command. The answer comes by the channel.
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
		// The end of its output may have been seen before an answer was taken.
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

// kill ends the worker by SIGKILL, as a machine that fails would.
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

// end lets the worker end by itself.
func (p *process) end() {
	_ = p.in.Close()
	guard := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer guard.Stop()
	p.mu.Lock()
	killed := p.killed
	p.mu.Unlock()
	if p.t.Failed() && !killed {
		// It may be blocked where it was to be killed.
		killed = true
		_ = p.cmd.Process.Kill()
	}
	<-p.gone
	// What a worker says and goes on is the drivers' talk; a race ends it with a status.
	if err := p.cmd.Wait(); err != nil && !killed {
		p.t.Errorf("worker %d: %v\n%s", p.number, err, p.stderr.String())
	}
}
