package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/v2"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/redisstore"
	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

func runReplicas(o options) (report, error) {
	return hosted(func(h *host) (rep report, err error) {
		for _, kind := range []struct {
			name   string
			open   func(*host) (database, error)
			tokens func(*host) (func() (tokenstore.Store, error), error)
		}{{"Redis", redisDatabase, redisTokens}, {"PostgreSQL", postgresDatabase, postgresTokens}} {
			if err := replicasOn(&rep, o, h, kind.name, kind.open, kind.tokens); err != nil {
				return rep, fmt.Errorf("%s: %w", kind.name, err)
			}
		}
		return rep, nil
	})
}

func replicasOn(rep *report, o options, h *host, kind string, open func(*host) (database, error), tokens func(*host) (func() (tokenstore.Store, error), error)) error {
	db, err := open(h)
	if err != nil {
		return err
	}
	store, err := tokens(h)
	if err != nil {
		return err
	}
	var kits, alone []contender
	var r *http.Request
	var handlers []http.Handler
	var stores []scs.Store
	for range 8 {
		sessions, err := db.open(nil)
		if err != nil {
			return err
		}
		shared, err := store()
		if err != nil {
			return err
		}
		kit, err := newKit(func(c *xsignin.Config) { c.SessionStore, c.Tokens = sessions, shared })
		if err != nil {
			return err
		}
		h.Cleanup(func() { _ = kit.Close(context.Background()) })
		if r == nil {
			if r, err = signedIn(kit); err != nil {
				return err
			}
		}
		handlers, stores = append(handlers, kit.RequireUser(http.HandlerFunc(greet))), append(stores, sessions)
	}
	key, err := db.key()
	if err != nil {
		return err
	}
	key = strings.TrimPrefix(key, redisPrefix)
	exactly := true
	var counts []int64
	for _, n := range []int{1, 2, 4, 8} {
		var each []contender
		for _, h := range handlers[:n] {
			each = append(each, asking("", h, r))
		}
		i := 0
		kits = append(kits, contender{fmt.Sprintf("%d replicas on %s", n, kind), func() error {
			i++
			return each[i%n].op()
		}})
		j := 0
		alone = append(alone, contender{fmt.Sprintf("%d of scs's stores on %s, a read", n, kind), func() error {
			j++
			return find(stores[j%n], key)
		}})
		refreshes, err := expire(n, store)
		if err != nil {
			return err
		}
		exactly = exactly && refreshes == expiries
		counts = append(counts, refreshes)
	}
	got, err := race(o, 2*o.slice, slices.Concat(kits, alone)...)
	if err != nil {
		return err
	}
	rep.measured = append(rep.measured, got...)
	flat := func(of []measured) (most float64) {
		for _, m := range of[1:] {
			most = max(most, of[0].times(m))
		}
		return most
	}
	most := flat(got[:len(kits)])
	rep.want(most <= 1.15, kind+": cost per request flat, within 15 % of one replica's", "at most %.2f times", most)
	rep.compare(kind+": a read by scs's stores alone", "at most %.2f times", flat(got[len(kits):]))
	rep.want(exactly, fmt.Sprintf("%s: exactly one refresh per expiry, of %d, at every size", kind, expiries), "%v", counts)
	return nil
}

// find reads a session, as a kit does, and does nothing else.
func find(s scs.Store, key string) error {
	var found bool
	var err error
	if c, ok := s.(scs.CtxStore); ok {
		_, found, err = c.FindCtx(context.Background(), key)
	} else {
		_, found, err = s.Find(key)
	}
	if err == nil && !found {
		err = errors.New("the session is not found")
	}
	return err
}

// expiries is how often the token expires.
const expiries = 5

// expire lets a token expire under n replicas, all of which then need it at once, and
// returns how often X was asked for a new one.
func expire(n int, open func() (tokenstore.Store, error)) (int64, error) {
	x, ctx := new(fakeX), context.Background()
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	now := func() time.Time { return time.Unix(0, clock.Load()) }
	key := tokenstore.Key{Provider: "x", UserID: fmt.Sprint("replicas-", n)}
	var pools []*client.Pool
	for range n {
		store, err := open()
		if err != nil {
			return 0, err
		}
		vault, err := tokenstore.NewVault(store, secret('v'))
		if err != nil {
			return 0, err
		}
		p, err := provider.NewX(provider.XConfig{
			ClientID: "client", ClientSecret: "client-secret", CallbackURL: "http://127.0.0.1:8080/auth/callback", Transport: numbered{x}, Now: now,
		})
		if err != nil {
			return 0, err
		}
		pool, err := client.New(client.Config{Vault: vault, Providers: []provider.Provider{p}, Transport: x, Now: now})
		if err != nil {
			return 0, err
		}
		defer func() { _ = pool.Close(ctx) }()
		pools = append(pools, pool)
	}
	if err := pools[0].Put(ctx, key, tokenstore.Token{
		AccessToken: "first", RefreshToken: "first-refresh", ObtainedAt: now(), Expiry: now().Add(2 * time.Hour),
	}); err != nil {
		return 0, err
	}
	for range expiries {
		clock.Add(int64(3 * time.Hour))
		errs := make([]error, 4*n)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				resp, err := pools[i%n].Client(key).Get(apiAddress)
				if errs[i] = err; err == nil {
					_ = resp.Body.Close()
				}
			})
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				return 0, err
			}
		}
	}
	return x.refreshes.Load(), nil
}

// numbered gives each token another name, as X does.
type numbered struct{ x *fakeX }

// RoundTrip implements [http.RoundTripper].
func (n numbered) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := n.x.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = number(resp.Body, n.x.calls.Load())
	resp.ContentLength = -1
	return resp, nil
}

func redisTokens(h *host) (func() (tokenstore.Store, error), error) {
	addr := testservers.Redis(h)
	return func() (tokenstore.Store, error) {
		c := redis.NewClient(&redis.Options{Addr: addr})
		h.Cleanup(func() { _ = c.Close() })
		return redisstore.New(redisstore.Config{Client: c})
	}, nil
}

func postgresTokens(h *host) (func() (tokenstore.Store, error), error) {
	url := testservers.Postgres(h)
	open := func() (tokenstore.Store, error) {
		db, err := sql.Open("pgx", url)
		if err != nil {
			return nil, err
		}
		h.Cleanup(func() { _ = db.Close() })
		db.SetMaxOpenConns(4)
		s, err := sqlstore.New(sqlstore.Config{DB: db, Dialect: sqlstore.PostgreSQL})
		if err != nil {
			return nil, err
		}
		return s, s.Migrate(context.Background())
	}
	return open, nil
}
