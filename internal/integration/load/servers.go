package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/xsignin/xsignin/internal/testservers"
)

// errMissing says that a database is not installed.
var errMissing = errors.New("not on this machine")

// The kinds of store, as the flag names them.
const (
	inMemory   = "memory"
	inSQLite   = "sqlite"
	inPostgres = "postgres"
	inRedis    = "redis"
)

// place is where an application stores sessions and tokens.
type place struct{ Kind, At string }

// variable is the environment variable from which the application reads a place.
func (p place) variable() string {
	switch p.Kind {
	case inPostgres:
		return fmt.Sprintf("DATABASE_URL=%s&pool_max_conns=%d", p.At, connections)
	case inRedis:
		return "REDIS_URL=" + p.At
	}
	return "DATABASE_URL=" + p.At
}

// machine builds the application and creates places for it. It is the [testservers.T] of the
// servers until end.
type machine struct {
	mu       sync.Mutex // guards all below
	built    program
	postgres string
	made     int
	failed   error
	cleanups []func()
}

// Helper implements [testservers.T].
func (m *machine) Helper() {}

// Cleanup implements [testservers.T].
func (m *machine) Cleanup(f func()) { m.cleanups = append(m.cleanups, f) }

// Fatalf implements [testservers.T].
func (m *machine) Fatalf(format string, args ...any) {
	m.failed = fmt.Errorf(format, args...)
	runtime.Goexit()
}

// Skipf implements [testservers.T].
func (m *machine) Skipf(format string, args ...any) {
	m.failed = fmt.Errorf("%w: %s", errMissing, fmt.Sprintf(format, args...))
	runtime.Goexit()
}

// end stops what was started, the last first.
func (m *machine) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range slices.Backward(m.cleanups) {
		f()
	}
	m.cleanups, m.built, m.postgres = nil, "", ""
}

// app is the application, built at the first call.
func (m *machine) app(ctx context.Context) (program, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.built != "" {
		return m.built, nil
	}
	dir, err := m.dir()
	if err == nil {
		m.built, err = build(ctx, dir)
	}
	return m.built, err
}

// dir makes a directory.
func (m *machine) dir() (string, error) {
	dir, err := os.MkdirTemp("", "xsignin-load-")
	if err == nil {
		m.cleanups = append(m.cleanups, func() { _ = os.RemoveAll(dir) })
	}
	return dir, err
}

// place creates an empty place of a kind. The error may be [errMissing].
func (m *machine) place(kind string) (p place, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch kind {
	case inMemory:
		return place{inMemory, "memory:"}, nil
	case inSQLite:
		dir, err := m.dir()
		return place{inSQLite, "sqlite://" + filepath.ToSlash(filepath.Join(dir, "load.db"))}, err
	case inPostgres:
		if m.postgres == "" {
			if m.postgres, err = m.start(testservers.Postgres); err != nil {
				return p, err
			}
		}
		at, err := m.database()
		return place{inPostgres, at}, err
	case inRedis:
		addr, err := m.start(testservers.Redis)
		return place{inRedis, "redis://" + addr + "/0"}, err
	}
	return p, fmt.Errorf("there is no store %q: memory, sqlite, postgres, redis or all", kind)
}

// start runs code that may end its goroutine.
func (m *machine) start(server func(testservers.T) string) (at string, err error) {
	m.failed = nil
	done := make(chan struct{})
	go func() {
		defer close(done)
		at = server(m)
	}()
	<-done
	return at, m.failed
}

// database creates a new database in the single PostgreSQL, which takes seconds to start.
func (m *machine) database() (string, error) {
	ctx := context.Background()
	c, err := pgx.Connect(ctx, m.postgres)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close(ctx) }()
	m.made++
	name := fmt.Sprintf("load%d", m.made)
	if _, err := c.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return strings.Replace(m.postgres, "/postgres?", "/"+name+"?", 1), nil
}
