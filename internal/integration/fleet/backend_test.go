package fleet

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/redisstore"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

// The kinds of store, which are the names of sub-tests.
const (
	inSQLite   = "SQLite"
	inPostgres = "PostgreSQL"
	inRedis    = "Redis"
)

// backend says where the tokens of a test are stored. Workers get it too.
type backend struct {
	Kind string
	URL  string
}

// eachStore runs a test for each kind of store. Each store is empty at first.
func eachStore(t *testing.T, test func(t *testing.T, b backend)) {
	t.Helper()
	for _, kind := range []string{inSQLite, inPostgres, inRedis} {
		t.Run(kind, func(t *testing.T) { test(t, newBackend(t, kind)) })
	}
}

func newBackend(t testing.TB, kind string) backend {
	t.Helper()
	switch kind {
	case inPostgres:
		return backend{kind, server.database(t)}
	case inRedis:
		return backend{kind, testservers.Redis(t)}
	}
	return inFile(filepath.Join(t.TempDir(), "tokens.db"))
}

// inFile is a SQLite file with the data source name that sqlstore advises.
func inFile(name string) backend {
	return backend{inSQLite, "file:" + filepath.ToSlash(name) + "?_pragma=busy_timeout(100)&_pragma=journal_mode(WAL)"}
}

// open returns a store with its own connections.
func (b backend) open() (s tokenstore.Store, end func() error, err error) {
	if b.Kind == inRedis {
		c := redis.NewClient(&redis.Options{Addr: b.URL})
		s, err = redisstore.New(redisstore.Config{Client: c})
		return s, c.Close, err
	}
	db, err := b.database()
	if err != nil {
		return nil, nil, err
	}
	dialect := sqlstore.SQLite
	if b.Kind == inPostgres {
		dialect = sqlstore.PostgreSQL
	}
	s, err = sqlstore.New(sqlstore.Config{DB: db, Dialect: dialect})
	return s, db.Close, err
}

func (b backend) database() (*sql.DB, error) {
	driver := map[string]string{inSQLite: "sqlite", inPostgres: "pgx"}[b.Kind]
	db, err := sql.Open(driver, b.URL)
	if err == nil {
		db.SetMaxOpenConns(8)
		db.SetMaxIdleConns(8)
	}
	return db, err
}

// store returns a store with tables, for the test itself.
func (b backend) store(t testing.TB) tokenstore.Store {
	t.Helper()
	s, end, err := b.open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = end() })
	if m, ok := s.(interface{ Migrate(context.Context) error }); ok {
		if err := m.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
