// Package testservers starts the databases for tests: PostgreSQL and Redis, from the packages of
// the machine's distribution. They listen on a free port of 127.0.0.1, and store data in a
// temporary directory. Running servers are neither used nor disturbed. Nothing remains when the
// test ends.
//
// If a machine lacks the programs, the test skips and names the Debian package. If
// XSIGNIN_TEST_REQUIRE_ALL is in the environment, the test fails instead, because a gate must
// not pass without testing.
package testservers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// T is the part of [*testing.T] that this package needs. It is declared here because only tests
// may import testing.
type T interface {
	Helper()
	Cleanup(f func())
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// patience is how long a server may take to start or to end.
const patience = time.Minute

// Server is a running server that belongs to one test. Its methods end the test if they fail.
// Goroutines may not share it.
type Server struct {
	// Addr is the server's host and port. It stays the same after Stop and Start.
	Addr string
	// URL is the data source name for clients of this kind of server.
	URL string
	// Dir is the directory with the server's data, for tests that look into its files.
	Dir string

	kind    kind
	t       T
	cmd     *exec.Cmd
	drained chan struct{} // closed when all output has been read
	output  *tail
}

// kind has the properties of one kind of server.
type kind struct {
	name string
	dir  string
	// command returns the program that serves in the foreground at a port.
	command func(port string) *exec.Cmd
	// ready is part of the output line after which clients may connect.
	ready string
	// stop is the signal for a quick end without data loss.
	stop os.Signal
	url  string // with one verb, the address
}

// begin starts a server at a free port, and ends it with the test.
func begin(t T, k kind) *Server {
	t.Helper()
	s := &Server{Dir: k.dir, kind: k, t: t}
	t.Cleanup(func() {
		if s.cmd != nil {
			s.Stop()
		}
	})
	var err error
	// Another program may take the port before the server starts.
	for range 3 {
		s.Addr = net.JoinHostPort("127.0.0.1", FreePort(t))
		s.URL = fmt.Sprintf(k.url, s.Addr)
		if err = s.start(); err == nil {
			return s
		}
	}
	t.Fatalf("testservers: %v", err)
	return nil
}

// Start starts the server again after [Server.Stop], with its address and its data.
func (s *Server) Start() {
	s.t.Helper()
	if s.cmd != nil {
		s.t.Fatalf("testservers: %s is already running", s.kind.name)
	}
	if err := s.start(); err != nil {
		s.t.Fatalf("testservers: %v", err)
	}
}

// Stop cuts all connections and ends the server. Data that clients have written stays.
func (s *Server) Stop() {
	s.t.Helper()
	if s.cmd == nil {
		s.t.Fatalf("testservers: %s is not running", s.kind.name)
	}
	if err := s.cmd.Process.Signal(s.kind.stop); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Fatalf("testservers: stopping %s: %v", s.kind.name, err)
	}
	s.reap()
}

func (s *Server) start() error {
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	cmd := s.kind.command(port)
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	_ = in.Close()
	if err != nil {
		_ = out.Close()
		return fmt.Errorf("starting %s: %w", s.kind.name, err)
	}
	s.cmd, s.output, s.drained = cmd, new(tail), make(chan struct{})
	ready := make(chan struct{})
	go s.read(out, ready)
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-ready:
		return nil
	case <-timeout.C:
		_ = cmd.Process.Kill()
	case <-s.drained:
	}
	s.reap()
	return fmt.Errorf("%s did not start:\n%s", s.kind.name, s.output)
}

// read closes ready at the line that contains it, and drained at the end.
func (s *Server) read(out io.ReadCloser, ready chan<- struct{}) {
	defer close(s.drained)
	defer func() { _ = out.Close() }()
	said := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		s.output.add(lines.Text())
		if !said && strings.Contains(lines.Text(), s.kind.ready) {
			said = true
			close(ready)
		}
	}
}

// reap waits until the server and its children have ended.
func (s *Server) reap() {
	cmd := s.cmd
	s.cmd = nil
	kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	// Ignore the status: a server that was stopped may report that as a failure.
	_ = cmd.Wait()
	<-s.drained
}

// missing ends the test if the programs of a Debian package are missing.
func missing(t T, what, debian string) {
	t.Helper()
	text := "testservers: no %s here; on Debian: apt-get install --no-install-recommends %s"
	if os.Getenv("XSIGNIN_TEST_REQUIRE_ALL") != "" {
		t.Fatalf(text, what, debian)
		return
	}
	t.Skipf(text, what, debian)
}

// tempDir creates a directory that the servers' user may enter. If root runs the test, that user
// may not enter the directories of the testing package.
func tempDir(t T, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "xsignin-"+name+"-")
	if err != nil {
		t.Fatalf("testservers: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// FreePort uses these ports. Systems choose ports above 32767 for connections and for listeners
// on port 0, so no such connection or listener takes one of these.
const (
	lowestPort = 10_000
	ports      = 20_000
)

// given has the ports that FreePort returned or found taken.
var given sync.Map

// FreePort returns a port of 127.0.0.1 at which nothing listens, for a program that starts later.
// It is a random one, because many processes run tests at the same time, and a server that was
// stopped gets its port again. FreePort returns each port once in a process, because the program
// that gets the port may not listen yet.
func FreePort(t T) string {
	t.Helper()
	var err error
	for range 100 {
		port := strconv.Itoa(lowestPort + rand.IntN(ports))
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatalf("testservers: %v", err)
	return ""
}

// tail keeps the last lines of a server's output, for the error message.
type tail struct {
	mu    sync.Mutex // guards lines
	lines []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
	if len(t.lines) > 40 {
		t.lines = t.lines[1:]
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
