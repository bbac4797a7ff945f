package redisstore_test

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/redisstore"
)

func fill(t *testing.T, s *redisstore.Store, n int) {
	t.Helper()
	for i := range n {
		do(s.Put(t.Context(), tokenstore.Key{Provider: "x", UserID: strconv.Itoa(i)}, []byte("value")))(t)
	}
}

// visits checks that a walk finds what fill wrote.
func visits(t *testing.T, s *redisstore.Store, n int) {
	t.Helper()
	seen := make(map[tokenstore.Key]bool)
	for _, k := range walk(t, s, 10) {
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
	_, next, err := s.Walk(t.Context(), "0 run 127.0.0.1:1", 10)
	if err == nil || !strings.Contains(err.Error(), "begin again") {
		t.Errorf("Walk after a server that is not there: %q, %v", next, err)
	}
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
	ctx := soon(t, 30*time.Second)
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

func TestAWalkBeginsAgainAfterAFailover(t *testing.T) {
	t.Parallel()
	old, promoted := open(t, single(t, testservers.Redis(t)), ""), open(t, single(t, testservers.Redis(t)), "")
	fill(t, old, 50)
	fill(t, promoted, 50)
	_, next, err := old.Walk(t.Context(), "", 1)
	if err != nil || next == "" {
		t.Fatalf("Walk = %q, %v", next, err)
	}
	if _, _, err := promoted.Walk(t.Context(), next, 1); err == nil || !strings.Contains(err.Error(), "begin again") {
		t.Errorf("another server goes on: %v", err)
	}
}

func TestAWalkChecksWhatItIsGiven(t *testing.T) {
	s := open(t, client(t, &redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1}), "")
	for _, after := range []tokenstore.Cursor{"x", "1", "1 run", "-1 run ", " "} {
		if _, _, err := s.Walk(t.Context(), after, 1); err == nil || !strings.HasPrefix(err.Error(), "redisstore: this cursor") {
			t.Errorf("Walk after %q: %v", after, err)
		}
	}
	if _, _, err := s.Walk(t.Context(), "", 0); err == nil || !strings.Contains(err.Error(), "at least one") {
		t.Errorf("a page of nothing: %v", err)
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
		if _, _, err := s.Walk(t.Context(), "", 10); err == nil || strings.Contains(err.Error(), "another") {
			t.Errorf("user %v: %v", user, err)
		}
	}
}
