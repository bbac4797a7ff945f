package redisstore

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// EvictionPolicy returns Redis's maxmemory-policy, or in a cluster the first that is not
// noeviction. Any other policy may delete entries. It needs the right to INFO or CONFIG GET.
// The kit's Check calls it.
func (s *store) EvictionPolicy(ctx context.Context) (string, error) {
	return ask(ctx, "eviction policy", func() (string, error) {
		cluster, ok := s.client.(*redis.ClusterClient)
		if !ok {
			return policy(ctx, s.client)
		}
		var mu sync.Mutex
		found := noEviction
		err := cluster.ForEachMaster(ctx, func(ctx context.Context, server *redis.Client) error {
			p, err := policy(ctx, server)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && p != noEviction {
				found = p
			}
			return err
		})
		return found, err
	})
}

const noEviction = "noeviction"

// policy asks one server. The rights of a user may cover either command.
func policy(ctx context.Context, server redis.Cmdable) (string, error) {
	info, refused := server.Info(ctx, "memory").Result()
	_, rest, _ := strings.Cut(info, "maxmemory_policy:")
	if p, _, _ := strings.Cut(rest, "\r\n"); p != "" {
		return p, nil
	}
	settings, err := server.ConfigGet(ctx, "maxmemory-policy").Result()
	p := settings["maxmemory-policy"]
	if err == nil && p == "" {
		err = cmp.Or(refused, errors.New("the server does not say"))
	}
	return p, err
}
