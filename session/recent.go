package session

import (
	"cmp"
	"sync"
	"time"
)

const maxRecent = 100_000 // keys

// recent remembers the keys claimed last: at least maxRecent, and at most twice as many.
type recent[K comparable] struct {
	mu       sync.Mutex // guards the maps
	now, old map[K]time.Time
}

// due reports whether the key was not claimed within the interval, and claims it if claim is
// set. Of several claims exactly one succeeds.
func (r *recent[K]) due(key K, now time.Time, interval time.Duration, claim bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(cmp.Or(r.now[key], r.old[key])) < interval {
		return false
	}
	if claim {
		if r.now == nil || len(r.now) >= maxRecent {
			r.now, r.old = make(map[K]time.Time), r.now
		}
		r.now[key] = now
	}
	return true
}
