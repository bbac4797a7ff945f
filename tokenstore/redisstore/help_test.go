package redisstore_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/redisstore"
)

func key() tokenstore.Key { return tokenstore.Key{Provider: "x", UserID: "12", AccountID: "7"} }

// single returns a client of one server.
func single(t testing.TB, addr string) *redis.Client {
	t.Helper()
	return client(t, &redis.Options{Addr: addr})
}

func client(t testing.TB, o *redis.Options) *redis.Client {
	t.Helper()
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

func cluster(t testing.TB, addr string) *redis.ClusterClient {
	t.Helper()
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{addr}})
	t.Cleanup(func() { c.Close() })
	return c
}

func open(t testing.TB, c redis.UniversalClient, prefix string) tokenstore.Store {
	t.Helper()
	s, err := redisstore.New(redisstore.Config{Client: c, Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// prefixes gives each user of a Redis a prefix.
type prefixes struct{ n atomic.Int32 }

func (p *prefixes) next() string { return fmt.Sprintf("test%d:", p.n.Add(1)) }

// advance moves the ends of leases by -by, which has the effect of a clock that moves by by.
func advance(t testing.TB, c redis.UniversalClient, prefix string, by time.Duration) {
	t.Helper()
	for _, name := range hashes(t, c, prefix) {
		for _, field := range do(c.HKeys(t.Context(), name).Result())(t) {
			if strings.HasPrefix(field, "until:") {
				do(c.HIncrBy(t.Context(), name, field, -by.Microseconds()).Result())(t)
			}
		}
	}
}

// names returns the names of keys with a prefix.
func names(t testing.TB, c redis.UniversalClient, prefix string) []string {
	t.Helper()
	return do(c.Keys(t.Context(), prefix+"*").Result())(t)
}

// hashes returns the names of the hashes of users.
func hashes(t testing.TB, c redis.UniversalClient, prefix string) []string {
	t.Helper()
	return do(c.Keys(t.Context(), prefix+"*}").Result())(t)
}

// do fails the test on an error.
func do[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func put(t testing.TB, s tokenstore.Store, value string) tokenstore.Version {
	t.Helper()
	return do(s.Put(t.Context(), key(), []byte(value)))(t)
}

// holds checks the entry.
func holds(t testing.TB, s tokenstore.Store, value string, v tokenstore.Version) {
	t.Helper()
	if e, err := s.Get(t.Context(), key()); err != nil || string(e.Value) != value || e.Version != v {
		t.Errorf("Get = %q in %q, %v, want %q in %q", e.Value, e.Version, err, value, v)
	}
}

// walk goes through the store.
func walk(t testing.TB, s tokenstore.Store) []tokenstore.Key {
	t.Helper()
	var all []tokenstore.Key
	err := s.Walk(t.Context(), func(k tokenstore.Key) error { all = append(all, k); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// secret is in everything that calls hand to a store.
const secret = "token-of-somebody"

// calls yields the error of each method.
func calls(ctx context.Context, s tokenstore.Store) iter.Seq2[string, error] {
	k := tokenstore.Key{Provider: secret, UserID: secret, AccountID: secret}
	return func(yield func(string, error) bool) {
		_, err := s.Get(ctx, k)
		if !yield("Get", err) {
			return
		}
		_, err = s.Put(ctx, k, []byte(secret))
		if !yield("Put", err) {
			return
		}
		_, err = s.Replace(ctx, k, secret, []byte(secret))
		if !yield("Replace", err) {
			return
		}
		if !yield("Delete", s.Delete(ctx, k, secret)) {
			return
		}
		_, err = s.Lease(ctx, k, secret, time.Minute)
		if !yield("Lease", err) {
			return
		}
		if !yield("Release", s.Release(ctx, k, secret)) {
			return
		}
		_, err = s.List(ctx, k.UserID)
		if !yield("List", err) {
			return
		}
		yield("Walk", s.Walk(ctx, func(tokenstore.Key) error { return nil }))
	}
}

// soon is a context for what must not take long.
func soon(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
