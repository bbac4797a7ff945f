package client

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// cached is what memory holds of an account. Once shared, it does not change.
type cached struct {
	token tokenstore.Token
	again error // not nil if only a new sign-in helps
	// version is the entry's. If again is set, version is empty if the entry records the refusal.
	version tokenstore.Version
	// lookAt is when the token is refreshed or, if it does not expire, read again.
	lookAt time.Time
}

// good reports whether requests may be sent with c. c may be nil.
func (c *cached) good(now time.Time) bool {
	return c != nil && c.again == nil && (c.token.Expiry.IsZero() || now.Before(c.token.Expiry))
}

// slot is the place of one account in memory.
type slot struct {
	key tokenstore.Key
	cur atomic.Pointer[cached] // read by every request without a lock
	// next, in Unix nanoseconds, is when the next attempt in the background may begin. A time
	// after cur's lookAt means that an attempt has begun or failed.
	next atomic.Int64

	mu sync.Mutex // guards the fields below, and every write of a cached to cur
	// gen counts this process's changes of the entry, except refreshes: see publish.
	gen  uint64
	call *refresh
	// unsaved is a token that X has issued and that the store does not have yet.
	unsaved *cached
	// pause follows a failed refresh. quiet follows one that a 401 has triggered.
	pause, quiet       pause
	lackedBy, lackedAt time.Time // of the last read because of a missing scope, see mayReread
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

// table holds the slots. A goroutine with a dropped slot works like another process.
type table struct {
	most int // number of slots, set by New

	mu    sync.RWMutex // guards slots
	slots map[tokenstore.Key]*slot
}

func (t *table) find(key tokenstore.Key) *slot {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.slots[key]
}

// get returns or makes the slot of key. A full table drops all slots without a refresh.
func (t *table) get(key tokenstore.Key) *slot {
	if s := t.find(key); s != nil {
		return s
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.slots[key] == nil {
		if len(t.slots) >= t.most {
			maps.DeleteFunc(t.slots, func(_ tokenstore.Key, s *slot) bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				return s.call == nil
			})
		}
		t.slots[key] = &slot{key: key}
	}
	return t.slots[key]
}
