package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strconv"
	"time"
)

// migrations returns the statements of each version of the schema, in order. Do not
// change a released version: add another one.
func (d Dialect) migrations(prefix string) [][]string {
	bytes, moment := "BLOB", "INTEGER" // milliseconds since 1970
	if d == PostgreSQL {
		bytes, moment = "BYTEA", "TIMESTAMPTZ"
	}
	return [][]string{
		{
			// The user comes first in the key, so that its index finds all entries of a
			// user. lease_length is in milliseconds.
			`CREATE TABLE IF NOT EXISTS ` + prefix + `tokens (
	user_id ` + bytes + ` NOT NULL,
	provider ` + bytes + ` NOT NULL,
	account_id ` + bytes + ` NOT NULL,
	value ` + bytes + ` NOT NULL,
	version ` + bytes + ` NOT NULL,
	lease ` + bytes + `,
	lease_until ` + moment + `,
	lease_length BIGINT,
	PRIMARY KEY (user_id, provider, account_id)
)`,
		},
	}
}

// versionTable creates the table that has a row for each finished migration.
func versionTable(prefix string) string {
	return `CREATE TABLE IF NOT EXISTS ` + prefix + `schema (version INTEGER PRIMARY KEY)`
}

// record inserts the row of a finished migration.
func record(prefix string, version int) string {
	return `INSERT INTO ` + prefix + `schema (version) VALUES (` + strconv.Itoa(version) + `) ON CONFLICT DO NOTHING`
}

// Schema returns the statements that create the tables of a [Store], for applications
// with another migration tool. The statements may run again. Afterwards [Store.Migrate] has
// nothing to do and needs no right to create tables. An empty prefix means "xsignin_", as
// in [Config].
func Schema(d Dialect, prefix string) ([]string, error) {
	prefix, err := tablePrefix(d, prefix)
	if err != nil {
		return nil, err
	}
	all := []string{versionTable(prefix)}
	for i, migration := range d.migrations(prefix) {
		all = append(all, migration...)
		all = append(all, record(prefix, i+1))
	}
	return all, nil
}

// Migrate creates the tables, or updates the tables of an older release. Call it at each
// start: with nothing to do it is one read. Several replicas may call it at once. One of
// them migrates while the others wait. The migration is one transaction. A schema that is
// newer than this program is an error.
func (s *Store) Migrate(ctx context.Context) error {
	return s.do(ctx, "migrate the schema", func() error { return s.migrate(ctx) })
}

func (s *Store) migrate(ctx context.Context) error {
	have, err := s.schemaVersion(ctx, s.db)
	if err != nil && !missingTable(err) {
		return err
	}
	if err == nil && have == len(s.dialect.migrations(s.prefix)) {
		return nil
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return transaction(ctx, conn, s.dialect, func() error { return s.upgrade(ctx, conn) })
}

// upgrade runs the missing migrations.
func (s *Store) upgrade(ctx context.Context, conn *sql.Conn) error {
	if s.dialect == PostgreSQL {
		// In PostgreSQL two concurrent CREATE TABLE IF NOT EXISTS may fail. In SQLite the
		// transaction has locked the file.
		lock := `SELECT pg_advisory_xact_lock(hashtextextended('` + s.prefix + `schema', 0))`
		if _, err := conn.ExecContext(ctx, lock); err != nil {
			return err
		}
	}
	if _, err := conn.ExecContext(ctx, versionTable(s.prefix)); err != nil {
		return err
	}
	have, err := s.schemaVersion(ctx, conn)
	if err != nil {
		return err
	}
	migrations := s.dialect.migrations(s.prefix)
	if have > len(migrations) {
		return fmt.Errorf("the schema has version %d (update this program, which knows version %d)", have, len(migrations))
	}
	for i, migration := range migrations[have:] {
		for _, statement := range append(migration, record(s.prefix, have+i+1)) {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) schemaVersion(ctx context.Context, q interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) (int, error) {
	var v int
	err := q.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM `+s.prefix+`schema`).Scan(&v)
	return v, err
}

// transaction runs f in a transaction. In PostgreSQL each statement sees all earlier
// commits. In SQLite the transaction is a writer from its beginning, because a reader that
// becomes a writer fails if another process wrote meanwhile. Package sql cannot begin such
// a transaction.
func transaction(ctx context.Context, conn *sql.Conn, d Dialect, f func() error) error {
	begin := "BEGIN IMMEDIATE"
	if d == PostgreSQL {
		begin = "BEGIN ISOLATION LEVEL READ COMMITTED"
	}
	if _, err := conn.ExecContext(ctx, begin); err != nil {
		return err
	}
	err := f()
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		// The connection returns to the pool, so roll back also when ctx has ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}
	return err
}
