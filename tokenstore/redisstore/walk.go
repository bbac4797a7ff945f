package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/tokenstore"
)

// pageLength is about how many keys of a server SCAN looks at for each page. They include
// keys that do not belong to the store.
const pageLength = 256

var errMoved = errors.New("redisstore: walk: Redis was restarted or has another server since the walk began; begin again")

// Walk visits the entries by SCAN, on one server of a cluster after the other. After a restart
// or a failover it returns an error. While a cluster moves slots between servers, it may miss
// entries without an error.
func (s *store) Walk(ctx context.Context, visit func(tokenstore.Key) error) error {
	servers, err := ask(ctx, "walk", func() ([]redis.UniversalClient, error) { return s.servers(ctx) })
	for _, server := range servers {
		p := page{}
		for first := true; first || p.next != 0; first = false {
			after := p
			if p, err = ask(ctx, "walk", func() (page, error) { return s.page(ctx, server, after.next) }); err != nil {
				return err
			}
			// A cursor of SCAN is valid for one run of a server.
			if !first && p.run != after.run {
				return errMoved
			}
			for _, k := range p.keys {
				if err := visit(k); err != nil {
					return err
				}
			}
		}
	}
	return err
}

// servers returns the client, or the clients of all primary servers of a cluster.
func (s *store) servers(ctx context.Context) ([]redis.UniversalClient, error) {
	cluster, ok := s.client.(interface {
		ForEachMaster(ctx context.Context, f func(ctx context.Context, c *redis.Client) error) error
	})
	if !ok {
		return []redis.UniversalClient{s.client}, nil
	}
	var mu sync.Mutex // guards all
	var all []redis.UniversalClient
	err := cluster.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, c)
		return nil
	})
	return all, err
}

// page is an answer of SCAN.
type page struct {
	keys []tokenstore.Key
	run  string // the server's run_id
	next uint64 // the cursor of the next page, or 0
}

// page scans a part of one server, and then reads the keys from the hashes that it found.
func (s *store) page(ctx context.Context, server redis.UniversalClient, after uint64) (page, error) {
	var info *redis.StringCmd
	var scan *redis.ScanCmd
	_, err := server.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		info = pipe.Info(ctx, "server")
		scan = pipe.Scan(ctx, after, s.pattern(), pageLength)
		return nil
	})
	if err != nil {
		return page{}, err
	}
	_, run, _ := strings.Cut(info.Val(), "\nrun_id:")
	run, _, _ = strings.Cut(run, "\r")
	hashes, next := scan.Val()
	keys, err := s.keysIn(ctx, hashes)
	return page{keys, run, next}, err
}

// keysIn returns the keys of entries in hashes.
func (s *store) keysIn(ctx context.Context, hashes []string) ([]tokenstore.Key, error) {
	fields := make([]*redis.StringSliceCmd, len(hashes))
	_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, hash := range hashes {
			fields[i] = pipe.HKeys(ctx, hash)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	type entry struct {
		hash string
		key  tokenstore.Key
		got  *redis.SliceCmd // its version and its user
	}
	var entries []entry
	_, err = s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, hash := range hashes {
			for _, name := range fields[i].Val() {
				if k, ok := parseField(name); ok {
					entries = append(entries, entry{hash, k, pipe.HMGet(ctx, hash, name, "user:"+field(k))})
				}
			}
		}
		return nil
	})
	var keys []tokenstore.Key
	for _, e := range entries {
		version, user, bad := texts(e.got.Val(), err)
		switch {
		case bad != nil:
			return nil, bad
		case version == "":
			continue // deleted meanwhile
		case s.hash(user) != e.hash:
			return nil, errForeign
		}
		e.key.UserID = user
		keys = append(keys, e.key)
	}
	return keys, err
}

// pattern matches the names of hashes, and no names with a longer prefix.
func (s *store) pattern() string {
	escaped := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(s.prefix)
	return fmt.Sprintf("%s{%s}", escaped, strings.Repeat("?", len(s.hash(""))-len(s.prefix)-2))
}
