package client

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

const (
	// minLife is how long a new token is used, even if its answer has a shorter life, such
	// as expires_in 0. Without it, every request would make a refresh.
	minLife = 10 * time.Second
	// maxSpread bounds the random part of the time when a refresh begins.
	maxSpread = 30 * time.Second
	// A token that does not expire is read again after rereadAfter. Otherwise a process
	// would use it forever after a sign-out on another replica.
	rereadAfter = 5 * time.Minute
	// lookPause is the pause between attempts in the background.
	lookPause = time.Minute
	// Backoff between refreshes triggered by a 401, doubled each time.
	quietFirst = time.Minute
	quietMost  = time.Hour
)

// cached is what memory holds of an account. Once shared, only refusals changes.
type cached struct {
	token tokenstore.Token
	// again is not nil if only a new sign-in helps.
	again error
	// refused is the version of an entry that the provider has refused, if the store did
	// not accept the mark. The provider is not asked about it again.
	refused tokenstore.Version
	// lookAt is when the token is refreshed in the background or, if it does not expire,
	// when the store is read again. Zero means never.
	lookAt time.Time
	// X's API has answered 401 to good tokens for a day. refusals counts the refreshes in
	// a row that a 401 triggered. If there are any, a 401 triggers none before quietUntil.
	refusals   atomic.Int32
	quietUntil time.Time
}

// good reports whether requests may be sent with c. c may be nil.
func (c *cached) good(now time.Time) bool {
	return c != nil && c.again == nil && !expired(c.token, now)
}

// quiet reports whether a 401 for c triggers no refresh.
func (c *cached) quiet(now time.Time) bool {
	return c.refusals.Load() > 0 && now.Before(c.quietUntil)
}

// expiry is when t is to be refreshed at the latest. It is the zero time if t does not
// expire.
func expiry(t tokenstore.Token) time.Time {
	life := t.Expiry.Sub(t.ObtainedAt)
	if t.RefreshToken != "" && !t.ObtainedAt.IsZero() && life >= 0 && life < minLife {
		return t.ObtainedAt.Add(minLife)
	}
	return t.Expiry
}

func expired(t tokenstore.Token, now time.Time) bool {
	return !t.Expiry.IsZero() && !now.Before(expiry(t))
}

// remember makes a cached of a token that was read or obtained at now. refusals is the
// number of refreshes in a row that a 401 triggered.
func (m *Manager) remember(t tokenstore.Token, now time.Time, refusals int32) *cached {
	c := &cached{token: t}
	switch {
	case t.Expiry.IsZero():
		c.lookAt = now.Add(rereadAfter)
	case t.RefreshToken != "":
		ahead, spread := m.refreshBefore, min(m.refreshBefore/10, maxSpread)
		if life := expiry(t).Sub(t.ObtainedAt); !t.ObtainedAt.IsZero() && life > 0 {
			if ahead >= life {
				ahead = life / 2
			}
			spread = min(spread, (life-ahead)/2)
		}
		c.lookAt = expiry(t).Add(-ahead - rand.N(spread+1))
	}
	if refusals > 0 {
		c.refusals.Store(refusals)
		c.quietUntil = now.Add(min(quietFirst<<min(refusals-1, 10), quietMost))
	}
	return c
}

// slot is the place of one account in memory.
type slot struct {
	key tokenstore.Key
	// cur is read by every request without a lock.
	cur atomic.Pointer[cached]
	// touched is set by every use but the first, and cleared by sweeps.
	touched atomic.Bool
	// next is the time, in Unix nanoseconds, before which no attempt in the background
	// begins. A time after cur's lookAt means that an attempt has begun or failed.
	next atomic.Int64

	mu sync.Mutex // guards the fields below, and every write of cur but forgetting
	// gen counts the changes from outside of a refresh. A refresh keeps nothing that it
	// read before such a change.
	gen     uint64
	call    *refreshCall
	unsaved *unsaved
	pause   pause
	// asked are the sign-ins that have lately caused a read for a missing scope, the first
	// of them at since. See mayReread.
	asked []time.Time
	since time.Time
}

// pause is the time after failed refreshes in which the provider is not asked.
type pause struct {
	failures int
	until    time.Time
	err      error
}

// publish makes c the token of requests, unless something has changed since gen.
func (s *slot) publish(c *cached, gen uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen != gen {
		return false
	}
	s.cur.Store(c)
	return true
}

// drop forgets the token of key, because this process has changed the entry in the store.
func (m *Manager) drop(key tokenstore.Key) {
	if s := m.users.find(key); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.gen++
		s.cur.Store(nil)
		s.pause = pause{}
	}
}

// table holds the slots. A full table drops slots that were not used since the last
// sweep. A dropped token is read from the store at its next use. Work on a slot that was
// dropped meanwhile is like that of another process.
type table struct {
	most int // number of slots, set by New

	mu    sync.RWMutex // guards slots
	slots map[tokenstore.Key]*slot
}

// find returns the slot of a key, or nil.
func (t *table) find(key tokenstore.Key) *slot {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.slots[key]
}

// get returns the slot of key, and adds it to the table if necessary.
func (t *table) get(key tokenstore.Key) *slot {
	if s := t.find(key); s != nil {
		return s
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.slots[key]; s != nil {
		return s
	}
	s := &slot{key: key}
	t.slots[key] = s
	t.sweep(s)
	return s
}

// len returns the number of slots.
func (t *table) len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.slots)
}

// sweep drops a tenth of the slots of a table that is too full, but never keep. Only
// if the first pass does not find as many, a second pass drops slots that are in use.
// t.mu must be held.
func (t *table) sweep(keep *slot) {
	if len(t.slots) <= t.most {
		return
	}
	for range 2 {
		for key, s := range t.slots {
			if len(t.slots) <= t.most-t.most/10 {
				return
			}
			if s != keep && !s.touched.Swap(false) && !s.busy() {
				delete(t.slots, key)
			}
		}
	}
}

// busy reports whether s has work in progress.
func (s *slot) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.call != nil || s.unsaved != nil
}
