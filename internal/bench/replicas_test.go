package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// replicaCounts are the numbers of replicas that share a database.
var replicaCounts = []int{1, 2, 4, 8}

// BenchmarkReplicasRedis is the signed-in request at several replicas on one Redis.
func BenchmarkReplicasRedis(b *testing.B) { benchmarkReplicas(b, newRedis) }

// BenchmarkReplicasPostgres is the signed-in request at several replicas on one PostgreSQL.
func BenchmarkReplicasPostgres(b *testing.B) { benchmarkReplicas(b, newPostgres) }

// benchmarkReplicas sends each request to the next replica. by=scs-store is the same read by
// scs's stores without a kit: it shows what the database costs by itself.
func benchmarkReplicas(b *testing.B, start func(testing.TB) database) {
	db := start(b)
	var replicas, stores []rival
	var r *http.Request
	var key string
	for range replicaCounts[len(replicaCounts)-1] {
		store := db.sessions(nil)
		kit := newKit(b, func(c *xsignin.Config) { c.Session.Store, c.TokenStore = store, db.tokens() })
		if r == nil {
			r = signIn(b, kit)
			full, err := db.key()
			if err != nil {
				b.Fatal(err)
			}
			key = strings.TrimPrefix(full, redisPrefix)
		}
		replica := request("", guarded(kit), r)
		if err := replica.op(); err != nil { // opens the connection
			b.Fatal(err)
		}
		replicas = append(replicas, replica)
		stores = append(stores, rival{"", func() error { return find(store, key) }})
	}
	b.Run("by=xsignin", func(b *testing.B) { inTurn(b, replicas) })
	b.Run("by=scs-store", func(b *testing.B) { inTurn(b, stores) })
}

// inTurn benchmarks the first replica, the first two, and so on.
func inTurn(b *testing.B, replicas []rival) {
	for _, n := range replicaCounts {
		b.Run(fmt.Sprintf("replicas=%d", n), func(b *testing.B) {
			i := 0
			rival{"", func() error {
				i++
				return replicas[i%n].op()
			}}.bench(b)
		})
	}
}

// find reads a session from a store of scs as a kit does.
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

func TestReplicasRefreshOnceForEachExpiry(t *testing.T) {
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			db := start(t)
			for _, n := range replicaCounts {
				const expiries = 5
				if got := refreshes(t, db, n, expiries); got != expiries {
					t.Errorf("%d replicas refreshed %d times, want %d", n, got, expiries)
				}
			}
		})
	}
}

// databases are the servers that replicas can share.
var databases = map[string]func(testing.TB) database{"Redis": newRedis, "PostgreSQL": newPostgres}

// refreshes lets a token expire under n replicas that need it at the same time. It returns
// how many refreshes X received.
func refreshes(t *testing.T, db database, n, expiries int) int64 {
	t.Helper()
	x, ctx := new(fakeX), context.Background()
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	now := func() time.Time { return time.Unix(0, clock.Load()) }
	var pools []*client.Manager
	for range n {
		pools = append(pools, newPool(t, db.tokens(), x, now))
	}
	key := tokenstore.Key{Provider: "x", UserID: fmt.Sprint("replicas-", n), AccountID: "1"}
	if _, err := pools[0].PutWithRollback(ctx, key, tokenstore.Token{
		AccessToken: "first", RefreshToken: "first-refresh", ObtainedAt: now(), Expiry: now().Add(2 * time.Hour),
	}, client.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	for range expiries {
		clock.Add(int64(3 * time.Hour))
		var wg sync.WaitGroup
		for i := range 4 * n {
			wg.Go(func() {
				resp, err := pools[i%n].Client(ctx, key).Get(apiURL)
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
			})
		}
		wg.Wait()
	}
	return x.refreshes.Load()
}

// newPool returns the clients of one replica.
func newPool(t *testing.T, store tokenstore.Store, x http.RoundTripper, now func() time.Time) *client.Manager {
	t.Helper()
	vault, err := tokenstore.NewVault(store, secret('v'))
	if err != nil {
		t.Fatal(err)
	}
	p, err := provider.NewX(provider.OAuth2Config{
		ClientID: "client", ClientSecret: "client-secret", CallbackURL: appURL + "/auth/callback",
		Transport: x, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	clients, err := client.New(client.Config{
		Vault: vault, Providers: []provider.Provider{p}, Transport: x, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = clients.Close(context.Background()) })
	return clients
}
