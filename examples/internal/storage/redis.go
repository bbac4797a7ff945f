package storage

import (
	"context"
	"errors"
	"fmt"
	"net/url"

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
	return redis.NewClient(o), where, nil
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
		Where:    where,
		close:    client.Close,
	}, nil
}
