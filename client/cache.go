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
	// X's API has answered 401 to good tokens for a day. After a refresh that a 401 has
	// triggered, the next 401 triggers one only after quietFor, or after a success.
	quietFor = time.Hour
)

// cached is what memory holds of an account. Once shared, only quietUntil changes.
type cached struct {
	token tokenstore.Token
	// version is the entry's. If again is set, it is empty but for an entry that the
	// provider has refused while the store did not accept the mark.
	version tokenstore.Version
	// again is not nil if only a new sign-in helps.
	again error
	// lookAt is when the token is refreshed in the background or, if it does not expire,
	// when the store is read again. Zero means never.
	lookAt time.Time
	// quietUntil is the time, in Unix nanoseconds, before which a 401 triggers no refresh.
	quietUntil atomic.Int64
}

// good reports whether requests may be sent with c. c may be nil.
func (c *cached) good(now time.Time) bool {
	return c != nil && c.again == nil && !expired(c.token, now)
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

// remember makes a cached of a token that was read or obtained at now. bad says that the
// token before was bad.
func (m *Manager) remember(t tokenstore.Token, now time.Time, bad bool) *cached {
	c := &cached{token: t}
	switch {
	case t.Expiry.IsZero():
		c.lookAt = now.Add(rereadAfter)
	case t.RefreshToken != "":
		ahead := m.refreshBefore
		if life := expiry(t).Sub(t.ObtainedAt); !t.ObtainedAt.IsZero() && life > 0 {
			ahead = min(ahead, life/2)
		}
		c.lookAt = expiry(t).Add(-ahead - rand.N(min(ahead/10, maxSpread)+1))
	}
	if bad {
		c.quietUntil.Store(now.Add(quietFor).UnixNano())
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

	mu sync.Mutex // guards the fields below, and every write of a cached to cur
	// gen counts this process's changes of the entry but those of refreshes. A refresh
	// keeps nothing that it read before such a change.
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

// drop forgets the token of key, because this process has changed the entry in the store.
func (m *Manager) drop(key tokenstore.Key) {
	s := m.users.get(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gen++
	s.cur.Store(nil)
	s.pause = pause{}
}

// table holds the slots. A full table drops slots that were not used since the last
// sweep. A dropped token is read from the store at its next use. Work on a slot that was
// dropped meanwhile is like that of another process.
type table struct {
	most int // number of slots, set by New

	mu    sync.RWMutex // guards slots
	slots map[tokenstore.Key]*slot
}

// get returns the slot of key, and adds it to the table if necessary.
func (t *table) get(key tokenstore.Key) *slot {
	t.mu.RLock()
	s := t.slots[key]
	t.mu.RUnlock()
	if s != nil {
		return s
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.slots[key]; s != nil {
		return s
	}
	s = &slot{key: key}
	t.slots[key] = s
	if len(t.slots) > t.most {
		t.sweep(s)
	}
	return s
}

// sweep drops a tenth of the slots, but never keep. Only if the first pass does not find as
// many, a second pass drops slots that are in use. t.mu must be held.
func (t *table) sweep(keep *slot) {
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
