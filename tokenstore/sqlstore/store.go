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

// Store is a [tokenstore.Store] in a database. [New] makes one. Goroutines may share it, and
// processes its database. Its own errors begin with "sqlstore:", wrap the driver's error and
// quote no value. It prints nothing of the data source, which may contain a password.
type Store interface {
	tokenstore.Store

	// Migrate creates the tables, or updates the tables of an older release. Call it at each
	// start: with nothing to do it is one read. Several replicas may call it at once. One of
	// them migrates while the others wait. The migration is one transaction. A schema that
	// is newer than this program is an error.
	Migrate(ctx context.Context) error
}

type store struct {
	db      *sql.DB
	dialect Dialect
	text    map[string]string
	// turn is full while a caller writes. It is nil unless the dialect is SQLite.
	turn chan struct{}
}

// New returns a Store. It makes no database calls. Its error is a mistake in c.
func New(c Config) (Store, error) {
	text, err := c.Dialect.statements(c.Prefix)
	if c.DB == nil {
		err = errors.Join(errors.New("sqlstore: Config.DB is required"), err)
	}
	if err != nil {
		return nil, err
	}
	s := &store{db: c.DB, dialect: c.Dialect, text: text}
	if c.Dialect == SQLite {
		s.turn = make(chan struct{}, 1)
	}
	return s, nil
}

func (s *store) Get(ctx context.Context, key tokenstore.Key) (e tokenstore.Entry, err error) {
	err = s.queryRow(ctx, "get", parts(key), &e.Value, &e.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return e, tokenstore.ErrNotFound
	}
	return e, err
}

func (s *store) Put(ctx context.Context, key tokenstore.Key, value []byte) (tokenstore.Version, error) {
	return s.write(ctx, "put", key, value)
}

func (s *store) Replace(ctx context.Context, key tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
	if v == "" {
		return s.write(ctx, "create", key, value)
	}
	return s.write(ctx, "replace", key, value, []byte(v))
}

// write runs a statement that writes value in a new version.
func (s *store) write(ctx context.Context, name string, key tokenstore.Key, value []byte, replaced ...any) (tokenstore.Version, error) {
	version := rand.Text()
	// Drivers write NULL for a nil slice.
	args := append([]any{append([]byte{}, value...), []byte(version)}, replaced...)
	done, err := s.exec(ctx, name, key, args...)
	if err == nil && !done {
		err = tokenstore.ErrConflict
	}
	if err != nil {
		return "", err
	}
	return tokenstore.Version(version), nil
}

func (s *store) Delete(ctx context.Context, key tokenstore.Key, v tokenstore.Version) error {
	done, err := s.exec(ctx, "delete", key, []byte(v))
	if err != nil || done {
		return err
	}
	_, err = s.Get(ctx, key)
	if err == nil {
		return tokenstore.ErrConflict
	}
	if errors.Is(err, tokenstore.ErrNotFound) {
		return nil
	}
	return err
}

// Lease rounds d up to milliseconds.
func (s *store) Lease(ctx context.Context, key tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
	if d < time.Millisecond {
		return "", errors.New("sqlstore: a lease lasts at least one millisecond")
	}
	id := rand.Text()
	for {
		done, err := s.exec(ctx, "lease", key, []byte(v), []byte(id), int64((d+time.Millisecond-1)/time.Millisecond))
		if err != nil {
			return "", err
		}
		if done {
			return tokenstore.LeaseID(id), nil
		}
		var left int64
		err = s.queryRow(ctx, "left", append(parts(key), []byte(v)), &left)
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

func (s *store) Release(ctx context.Context, key tokenstore.Key, id tokenstore.LeaseID) error {
	_, err := s.exec(ctx, "release", key, []byte(id))
	return err
}

func (s *store) List(ctx context.Context, userID string) ([]tokenstore.Key, error) {
	keys, err := s.keys(ctx, "list", []byte(userID))
	return slices.DeleteFunc(keys, func(k tokenstore.Key) bool { return strings.HasPrefix(k.Provider, ".") }), err
}

// pageLength is how many keys Walk reads at a time.
const pageLength = 256

// Walk visits the entries in the order of user, provider and account. Nothing stays open
// during a visit.
func (s *store) Walk(ctx context.Context, visit func(tokenstore.Key) error) error {
	keys, err := s.keys(ctx, "first page", pageLength)
	for err == nil {
		for _, k := range keys {
			if err := visit(k); err != nil {
				return err
			}
		}
		if len(keys) < pageLength {
			return nil
		}
		keys, err = s.keys(ctx, "next page", append(parts(keys[pageLength-1]), pageLength)...)
	}
	return err
}

// Format implements [fmt.Formatter], so that no verb prints the data source.
func (s *store) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "sqlstore.Store(%v)", s.dialect) }

// exec runs a statement about key and reports whether it found a row to change.
func (s *store) exec(ctx context.Context, name string, key tokenstore.Key, args ...any) (done bool, err error) {
	if s.turn != nil {
		// SQLite's own waiting is unfair: a writer may never succeed. So the writers of a Store
		// wait in a queue.
		select {
		case s.turn <- struct{}{}:
			defer func() { <-s.turn }()
		case <-ctx.Done():
			return false, wrap(ctx, name, ctx.Err())
		}
	}
	args = append(parts(key), args...)
	err = s.retry(ctx, name, func() error {
		r, err := s.db.ExecContext(ctx, s.text[name], args...)
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
func (s *store) queryRow(ctx context.Context, name string, args []any, into ...any) error {
	return s.retry(ctx, name, func() error {
		return s.db.QueryRowContext(ctx, s.text[name], args...).Scan(into...)
	})
}

// keys runs a statement that selects the keys of entries.
func (s *store) keys(ctx context.Context, name string, args ...any) (keys []tokenstore.Key, err error) {
	err = s.retry(ctx, name, func() error {
		keys = nil
		rows, err := s.db.QueryContext(ctx, s.text[name], args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var k tokenstore.Key
			if err := rows.Scan(&k.UserID, &k.Provider, &k.AccountID); err != nil {
				return err
			}
			keys = append(keys, k)
		}
		return rows.Err()
	})
	return keys, err
}

// parts returns the arguments that name a row.
func parts(key tokenstore.Key) []any {
	return []any{[]byte(key.UserID), []byte(key.Provider), []byte(key.AccountID)}
}
