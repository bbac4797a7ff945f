package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/xsignin/xsignin/internal/testservers"
)

// errMissing says that a database is not installed.
var errMissing = errors.New("not on this machine")

// machine makes places. It is the [testservers.T] that the servers live by, until end.
type machine struct {
	mu       sync.Mutex // guards all below
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

// end ends what was started, the last first.
func (m *machine) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range slices.Backward(m.cleanups) {
		f()
	}
	m.cleanups, m.postgres = nil, ""
}

// place makes an empty place of a kind. An error may be [errMissing].
func (m *machine) place(kind string) (p place, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch kind {
	case inMemory:
		return place{Kind: inMemory}, nil
	case inSQLite:
		dir, err := os.MkdirTemp("", "xsignin-load-")
		if err != nil {
			return p, err
		}
		m.cleanups = append(m.cleanups, func() { _ = os.RemoveAll(dir) })
		return inFile(dir), nil
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
		return place{inRedis, addr}, err
	}
	return p, fmt.Errorf("there is no store %q: memory, sqlite, postgres, redis or all", kind)
}

// start runs what may end its goroutine.
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

// database makes a new one in the one PostgreSQL, which takes seconds to start.
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
