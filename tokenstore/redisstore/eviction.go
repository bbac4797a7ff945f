package redisstore

import (
	"cmp"
	"context"
	"errors"
	"strings"
)

// EvictionPolicy returns Redis's maxmemory-policy. In a cluster it asks one server. With any
// policy but noeviction Redis may delete entries. It needs the right to INFO or to CONFIG GET. The
// kit's Check calls it.
func (s *store) EvictionPolicy(ctx context.Context) (string, error) {
	return ask(ctx, "eviction policy", func() (string, error) {
		info, refused := s.client.Info(ctx, "memory").Result()
		_, rest, _ := strings.Cut(info, "maxmemory_policy:")
		if p, _, _ := strings.Cut(rest, "\r\n"); p != "" {
			return p, nil
		}
		settings, err := s.client.ConfigGet(ctx, "maxmemory-policy").Result()
		p := settings["maxmemory-policy"]
		if err == nil && p == "" {
			err = cmp.Or(refused, errors.New("the server does not say"))
		}
		return p, err
	})
}
