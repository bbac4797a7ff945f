package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/redisstore"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

// stores are the stores of a place, which a test opens to inspect them. Sessions are in scs's
// own stores, beside the tokens, as in examples/app.
type stores struct {
	sessions scs.Store
	tokens   tokenstore.Store
	close    func() error
}

// open opens the stores and creates missing tables.
func (p place) open(ctx context.Context) (*stores, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	switch p.Kind {
	case inMemory:
		return &stores{memstore.New(), tokenstore.NewMemory(), func() error { return nil }}, nil
	case inSQLite:
		return openSQLite(ctx, strings.TrimPrefix(p.At, "sqlite://"))
	case inPostgres:
		return openPostgres(ctx, p.At)
	case inRedis:
		return openRedis(ctx, p.At)
	}
	return nil, fmt.Errorf("there is no store %q", p.Kind)
}

const sqliteSessions = `
CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (expiry);`

// openSQLite opens a file with one connection. SQLite lets connections that wait for each other
// sleep; database/sql does not. No test needs the written data to survive a crash of the
// machine.
func openSQLite(ctx context.Context, file string) (*stores, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, sqliteSessions); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	tokens, err := migrated(ctx, sqlstore.Config{DB: db, Dialect: sqlstore.SQLite})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &stores{sqlite3store.NewWithCleanupInterval(db, 0), tokens, db.Close}, nil
}

func migrated(ctx context.Context, cfg sqlstore.Config) (sqlstore.Store, error) {
	s, err := sqlstore.New(cfg)
	if err != nil {
		return nil, err
	}
	return s, s.Migrate(ctx)
}

const postgresSessions = `
CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (expiry);`

func openPostgres(ctx context.Context, at string) (*stores, error) {
	cfg, err := pgxpool.ParseConfig(at)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDBFromPool(pool)
	end := func() error {
		err := db.Close()
		pool.Close()
		return err
	}
	if _, err := pool.Exec(ctx, postgresSessions); err != nil {
		return nil, errors.Join(err, end())
	}
	tokens, err := migrated(ctx, sqlstore.Config{DB: db, Dialect: sqlstore.PostgreSQL})
	if err != nil {
		return nil, errors.Join(err, end())
	}
	return &stores{pgxstore.NewWithCleanupInterval(pool, 0), tokens, end}, nil
}

// sessionPrefix begins the keys of sessions in Redis.
const sessionPrefix = "xsignin:session:"

func openRedis(ctx context.Context, at string) (*stores, error) {
	o, err := redis.ParseURL(at)
	if err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled = true
	c := redis.NewClient(o)
	if err := c.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	tokens, err := redisstore.New(redisstore.Config{Client: c})
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &stores{goredisstore.NewWithPrefix(c, sessionPrefix), tokens, c.Close}, nil
}

// counts are the numbers of records in the stores, including those of ended sessions.
func (s *stores) counts(ctx context.Context) (sessions, tokens int, err error) {
	var all map[string][]byte
	switch store := s.sessions.(type) {
	case scs.IterableCtxStore:
		all, err = store.AllCtx(ctx)
	case scs.IterableStore:
		all, err = store.All()
	default:
		err = fmt.Errorf("%T does not list its records", store)
	}
	if err != nil {
		return 0, 0, err
	}
	keys, err := s.keys(ctx)
	return len(all), len(keys), err
}

// keys are the keys of all stored tokens.
func (s *stores) keys(ctx context.Context) ([]tokenstore.Key, error) {
	var keys []tokenstore.Key
	err := s.tokens.Walk(ctx, func(k tokenstore.Key) error {
		// Records of the kit, such as lists of sessions, are not tokens.
		if !strings.HasPrefix(k.Provider, ".") {
			keys = append(keys, k)
		}
		return nil
	})
	return keys, err
}
