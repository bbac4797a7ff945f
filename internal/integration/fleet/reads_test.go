package fleet

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// TestOneReadForEachTokenAndProcess checks that a thousand requests cause one read.
func TestOneReadForEachTokenAndProcess(t *testing.T) {
	eachStore(t, func(t *testing.T, b backend) {
		f := newFleet(t, b, options{workers: 2})
		user := userID(0)
		f.signIn(user)
		for range 10 {
			f.burst(f.workers, user, 100).want(t, outcomes{good: 200})
		}
		for i, a := range f.each(command{Op: "reads"}) {
			if a.Reads != 1 {
				t.Errorf("worker %d read the store %d times for 1,000 requests, want once", i, a.Reads)
			}
		}
	})
}

// BenchmarkCachedToken measures what the kit adds to a request while the token is valid. It also
// measures how often that reads the store: reads/op times b.N is 1.
func BenchmarkCachedToken(b *testing.B) {
	for _, kind := range []string{inSQLite, inPostgres, inRedis} {
		b.Run(kind, func(b *testing.B) {
			x := newX(b, 1)
			store := &watchedStore{Store: newBackend(b, kind).store(b)}
			vault, err := tokenstore.NewVault(store, []byte(secret))
			if err != nil {
				b.Fatal(err)
			}
			p := x.provider(b, time.Now)
			clients, err := client.New(client.Config{Vault: vault, Providers: []provider.Provider{p}, Transport: noNetwork{}})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = clients.Close(context.Background()) })
			if _, err := vault.Put(b.Context(), keyOf(userID(0)), x.signIn(b, p, userID(0))); err != nil {
				b.Fatal(err)
			}
			c := clients.Client(b.Context(), keyOf(userID(0)))
			b.ReportAllocs()
			for b.Loop() {
				resp, err := c.Get("https://api.x.com/2/users/me")
				if err != nil {
					b.Fatal(err)
				}
				_ = resp.Body.Close()
			}
			b.ReportMetric(float64(store.reads.Load()), "reads")
			b.ReportMetric(float64(store.reads.Load())/float64(b.N), "reads/op")
		})
	}
}

// noNetwork answers at once.
type noNetwork struct{}

func (noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
}
