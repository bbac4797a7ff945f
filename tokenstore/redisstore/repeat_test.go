package redisstore_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/tokenstore"
)

// copying is a hook that keeps the last script call of a client, to send it again.
type copying struct{ last []any }

func (c *copying) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *copying) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.last = slices.Clone(cmd.Args())
		return next(ctx, cmd)
	}
}

func (c *copying) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// repeats is a store and another client of the same Redis.
type repeats struct {
	tokenstore.Store
	t     *testing.T
	admin *redis.Client
	sent  *copying
}

func repeating(t *testing.T) repeats {
	addr := testservers.Redis(t)
	c, sent := single(t, addr), new(copying)
	c.AddHook(sent)
	return repeats{open(t, c, ""), t, single(t, addr), sent}
}

// copied returns a function that sends the last call again and returns Redis's answer.
func (r repeats) copied() func() int64 {
	args := r.sent.last
	return func() int64 {
		r.t.Helper()
		n, ok := do(r.admin.Do(r.t.Context(), args...).Result())(r.t).(int64)
		if !ok {
			r.t.Fatal("the answer is no number")
		}
		return n
	}
}

func (r repeats) remove(v tokenstore.Version) {
	r.t.Helper()
	if err := r.Delete(r.t.Context(), key(), v); err != nil {
		r.t.Fatal(err)
	}
}

func (r repeats) gone() {
	r.t.Helper()
	if _, err := r.Get(r.t.Context(), key()); !errors.Is(err, tokenstore.ErrNotFound) {
		r.t.Errorf("Get: %v, want ErrNotFound", err)
	}
}

func TestALateCopyOfAPutBringsNothingBack(t *testing.T) {
	t.Parallel()
	r := repeating(t)
	v := put(t, r.Store, "one")
	late := r.copied()
	r.remove(v)
	late()
	r.gone()
	// Across later writes of the key, too.
	v2 := put(t, r.Store, "two")
	late2 := r.copied()
	late()
	holds(t, r.Store, "two", v2)
	v3 := put(t, r.Store, "three")
	late()
	late2()
	holds(t, r.Store, "three", v3)
	r.remove(v3)
	late()
	late2()
	r.gone()
}

func TestALateCopyOfAReplaceBringsNothingBack(t *testing.T) {
	t.Parallel()
	r := repeating(t)
	v := do(r.Replace(t.Context(), key(), "", []byte("one")))(t)
	created := r.copied()
	v2 := do(r.Replace(t.Context(), key(), v, []byte("two")))(t)
	replaced := r.copied()
	late := func() {
		t.Helper()
		// The caller of either is told that it succeeded.
		if a, b := created(), replaced(); a != 1 || b != 1 {
			t.Errorf("the late copies answer %d and %d", a, b)
		}
	}
	late()
	holds(t, r.Store, "two", v2)
	v3 := put(t, r.Store, "three")
	late()
	holds(t, r.Store, "three", v3)
	r.remove(v3)
	late()
	r.gone()
}

func TestALateCopyOfADeleteRemovesNothing(t *testing.T) {
	t.Parallel()
	r := repeating(t)
	v := put(t, r.Store, "one")
	r.remove(v)
	late := r.copied()
	v2 := put(t, r.Store, "new sign-in")
	if n := late(); n != 1 {
		t.Errorf("the caller is told %d of its own delete", n)
	}
	holds(t, r.Store, "new sign-in", v2)
	if err := r.Delete(t.Context(), key(), v); !errors.Is(err, tokenstore.ErrConflict) {
		t.Errorf("another delete of the old version: %v", err)
	}
}

// Ended versions are kept for a minute, however often a user's entries are written.
func TestEndedVersionsAreForgotten(t *testing.T) {
	t.Parallel()
	r := repeating(t)
	v := put(t, r.Store, "one")
	r.remove(v)
	set := names(t, r.admin, "xsignin:token:*:ended")[0]
	const many = 100
	seconds := do(r.admin.Time(t.Context()).Result())(t).Unix()
	for i := range many {
		score := float64(seconds - 61 - int64(i))
		do(r.admin.ZAdd(t.Context(), set, redis.Z{Score: score, Member: strconv.Itoa(i)}).Result())(t)
	}
	began := time.Now()
	put(t, r.Store, "two")
	put(t, r.Store, "three")
	if n := do(r.admin.ZCard(t.Context(), set).Result())(t); n >= many {
		t.Errorf("%d ids are kept", n)
	}
	if ttl := do(r.admin.TTL(t.Context(), set).Result())(t); ttl > time.Minute || ttl < time.Minute-time.Since(began)-time.Second {
		t.Errorf("the ids are kept for %v", ttl)
	}
}
