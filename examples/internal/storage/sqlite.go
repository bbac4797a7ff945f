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

// sqliteSessions is the table that sqlite3store requires.
const sqliteSessions = `
CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (expiry);`

// openSQLite opens or creates a file, readable for this user only.
func openSQLite(ctx context.Context, file string) (*Storage, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	// The driver's error for a read-only file does not give the reason.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the directory %s does not exist: create it, or name another file", filepath.Dir(path))
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
	// By default two are kept, and under load each further connection would be opened for one
	// statement.
	db.SetMaxIdleConns(8)
	// SQLite has one writer at a time, and does not give waiting writers the lock in order. So
	// writers wait here, in a queue for one connection.
	writer, err := sql.Open("sqlite", sqliteSource(path))
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	writer.SetMaxOpenConns(1)
	end := func() error { return errors.Join(writer.Close(), db.Close()) }
	fail := func(err error) (*Storage, error) {
		if text := err.Error(); strings.Contains(text, "readonly database") || strings.Contains(text, "unable to open database file") {
			err = fmt.Errorf("%w. SQLite creates files beside it, so this user needs the right to write to the directory", err)
		}
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

// sqliteSessionStore reads on separate connections, because reads do not wait for writers, and
// writes on the single one. It limits the wait for that connection, which sqlite3store does not.
// The methods without a context are for the interface; scs calls those with a context.
type sqliteSessionStore struct {
	*sqlite3store.SQLite3Store
	writer *sqlite3store.SQLite3Store
	turn   chan struct{} // held by the current writer
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
		return fmt.Errorf("storage: waiting to write a session: %w", ctx.Err())
	}
	defer func() { <-s.turn }()
	return f()
}

// makeSQLiteSessions creates the table of sessions, on the first connection to a file. That
// connection also changes a new file to WAL mode. SQLite does not wait if another process does
// so at the same time, so this function retries.
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
// retries, so the driver waits longer for another writer than sqlstore needs.
func sqliteSource(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a Windows drive
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)"}
	return u.String()
}
