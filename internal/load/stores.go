package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
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

// The kinds of store, as the flag names them.
const (
	inMemory   = "memory"
	inSQLite   = "sqlite"
	inPostgres = "postgres"
	inRedis    = "redis"
)

// place says where sessions and tokens are.
type place struct {
	Kind string
	URL  string
}

// stores are opened as examples/app opens them: sessions in scs's own stores, beside the
// tokens.
type stores struct {
	sessions scs.Store
	tokens   tokenstore.Store
	close    func() error
}

// inFile is a SQLite database in a directory.
func inFile(dir string) place {
	name := filepath.ToSlash(filepath.Join(dir, "load.db"))
	return place{inSQLite, "file:" + name + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)"}
}

// open opens the stores and makes the tables that are missing.
func (p place) open(ctx context.Context) (*stores, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	switch p.Kind {
	case inMemory:
		return &stores{memstore.New(), tokenstore.NewMemory(), func() error { return nil }}, nil
	case inSQLite:
		return openSQLite(ctx, p.URL)
	case inPostgres:
		return openPostgres(ctx, p.URL)
	case inRedis:
		return openRedis(ctx, p.URL)
	}
	return nil, fmt.Errorf("there is no store %q", p.Kind)
}

const sqliteSessions = `
CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (expiry);`

func openSQLite(ctx context.Context, source string) (*stores, error) {
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	for {
		_, err = db.ExecContext(ctx, sqliteSessions)
		// SQLite does not wait while another connection changes a new file to WAL mode.
		if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "database is locked") {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	tokens, err := migrated(ctx, sqlstore.Config{DB: db, Dialect: sqlstore.SQLite})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &stores{sqlite3store.NewWithCleanupInterval(db, 0), tokens, db.Close}, nil
}

func migrated(ctx context.Context, cfg sqlstore.Config) (*sqlstore.Store, error) {
	s, err := sqlstore.New(cfg)
	if err != nil {
		return nil, err
	}
	return s, s.Migrate(ctx)
}

// postgresSessions locks first: CREATE TABLE IF NOT EXISTS fails where two replicas do it
// at once.
const postgresSessions = `
SELECT pg_advisory_xact_lock(hashtextextended('xsignin load: sessions', 0));
CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (expiry);`

func openPostgres(ctx context.Context, at string) (*stores, error) {
	cfg, err := pgxpool.ParseConfig(at)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = 16
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

func openRedis(ctx context.Context, addr string) (*stores, error) {
	c := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	if err := c.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	tokens, err := redisstore.New(redisstore.Config{Client: c})
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &stores{goredisstore.NewWithPrefix(c, "xsignin:session:"), tokens, c.Close}, nil
}

// counts are how many records the stores hold, those of ended sessions included.
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

// keys are those of all stored tokens.
func (s *stores) keys(ctx context.Context) ([]tokenstore.Key, error) {
	w, ok := s.tokens.(tokenstore.Walker)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	var keys []tokenstore.Key
	for at := tokenstore.Cursor(""); ; {
		page, next, err := w.Walk(ctx, at, 1000)
		keys = append(keys, page...)
		if err != nil || next == "" {
			return keys, err
		}
		at = next
	}
}
