package redisstore_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/internal/testservers"
)

// eviction is what the kit looks for in a store.
type eviction interface {
	EvictionPolicy(ctx context.Context) (string, error)
}

func TestEvictionPolicyIsThatOfRedis(t *testing.T) {
	t.Parallel()
	addr := testservers.Redis(t)
	admin := single(t, addr)
	for name, rights := range map[string][]any{
		"info":   {"+info", "-config"},
		"config": {"-info", "+config|get"},
		"none":   {"-info", "-config"},
		"all":    {"+@all"},
	} {
		do(admin.Do(t.Context(), append([]any{"ACL", "SETUSER", name, "on", ">password", "~*", "+ping"}, rights...)...).Result())(t)
	}
	for _, want := range []string{"noeviction", "allkeys-lru", "volatile-ttl", "allkeys-random"} {
		do(admin.ConfigSet(t.Context(), "maxmemory-policy", want).Result())(t)
		for _, user := range []string{"info", "config", "none", "all", "default"} {
			o := &redis.Options{Addr: addr, Username: user, Password: "password"}
			if user == "default" {
				o.Username, o.Password = "", ""
			}
			got, err := open(t, client(t, o), "").(eviction).EvictionPolicy(t.Context())
			switch {
			case user == "none" && (got != "" || err == nil || !redis.HasErrorPrefix(err, "NOPERM")):
				t.Errorf("a user without rights is told %q, %v", got, err)
			case user != "none" && (got != want || err != nil):
				t.Errorf("%s is told %q, %v, want %q", user, got, err, want)
			}
		}
	}
}

func TestEvictionPolicyOfACluster(t *testing.T) {
	t.Parallel()
	server := testservers.NewRedisCluster(t)
	c := cluster(t, server.Addr)
	s := open(t, c, "").(eviction)
	for _, want := range []string{"noeviction", "allkeys-lfu"} {
		do(single(t, server.Addr).ConfigSet(t.Context(), "maxmemory-policy", want).Result())(t)
		if got, err := s.EvictionPolicy(t.Context()); got != want || err != nil {
			t.Errorf("the policy is %q, %v, want %q", got, err, want)
		}
	}
	server.Stop()
	if got, err := s.EvictionPolicy(t.Context()); err == nil {
		t.Errorf("a stopped cluster has the policy %q", got)
	}
}
