package redisstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
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

// Config says where a [Store] keeps its entries.
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

// Store is a [tokenstore.Store] and a [tokenstore.Walker] in Redis. [New] makes one.
// Goroutines may share it, and processes may share its Redis. Its own errors begin with
// "redisstore:", wrap the client's error and quote no key, value or version. It prints
// nothing of the client, which may contain a password.
//
// A call ends with its context, even if the client still waits for an answer. The command
// may then still be executed. Without a deadline the client's timeouts and attempts apply.
// By default these add up to 12 seconds when Redis does not answer.
type Store struct {
	client redis.UniversalClient
	prefix string
}

var (
	_ tokenstore.Store  = (*Store)(nil)
	_ tokenstore.Walker = (*Store)(nil)
)

// New returns a Store. It makes no network requests. Its error is a mistake in c.
func New(c Config) (*Store, error) {
	switch client := c.Client.(type) {
	case nil:
		return nil, errors.New("redisstore: Config.Client is required")
	case *redis.Ring:
		return nil, errors.New("redisstore: Config.Client is a Ring, which misses entries while a server is away (use a Client or a ClusterClient)")
	case *redis.ClusterClient:
		if o := client.Options(); o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			return nil, errors.New("redisstore: Config.Client reads from replicas, which miss the last writes (leave its ReadOnly, RouteByLatency and RouteRandomly unset)")
		}
	}
	if c.Prefix == "" {
		c.Prefix = "xsignin:token:"
	}
	return &Store{client: c.Client, prefix: c.Prefix}, nil
}

// Get implements [tokenstore.Store].
func (s *Store) Get(ctx context.Context, key tokenstore.Key) (tokenstore.Entry, error) {
	const doing = "read an entry"
	fields, err := ask(ctx, doing, func() ([]any, error) {
		return s.client.HMGet(ctx, s.hash(key.UserID), "version:"+field(key), "value:"+field(key)).Result()
	})
	if err != nil {
		return tokenstore.Entry{}, err
	}
	if len(fields) == 2 && fields[0] == nil && fields[1] == nil {
		return tokenstore.Entry{}, tokenstore.ErrNotFound
	}
	if len(fields) == 2 {
		version, ok1 := fields[0].(string)
		value, ok2 := fields[1].(string)
		if ok1 && ok2 {
			return tokenstore.Entry{Value: []byte(value), Version: tokenstore.Version(version)}, nil
		}
	}
	return tokenstore.Entry{}, fmt.Errorf("redisstore: %s: the entry was not written by this package", doing)
}

// Put implements [tokenstore.Store].
func (s *Store) Put(ctx context.Context, key tokenstore.Key, value []byte) (tokenstore.Version, error) {
	return s.write(ctx, "write an entry", key, value)
}

// Replace implements [tokenstore.Store].
func (s *Store) Replace(ctx context.Context, key tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
	return s.write(ctx, "replace an entry", key, value, string(v))
}

// write runs writeScript. replaced is the version to replace, or absent.
func (s *Store) write(ctx context.Context, doing string, key tokenstore.Key, value []byte, replaced ...any) (tokenstore.Version, error) {
	version := rand.Text()
	// The value is copied, because the client may still send it after ctx has ended.
	args := append([]any{version, string(value), key.UserID}, replaced...)
	done, err := s.run(ctx, doing, writeScript, key, args...)
	if err != nil {
		return "", err
	}
	if done == 0 {
		return "", tokenstore.ErrConflict
	}
	return tokenstore.Version(version), nil
}

// Delete implements [tokenstore.Store].
func (s *Store) Delete(ctx context.Context, key tokenstore.Key, v tokenstore.Version) error {
	done, err := s.run(ctx, "delete an entry", deleteScript, key, string(v), rand.Text())
	if err == nil && done == 0 {
		err = tokenstore.ErrConflict
	}
	return err
}

// Lease implements [tokenstore.Store]. The lease lasts d, rounded up to microseconds.
func (s *Store) Lease(ctx context.Context, key tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
	if d < time.Millisecond {
		return "", errors.New("redisstore: a lease lasts at least one millisecond")
	}
	id := rand.Text()
	left, err := s.run(ctx, "lease an entry", leaseScript, key, id, string(v), microseconds(d))
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

// Release implements [tokenstore.Store].
func (s *Store) Release(ctx context.Context, key tokenstore.Key, id tokenstore.LeaseID) error {
	_, err := s.run(ctx, "release an entry", releaseScript, key, string(id))
	return err
}

// List implements [tokenstore.Store]. It reads the field names of one hash.
func (s *Store) List(ctx context.Context, userID string) ([]tokenstore.Key, error) {
	fields, err := ask(ctx, "list a user's entries", func() ([]string, error) {
		return s.client.HKeys(ctx, s.hash(userID)).Result()
	})
	if err != nil {
		return nil, err
	}
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
	return keys, nil
}

// Format implements [fmt.Formatter], so that no verb prints the client's options.
func (s Store) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "redisstore.Store") }

// field is what the names of an entry's fields end with. The length keeps the two parts
// apart.
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

// hash returns the name of the hash of a user's entries. The digest keeps names short and
// hides users' ids.
func (s *Store) hash(userID string) string {
	sum := sha256.Sum256([]byte(userID))
	return s.prefix + "{" + hex.EncodeToString(sum[:]) + "}"
}

// run runs a script about key, which returns a number.
func (s *Store) run(ctx context.Context, doing string, script *redis.Script, key tokenstore.Key, args ...any) (int64, error) {
	args = append([]any{field(key)}, args...)
	hash := s.hash(key.UserID)
	return ask(ctx, doing, func() (int64, error) {
		return script.Run(ctx, s.client, []string{hash, hash + ":ended"}, args...).Int64()
	})
}

func microseconds(d time.Duration) int64 {
	n := int64(d / time.Microsecond)
	if d%time.Microsecond > 0 {
		n++
	}
	return n
}
