package testservers_test

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/internal/testservers"
)

// ask sends a few bytes to a server and returns its answer.
func ask(addr, question string) (string, error) {
	c, err := net.DialTimeout("tcp", addr, time.Minute)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return "", err
	}
	if _, err := c.Write([]byte(question)); err != nil {
		return "", err
	}
	b := make([]byte, 100)
	n, err := c.Read(b)
	return string(b[:n]), err
}

// Each test uses the server's own protocol, because this package has no driver.
const (
	sslRequest = "\x00\x00\x00\x08\x04\xd2\x16\x2f" // the answer N means: no TLS here
	ping       = "PING\r\n"
)

func TestAServerStopsAndStartsAtItsAddress(t *testing.T) {
	for _, test := range []struct {
		name             string
		start            func(testservers.T) *testservers.Server
		question, answer string
	}{
		{"PostgreSQL", testservers.NewPostgres, sslRequest, "N"},
		{"Redis", testservers.NewRedis, ping, "+PONG\r\n"},
		{"a Redis cluster", testservers.NewRedisCluster, "SET {a}1 b\r\n", "+OK\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := test.start(t)
			for range 2 {
				if got, err := ask(s.Addr, test.question); got != test.answer || err != nil {
					t.Fatalf("it answers %q, %v", got, err)
				}
				s.Stop()
				if got, err := ask(s.Addr, test.question); err == nil {
					t.Fatalf("after Stop it answers %q", got)
				}
				s.Start()
			}
			if !strings.Contains(s.URL, s.Addr) {
				t.Errorf("URL %s, address %s", s.URL, s.Addr)
			}
			if files, err := os.ReadDir(s.Dir); len(files) == 0 || err != nil {
				t.Errorf("in %s: %v, %v", s.Dir, files, err)
			}
		})
	}
}

func TestTwoServersAreTwo(t *testing.T) {
	if a, b := testservers.Redis(t), testservers.Redis(t); a == b {
		t.Errorf("both are at %s", a)
	}
	if a, b := testservers.Postgres(t), testservers.Postgres(t); a == b {
		t.Errorf("both are at %s", a)
	}
}

func TestNothingIsLeftWhenTheTestEnds(t *testing.T) {
	tmp := t.TempDir()
	// The server's user must be able to enter it.
	for dir := tmp; strings.HasPrefix(dir, os.TempDir()+"/"); dir = dir[:strings.LastIndexByte(dir, '/')] {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TMPDIR", tmp)
	var addr string
	t.Run("a test", func(t *testing.T) { addr = testservers.NewPostgres(t).Addr })
	if got, err := ask(addr, sslRequest); err == nil {
		t.Errorf("it still answers %q", got)
	}
	if left, err := os.ReadDir(tmp); len(left) > 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
}

// fake records how a test would have ended.
type fake struct {
	*testing.T
	ended string
}

func (f *fake) Fatalf(format string, args ...any) {
	f.ended = fmt.Sprintf("failed: "+format, args...)
	runtime.Goexit()
}

func (f *fake) Skipf(format string, args ...any) {
	f.ended = fmt.Sprintf("skipped: "+format, args...)
	runtime.Goexit()
}

// ending runs f as a test would and returns how it ended.
func ending(t *testing.T, f func(t testservers.T)) string {
	t.Helper()
	fake := &fake{T: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(fake)
	}()
	<-done
	return fake.ended
}

// endingWithServer is ending on a machine that has the server. Otherwise the calling test is
// skipped too.
func endingWithServer(t *testing.T, f func(t testservers.T)) string {
	t.Helper()
	got := ending(t, f)
	if strings.HasPrefix(got, "skipped: ") {
		t.Skip(got)
	}
	return got
}

func TestAMachineWithoutRedisSkipsUnlessAllIsRequired(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("XSIGNIN_TEST_REQUIRE_ALL", "")
	redis := func(t testservers.T) { testservers.Redis(t) }
	if got := ending(t, redis); !strings.HasPrefix(got, "skipped: ") || !strings.Contains(got, "redis-server") {
		t.Errorf("the test %q", got)
	}
	t.Setenv("XSIGNIN_TEST_REQUIRE_ALL", "1")
	if got := ending(t, redis); !strings.HasPrefix(got, "failed: ") || !strings.Contains(got, "redis-server") {
		t.Errorf("the test %q", got)
	}
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	redis := func(t testservers.T) { testservers.Redis(t) }
	for _, test := range []struct{ name, program, want string }{
		{"it ends", "#!/bin/sh\nseq 100\necho no room for the append-only file\nexit 1\n", "no room for the append-only file"},
		{"it is no program", "\x00", "starting Redis"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(dir+"/redis-server", []byte(test.program), 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir+":/usr/bin:/bin")
			if got := ending(t, redis); !strings.Contains(got, test.want) {
				t.Errorf("the test %q", got)
			}
		})
	}
	t.Run("there is no room for its data", func(t *testing.T) {
		t.Setenv("TMPDIR", t.TempDir()+"/missing")
		if got := endingWithServer(t, redis); !strings.HasPrefix(got, "failed: ") {
			t.Errorf("the test %q", got)
		}
	})
}

func TestStartAndStopSayWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		name, want string
		do         func(s *testservers.Server)
	}{
		{"started twice", "is already running", func(s *testservers.Server) { s.Start() }},
		{"stopped twice", "is not running", func(s *testservers.Server) { s.Stop(); s.Stop() }},
		{"its port was taken meanwhile", "did not start", func(s *testservers.Server) {
			s.Stop()
			l, err := net.Listen("tcp", s.Addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer l.Close()
			s.Start()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := endingWithServer(t, func(t testservers.T) { test.do(testservers.NewRedis(t)) })
			if !strings.Contains(got, test.want) {
				t.Errorf("the test %q", got)
			}
		})
	}
}
