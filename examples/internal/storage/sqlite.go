package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"
	_ "modernc.org/sqlite" // the driver "sqlite", which needs no cgo

	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

// sqliteSessions is the table that sqlite3store wants.
const sqliteSessions = `
CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (expiry);`

// openSQLite opens a file, or makes it, for this user alone.
func openSQLite(ctx context.Context, file string) (*Storage, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	// The driver's own words for a file that cannot be written do not say why.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the directory %s does not exist: make it, or name another file", filepath.Dir(path))
	case err != nil:
		return nil, fmt.Errorf("the database cannot be written: %w. Name a file that this user may write, or memory: to keep nothing", err)
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", sqliteSource(path))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	// Two are kept otherwise, and under load each of the others is opened for one statement.
	db.SetMaxIdleConns(8)
	// SQLite has one writer at a time, and lets whoever comes first have its turn again while
	// others look in vain. So writers wait here, in a queue for one connection.
	writer, err := sql.Open("sqlite", sqliteSource(path))
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	writer.SetMaxOpenConns(1)
	end := func() error { return errors.Join(writer.Close(), db.Close()) }
	fail := func(err error) (*Storage, error) {
		return nil, errors.Join(fmt.Errorf("%s cannot be used as a database: %w", path, err), end())
	}
	if err := makeSQLiteSessions(ctx, writer); err != nil {
		return fail(err)
	}
	tokens, err := sqlstore.New(sqlstore.Config{DB: writer, Dialect: sqlstore.SQLite})
	if err != nil {
		return fail(err)
	}
	if err := tokens.Migrate(ctx); err != nil {
		return fail(err)
	}
	sweep := func(ctx context.Context) error {
		_, err := writer.ExecContext(ctx, "DELETE FROM sessions WHERE expiry < julianday('now')")
		return err
	}
	return &Storage{
		Sessions: sqliteSessionStore{
			sqlite3store.NewWithCleanupInterval(db, 0), sqlite3store.NewWithCleanupInterval(writer, 0), make(chan struct{}, 1),
		},
		Tokens: tokens,
		DB:     db,
		Where:  path,
		sweep:  sweep,
		close:  end,
	}, nil
}

// sqliteSessionStore reads on connections of its own, as a read waits for no writer, and
// writes on the one. It gives the waiting for that a bound, which sqlite3store itself has
// not: methods without a context are for the interface, and scs calls those with one.
type sqliteSessionStore struct {
	*sqlite3store.SQLite3Store
	writer *sqlite3store.SQLite3Store
	turn   chan struct{} // held by the one that writes
}

var _ scs.CtxStore = sqliteSessionStore{}

// FindCtx implements [scs.CtxStore].
func (s sqliteSessionStore) FindCtx(_ context.Context, token string) ([]byte, bool, error) {
	return s.Find(token)
}

// CommitCtx implements [scs.CtxStore].
func (s sqliteSessionStore) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	return s.write(ctx, func() error { return s.writer.Commit(token, b, expiry) })
}

// DeleteCtx implements [scs.CtxStore].
func (s sqliteSessionStore) DeleteCtx(ctx context.Context, token string) error {
	return s.write(ctx, func() error { return s.writer.Delete(token) })
}

// Commit implements [scs.Store].
func (s sqliteSessionStore) Commit(token string, b []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, b, expiry)
}

// Delete implements [scs.Store].
func (s sqliteSessionStore) Delete(token string) error {
	return s.DeleteCtx(context.Background(), token)
}

func (s sqliteSessionStore) write(ctx context.Context, f func() error) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("storage: a session waits for others to be written: %w", ctx.Err())
	}
	defer func() { <-s.turn }()
	return f()
}

// makeSQLiteSessions makes the table of sessions, on the first connection to a file. That
// one also changes a new file to WAL mode, for which SQLite does not wait while another
// process does it: the waiting is here.
func makeSQLiteSessions(ctx context.Context, db *sql.DB) error {
	for {
		_, err := db.ExecContext(ctx, sqliteSessions)
		if err == nil || !strings.Contains(err.Error(), "database is locked") {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// sqliteSource is the data source name of a file. Sessions are written without sqlstore's
// second tries, so the driver waits longer for another writer than sqlstore asks for.
func sqliteSource(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive of Windows
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)"}
	return u.String()
}
