package fleet

import (
	"database/sql"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/xsignin/xsignin/internal/testservers"
)

// If asWorker is in the environment, the test binary is a worker.
const asWorker = "XSIGNIN_FLEET_WORKER"

// server is a PostgreSQL that tests share, because it takes seconds to start. Each test has its
// own database in it.
var server shared

func TestMain(m *testing.M) {
	if os.Getenv(asWorker) != "" {
		if err := work(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "worker:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	server.end()
	os.Exit(code)
}

// shared is a server and its [testservers.T].
type shared struct {
	once      sync.Once
	url       string
	skipped   string
	failed    string
	cleanups  []func()
	mu        sync.Mutex
	databases int
}

func (s *shared) Helper()          {}
func (s *shared) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *shared) Fatalf(format string, args ...any) {
	s.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (s *shared) Skipf(format string, args ...any) {
	s.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (s *shared) start() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.url = testservers.Postgres(s)
	}()
	<-done
}

func (s *shared) end() {
	for _, f := range slices.Backward(s.cleanups) {
		f()
	}
}

// database creates a new database and returns its URL.
func (s *shared) database(t testing.TB) string {
	t.Helper()
	s.once.Do(s.start)
	if s.skipped != "" {
		t.Skip(s.skipped)
	}
	if s.url == "" {
		t.Fatal(s.failed)
	}
	db, err := sql.Open("pgx", s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.databases++
	name := fmt.Sprintf("fleet%d", s.databases)
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(s.url, "/postgres?", "/"+name+"?", 1)
}
