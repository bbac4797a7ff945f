package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/tokenstore"
)

// Walk implements [tokenstore.Walker] by SCAN, on one server of a cluster after the
// other. Each call scans about limit of the server's keys, including keys that do not
// belong to the store, so pages may be short.
//
// A cursor is valid for one run of a server. After a restart or a failover Walk returns an
// error: begin again. While a cluster moves slots between servers, Walk may miss entries
// without an error: repeat it afterwards.
func (s *Store) Walk(ctx context.Context, after tokenstore.Cursor, limit int) ([]tokenstore.Key, tokenstore.Cursor, error) {
	if limit < 1 {
		return nil, "", errors.New("redisstore: a page has at least one key")
	}
	p, err := parsePlace(after)
	if err != nil {
		return nil, "", err
	}
	var next place
	keys, err := ask(ctx, "read a page of entries", func() (keys []tokenstore.Key, err error) {
		keys, next, err = s.page(ctx, p, limit)
		return keys, err
	})
	if err != nil {
		return nil, "", err
	}
	return keys, next.cursor(), nil
}

// place is a decoded cursor: a cursor of SCAN that is valid for one run of a server.
type place struct {
	server string // its address in a cluster
	run    string // its run_id, or empty where the scan of the server begins
	scan   uint64
	end    bool
}

func (p place) cursor() tokenstore.Cursor {
	if p.end {
		return ""
	}
	return tokenstore.Cursor(strconv.FormatUint(p.scan, 10) + " " + p.run + " " + p.server)
}

func parsePlace(c tokenstore.Cursor) (place, error) {
	if c == "" {
		return place{}, nil
	}
	parts := strings.SplitN(string(c), " ", 3)
	if len(parts) == 3 {
		if scan, err := strconv.ParseUint(parts[0], 10, 64); err == nil {
			return place{server: parts[2], run: parts[1], scan: scan}, nil
		}
	}
	return place{}, errors.New("redisstore: this cursor does not come from this store")
}

var errMoved = errors.New("the servers of Redis have changed since the walk began; begin again")

// page scans one server, and then reads the keys from the hashes that it found.
func (s *Store) page(ctx context.Context, p place, limit int) ([]tokenstore.Key, place, error) {
	server, after, err := s.server(ctx, p.server)
	if err != nil {
		return nil, place{}, err
	}
	if p.server == "" {
		p.server = server.name
	}
	var info *redis.StringCmd
	var scan *redis.ScanCmd
	_, err = server.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		info = pipe.Info(ctx, "server")
		scan = pipe.Scan(ctx, p.scan, s.pattern(), int64(limit))
		return nil
	})
	if err != nil {
		return nil, place{}, err
	}
	run := runID(info.Val())
	if p.run != "" && p.run != run {
		return nil, place{}, errMoved
	}
	names, next := scan.Val()
	keys, err := s.keysIn(ctx, names)
	switch {
	case err != nil:
		return nil, place{}, err
	case next != 0:
		return keys, place{server: p.server, run: run, scan: next}, nil
	case after != "":
		return keys, place{server: after}, nil
	}
	return keys, place{end: true}, nil
}

// server is a primary server.
type server struct {
	name   string
	client redis.UniversalClient
}

// server returns the server with this name, or the first one, and the name of the next.
func (s *Store) server(ctx context.Context, name string) (found server, after string, err error) {
	cluster, ok := s.client.(interface {
		ForEachMaster(ctx context.Context, f func(ctx context.Context, c *redis.Client) error) error
	})
	if !ok {
		return server{client: s.client}, "", nil
	}
	var mu sync.Mutex // guards all
	var all []server
	err = cluster.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, server{c.Options().Addr, c})
		return nil
	})
	if err != nil {
		return server{}, "", err
	}
	slices.SortFunc(all, func(a, b server) int { return strings.Compare(a.name, b.name) })
	i := 0
	if name != "" {
		i = slices.IndexFunc(all, func(s server) bool { return s.name == name })
	}
	if i < 0 || len(all) == 0 {
		return server{}, "", errMoved
	}
	if i+1 < len(all) {
		after = all[i+1].name
	}
	return all[i], after, nil
}

// keysIn returns the keys of entries in hashes.
func (s *Store) keysIn(ctx context.Context, hashes []string) ([]tokenstore.Key, error) {
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
	if err != nil {
		return nil, err
	}
	var keys []tokenstore.Key
	for _, e := range entries {
		got := e.got.Val()
		if len(got) == 2 && got[0] == nil {
			continue // deleted meanwhile
		}
		user, ok := "", false
		if len(got) == 2 {
			user, ok = got[1].(string)
		}
		if !ok || s.hash(user) != e.hash {
			return nil, errors.New("there is an entry that this package did not write")
		}
		e.key.UserID = user
		keys = append(keys, e.key)
	}
	return keys, nil
}

// pattern matches the names of hashes, and no names with a longer prefix.
func (s *Store) pattern() string {
	escaped := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(s.prefix)
	return fmt.Sprintf("%s{%s}", escaped, strings.Repeat("?", len(s.hash(""))-len(s.prefix)-2))
}

// runID returns the run_id in the answer to INFO.
func runID(info string) string {
	_, after, _ := strings.Cut(info, "\nrun_id:")
	id, _, _ := strings.Cut(after, "\r")
	return id
}
