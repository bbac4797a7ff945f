package session

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"github.com/alexedwards/scs/v2"
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

// store wraps the store of an [scs.SessionManager] so that an ended session stays
// ended. Keys are what scs passes: hashes, or ids where it does not hash.
//
// Ending is: delete the record, write the tombstone, delete the record. Writing is:
// look for the tombstone, write, look again, delete if it is there. Whatever the
// order in which the steps of the two meet, either the writer's second look comes after the
// tombstone, or the last deletion comes after the write. The first deletion is for a
// process that is killed in between: no reader looks for tombstones, so the record
// would open until its next write.
type store struct {
	base scs.Store
	ctx  scs.CtxStore // base, or nil if it takes no contexts
	sm   *scs.SessionManager
	// signOuts may be nil.
	signOuts *SignOuts
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
	sm.Store = s
	switch s.base.(type) {
	case scs.IterableStore, scs.IterableCtxStore:
		// scs finds out by the methods alone whether a store can list.
		sm.Store = iterableStore{s}
	}
	return s
}

// key is what the record of a session is kept under.
func (s *store) key(token string) string {
	if !s.sm.HashTokenInStore {
		return token
	}
	return hash43(hashToken(token))
}

// hashToken keeps scs's way of hashing. The buffer keeps it from allocating.
func hashToken(token string) [sha256.Size]byte {
	var buf [maxForeignToken]byte
	return sha256.Sum256(append(buf[:0], token...))
}

// tombstoneKey has the length of scs's own keys, as some stores have columns of
// exactly that width, and cannot be turned back into the key.
func tombstoneKey(key string) string {
	return hash43(sha256.Sum256([]byte("xsignin tombstone\x00" + key)))
}

func hash43(sum [sha256.Size]byte) string {
	var b [tokenLength]byte
	base64.RawURLEncoding.Encode(b[:], sum[:])
	return string(b[:])
}

func isTombstone(b []byte) bool { return string(b) == tombstone }

// FindCtx implements [scs.CtxStore]. A session that was ended everywhere is not found,
// by whatever middleware.
func (s *store) FindCtx(ctx context.Context, key string) ([]byte, bool, error) {
	b, found, err := s.findOpen(ctx, key)
	if err != nil || !found {
		return nil, false, err
	}
	ended, err := s.endedRecord(ctx, b)
	if err != nil {
		return nil, false, err
	}
	if ended {
		s.discard(ctx, key)
		return nil, false, nil
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

// ended reports whether the session of i was ended everywhere.
func (s *store) ended(ctx context.Context, i identity) (bool, error) {
	if s.signOuts == nil || !signedIn(i.user) {
		return false, nil
	}
	return s.signOuts.ended(ctx, i.user.ID, i.position)
}

// endedRecord is ended for a record. One that does not decode is for others to judge.
func (s *store) endedRecord(ctx context.Context, b []byte) (bool, error) {
	if s.signOuts.none() {
		return false, nil
	}
	rec, ok := decodeRecord(s.sm.Codec, b)
	if !ok {
		return false, nil
	}
	return s.ended(ctx, rec.identity)
}

// discard deletes the record of a session that was ended everywhere. It needs no
// tombstone: a record that a request in flight writes again has ended just the same.
// Where the store fails the record goes another time.
func (s *store) discard(ctx context.Context, key string) {
	ctx, cancel := finish(ctx)
	defer cancel()
	_ = s.delete(ctx, key)
}

// CommitCtx implements [scs.CtxStore].
func (s *store) CommitCtx(ctx context.Context, key string, b []byte, expiry time.Time) error {
	stone := tombstoneKey(key)
	ended, err := s.sweep(ctx, key, stone)
	if err == nil && !ended {
		err = s.commit(ctx, key, b, expiry)
		// The second look must not be lost with the request: a browser that goes away
		// in between would leave the session alive. It is needed after a failure too,
		// as the write may have happened all the same.
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
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

// DeleteCtx implements [scs.CtxStore]. It ends the session for good. Without a
// record there is nothing to end and no tombstone is written, so that made-up
// cookies cannot fill the store. It runs to its end although the request is gone.
//
// Each step is tried twice. A step that has failed may have been taken all the same,
// and who is told of a failure must not have been signed out by it.
func (s *store) DeleteCtx(ctx context.Context, key string) error {
	ctx, cancel := finish(ctx)
	defer cancel()
	var b []byte
	var found bool
	err := twice(ctx, func(ctx context.Context) (err error) {
		b, found, err = s.find(ctx, key)
		return err
	})
	if err == nil && (!found || isTombstone(b)) {
		return nil
	}
	if err == nil {
		// If this fails, the one below tells.
		first, done := context.WithTimeout(ctx, tryTime)
		_ = s.delete(first, key)
		done()
		expiry := s.tombstoneExpiry(b)
		err = twice(ctx, func(ctx context.Context) error {
			return s.commit(ctx, tombstoneKey(key), []byte(tombstone), expiry)
		})
	}
	// A session that may come back is better than one that never left.
	return join(err, twice(ctx, func(ctx context.Context) error { return s.delete(ctx, key) }))
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

// tombstoneExpiry is when the session of the record b ends by itself, or a new one
// would: later than any write of it that could still be under way.
func (s *store) tombstoneExpiry(b []byte) time.Time {
	until := time.Now().Add(s.sm.Lifetime)
	if deadline, _, err := s.sm.Codec.Decode(b); err == nil && deadline.After(until) {
		return deadline
	}
	return until
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

// AllCtx implements [scs.IterableCtxStore]. Tombstones are no sessions and are left
// out, as are sessions that were ended everywhere.
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
		if isTombstone(b) {
			continue
		}
		ended, err := s.endedRecord(ctx, b)
		if err != nil {
			return nil, err
		}
		if !ended {
			sessions[key] = b
		}
	}
	return sessions, nil
}
