package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/tokenstore/redisstore"
)

// openRedis opens the Redis that a URL names. Package redisstore says which settings of the
// server keep tokens.
func openRedis(ctx context.Context, at string) (*Storage, error) {
	o, err := redis.ParseURL(at)
	if err != nil {
		// The error quotes the URL.
		return nil, errors.New("is not understood by the Redis client: it must be a URL such as redis://:password@host:6379/0")
	}
	o.ContextTimeoutEnabled = true
	client := redis.NewClient(o)
	fail := func(err error) (*Storage, error) {
		return nil, errors.Join(fmt.Errorf("the Redis cannot be used: %w", err), client.Close())
	}
	if err := client.Ping(ctx).Err(); err != nil {
		return fail(err)
	}
	tokens, err := redisstore.New(redisstore.Config{Client: client})
	if err != nil {
		return fail(err)
	}
	return &Storage{
		Sessions: goredisstore.NewWithPrefix(client, "xsignin:session:"),
		Tokens:   tokens,
		Where:    "Redis on " + o.Addr,
		close:    client.Close,
	}, nil
}
