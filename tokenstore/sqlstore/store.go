package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// Config says where a [Store] keeps its entries.
type Config struct {
	// DB is the database. The store does not close it. Required.
	DB *sql.DB
	// Dialect is the database's kind: [SQLite] or [PostgreSQL]. Required.
	Dialect Dialect
	// Prefix is the beginning of the tables' names, so that several stores may share a
	// database. It has up to 40 lower-case letters, digits and underscores, and does not
	// begin with a digit. Default: "xsignin_".
	Prefix string
}

// Store is a [tokenstore.Store] and a [tokenstore.Walker] in a database. [New] makes one,
// and [Store.Migrate] makes its tables. Goroutines may share it, and processes may share
// its database. Its own errors begin with "sqlstore:", wrap the driver's error and quote no
// value. It prints nothing of the data source, which may contain a password.
type Store struct {
	db      *sql.DB
	dialect Dialect
	prefix  string
	text    statements
	// turn is full while a caller writes. It is nil for PostgreSQL.
	turn chan struct{}
}

var (
	_ tokenstore.Store  = (*Store)(nil)
	_ tokenstore.Walker = (*Store)(nil)
)

// New returns a Store. It makes no database calls. Its error is a mistake in c.
func New(c Config) (*Store, error) {
	prefix, err := tablePrefix(c.Dialect, c.Prefix)
	if c.DB == nil {
		err = errors.Join(errors.New("sqlstore: Config.DB is required"), err)
	}
	if err != nil {
		return nil, err
	}
	s := &Store{db: c.DB, dialect: c.Dialect, prefix: prefix, text: c.Dialect.statements(prefix)}
	if c.Dialect == SQLite {
		s.turn = make(chan struct{}, 1)
	}
	return s, nil
}

// Get implements [tokenstore.Store].
func (s *Store) Get(ctx context.Context, key tokenstore.Key) (tokenstore.Entry, error) {
	var value, version []byte
	err := s.queryRow(ctx, "read an entry", s.text.get, parts(key), &value, &version)
	if errors.Is(err, sql.ErrNoRows) {
		return tokenstore.Entry{}, tokenstore.ErrNotFound
	}
	if err != nil {
		return tokenstore.Entry{}, err
	}
	return tokenstore.Entry{Value: value, Version: tokenstore.Version(version)}, nil
}

// Put implements [tokenstore.Store].
func (s *Store) Put(ctx context.Context, key tokenstore.Key, value []byte) (tokenstore.Version, error) {
	version := rand.Text()
	_, err := s.exec(ctx, "write an entry", s.text.put, key, notNil(value), []byte(version))
	if err != nil {
		return "", err
	}
	return tokenstore.Version(version), nil
}

// Replace implements [tokenstore.Store].
func (s *Store) Replace(ctx context.Context, key tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
	version := rand.Text()
	statement, args := s.text.replace, []any{notNil(value), []byte(version), []byte(v)}
	if v == "" {
		statement, args = s.text.create, args[:2]
	}
	done, err := s.exec(ctx, "replace an entry", statement, key, args...)
	if err != nil {
		return "", err
	}
	if !done {
		return "", tokenstore.ErrConflict
	}
	return tokenstore.Version(version), nil
}

// Delete implements [tokenstore.Store].
func (s *Store) Delete(ctx context.Context, key tokenstore.Key, v tokenstore.Version) error {
	const doing = "delete an entry"
	done, err := s.exec(ctx, doing, s.text.remove, key, []byte(v))
	if err != nil || done {
		return err
	}
	var now []byte
	err = s.queryRow(ctx, doing, s.text.version, parts(key), &now)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return tokenstore.ErrConflict
}

// Lease implements [tokenstore.Store]. The lease lasts d, rounded up to milliseconds.
func (s *Store) Lease(ctx context.Context, key tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
	if d < time.Millisecond {
		return "", errors.New("sqlstore: a lease lasts at least one millisecond")
	}
	const doing = "lease an entry"
	id := rand.Text()
	for {
		done, err := s.exec(ctx, doing, s.text.lease, key, []byte(v), []byte(id), milliseconds(d))
		if err != nil {
			return "", err
		}
		if done {
			return tokenstore.LeaseID(id), nil
		}
		var left int64
		err = s.queryRow(ctx, doing, s.text.left, append(parts(key), []byte(v)), &left)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return "", tokenstore.ErrConflict
		case err != nil:
			return "", err
		case left > 0:
			return "", &tokenstore.LeasedError{Remaining: time.Duration(left) * time.Millisecond}
		}
		// The other lease ended between the two statements.
	}
}

// Release implements [tokenstore.Store].
func (s *Store) Release(ctx context.Context, key tokenstore.Key, id tokenstore.LeaseID) error {
	_, err := s.exec(ctx, "release an entry", s.text.release, key, []byte(id))
	return err
}

// List implements [tokenstore.Store], by an index.
func (s *Store) List(ctx context.Context, userID string) ([]tokenstore.Key, error) {
	keys, err := s.query(ctx, "list a user's entries", s.text.list, []byte(userID))
	return slices.DeleteFunc(keys, func(k tokenstore.Key) bool { return strings.HasPrefix(k.Provider, ".") }), err
}

// Format implements [fmt.Formatter], so that no verb prints the data source.
func (s Store) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "sqlstore.Store(%v)", s.dialect) }

// exec runs a statement about key and reports whether it found a row to change.
func (s *Store) exec(ctx context.Context, doing, statement string, key tokenstore.Key, args ...any) (done bool, err error) {
	end, err := s.begin(ctx, doing)
	if err != nil {
		return false, err
	}
	defer end()
	args = append(parts(key), args...)
	err = s.do(ctx, doing, func() error {
		r, err := s.db.ExecContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		done = n > 0
		return err
	})
	return done, err
}

// queryRow runs a statement that selects one row.
func (s *Store) queryRow(ctx context.Context, doing, statement string, args []any, into ...any) error {
	return s.do(ctx, doing, func() error {
		return s.db.QueryRowContext(ctx, statement, args...).Scan(into...)
	})
}

// query runs a statement that selects the keys of entries.
func (s *Store) query(ctx context.Context, doing, statement string, args ...any) ([]tokenstore.Key, error) {
	var keys []tokenstore.Key
	err := s.do(ctx, doing, func() error {
		keys = nil
		rows, err := s.db.QueryContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var user, provider, account []byte
			if err := rows.Scan(&user, &provider, &account); err != nil {
				return err
			}
			keys = append(keys, tokenstore.Key{Provider: string(provider), UserID: string(user), AccountID: string(account)})
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}

// parts returns the arguments that name a row.
func parts(key tokenstore.Key) []any {
	return []any{[]byte(key.UserID), []byte(key.Provider), []byte(key.AccountID)}
}

// notNil keeps drivers from writing NULL for an empty value.
func notNil(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}

func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
