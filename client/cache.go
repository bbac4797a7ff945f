package client

import (
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

const (
	// maxSpread bounds the random part of the time when a refresh begins.
	maxSpread = 30 * time.Second
	// A token that does not expire is read again, for a sign-out on another replica.
	rereadAfter = 5 * time.Minute
	// lookPause is the pause between attempts in the background.
	lookPause = time.Minute
)

// cached is what memory holds of an account. Once shared, it does not change.
type cached struct {
	token tokenstore.Token
	again error // not nil if only a new sign-in helps
	// version is the entry's. With again, it is empty if the entry has the mark of a refusal.
	version tokenstore.Version
	// lookAt is when the token is refreshed or, if it does not expire, read again.
	lookAt time.Time
}

// good reports whether requests may be sent with c. c may be nil.
func (c *cached) good(now time.Time) bool {
	return c != nil && c.again == nil && (c.token.Expiry.IsZero() || now.Before(c.token.Expiry))
}

// remember makes a cached of a token that was read or obtained now.
func (m *Manager) remember(t tokenstore.Token) *cached {
	c, now := &cached{token: t}, m.now()
	switch {
	case t.Expiry.IsZero():
		c.lookAt = now.Add(rereadAfter)
	case t.RefreshToken == "":
		c.lookAt = t.Expiry
	default:
		ahead := m.refreshBefore
		if life := t.Expiry.Sub(t.ObtainedAt); !t.ObtainedAt.IsZero() {
			ahead = min(ahead, life/2)
		}
		c.lookAt = t.Expiry.Add(-ahead - rand.N(min(max(ahead, 0)/10, maxSpread)+1))
	}
	return c
}

// slot is the place of one account in memory.
type slot struct {
	key tokenstore.Key
	// cur is read by every request without a lock.
	cur atomic.Pointer[cached]
	// next, in Unix nanoseconds, is when the next attempt in the background may begin. A time
	// after cur's lookAt means that an attempt has begun or failed.
	next atomic.Int64

	mu sync.Mutex // guards the fields below, and every write of a cached to cur
	// gen counts this process's changes of the entry but those of refreshes, see publish.
	gen  uint64
	call *refresh
	// unsaved is a token that X has given the call and the store does not have yet.
	unsaved *cached
	// pause follows a failed refresh. quiet follows one that a 401 has triggered.
	pause, quiet pause
	// lackedBy is the User.SignedInAt with which the store was read last because of a missing
	// scope, at lackedAt.
	lackedBy, lackedAt time.Time
}

// pause is a time in which the provider is not asked.
type pause struct {
	length time.Duration
	until  time.Time
	err    error
}

// extend begins the next pause, which is twice as long as the one before.
func (p *pause) extend(now time.Time, least, most time.Duration) {
	p.length = min(max(2*p.length, least), most)
	p.until = now.Add(p.length)
}

// drop forgets the token of key, because this process has changed the entry.
func (m *Manager) drop(key tokenstore.Key) {
	s := m.users.get(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gen++
	s.cur.Store(nil)
	s.pause, s.quiet = pause{}, pause{}
}

// table holds the slots. Work on a slot that was dropped is like that of another process.
type table struct {
	most int // number of slots, set by New

	mu    sync.RWMutex // guards slots
	slots map[tokenstore.Key]*slot
}

// get returns the slot of key, which it may have to make. A full table drops all slots that
// have no refresh in progress.
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
	if len(t.slots) >= t.most {
		maps.DeleteFunc(t.slots, func(_ tokenstore.Key, s *slot) bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.call == nil
		})
	}
	s = &slot{key: key}
	t.slots[key] = s
	return s
}
