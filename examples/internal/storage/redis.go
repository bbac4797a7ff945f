package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

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

// unfit returns an error if a server that answers cannot be used. A server whose memory is full
// can be used, because its sessions can be read.
func unfit(ctx context.Context, client *redis.Client) error {
	asked, _ := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range 20 { // a server of a cluster has not all of their slots
			p.Set(ctx, fmt.Sprint("xsignin:session:", i), "", time.Millisecond)
		}
		return nil
	})
	for _, c := range asked {
		switch err := c.Err(); {
		case redis.HasErrorPrefix(err, "MOVED"):
			return errors.New("it is one server of a cluster, and goredisstore asks no other: name a Redis without a cluster, or PostgreSQL")
		case redis.HasErrorPrefix(err, "READONLY"):
			return fmt.Errorf("%w Name the primary server, or Sentinels that know it", err)
		}
	}
	return nil
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
	if err := unfit(ctx, client); err != nil {
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
