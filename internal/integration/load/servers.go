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

// errMissing is returned for databases that are not installed.
var errMissing = errors.New("not installed")

// The kinds of store, by the values of the flag.
const (
	inMemory   = "memory"
	inSQLite   = "sqlite"
	inPostgres = "postgres"
	inRedis    = "redis"
)

// backend is the store of an application's sessions and tokens.
type backend struct{ Kind, URL string }

// variable returns the environment variable that configures the application for b.
func (b backend) variable() string {
	switch b.Kind {
	case inPostgres:
		return fmt.Sprintf("DATABASE_URL=%s&pool_max_conns=%d", b.URL, connections)
	case inRedis:
		return "REDIS_URL=" + b.URL
	}
	return "DATABASE_URL=" + b.URL
}

// environment builds the application and creates backends for it. It implements
// [testservers.T]: the servers run until end is called.
type environment struct {
	mu       sync.Mutex // guards all below
	built    program
	postgres string
	made     int
	failed   error
	cleanups []func()
}

// Helper implements [testservers.T].
func (m *environment) Helper() {}

// Cleanup implements [testservers.T].
func (m *environment) Cleanup(f func()) { m.cleanups = append(m.cleanups, f) }

// Fatalf implements [testservers.T].
func (m *environment) Fatalf(format string, args ...any) {
	m.failed = fmt.Errorf(format, args...)
	runtime.Goexit()
}

// Skipf implements [testservers.T].
func (m *environment) Skipf(format string, args ...any) {
	m.failed = fmt.Errorf("%w: %s", errMissing, fmt.Sprintf(format, args...))
	runtime.Goexit()
}

// end stops everything that was started, in reverse order.
func (m *environment) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range slices.Backward(m.cleanups) {
		f()
	}
	m.cleanups, m.built, m.postgres = nil, "", ""
}

// app returns the application. The first call builds it.
func (m *environment) app(ctx context.Context) (program, error) {
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

// dir creates a temporary directory.
func (m *environment) dir() (string, error) {
	dir, err := os.MkdirTemp("", "xsignin-load-")
	if err == nil {
		m.cleanups = append(m.cleanups, func() { _ = os.RemoveAll(dir) })
	}
	return dir, err
}

// backend creates an empty backend of a kind. It returns [errMissing] if its server is not
// installed.
func (m *environment) backend(kind string) (p backend, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch kind {
	case inMemory:
		return backend{inMemory, "memory:"}, nil
	case inSQLite:
		dir, err := m.dir()
		return backend{inSQLite, "sqlite://" + filepath.ToSlash(filepath.Join(dir, "load.db"))}, err
	case inPostgres:
		if m.postgres == "" {
			if m.postgres, err = m.start(testservers.Postgres); err != nil {
				return p, err
			}
		}
		at, err := m.database()
		return backend{inPostgres, at}, err
	case inRedis:
		addr, err := m.start(testservers.Redis)
		return backend{inRedis, "redis://" + addr + "/0"}, err
	}
	return p, fmt.Errorf("unknown store %q (use memory, sqlite, postgres, redis or all)", kind)
}

// start runs server in a goroutine of its own, because Fatalf and Skipf end the goroutine.
func (m *environment) start(server func(testservers.T) string) (at string, err error) {
	m.failed = nil
	done := make(chan struct{})
	go func() {
		defer close(done)
		at = server(m)
	}()
	<-done
	return at, m.failed
}

// database creates a database. All of them share one PostgreSQL server, which takes seconds to
// start.
func (m *environment) database() (string, error) {
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
