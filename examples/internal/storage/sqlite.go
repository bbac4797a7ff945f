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
	// More would only wait for each other: SQLite has one writer at a time.
	db.SetMaxOpenConns(8)
	// Two are kept otherwise, and under load each of the others is opened for one statement.
	db.SetMaxIdleConns(8)
	fail := func(err error) (*Storage, error) {
		return nil, errors.Join(fmt.Errorf("%s cannot be used as a database: %w", path, err), db.Close())
	}
	if err := makeSQLiteSessions(ctx, db); err != nil {
		return fail(err)
	}
	tokens, err := sqlstore.New(sqlstore.Config{DB: db, Dialect: sqlstore.SQLite})
	if err != nil {
		return fail(err)
	}
	if err := tokens.Migrate(ctx); err != nil {
		return fail(err)
	}
	sweep := func(ctx context.Context) error {
		_, err := db.ExecContext(ctx, "DELETE FROM sessions WHERE expiry < julianday('now')")
		return err
	}
	return &Storage{
		Sessions: sqlite3store.NewWithCleanupInterval(db, 0),
		Tokens:   tokens,
		DB:       db,
		Where:    path,
		sweep:    sweep,
		close:    db.Close,
	}, nil
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
