package session

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"
	"unsafe"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin/internal/background"
	"github.com/xsignin/xsignin/internal/seal"
)

const (
	storeTime  = 5 * time.Second  // for a read, or a write, in a store that takes contexts
	finishTime = 10 * time.Second // for the end of a session, also after its request
	tryTime    = 2 * time.Second  // for one call of it, so that there is time to try again
	touchShare = 16               // the part of the idle timeout between two records of use
)

// tombstone is the record of a session that has ended. No codec's record begins like this.
const tombstone = "\xb0xsignin: ended"

var errEnded = errors.New("session: the session has ended")

// contextKey is the key of a value in a context.
type contextKey int

const (
	// reportEnded makes commits fail with [errEnded] for a session that has ended. Otherwise
	// scs's middleware would answer a mere logout in another tab with an error page.
	reportEnded contextKey = iota
	// keep makes deletions do nothing. scs's RenewToken deletes the old record before the
	// new one is written; a sign-in deletes it afterwards.
	keep
	// lastCommit is the key of the [steps] that wait for LoadAndSave.
	lastCommit
)

func with(ctx context.Context, key contextKey) context.Context {
	return context.WithValue(ctx, key, true)
}

// deletedAgain are the times after which the record of an ended session is deleted again.
// A driver may repeat a write that arrives late, and no reader looks for the tombstone.
var deletedAgain = [...]time.Duration{10 * time.Second, time.Minute}

// store wraps the store of an [scs.SessionManager] so that an ended session stays ended, as the
// package's documentation says. In every order, either the write's second look
// finds the tombstone, or the deletion follows the write. Keys are hashes of session ids.
type store struct {
	base   scs.CtxStore
	list   scs.Store // the store that base calls
	sm     *scs.SessionManager
	logger *slog.Logger
	// box seals the identity for a codec of the application. Nil means the kit's codec.
	box     *seal.Box
	users   *UserSessions // nil without a vault
	later   *background.Queue
	touched recent[string] // keys touched for the idle timeout, ids for the lists
}

// withContext adapts a store that takes no contexts.
type withContext struct{ scs.Store }

func (s withContext) FindCtx(_ context.Context, key string) ([]byte, bool, error) { return s.Find(key) }
func (s withContext) CommitCtx(_ context.Context, key string, b []byte, expiry time.Time) error {
	return s.Commit(key, b, expiry)
}
func (s withContext) DeleteCtx(_ context.Context, key string) error { return s.Delete(key) }

// bound bounds calls to a store that takes contexts.
func (s *store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, plain := s.base.(withContext); plain {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, storeTime)
}

// hashKey hashes a session id as scs does, or a tombstone's name, without an allocation.
func hashKey(prefix, token string) (key [43]byte) {
	var buf [maxToken]byte
	sum := sha256.Sum256(append(append(buf[:0], prefix...), token...))
	base64.RawURLEncoding.Encode(key[:], sum[:])
	return key
}

// keyOf returns the key of a session's record.
func keyOf(token string) string {
	key := hashKey("", token)
	return string(key[:])
}

// tombstoneKey has the length of scs's keys, as some stores have columns of that width.
func tombstoneKey(key string) string {
	stone := hashKey("xsignin tombstone\x00", key)
	return string(stone[:])
}

// open reads a session, and records its use. ok is false without a readable record.
func (s *store) open(ctx context.Context, key string) (rec record, ok bool, err error) {
	bounded, cancel := s.bound(ctx)
	defer cancel()
	b, found, err := s.base.FindCtx(bounded, key)
	if err != nil || !found || string(b) == tombstone {
		return record{}, false, err
	}
	if !s.decode(b, &rec) {
		// The codec's error may quote the record.
		s.logger.DebugContext(ctx, "session: a record does not decode; its user has to sign in again")
		return record{}, false, nil
	}
	return rec, !s.due(&rec) || s.use(ctx, key, rec), nil
}

// openID is open for a session id. In memory it allocates for the user only.
func (s *store) openID(ctx context.Context, token string) (rec record, ok bool, err error) {
	key := hashKey("", token)
	if memory, ok := s.list.(*memstore.MemStore); ok {
		// Nothing changes the array, so the string may share it.
		b, found, _ := memory.Find(unsafe.String(&key[0], len(key)))
		if !found || s.decode(b, &rec) && !s.due(&rec) {
			return rec, found, nil
		}
	}
	return s.open(ctx, string(key[:]))
}

// due reports whether the use of the session has to be recorded.
func (s *store) due(rec *record) bool { return s.idleDue(rec) || s.users.due(rec, false) }

func (s *store) idleDue(rec *record) bool {
	idle := s.sm.IdleTimeout
	return idle > 0 && time.Since(rec.touched) >= idle/touchShare
}

// use records that the session is used, unless another request has just done so. It reports
// false if the session has ended. If the store cannot write, the user stays signed in.
func (s *store) use(ctx context.Context, key string, rec record) (alive bool) {
	s.users.touch(key, rec)
	if !s.idleDue(&rec) || !s.touched.due(key, time.Now(), s.sm.IdleTimeout/touchShare, true) {
		return true
	}
	b, err := s.encode(rec)
	if err == nil {
		err = s.CommitCtx(with(ctx, reportEnded), key, b, rec.deadline)
	}
	if err != nil && !errors.Is(err, errEnded) && ctx.Err() == nil {
		s.logger.WarnContext(ctx, "session: cannot record the use of a session", "err", err)
	}
	return !errors.Is(err, errEnded)
}

// FindCtx implements [scs.CtxStore]. It finds no record that does not decode, or has no values.
func (s *store) FindCtx(ctx context.Context, key string) ([]byte, bool, error) {
	rec, ok, err := s.open(ctx, key)
	if !ok || err != nil {
		return nil, false, err
	}
	_, values, err := s.sm.Codec.Decode(rec.raw)
	return rec.raw, err == nil && values != nil, nil
}

// CommitCtx implements [scs.CtxStore], see [store].
func (s *store) CommitCtx(ctx context.Context, key string, b []byte, expiry time.Time) error {
	if idle := s.sm.IdleTimeout; idle > 0 && time.Until(expiry) > idle {
		expiry = time.Now().Add(idle) // unless it is used again
	}
	bounded, cancel := s.bound(ctx)
	defer cancel()
	ended, err := s.sweep(bounded, key)
	if err == nil && !ended {
		b, ended = s.users.renewed(bounded, key, b)
	}
	if err == nil && !ended {
		err = s.base.CommitCtx(bounded, key, b, expiry)
		// The second look must not be lost with a request that ends in between. It is needed
		// after a failure too, as the failed write may have had its effect.
		detached, cancel := s.bound(context.WithoutCancel(ctx))
		defer cancel()
		found, lookErr := s.sweep(detached, key)
		ended, err = found, cmp.Or(err, lookErr)
	}
	if err == nil && ended && ctx.Value(reportEnded) != nil {
		return errEnded
	}
	return err
}

// sweep reports whether the session has its tombstone, and then deletes its record again.
func (s *store) sweep(ctx context.Context, key string) (ended bool, err error) {
	b, found, err := s.base.FindCtx(ctx, tombstoneKey(key))
	if err != nil || !found || string(b) != tombstone {
		return false, err
	}
	return true, s.base.DeleteCtx(ctx, key)
}

// DeleteCtx implements [scs.CtxStore]. It ends the session for good.
func (s *store) DeleteCtx(ctx context.Context, key string) error {
	if ctx.Value(keep) != nil {
		return nil
	}
	_, err := s.remove(ctx, key)
	return err
}

// remove ends a session, also after its request has ended, and returns the record that it
// found. Without one it writes no tombstone, so that made-up cookies cannot fill the store.
func (s *store) remove(ctx context.Context, key string) (rec record, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	var b []byte
	var found bool
	err = twice(ctx, func(ctx context.Context) (err error) {
		b, found, err = s.base.FindCtx(ctx, key)
		return err
	})
	// After an error the record stays, so that the next sign-out finds the record, and by it
	// the user's tokens.
	if err == nil && found && string(b) != tombstone {
		s.decode(b, &rec)
		err = s.erase(ctx, key, rec.deadline)
	}
	return rec, err
}

// erase ends the session of key, whether or not there is a record: the write of the record
// may arrive late. It tries each step twice, because a failed step may have had its effect.
func (s *store) erase(ctx context.Context, key string, deadline time.Time) error {
	expiry := time.Now().Add(max(s.sm.Lifetime, time.Until(deadline)))
	mark := func(ctx context.Context) error {
		return s.base.CommitCtx(ctx, tombstoneKey(key), []byte(tombstone), expiry)
	}
	for _, d := range deletedAgain {
		s.later.After(d, func(ctx context.Context) { _ = cmp.Or(twice(ctx, mark), s.delete(ctx, key)) })
	}
	// Delete the record even if the tombstone could not be written.
	return cmp.Or(twice(ctx, mark), s.delete(ctx, key))
}

func (s *store) delete(ctx context.Context, key string) error {
	return twice(ctx, func(ctx context.Context) error { return s.base.DeleteCtx(ctx, key) })
}

func twice(ctx context.Context, f func(context.Context) error) (err error) {
	for range 2 {
		try, cancel := context.WithTimeout(ctx, tryTime)
		err = f(try)
		cancel()
		if err == nil {
			break
		}
	}
	return err
}

// Find, Commit, Delete and All implement [scs.Store] and [scs.IterableStore].
func (s *store) Find(key string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), key)
}
func (s *store) Commit(key string, b []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), key, b, expiry)
}
func (s *store) Delete(key string) error         { return s.DeleteCtx(context.Background(), key) }
func (s *store) All() (map[string][]byte, error) { return s.AllCtx(context.Background()) }

// AllCtx implements [scs.IterableCtxStore]. It leaves out tombstones.
func (s *store) AllCtx(ctx context.Context) (all map[string][]byte, err error) {
	switch base := s.list.(type) {
	case scs.IterableCtxStore:
		all, err = base.AllCtx(ctx)
	case scs.IterableStore:
		all, err = base.All()
	default:
		err = fmt.Errorf("session: a %T cannot list its records", base)
	}
	all = maps.Clone(all) // the base may keep its map
	maps.DeleteFunc(all, func(_ string, b []byte) bool { return string(b) == tombstone })
	return all, err
}
