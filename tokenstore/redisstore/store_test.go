package redisstore_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/redisstore"
	"github.com/xsignin/xsignin/tokenstore/storetest"
)

// conformance gives each handle a client of its own.
func conformance(t *testing.T, connect func(t *testing.T) redis.UniversalClient) {
	t.Helper()
	var prefixes prefixes
	storetest.Test(t, func(t *testing.T) storetest.Backend {
		prefix, admin := prefixes.next(), connect(t)
		return storetest.Backend{
			Open:    func(t *testing.T) tokenstore.Store { return open(t, connect(t), prefix) },
			Advance: func(t *testing.T, by time.Duration) { advance(t, admin, prefix, by) },
		}
	})
}

func TestRedisKeepsTheContract(t *testing.T) {
	t.Parallel()
	addr := testservers.Redis(t)
	conformance(t, func(t *testing.T) redis.UniversalClient { return single(t, addr) })
}

func TestRedisKeepsTheContractInTheOlderProtocol(t *testing.T) {
	t.Parallel()
	addr := testservers.Redis(t)
	conformance(t, func(t *testing.T) redis.UniversalClient {
		return client(t, &redis.Options{Addr: addr, Protocol: 2, ContextTimeoutEnabled: true})
	})
}

// A cluster refuses scripts whose keys are in several slots.
func TestAClusterKeepsTheContract(t *testing.T) {
	t.Parallel()
	addr := testservers.NewRedisCluster(t).Addr
	conformance(t, func(t *testing.T) redis.UniversalClient { return cluster(t, addr) })
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	ring := redis.NewRing(&redis.RingOptions{})
	defer ring.Close()
	for _, test := range []struct {
		name   string
		client redis.UniversalClient
		want   string
	}{
		{"no client", nil, "required"},
		{"a ring", ring, "Ring"},
		{"reads from replicas", redis.NewClusterClient(&redis.ClusterOptions{ReadOnly: true}), "replicas"},
		{"reads from near replicas", redis.NewClusterClient(&redis.ClusterOptions{RouteByLatency: true}), "replicas"},
		{"reads from any replica", redis.NewClusterClient(&redis.ClusterOptions{RouteRandomly: true}), "replicas"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.client != nil {
				defer test.client.Close()
			}
			s, err := redisstore.New(redisstore.Config{Client: test.client})
			if s != nil || err == nil || !strings.HasPrefix(err.Error(), "redisstore: Config.Client") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("New = %v, %v", s, err)
			}
		})
	}
}

func TestEntriesOfAUserAreOneKeyThatStays(t *testing.T) {
	t.Parallel()
	c := cluster(t, testservers.NewRedisCluster(t).Addr)
	s := open(t, c, "")
	users := []string{"", "12", "a}{b", "\x00\xff{}", strings.Repeat("{", 1024)}
	providers := []string{"", "x", "x}{y", "version:x", "value:x", "1:x", "1:", "user:x", "lease:x", "until:x", ":", "\x00\xff\r\n", strings.Repeat("}", 256)}
	slices.Sort(providers)
	versions := make(map[tokenstore.Key]tokenstore.Version)
	for _, user := range users {
		var want []tokenstore.Key
		for _, provider := range providers {
			k := tokenstore.Key{Provider: provider, UserID: user, AccountID: "1:x"}
			v := do(s.Put(t.Context(), k, []byte(provider)))(t)
			do(s.Lease(t.Context(), k, v, time.Minute))(t)
			want, versions[k] = append(want, k), v
		}
		for _, k := range want {
			if e, err := s.Get(t.Context(), k); err != nil || string(e.Value) != k.Provider {
				t.Errorf("%q: Get = %q, %v", k, e.Value, err)
			}
		}
		if got, err := s.List(t.Context(), user); err != nil || !slices.Equal(got, want) {
			t.Errorf("List(%q) = %q, %v", user, got, err)
		}
	}
	all := names(t, c, "")
	if len(all) != len(users) {
		t.Errorf("%d users have the keys %q", len(users), all)
	}
	for _, name := range all {
		tag, ok := strings.CutPrefix(name, "xsignin:token:{")
		tag, ok2 := strings.CutSuffix(tag, "}")
		if !ok || !ok2 || strings.Trim(tag, "0123456789abcdef") != "" || len(tag) != 64 {
			t.Errorf("a key is named %q", name)
		}
		// One slot for the key and for the tag: the braces are where Redis looks for them.
		if key, tag := do(c.ClusterKeySlot(t.Context(), name).Result())(t), do(c.ClusterKeySlot(t.Context(), tag).Result())(t); key != tag {
			t.Errorf("%s is in slot %d, its tag in %d", name, key, tag)
		}
		if ttl := do(c.TTL(t.Context(), name).Result())(t); ttl != -1 {
			t.Errorf("%s expires after %v", name, ttl)
		}
	}
	for k, v := range versions {
		if err := s.Delete(t.Context(), k, v); err != nil {
			t.Error(err)
		}
	}
	for _, name := range names(t, c, "") {
		// What is left are the ended versions.
		if ttl := do(c.TTL(t.Context(), name).Result())(t); !strings.HasSuffix(name, "}:ended") || ttl <= 0 || ttl > time.Minute {
			t.Errorf("after all was deleted there is %q, for %v", name, ttl)
		}
	}
}

func TestPrefixesKeepStoresApart(t *testing.T) {
	t.Parallel()
	c := single(t, testservers.Redis(t))
	put(t, open(t, c, "a:"), "value")
	if _, err := open(t, c, "{a}:").Get(t.Context(), key()); err != tokenstore.ErrNotFound {
		t.Errorf("another prefix: %v", err)
	}
}

// The list of commands in docs/stores.md is all that a user needs.
func TestAUserWithFewRights(t *testing.T) {
	t.Parallel()
	addr := testservers.Redis(t)
	admin := single(t, addr)
	do(admin.Do(t.Context(), "ACL", "SETUSER", "app", "on", ">password", "~xsignin:token:*",
		"+evalsha", "+eval", "+hmget", "+hget", "+hset", "+hdel", "+hkeys", "+time", "+zadd", "+zscore", "+zremrangebyscore", "+expire", "+scan", "+info").Result())(t)
	s := open(t, client(t, &redis.Options{Addr: addr, Username: "app", Password: "password"}), "")
	v := put(t, s, "one")
	id := do(s.Lease(t.Context(), key(), v, time.Minute))(t)
	if err := s.Release(t.Context(), key(), id); err != nil {
		t.Error(err)
	}
	v = do(s.Replace(t.Context(), key(), v, []byte("two")))(t)
	holds(t, s, "two", v)
	do(s.List(t.Context(), "12"))(t)
	if keys := walk(t, s); len(keys) != 1 {
		t.Errorf("Walk = %q", keys)
	}
	if err := s.Delete(t.Context(), key(), v); err != nil {
		t.Error(err)
	}
	_, err := open(t, client(t, &redis.Options{Addr: addr, Username: "app", Password: "password"}), "other:").Get(t.Context(), key())
	if err == nil || errors.Is(err, tokenstore.ErrNotFound) || !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("another's keys: %v", err)
	}
}

func TestLeasesLastAsLongAsAsked(t *testing.T) {
	t.Parallel()
	s := open(t, single(t, testservers.Redis(t)), "")
	v := put(t, s, "value")
	const long = 100*365*24*time.Hour + 1
	do(s.Lease(t.Context(), key(), v, long))(t)
	_, err := s.Lease(t.Context(), key(), v, time.Minute)
	var held *tokenstore.LeasedError
	if !errors.As(err, &held) || held.Remaining > long+time.Microsecond || held.Remaining < long-time.Minute {
		t.Errorf("Lease: %v, want one for another %v", err, long)
	}
}

func TestAStorePrintsNothingOfTheClient(t *testing.T) {
	c := client(t, &redis.Options{Addr: "127.0.0.1:1", Password: secret, MaxRetries: -1})
	s := open(t, c, "")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if got := fmt.Sprintf(verb, s); got != "redisstore.Store" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	if _, err := s.Get(t.Context(), key()); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("Get: %v", err)
	}
}
