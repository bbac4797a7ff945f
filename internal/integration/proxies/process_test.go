package proxies

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/xsignin/xsignin/internal/testservers"
)

// patience is how long any step may take on a slow machine.
const patience = time.Minute

func TestMain(m *testing.M) {
	if text := os.Getenv(asReplica); text != "" {
		if err := serve(text); err != nil {
			_, _ = os.Stderr.WriteString("replica: " + err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// process is a running program. Its output is shown if the test fails.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  lines
	done chan struct{} // closed at its end
	err  error         // the error at the end
}

// lines is the output of a process.
type lines struct {
	mu  sync.Mutex // guards both
	b   bytes.Buffer
	say chan struct{} // closed when there is more
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.say != nil {
		close(l.say)
		l.say = nil
	}
	return l.b.Write(p)
}

// more returns the output so far, and a channel that is closed when there is more.
func (l *lines) more() (string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.say == nil {
		l.say = make(chan struct{})
	}
	return l.b.String(), l.say
}

// begin starts a program that ends with the test.
func begin(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.out, &p.out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = testservers.Tied(syscall.SIGTERM)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop()
		if text, _ := p.out.more(); t.Failed() && text != "" {
			t.Logf("%s said:\n%.5000s", cmd.Path, text)
		}
	})
	return p
}

// stop ends the process with SIGTERM, or with SIGKILL if that takes too long.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Errorf("%s does not end", p.cmd.Path)
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// await waits until the process prints a text.
func (p *process) await(text string) {
	p.t.Helper()
	limit := time.After(patience)
	for {
		said, more := p.out.more()
		if strings.Contains(said, text) {
			return
		}
		select {
		case <-more:
		case <-p.done:
			p.t.Fatalf("%s ended: %v", p.cmd.Path, p.err)
		case <-limit:
			p.t.Fatalf("%s does not say %q", p.cmd.Path, text)
		}
	}
}

// awaitPort waits until a program accepts connections. Some programs do not report that.
func (p *process) awaitPort(addr string) {
	p.t.Helper()
	for begun := time.Now(); time.Since(begun) < patience; {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-p.done:
			p.t.Fatalf("%s ended: %v", p.cmd.Path, p.err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	p.t.Fatalf("%s does not listen on %s", p.cmd.Path, addr)
}

// startReplica starts a replica and waits until it serves.
func startReplica(t *testing.T, s setup) *process {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asReplica+"="+string(text))
	p := begin(t, cmd)
	p.await("ready")
	return p
}

// program returns the path of a program, or ends the test if the program is missing.
func program(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin/", "/usr/local/sbin/"} {
		if _, err := os.Stat(dir + name); err == nil {
			return dir + name
		}
	}
	const text = "%s is not installed; on Debian: apt-get install --no-install-recommends %s"
	if os.Getenv("XSIGNIN_TEST_REQUIRE_ALL") != "" || os.Getenv("CI") == "true" {
		t.Fatalf(text, name, debian)
	}
	t.Skipf(text, name, debian)
	return ""
}

// freePorts returns ports that nothing listens on.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		ports = append(ports, testservers.FreePort(t))
	}
	return ports
}

// lineOf returns the first line of a text that begins with prefix.
func lineOf(text, prefix string) string {
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		if strings.HasPrefix(s.Text(), prefix) {
			return s.Text()
		}
	}
	return ""
}
