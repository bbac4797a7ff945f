package session

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/internal/seal"
)

const (
	// storeTime bounds one call to a store that takes contexts, so that a request does
	// not hang for as long as the store does.
	storeTime = 5 * time.Second
	// finishTime bounds the ending of a session, which goes on after its request has
	// gone, and tryTime one call of it, so that there is time to try again.
	finishTime = 10 * time.Second
	tryTime    = 2 * time.Second
)

// tombstone is the record that says that a session has ended. No codec begins a
// record like this.
const tombstone = "\xb0xsignin: ended"

// errEnded says that the session to be written has been ended. Only callers with
// [reportEnded] see it.
var errEnded = errors.New("session: the session has ended")

type reportEndedKey struct{}

// reportEnded makes commits under ctx fail with [errEnded] for a session that has
// ended. For others they succeed without effect, since scs's middleware would
// answer a mere logout in another tab with an error page.
func reportEnded(ctx context.Context) context.Context {
	return context.WithValue(ctx, reportEndedKey{}, true)
}

// eraseAtOnce is how many sessions are deleted at the same time.
const eraseAtOnce = 8

// deletedAgain are the times after which the record of an ended session is deleted again.
// A driver may repeat a write that arrives late, and no reader looks for the tombstone.
var deletedAgain = [...]time.Duration{10 * time.Second, time.Minute}

// store wraps the store of an [scs.SessionManager] so that an ended session stays
// ended. Keys are hashes of session ids.
//
// Ending a session writes the tombstone, then deletes the record. Writing a record looks
// for the tombstone, writes, looks again, and deletes the record if the tombstone is there.
// In every order of these steps, either the second look comes after the tombstone, or
// the deletion comes after the write.
type store struct {
	base scs.Store
	ctx  scs.CtxStore // base, or nil if it takes no contexts
	sm   *scs.SessionManager
	// own is whether our codec writes the records, and box seals the identity for others.
	own bool
	box *seal.Box
	// memory is base, if it is the store of this package.
	memory *memory
	// users is nil without a vault.
	users *UserSessions
	later delayed
}

// iterableStore is a store whose base can list its records.
type iterableStore struct{ *store }

// wrapStore puts a store around sm's, once.
func wrapStore(sm *scs.SessionManager) *store {
	switch s := sm.Store.(type) {
	case *store:
		return s
	case iterableStore:
		return s.store
	}
	s := &store{base: sm.Store, sm: sm}
	s.ctx, _ = s.base.(scs.CtxStore)
	_, s.own = sm.Codec.(codec)
	s.memory, _ = s.base.(*memory)
	sm.Store = s
	switch s.base.(type) {
	case scs.IterableStore, scs.IterableCtxStore:
		// scs finds out by the methods alone whether a store can list.
		sm.Store = iterableStore{s}
	}
	return s
}

// key returns the key of a session's record.
func (s *store) key(token string) string {
	key := hashKey(token)
	return string(key[:])
}

// hashKey hashes a session id as scs does. The buffers keep it from allocating.
func hashKey(token string) (key [keyLength]byte) {
	sum := hashToken(token)
	base64.RawURLEncoding.Encode(key[:], sum[:])
	return key
}

func hashToken(token string) [sha256.Size]byte {
	var buf [maxForeignToken]byte
	return sha256.Sum256(append(buf[:0], token...))
}

// tombstoneKey has the length of scs's own keys, as some stores have columns of
// exactly that width, and cannot be turned back into the key.
func tombstoneKey(key string) string {
	var buf [128]byte
	return hash43(sha256.Sum256(append(append(buf[:0], "xsignin tombstone\x00"...), key...)))
}

func hash43(sum [sha256.Size]byte) string {
	var b [keyLength]byte
	base64.RawURLEncoding.Encode(b[:], sum[:])
	return string(b[:])
}

func isTombstone(b []byte) bool { return string(b) == tombstone }

// FindCtx implements [scs.CtxStore].
func (s *store) FindCtx(ctx context.Context, key string) ([]byte, bool, error) {
	b, found, err := s.findOpen(ctx, key)
	if err != nil || !found || s.users == nil {
		return b, found, err
	}
	// scs reports a record that does not decode.
	if rec, ok := s.decode(b); ok && !s.inspect(ctx, key, &rec) {
		return nil, false, nil
	} else if ok && rec.raw != nil {
		b = rec.raw
	}
	return b, true, nil
}

// findOpen finds a record that has no tombstone in its place.
func (s *store) findOpen(ctx context.Context, key string) ([]byte, bool, error) {
	b, found, err := s.find(ctx, key)
	if err != nil || !found || isTombstone(b) {
		return nil, false, err
	}
	return b, true, nil
}

// inspect reports whether the session may be used. It makes a request wait only if the
// record has another key than its identity names.
func (s *store) inspect(ctx context.Context, key string, rec *record) bool {
	switch {
	case s.users == nil || !signedIn(rec.user):
		return true
	case rec.id == sessionID{} || string(rec.key[:]) != key[:len(rec.key)]:
		return s.users.register(ctx, key, rec)
	}
	s.users.touchLater(key, rec)
	return true
}

// CommitCtx implements [scs.CtxStore].
func (s *store) CommitCtx(ctx context.Context, key string, b []byte, expiry time.Time) error {
	expiry = s.expiry(expiry)
	stone := tombstoneKey(key)
	ended, err := s.sweep(ctx, key, stone)
	if err == nil && !ended {
		err = s.commit(ctx, key, b, expiry)
		// The second look must not be lost with the request: a browser that goes away
		// in between would leave the session alive. It is needed after a failure too,
		// as the write may have happened all the same.
		after, cancel := context.WithoutCancel(ctx), func() {}
		if s.ctx != nil {
			after, cancel = context.WithTimeout(after, storeTime)
		}
		defer cancel()
		var lookErr error
		ended, lookErr = s.sweep(after, key, stone)
		err = join(err, lookErr)
	}
	if err == nil && ended && ctx.Value(reportEndedKey{}) != nil {
		return errEnded
	}
	return err
}

// sweep reports whether the session has ended, of which a tombstone under stone tells, and
// then deletes what is left of it.
func (s *store) sweep(ctx context.Context, key, stone string) (ended bool, err error) {
	b, found, err := s.find(ctx, stone)
	if err != nil || !found || !isTombstone(b) {
		return false, err
	}
	return true, s.delete(ctx, key)
}

type keepKey struct{}

// keep makes deletions under ctx do nothing. scs's RenewToken deletes the old record before
// the new one is written; a sign-in deletes it afterwards.
func keep(ctx context.Context) context.Context { return context.WithValue(ctx, keepKey{}, true) }

// DeleteCtx implements [scs.CtxStore]. It ends the session for good. Without a record it
// writes no tombstone, so that made-up cookies cannot fill the store. It continues after the
// request has ended.
func (s *store) DeleteCtx(ctx context.Context, key string) error {
	if ctx.Value(keepKey{}) != nil {
		return nil
	}
	_, err := s.remove(ctx, key)
	return err
}

// remove is DeleteCtx, and returns the record that it found.
func (s *store) remove(ctx context.Context, key string) (b []byte, err error) {
	ctx, cancel := finish(ctx)
	defer cancel()
	var found bool
	err = twice(ctx, func(ctx context.Context) (err error) {
		b, found, err = s.find(ctx, key)
		return err
	})
	if err != nil {
		return nil, join(err, twice(ctx, func(ctx context.Context) error { return s.delete(ctx, key) }))
	}
	if !found || !s.isSession(b) {
		return nil, nil
	}
	return b, s.erase(ctx, key, s.deadline(b))
}

// erase ends the session of key, whether or not there is a record: the write of the record
// may be late. It tries each step twice, because a step that failed may have had its effect.
func (s *store) erase(ctx context.Context, key string, deadline time.Time) error {
	expiry := time.Now().Add(s.sm.Lifetime)
	if deadline.After(expiry) {
		expiry = deadline
	}
	err := twice(ctx, func(ctx context.Context) error {
		return s.commit(ctx, tombstoneKey(key), []byte(tombstone), expiry)
	})
	// Delete the record even if the tombstone could not be written.
	err = join(err, twice(ctx, func(ctx context.Context) error { return s.delete(ctx, key) }))
	for _, d := range deletedAgain {
		s.later.after(d, func(ctx context.Context) { _ = s.delete(ctx, key) })
	}
	return err
}

// isSession reports whether b is a session's record. A newer version of this package may
// have written it: then only the first byte tells.
func (s *store) isSession(b []byte) bool {
	if len(b) == 0 || isTombstone(b) {
		return false
	}
	if b[0] > tombstone[0] && b[0] <= lastVersion {
		return true
	}
	_, _, err := s.sm.Codec.Decode(b)
	return err == nil
}

// deadline returns the end of the session with the record b.
func (s *store) deadline(b []byte) time.Time {
	deadline, _, err := s.sm.Codec.Decode(b)
	if err != nil {
		return time.Time{}
	}
	return deadline
}

// join is [errors.Join] for two that may say the same: a store that is away says so at every
// step, and once is enough.
func join(a, b error) error {
	if a != nil && b != nil && a.Error() == b.Error() {
		return a
	}
	return errors.Join(a, b)
}

// twice calls f, and once more if that fails.
func twice(ctx context.Context, f func(context.Context) error) error {
	try := func() error {
		ctx, cancel := context.WithTimeout(ctx, tryTime)
		defer cancel()
		return f(ctx)
	}
	if try() == nil {
		return nil
	}
	return try()
}

// finish gives a context that outlives ctx for a short time.
func finish(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), finishTime)
}

func (s *store) find(ctx context.Context, key string) ([]byte, bool, error) {
	if s.ctx != nil {
		ctx, cancel := context.WithTimeout(ctx, storeTime)
		defer cancel()
		return s.ctx.FindCtx(ctx, key)
	}
	return s.base.Find(key)
}

func (s *store) commit(ctx context.Context, key string, b []byte, expiry time.Time) error {
	if s.ctx != nil {
		ctx, cancel := context.WithTimeout(ctx, storeTime)
		defer cancel()
		return s.ctx.CommitCtx(ctx, key, b, expiry)
	}
	return s.base.Commit(key, b, expiry)
}

func (s *store) delete(ctx context.Context, key string) error {
	if s.ctx != nil {
		ctx, cancel := context.WithTimeout(ctx, storeTime)
		defer cancel()
		return s.ctx.DeleteCtx(ctx, key)
	}
	return s.base.Delete(key)
}

// Find implements [scs.Store].
func (s *store) Find(key string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), key)
}

// Commit implements [scs.Store].
func (s *store) Commit(key string, b []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), key, b, expiry)
}

// Delete implements [scs.Store].
func (s *store) Delete(key string) error {
	return s.DeleteCtx(context.Background(), key)
}

// All implements [scs.IterableStore].
func (s iterableStore) All() (map[string][]byte, error) {
	return s.AllCtx(context.Background())
}

// AllCtx implements [scs.IterableCtxStore]. It leaves out tombstones.
func (s iterableStore) AllCtx(ctx context.Context) (map[string][]byte, error) {
	var all map[string][]byte
	var err error
	if base, ok := s.base.(scs.IterableCtxStore); ok {
		all, err = base.AllCtx(ctx)
	} else {
		all, err = s.base.(scs.IterableStore).All()
	}
	if err != nil {
		return nil, err
	}
	// The base may keep the map it gave out.
	sessions := make(map[string][]byte, len(all))
	for key, b := range all {
		if !isTombstone(b) {
			sessions[key] = b
		}
	}
	return sessions, nil
}
