package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/tokenstore/redisstore"
)

// newRedis creates the client for a URL. If its query has master_name, the servers of the URL
// are Sentinels, which know the master's address:
//
//	redis://:PASSWORD@sentinel1:26379/0?master_name=mymaster&addr=sentinel2:26379
func newRedis(at string) (client *redis.Client, where string, err error) {
	u, err := url.Parse(at)
	if err == nil && u.Query().Has("master_name") {
		o, err := redis.ParseFailoverURL(at)
		if err != nil {
			return nil, "", err
		}
		o.ContextTimeoutEnabled = true
		return redis.NewFailoverClient(o), "the Redis that Sentinel calls " + o.MasterName, nil
	}
	o, err := redis.ParseURL(at)
	if err != nil {
		return nil, "", err
	}
	o.ContextTimeoutEnabled = true
	return redis.NewClient(o), fmt.Sprintf("Redis, database %d on %s", o.DB, o.Addr), nil
}

// oneOfMany reports whether other servers of a cluster have some of the keys.
func oneOfMany(ctx context.Context, client *redis.Client) bool {
	asked, _ := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range 20 { // in as many slots
			p.Get(ctx, fmt.Sprint("xsignin:session:", i))
		}
		return nil
	})
	return slices.ContainsFunc(asked, func(c redis.Cmder) bool { return redis.HasErrorPrefix(c.Err(), "MOVED") })
}

// openRedis opens the Redis at a URL. Package redisstore says which server settings keep tokens.
func openRedis(ctx context.Context, at string) (*Storage, error) {
	client, where, err := newRedis(at)
	if err != nil {
		// The error quotes the URL.
		return nil, errors.New("is not understood by the Redis client: it must be a URL such as redis://:password@host:6379/0, or with master_name for Sentinel")
	}
	fail := func(err error) (*Storage, error) {
		return nil, errors.Join(fmt.Errorf("the Redis cannot be used: %w", err), client.Close())
	}
	switch err := client.Ping(ctx).Err(); {
	case errors.Is(err, io.EOF):
		return fail(fmt.Errorf("it closes the connection: %w. If it speaks TLS, the URL begins with rediss://", err))
	case err != nil:
		return fail(err)
	}
	if oneOfMany(ctx, client) {
		return fail(errors.New("it is one server of a cluster, and goredisstore asks no other: name a Redis without a cluster, or a PostgreSQL"))
	}
	tokens, err := redisstore.New(redisstore.Config{Client: client})
	if err != nil {
		return fail(err)
	}
	return &Storage{
		Sessions: goredisstore.NewWithPrefix(client, "xsignin:session:"),
		Tokens:   tokens,
		Where:    where,
		close:    client.Close,
	}, nil
}
