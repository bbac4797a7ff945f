package client

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// cached is what the Manager knows about an account's token. It is immutable once shared.
type cached struct {
	token tokenstore.Token
	// again is not nil if only a new sign-in helps.
	again error
	// refreshAt is when the background refresh begins. Zero means never.
	refreshAt time.Time
	// rereadAt is when the store is read again. Zero means when the token expires.
	rereadAt time.Time
	// X's API has answered 401 to good tokens for a day. refusals counts the refreshes in
	// a row that a 401 triggered. Before quietUntil a 401 triggers none.
	refusals   int
	quietUntil time.Time
}

// good reports whether requests may be sent with c. c may be nil.
func (c *cached) good(now time.Time) bool {
	return c != nil && c.again == nil && !expired(c.token, now)
}

// minLife is how long a new token is used, even if its answer has a shorter life, such as
// expires_in 0. Without it, every request would make a refresh.
const minLife = 10 * time.Second

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

// maxSpread bounds the random part of the time when a refresh begins.
const maxSpread = 30 * time.Second

// ahead returns how long before its expiry t is refreshed at the latest, and by how much
// that may be earlier. A token with a shorter life is refreshed in the middle of it.
// Otherwise it would be refreshed all the time.
func (m *Manager) ahead(t tokenstore.Token) (d, spread time.Duration) {
	d = m.refreshBefore
	spread = min(d/10, maxSpread)
	if life := expiry(t).Sub(t.ObtainedAt); !t.ObtainedAt.IsZero() && life > 0 {
		if d >= life {
			d = life / 2
		}
		spread = min(spread, (life-d)/2)
	}
	return d, spread
}

// remember makes a cached of a token that was read or obtained at now. refusals is the
// number of refreshes in a row that a 401 triggered.
func (m *Manager) remember(t tokenstore.Token, now time.Time, refusals int) *cached {
	c := &cached{token: t, refusals: refusals}
	if !t.Expiry.IsZero() && t.RefreshToken != "" {
		d, spread := m.ahead(t)
		c.refreshAt = expiry(t).Add(-d - rand.N(spread+1))
	}
	if t.Expiry.IsZero() {
		c.rereadAt = now.Add(rereadAfter)
	}
	if refusals > 0 {
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
	// nextEarly is the time, in Unix nanoseconds, before which no background refresh
	// begins.
	nextEarly atomic.Int64
	// nextReread is the time, in Unix nanoseconds, of the next attempt to read the store
	// after a failed one. A time before cur's rereadAt means that none has failed.
	nextReread atomic.Int64

	mu sync.Mutex // guards the fields below, and every write of cur
	// dead: the slot has left the table. Look the key up again.
	dead bool
	// gen counts the changes from outside of a refresh. A refresh keeps nothing that it
	// read before such a change.
	gen     uint64
	call    *refreshCall
	unsaved *unsaved
	// refused is the version that the provider refused, if the store did not accept that
	// mark. The provider is not asked about it again.
	refused tokenstore.Version
	// failures counts failed refreshes in a row. lastErr is the last error. Before
	// askAfter the provider is not asked again.
	failures int
	askAfter time.Time
	lastErr  error
	// asked are the sign-ins that have lately caused a read for a missing scope, the first
	// of them at since. See mayReread.
	asked []time.Time
	since time.Time
}

const (
	// A token that does not expire is read again after rereadAfter. Otherwise a process
	// would use it forever after a sign-out on another replica.
	rereadAfter = 5 * time.Minute
	// After a failure the next attempt is sooner, in the background.
	rereadAgain = time.Minute
)

// publish makes c the token of requests, unless something has changed since gen.
func (s *slot) publish(c *cached, gen uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen != gen || s.dead {
		return false
	}
	s.cur.Store(c)
	return true
}

// forget drops c, so that the store is read again. It keeps a newer token.
func (s *slot) forget(c *cached) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cur.CompareAndSwap(c, nil)
}

// newer returns a token that is newer than the stored one and not saved yet. It returns
// nil after a sign-in or sign-out in this process. s.mu must be held.
func (s *slot) newer() *unsaved {
	if s.unsaved != nil && s.unsaved.gen == s.gen {
		return s.unsaved
	}
	return nil
}

// drop forgets the token: this process has changed the entry in the store.
func (s *slot) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gen++
	s.cur.Store(nil)
	s.refused, s.failures, s.askAfter, s.lastErr = "", 0, time.Time{}, nil
	s.asked = nil
	s.nextEarly.Store(0)
}

// dropKey forgets the token of key.
func (m *Manager) dropKey(key tokenstore.Key) {
	if s := m.users.find(key); s != nil {
		s.drop()
	}
}

// table holds the slots. A full table drops slots that were not used since the last
// sweep. A dropped token is read from the store at its next use.
type table struct {
	most int // number of slots, set by newManager

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
			if s != keep && !s.touched.Swap(false) && s.die() {
				delete(t.slots, key)
			}
		}
	}
}

// die reports whether s could be taken out of use. A slot with work in progress
// stays.
func (s *slot) die() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.call != nil || s.unsaved != nil || s.dead {
		return false
	}
	s.dead = true
	s.cur.Store(nil)
	return true
}
