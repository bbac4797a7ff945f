package sqlstore_test

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
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

// server is a PostgreSQL that all tests of a run share, because one takes seconds to
// start. Each test has a database of its own in it.
var server shared

func TestMain(m *testing.M) {
	code := m.Run()
	server.end()
	os.Exit(code)
}

// shared is a server and the [testservers.T] that it lives by.
type shared struct {
	once     sync.Once
	url      string
	skipped  string
	failed   string
	cleanups []func()
	names    names
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

// postgres is a new database.
func postgres(t testing.TB) database {
	t.Helper()
	server.once.Do(server.start)
	if server.skipped != "" {
		t.Skip(server.skipped)
	}
	if server.url == "" {
		t.Fatal(server.failed)
	}
	db, err := sql.Open("pgx", server.url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name := server.names.next()
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return database{sqlstore.PostgreSQL, "pgx", strings.Replace(server.url, "/postgres?", "/"+name+"?", 1)}
}
