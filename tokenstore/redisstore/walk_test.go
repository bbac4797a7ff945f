package redisstore_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/tokenstore"
)

func fill(t *testing.T, s tokenstore.Store, n int) {
	t.Helper()
	for i := range n {
		do(s.Put(t.Context(), tokenstore.Key{Provider: "x", UserID: strconv.Itoa(i)}, []byte("value")))(t)
	}
}

// visits checks that a walk finds what fill wrote.
func visits(t *testing.T, s tokenstore.Store, n int) {
	t.Helper()
	seen := make(map[tokenstore.Key]bool)
	for _, k := range walk(t, s) {
		seen[k] = true
	}
	for i := range n {
		if k := (tokenstore.Key{Provider: "x", UserID: strconv.Itoa(i)}); !seen[k] {
			t.Errorf("%q is not visited", k)
		}
		delete(seen, tokenstore.Key{Provider: "x", UserID: strconv.Itoa(i)})
	}
	if len(seen) > 0 {
		t.Errorf("%d keys are visited that are not there", len(seen))
	}
}

func TestAWalkGoesToEveryServerOfACluster(t *testing.T) {
	t.Parallel()
	first, second := testservers.NewRedisCluster(t).Addr, testservers.NewRedisCluster(t).Addr
	join(t, first, second)
	c := cluster(t, first)
	s := open(t, c, "")
	fill(t, s, 100)
	for _, addr := range []string{first, second} {
		if n := do(single(t, addr).DBSize(t.Context()).Result())(t); n == 0 || n == 100 {
			t.Fatalf("%d of 100 users are on one server of two", n)
		}
	}
	visits(t, s, 100)
}

// join makes a cluster of two clusters of one server each, which are empty.
func join(t *testing.T, first, second string) {
	t.Helper()
	a, b := single(t, first), single(t, second)
	order := func(c *redis.Client, args ...any) { t.Helper(); do(c.Do(t.Context(), args...).Result())(t) }
	// Both came into being with one id.
	order(b, "CLUSTER", "RESET", "HARD")
	order(a, "CLUSTER", "DELSLOTSRANGE", 8192, 16383)
	order(b, "CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
	host, port, err := net.SplitHostPort(second)
	if err != nil {
		t.Fatal(err)
	}
	bus := do(b.ConfigGet(t.Context(), "cluster-port").Result())(t)["cluster-port"]
	order(a, "CLUSTER", "MEET", host, port, bus)
	ctx := soon(t, time.Minute)
	for _, c := range []*redis.Client{a, b} {
		for {
			info := do(c.ClusterInfo(ctx).Result())(t)
			if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_ok:16384") && strings.Contains(info, "cluster_size:2") {
				break
			}
		}
	}
}

func TestAWalkLeavesOtherStoresAlone(t *testing.T) {
	t.Parallel()
	c := single(t, testservers.Redis(t))
	for _, prefix := range []string{"a:", "a:{b}:", "[a]*?\\", "{"} {
		s := open(t, c, prefix)
		fill(t, s, 5)
		do(c.Set(t.Context(), prefix+"something", "else", 0).Result())(t)
		visits(t, s, 5)
	}
	visits(t, open(t, c, "a:"), 5)
}

// The cursor of one server means nothing to another, which would leave entries out.
func TestAWalkBeginsAgainAfterAFailover(t *testing.T) {
	t.Parallel()
	old, promoted := testservers.NewRedis(t), testservers.Redis(t)
	var addr atomic.Value
	addr.Store(old.Addr)
	s := open(t, client(t, &redis.Options{Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr.Load().(string))
	}}), "")
	fill(t, s, 1000)
	fill(t, open(t, single(t, promoted), ""), 1000)
	failover := sync.OnceFunc(func() {
		addr.Store(promoted)
		old.Stop()
	})
	err := s.Walk(t.Context(), func(tokenstore.Key) error { failover(); return nil })
	if err == nil || !strings.Contains(err.Error(), "begin again") {
		t.Errorf("another server goes on: %v", err)
	}
}

// An entry whose user cannot be told would be missed without a word.
func TestAWalkStopsAtAnEntryThatIsNotOurs(t *testing.T) {
	t.Parallel()
	c := single(t, testservers.Redis(t))
	s := open(t, c, "")
	put(t, s, "value")
	name := names(t, c, "")[0]
	for _, user := range []any{nil, "another"} {
		if user == nil {
			do(c.HDel(t.Context(), name, "user:1:x7").Result())(t)
		} else {
			do(c.HSet(t.Context(), name, "user:1:x7", fmt.Sprint(user)).Result())(t)
		}
		if err := s.Walk(t.Context(), func(tokenstore.Key) error { return nil }); err == nil || strings.Contains(err.Error(), "another") {
			t.Errorf("user %v: %v", user, err)
		}
	}
}
