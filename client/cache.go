package client

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// cached is what is known of a user's token. It is not changed once others see it.
type cached struct {
	token tokenstore.Token
	// again is not nil where only a new sign-in helps.
	again error
	// refreshAt is when the background refresh begins; zero: never.
	refreshAt time.Time
	// rereadAt is when the store is read again; zero: not before the token expires.
	rereadAt time.Time
	// X's API has answered 401 to good tokens for a day. refusals counts the
	// refreshes in a row that a 401 caused, and before quietUntil it causes none.
	refusals   int
	quietUntil time.Time
}

// good reports whether requests may be sent with c. c may be nil.
func (c *cached) good(now time.Time) bool {
	return c != nil && c.again == nil && !expired(c.token, now)
}

func expired(t tokenstore.Token, now time.Time) bool {
	return !t.Expiry.IsZero() && !now.Before(t.Expiry)
}

// maxSpread bounds the random part of when a refresh begins.
const maxSpread = 30 * time.Second

// ahead is how long before its expiry t is refreshed at the latest, and by how much
// that may be earlier. A token that lives shorter than the configured time, and would
// be refreshed without end, is refreshed in the middle of its life.
func (p *Manager) ahead(t tokenstore.Token) (d, spread time.Duration) {
	d = p.refreshAhead
	spread = min(d/10, maxSpread)
	if life := t.Expiry.Sub(t.ObtainedAt); !t.ObtainedAt.IsZero() && life > 0 {
		if d >= life {
			d = life / 2
		}
		spread = min(spread, (life-d)/2)
	}
	return d, spread
}

// remember makes a cached of a token that was read or obtained at now; refusals is
// how many refreshes in a row a 401 has caused.
func (p *Manager) remember(t tokenstore.Token, now time.Time, refusals int) *cached {
	c := &cached{token: t, refusals: refusals}
	if !t.Expiry.IsZero() && t.RefreshToken != "" {
		d, spread := p.ahead(t)
		c.refreshAt = t.Expiry.Add(-d - rand.N(spread+1))
	}
	if t.Expiry.IsZero() {
		c.rereadAt = now.Add(rereadAfter)
	}
	if refusals > 0 {
		c.quietUntil = now.Add(min(quietFirst<<min(refusals-1, 10), quietMost))
	}
	return c
}

// slot is the place of one user in memory.
type slot struct {
	key tokenstore.Key
	// cur is read by every request without a lock.
	cur atomic.Pointer[cached]
	// touched is set by every use but the first, and taken back by sweeps.
	touched atomic.Bool
	// nextEarly is the time, in Unix nanoseconds, before which no background refresh
	// begins.
	nextEarly atomic.Int64
	// nextReread is the time, in Unix nanoseconds, of the next attempt to read the
	// store again after one failed. If it is before cur's rereadAt, none has.
	nextReread atomic.Int64

	mu sync.Mutex // guards all below, and every write of cur
	// dead: no longer in the table; look the key up again.
	dead bool
	// gen counts the changes that others made here: what a call read before one of
	// them is not kept after it.
	gen     uint64
	call    *refreshCall
	unsaved *unsaved
	// refused is the version that the provider refused where that could not be
	// written to the store, so that it is not asked again.
	refused tokenstore.Version
	// failures counts refreshes in a row that failed for the time being, the last of
	// them with lastErr. Before askAfter the provider is not asked again.
	failures int
	askAfter time.Time
	lastErr  error
	// asked is who has lately caused the store to be read for a missing scope; see
	// mayReread.
	asked []time.Time
	// since is when the first of them did.
	since time.Time
}

const (
	// A token that does not expire would be used for ever by a process that has missed
	// its end: a sign-out on another replica that X did not take part in.
	rereadAfter = 5 * time.Minute
	// After a failure it is tried again sooner, in the background.
	rereadAgain = time.Minute
)

// publish lets requests use c, unless something has changed since gen.
func (s *slot) publish(c *cached, gen uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen != gen || s.dead {
		return false
	}
	s.cur.Store(c)
	return true
}

// forget drops c, so that the store is read again, unless another took its place.
func (s *slot) forget(c *cached) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cur.CompareAndSwap(c, nil)
}

// newer is a token that the store lacks and that is newer than what it holds: nil where
// somebody has signed in here, or out, since it was refreshed. It is for who holds the lock.
func (s *slot) newer() *unsaved {
	if s.unsaved != nil && s.unsaved.gen == s.gen {
		return s.unsaved
	}
	return nil
}

// drop forgets all that was known: the entry in the store was changed from here.
func (s *slot) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gen++
	s.cur.Store(nil)
	s.refused, s.failures, s.askAfter, s.lastErr = "", 0, time.Time{}, nil
	s.asked = nil
	s.nextEarly.Store(0)
}

// table holds the slots. When it is full it drops those that were not used again
// since the last time, so that users who stay away do not pile up. A dropped token is
// read from the store when its user comes back.
type table struct {
	most int // slots; newPool sets it

	mu    sync.RWMutex // guards slots
	slots map[tokenstore.Key]*slot
}

// find returns the slot of a key, or nil.
func (t *table) find(key tokenstore.Key) *slot {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.slots[key]
}

// get returns the slot of key. It adds a new one if there is none.
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
