package bench

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/redisstore"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

// BenchmarkRedis is the signed-in request with sessions in Redis.
func BenchmarkRedis(b *testing.B) { benchmarkStore(b, newRedis) }

// BenchmarkPostgres is the signed-in request with sessions in PostgreSQL.
func BenchmarkPostgres(b *testing.B) { benchmarkStore(b, newPostgres) }

func benchmarkStore(b *testing.B, start func(testing.TB) database) {
	db := start(b)
	store := db.sessions(nil)
	kit := kitRequest(b, "xsignin", func(c *xsignin.Config) { c.Session.Store = store })
	run(b, kit, db.driverRead(b),
		rival{"empty-round-trip", db.ping},
		scsRequest(b, "scs-gob", store, 0),
		scsRequest(b, "scs-gob-idle-timeout", store, time.Hour))
}

// database is a server that stores sessions and tokens.
type database struct {
	// sessions returns a session store with its own connections. It counts round trips in t
	// unless t is nil.
	sessions func(t *trips) scs.Store
	// tokens returns a token store with its own connections.
	tokens func() tokenstore.Store
	// read reads a session with the driver alone.
	read func(key string) error
	// ping is a round trip that reads nothing.
	ping func() error
	// key returns the driver's key of the only session in the database.
	key func() (string, error)
}

// driverRead returns a rival that reads the session with the driver alone.
func (db database) driverRead(tb testing.TB) rival {
	tb.Helper()
	key, err := db.key()
	if err != nil {
		tb.Fatal(err)
	}
	return rival{"driver-read", func() error { return db.read(key) }}
}

// trips counts the round trips to a database, and how many of them write.
type trips struct{ all, writes atomic.Int64 }

// redisPrefix is what goredisstore puts in front of a session's key.
const redisPrefix = "scs:session:"

func newRedis(tb testing.TB) database {
	tb.Helper()
	addr, ctx := testservers.Redis(tb), context.Background()
	connect := func() *redis.Client {
		c := redis.NewClient(&redis.Options{Addr: addr})
		tb.Cleanup(func() { _ = c.Close() })
		return c
	}
	driver := connect()
	return database{
		sessions: func(t *trips) scs.Store {
			c := connect()
			if t != nil {
				c.AddHook(redisHook{t})
			}
			return goredisstore.New(c)
		},
		tokens: func() tokenstore.Store {
			s, err := redisstore.New(redisstore.Config{Client: connect()})
			if err != nil {
				tb.Fatal(err)
			}
			return s
		},
		read: func(key string) error { return driver.Get(ctx, key).Err() },
		ping: func() error { return driver.Ping(ctx).Err() },
		key: func() (string, error) {
			keys, err := driver.Keys(ctx, redisPrefix+"*").Result()
			if err == nil && len(keys) != 1 {
				err = fmt.Errorf("%d sessions, want 1", len(keys))
			}
			return strings.Join(keys, ""), err
		},
	}
}

// redisHook counts commands.
type redisHook struct{ t *trips }

func (redisHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h redisHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		switch cmd.Name() {
		case "hello", "client": // These belong to the connection, not to a request.
		case "get":
			h.t.all.Add(1)
		default:
			h.t.all.Add(1)
			h.t.writes.Add(1)
		}
		return next(ctx, cmd)
	}
}

func (h redisHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func newPostgres(tb testing.TB) database {
	tb.Helper()
	url, ctx := testservers.Postgres(tb), context.Background()
	connect := func(t *trips) *pgxpool.Pool {
		cfg, err := pgxpool.ParseConfig(url)
		if err != nil {
			tb.Fatal(err)
		}
		if t != nil {
			cfg.ConnConfig.Tracer = pgTracer{t}
		}
		pool, err := pgxpool.NewWithConfig(ctx, cfg)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(pool.Close)
		return pool
	}
	driver := connect(nil)
	if _, err := driver.Exec(ctx, `CREATE TABLE sessions
		(token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)`); err != nil {
		tb.Fatal(err)
	}
	return database{
		sessions: func(t *trips) scs.Store { return pgxstore.NewWithCleanupInterval(connect(t), 0) },
		tokens:   func() tokenstore.Store { return postgresTokens(tb, url) },
		read: func(key string) error {
			const query = "SELECT data FROM sessions WHERE token = $1 AND current_timestamp < expiry"
			var data []byte
			return driver.QueryRow(ctx, query, key).Scan(&data)
		},
		ping: func() error { return driver.Ping(ctx) },
		key: func() (key string, err error) {
			return key, driver.QueryRow(ctx, "SELECT token FROM sessions").Scan(&key)
		},
	}
}

func postgresTokens(tb testing.TB, url string) tokenstore.Store {
	tb.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(4)
	s, err := sqlstore.New(sqlstore.Config{DB: db, Dialect: sqlstore.PostgreSQL})
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.Migrate(context.Background()); err != nil {
		tb.Fatal(err)
	}
	return s
}

// pgTracer counts statements.
type pgTracer struct{ t *trips }

func (p pgTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	p.t.all.Add(1)
	if !strings.HasPrefix(data.SQL, "SELECT") {
		p.t.writes.Add(1)
	}
	return ctx
}

func (p pgTracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
