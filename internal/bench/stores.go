package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testservers"
)

// trips counts what is asked of a server.
type trips struct{ all, writes atomic.Int64 }

// database is a server with sessions in it.
type database struct {
	// open returns a store with connections of its own, which counts where t is not nil.
	open func(t *trips) (scs.Store, error)
	// read is the driver's own way to read what is under a key.
	read func(key string) error
	// ping has the server answer with nothing.
	ping func() error
	// key is that of the one session in it.
	key func() (string, error)
}

// redisPrefix is what goredisstore puts in front of keys.
const redisPrefix = "scs:session:"

func redisDatabase(h *host) (database, error) {
	addr := testservers.Redis(h)
	connect := func(t *trips) *redis.Client {
		client := redis.NewClient(&redis.Options{Addr: addr})
		h.Cleanup(func() { _ = client.Close() })
		if t != nil {
			client.AddHook(redisHook{t})
		}
		return client
	}
	own, ctx := connect(nil), context.Background()
	return database{
		open: func(t *trips) (scs.Store, error) { return goredisstore.New(connect(t)), nil },
		read: func(key string) error {
			_, err := own.Get(ctx, key).Bytes()
			return err
		},
		ping: func() error { return own.Ping(ctx).Err() },
		key: func() (string, error) {
			keys, err := own.Keys(ctx, redisPrefix+"*").Result()
			if err == nil && len(keys) != 1 {
				err = fmt.Errorf("%d sessions", len(keys))
			}
			return strings.Join(keys, ""), err
		},
	}, own.Ping(ctx).Err()
}

// redisHook counts commands.
type redisHook struct{ t *trips }

func (k redisHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (k redisHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		switch cmd.Name() {
		case "hello", "client", "auth", "select", "ping":
			// Of the connection, and not of a request.
		default:
			k.t.all.Add(1)
			if cmd.Name() != "get" {
				k.t.writes.Add(1)
			}
		}
		return next(ctx, cmd)
	}
}

func (k redisHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func postgresDatabase(h *host) (database, error) {
	url, ctx := testservers.Postgres(h), context.Background()
	connect := func(t *trips) (*pgxpool.Pool, error) {
		cfg, err := pgxpool.ParseConfig(url)
		if err != nil {
			return nil, err
		}
		if t != nil {
			cfg.ConnConfig.Tracer = pgTracer{t}
		}
		pool, err := pgxpool.NewWithConfig(ctx, cfg)
		if err == nil {
			h.Cleanup(pool.Close)
		}
		return pool, err
	}
	own, err := connect(nil)
	if err != nil {
		return database{}, err
	}
	_, err = own.Exec(ctx, `CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)`)
	return database{
		open: func(t *trips) (scs.Store, error) {
			pool, err := connect(t)
			if err != nil {
				return nil, err
			}
			return pgxstore.NewWithCleanupInterval(pool, 0), nil
		},
		read: func(key string) error {
			var b []byte
			return own.QueryRow(ctx, "SELECT data FROM sessions WHERE token = $1 AND current_timestamp < expiry", key).Scan(&b)
		},
		ping: func() error { return own.Ping(ctx) },
		key: func() (key string, err error) {
			return key, own.QueryRow(ctx, "SELECT token FROM sessions").Scan(&key)
		},
	}, err
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

func runRedis(o options) (report, error)    { return overStore(o, redisDatabase) }
func runPostgres(o options) (report, error) { return overStore(o, postgresDatabase) }

func overStore(o options, connect func(*host) (database, error)) (report, error) {
	return hosted(func(h *host) (rep report, err error) {
		db, err := connect(h)
		if err != nil {
			return rep, err
		}
		store, err := db.open(nil)
		if err != nil {
			return rep, err
		}
		kit, err := newKit(func(c *xsignin.Config) { c.SessionStore = store })
		if err != nil {
			return rep, err
		}
		r, err := signedIn(kit)
		if err != nil {
			return rep, err
		}
		const ours, driver, nothing = "xsignin", "the driver's own point read", "a round trip for nothing"
		key, err := db.key()
		if err != nil {
			return rep, err
		}
		read := contender{driver, func() error { return db.read(key) }}

		counted, n := new(trips), 50
		spied, err := db.open(counted)
		if err != nil {
			return rep, err
		}
		kit2, err := newKit(func(c *xsignin.Config) { c.SessionStore = spied })
		if err != nil {
			return rep, err
		}
		if err := asking(ours, kit2.RequireUser(http.HandlerFunc(greet)), r).repeat(n); err != nil {
			return rep, err
		}
		trips, writes := counted.all.Load(), counted.writes.Load()

		plain, err := behindSCS(nameSCS, store, 0)
		if err != nil {
			return rep, err
		}
		idle, err := behindSCS(nameSCS+", idle timeout", store, time.Hour)
		if err != nil {
			return rep, err
		}
		a := asking(ours, kit.RequireUser(http.HandlerFunc(greet)), r)
		if rep.measured, err = race(o, 2*o.slice, a, read, contender{nothing, db.ping}, plain, idle); err != nil {
			return rep, err
		}
		more := rep.find(ours).allocs - rep.find(driver).allocs
		rep.want(trips == int64(n) && writes == 0, "one round trip, no write", "%.2f, %d", float64(trips)/float64(n), writes)
		rep.want(more <= 12, "at most 12 allocations more than the driver's own point read", "%+.0f", more)
		for _, c := range []contender{plain, idle} {
			times := rep.find(ours).times(rep.find(c.name))
			rep.want(times >= 2, "at least 2 times faster than "+c.name, "%.2f times", times)
		}
		for _, name := range []string{driver, nothing} {
			rep.compare(nameSCS+", against "+name, "%.2f times", rep.find(name).times(rep.find(nameSCS)))
		}
		return rep, nil
	})
}
