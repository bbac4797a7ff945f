package session

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// touchShare is the part of the idle timeout that passes between two records of
	// a session's use.
	touchShare = 16
	// touchMemory bounds how many sessions a process remembers to have touched for the idle
	// timeout, in each of two generations.
	touchMemory = 4096
)

// touches remembers which sessions this process has touched lately. So the many requests of
// one page do not all write, and a store that refuses writes is not asked again at once.
type touches[K comparable] struct {
	mu       sync.RWMutex // guards the maps
	now, old map[K]time.Time
	max      int
}

func newTouches[K comparable](max int) *touches[K] {
	return &touches[K]{now: make(map[K]time.Time), max: max}
}

// due reports whether claim would succeed.
func (t *touches[K]) due(key K, now time.Time, interval time.Duration) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.dueLocked(key, now, interval)
}

// dueLocked is due. t.mu must be held.
func (t *touches[K]) dueLocked(key K, now time.Time, interval time.Duration) bool {
	last, ok := t.now[key]
	if !ok {
		last, ok = t.old[key]
	}
	return !ok || now.Sub(last) >= interval
}

// claim reports whether the caller is to touch the session. Then no other caller is, for the
// interval.
func (t *touches[K]) claim(key K, now time.Time, interval time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.dueLocked(key, now, interval) {
		return false
	}
	if len(t.now) >= t.max {
		t.now, t.old = make(map[K]time.Time), t.now
	}
	t.now[key] = now
	return true
}

// touchDue reports whether a session whose use was last recorded at touched has to
// be touched.
func (m *Manager) touchDue(touched time.Time) bool {
	idle := m.sm.IdleTimeout
	return idle > 0 && time.Since(touched) >= idle/touchShare
}

// expiry is when a session that is used now ends, unless it is used again.
func (s *store) expiry(deadline time.Time) time.Time {
	if idle := s.sm.IdleTimeout; idle > 0 {
		if t := time.Now().Add(idle); t.Before(deadline) {
			return t
		}
	}
	return deadline
}

// touch records that the session is used, unless another request has just done so. It
// reports false if the session has ended. If the store cannot write, the user stays signed
// in: that is logged, and tried again later.
func (m *Manager) touch(ctx context.Context, token string, rec record) (alive bool) {
	key := m.store.key(token)
	if !m.touches.claim(key, time.Now(), m.sm.IdleTimeout/touchShare) {
		return true
	}
	ctx, cancel := context.WithTimeout(reportEnded(ctx), storeTime)
	defer cancel()
	b, err := m.touched(rec)
	if err == nil {
		err = m.store.CommitCtx(ctx, key, b, m.store.expiry(rec.deadline))
	}
	if errors.Is(err, errEnded) {
		return false
	}
	if err != nil {
		m.logger.WarnContext(ctx, "session: cannot record the use of a session", "err", err)
	}
	return true
}

// touched returns the record with its use recorded now.
func (m *Manager) touched(rec record) ([]byte, error) {
	if m.store.own && rec.values == nil {
		return touchHeader(rec.raw, time.Now()), nil
	}
	return m.store.encode(rec)
}

// rememberKey is the key of scs's RememberMe.
const rememberKey = "__rememberMe"
