package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite", which needs no cgo

	"github.com/xsignin/xsignin/examples/internal/keyfile"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

// storage is the SQLite file: the tokens, sealed, and the names of the accounts.
type storage struct {
	db      *sql.DB
	vault   *tokenstore.Vault
	path    string
	keyFile string
}

// openStorage opens or creates the file, readable for this user only.
func openStorage(ctx context.Context, file string) (*storage, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("the file for the tokens cannot be created: %w. Set XPOST_DB to another file", err)
	}
	// The driver's error for a read-only file does not give the reason.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the file with the tokens cannot be written: %w. Set XPOST_DB to another file", err)
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	s := &storage{path: path, keyFile: path + keyfile.Suffix}
	if keyfile.Open(s.keyFile) {
		return nil, fmt.Errorf("others on this machine can read the key file: run chmod 600 %s", s.keyFile)
	}
	keys, _, err := keyfile.Read(s.keyFile)
	if err != nil {
		return nil, err
	}
	if s.db, err = sql.Open("sqlite", source(path)); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, keys); err != nil {
		return nil, errors.Join(fmt.Errorf("%s cannot be used as a database: %w. Set XPOST_DB to another file", path, err), s.db.Close())
	}
	return s, nil
}

func (s *storage) prepare(ctx context.Context, keys []string) error {
	if err := makeAccounts(ctx, s.db); err != nil {
		return err
	}
	tokens, err := sqlstore.New(sqlstore.Config{DB: s.db, Dialect: sqlstore.SQLite})
	if err != nil {
		return err
	}
	if err := tokens.Migrate(ctx); err != nil {
		return err
	}
	var secrets [][]byte
	for _, key := range keys {
		secrets = append(secrets, []byte(key))
	}
	s.vault, err = tokenstore.NewVault(tokens, secrets...)
	return err
}

// makeAccounts creates the table of accounts, on the first connection to a file. That connection
// also changes a new file to WAL mode. SQLite does not wait if another process does so at the
// same time, so this function retries.
func makeAccounts(ctx context.Context, db *sql.DB) error {
	for {
		_, err := db.ExecContext(ctx, accountsTable+"; "+importsTable)
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

// source is the data source name of a file.
func source(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a Windows drive
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)"}
	return u.String()
}
