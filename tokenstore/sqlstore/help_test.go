package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

func key() tokenstore.Key { return tokenstore.Key{Provider: "x", UserID: "12", AccountID: "7"} }

// database is where stores are: a file or a server.
type database struct {
	dialect     sqlstore.Dialect
	driver, dsn string
}

// sqlite is a new file with the data source name that docs/stores.md advises.
func sqlite(t testing.TB) database {
	t.Helper()
	file := filepath.ToSlash(filepath.Join(t.TempDir(), "tokens.db"))
	return database{sqlstore.SQLite, "sqlite", "file:" + file + "?_pragma=busy_timeout(100)&_pragma=journal_mode(WAL)"}
}

// eachDatabase runs a test for each dialect.
func eachDatabase(t *testing.T, test func(t *testing.T, d database)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { test(t, sqlite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, postgres(t)) })
}

// pool opens connections of its own.
func (d database) pool(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	return db
}

// store returns a store without tables.
func (d database) store(t testing.TB, db *sql.DB, prefix string) sqlstore.Store {
	t.Helper()
	s, err := sqlstore.New(sqlstore.Config{DB: db, Dialect: d.dialect, Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open returns a store on connections of its own, with tables.
func (d database) open(t testing.TB, prefix string) sqlstore.Store {
	t.Helper()
	s := d.store(t, d.pool(t), prefix)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// advance moves the ends of leases by -by, which has the effect of a clock that moves by by.
func (d database) advance(t testing.TB, prefix string, by time.Duration) {
	t.Helper()
	end := fmt.Sprintf("lease_until - %d", by.Milliseconds())
	if d.dialect == sqlstore.PostgreSQL {
		end = fmt.Sprintf("lease_until - %d * interval '1 millisecond'", by.Milliseconds())
	}
	d.exec(t, "UPDATE "+prefix+"tokens SET lease_until = "+end)
}

// exec runs a statement on a connection of its own.
func (d database) exec(t testing.TB, statement string) {
	t.Helper()
	if _, err := d.pool(t).ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// names gives each user of a database a prefix.
type names struct{ n atomic.Int32 }

func (n *names) next() string { return fmt.Sprintf("t%d_", n.n.Add(1)) }

// put fails the test on an error.
func put(t testing.TB, s sqlstore.Store, value string) tokenstore.Version {
	t.Helper()
	v, err := s.Put(t.Context(), key(), []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// soon is a context for what must not take long.
func soon(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
