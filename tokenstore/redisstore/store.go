package redisstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed" // for the script
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/tokenstore"
)

// Config says where a store keeps its entries.
type Config struct {
	// Client is a [*redis.Client], also from [redis.NewFailoverClient], or a
	// [*redis.ClusterClient] that reads from primary servers. A [*redis.Ring] is refused:
	// while a server is away it asks another server, which has other entries. The store
	// does not close the client. Required.
	Client redis.UniversalClient
	// Prefix is the beginning of all keys, so that several stores and other data may share
	// a Redis. It may have any bytes. If it contains a hash tag, {...}, a cluster keeps all
	// entries on one server. Default: "xsignin:token:".
	Prefix string
}

type store struct {
	client redis.UniversalClient
	prefix string
}

//go:embed entry.lua
var entryScript string

var script = redis.NewScript(entryScript)

// New returns a [tokenstore.Store] in Redis. It makes no network requests, so Kit.Check, and
// not New, reports a server that evicts entries. Its error is a mistake in c. Goroutines may
// share the store, and processes its Redis. The store's own errors begin with "redisstore:",
// wrap the client's error and quote no key, value or version. It prints nothing of the client,
// which may contain a password.
//
// A call ends with its context, even if the client still waits for an answer. The command
// may then still be executed. Without a deadline the client's timeouts and attempts apply.
// By default these add up to 12 seconds when Redis does not answer.
func New(c Config) (tokenstore.Store, error) {
	switch client := c.Client.(type) {
	case nil:
		return nil, errors.New("redisstore: Config.Client is required")
	case *redis.Ring:
		return nil, errors.New("redisstore: Config.Client is a Ring, which misses entries while a server is away " +
			"(use a Client or a ClusterClient)")
	case *redis.ClusterClient:
		if o := client.Options(); o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			return nil, errors.New("redisstore: Config.Client reads from replicas, which miss the last writes " +
				"(leave its ReadOnly, RouteByLatency and RouteRandomly unset)")
		}
	}
	return &store{client: c.Client, prefix: cmp.Or(c.Prefix, "xsignin:token:")}, nil
}

func (s *store) Get(ctx context.Context, key tokenstore.Key) (tokenstore.Entry, error) {
	e, err := ask(ctx, "get", func() (tokenstore.Entry, error) {
		version, value, err := texts(s.client.HMGet(ctx, s.hash(key.UserID), "version:"+field(key), "value:"+field(key)).Result())
		return tokenstore.Entry{Value: []byte(value), Version: tokenstore.Version(version)}, err
	})
	if err == nil && e.Version == "" {
		return tokenstore.Entry{}, tokenstore.ErrNotFound
	}
	return e, err
}

var errForeign = errors.New("there is an entry that this package did not write")

// texts returns an entry's version and another field, or empty strings if there is no entry.
func texts(fields []any, err error) (version, other string, _ error) {
	if err != nil {
		return "", "", err
	}
	if len(fields) != 2 {
		return "", "", errForeign
	}
	version, ok1 := fields[0].(string)
	other, ok2 := fields[1].(string)
	if ok1 != ok2 {
		return "", "", errForeign
	}
	return version, other, nil
}

func (s *store) Put(ctx context.Context, key tokenstore.Key, value []byte) (tokenstore.Version, error) {
	return s.write(ctx, key, value)
}

func (s *store) Replace(ctx context.Context, key tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
	return s.write(ctx, key, value, string(v))
}

// write writes an entry. replaced is the version to replace, or absent.
func (s *store) write(ctx context.Context, key tokenstore.Key, value []byte, replaced ...any) (tokenstore.Version, error) {
	version := rand.Text()
	// The value is copied, because the client may still send it after ctx has ended.
	args := append([]any{version, string(value), key.UserID}, replaced...)
	done, err := s.run(ctx, "write", key, args...)
	if err == nil && done == 0 {
		err = tokenstore.ErrConflict
	}
	if err != nil {
		return "", err
	}
	return tokenstore.Version(version), nil
}

func (s *store) Delete(ctx context.Context, key tokenstore.Key, v tokenstore.Version) error {
	done, err := s.run(ctx, "delete", key, string(v), rand.Text())
	if err == nil && done == 0 {
		err = tokenstore.ErrConflict
	}
	return err
}

// Lease rounds d up to microseconds.
func (s *store) Lease(ctx context.Context, key tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
	if d < time.Millisecond {
		return "", errors.New("redisstore: a lease lasts at least one millisecond")
	}
	id := rand.Text()
	left, err := s.run(ctx, "lease", key, id, string(v), (d-1).Microseconds()+1)
	switch {
	case err != nil:
		return "", err
	case left < 0:
		return "", tokenstore.ErrConflict
	case left > 0:
		return "", &tokenstore.LeasedError{Remaining: time.Duration(left) * time.Microsecond}
	}
	return tokenstore.LeaseID(id), nil
}

func (s *store) Release(ctx context.Context, key tokenstore.Key, id tokenstore.LeaseID) error {
	_, err := s.run(ctx, "release", key, string(id))
	return err
}

// List reads the field names of one hash.
func (s *store) List(ctx context.Context, userID string) ([]tokenstore.Key, error) {
	fields, err := ask(ctx, "list", func() ([]string, error) {
		return s.client.HKeys(ctx, s.hash(userID)).Result()
	})
	var keys []tokenstore.Key
	for _, name := range fields {
		if k, ok := parseField(name); ok && !strings.HasPrefix(k.Provider, ".") {
			k.UserID = userID
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b tokenstore.Key) int {
		return cmp.Or(strings.Compare(a.Provider, b.Provider), strings.Compare(a.AccountID, b.AccountID))
	})
	return keys, err
}

// Format implements [fmt.Formatter], so that no verb prints the client's options.
func (s *store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "redisstore.Store") }

// field returns the end of the names of an entry's fields. The length keeps the two parts apart.
func field(key tokenstore.Key) string {
	return strconv.Itoa(len(key.Provider)) + ":" + key.Provider + key.AccountID
}

// parseField returns the provider and the account of an entry's version field.
func parseField(name string) (tokenstore.Key, bool) {
	name, ok := strings.CutPrefix(name, "version:")
	length, parts, ok2 := strings.Cut(name, ":")
	n, err := strconv.Atoi(length)
	if !ok || !ok2 || err != nil || n < 0 || n > len(parts) {
		return tokenstore.Key{}, false
	}
	return tokenstore.Key{Provider: parts[:n], AccountID: parts[n:]}, true
}

// hash returns the name of the hash of a user's entries. The digest keeps names short and hides
// users' ids.
func (s *store) hash(userID string) string {
	sum := sha256.Sum256([]byte(userID))
	return s.prefix + "{" + hex.EncodeToString(sum[:]) + "}"
}

// run runs the script about key, which returns a number.
func (s *store) run(ctx context.Context, op string, key tokenstore.Key, args ...any) (int64, error) {
	args = append([]any{op, field(key)}, args...)
	hash := s.hash(key.UserID)
	return ask(ctx, op, func() (int64, error) {
		return script.Run(ctx, s.client, []string{hash, hash + ":ended"}, args...).Int64()
	})
}
