package session

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

const (
	// touchShare is the part of the idle timeout that passes between two records of
	// a session's use.
	touchShare = 16
	// touchMemory bounds how many sessions a process remembers to have touched, in
	// each of two generations.
	touchMemory = 4096
)

// touches remembers which sessions this process has touched lately, so that the
// many requests of one page do not all write, and a store that refuses writes is
// not asked again at once.
type touches struct {
	mu       sync.Mutex // guards the maps
	now, old map[string]time.Time
}

func newTouches() *touches { return &touches{now: make(map[string]time.Time)} }

// claim reports whether the caller is to touch the session, and holds others off
// for the interval.
func (t *touches) claim(key string, now time.Time, interval time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, ok := t.now[key]
	if !ok {
		last, ok = t.old[key]
	}
	if ok && now.Sub(last) < interval {
		return false
	}
	if len(t.now) >= touchMemory {
		t.now, t.old = make(map[string]time.Time), t.now
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
func (m *Manager) expiry(deadline time.Time) time.Time {
	if idle := m.sm.IdleTimeout; idle > 0 {
		if t := time.Now().Add(idle); t.Before(deadline) {
			return t
		}
	}
	return deadline
}

// touch records that the session is used, in the store and in the browser, unless
// another request has just done so. It reports false if the session has ended
// meanwhile. A store that cannot write signs nobody out: that is logged, and tried
// again later.
func (m *Manager) touch(w http.ResponseWriter, r *http.Request, token string, rec record) (alive bool) {
	key := m.store.key(token)
	if !m.touches.claim(key, time.Now(), m.sm.IdleTimeout/touchShare) {
		return true
	}
	// A visitor does not wait for long for what is not theirs.
	ctx, cancel := context.WithTimeout(reportEnded(r.Context()), storeTime)
	defer cancel()
	b, persist, err := m.touched(rec)
	expiry := m.expiry(rec.deadline)
	if err == nil {
		err = m.store.CommitCtx(ctx, key, b, expiry)
	}
	switch {
	case errors.Is(err, errEnded):
		return false
	case err != nil:
		m.logger.WarnContext(ctx, "session: cannot record the use of a session", "err", err)
	default:
		m.writeCookie(w, token, expiry, persist)
	}
	return true
}

// touched returns the record with its use recorded now, and whether its cookie
// outlives the browser.
func (m *Manager) touched(rec record) (b []byte, persist bool, err error) {
	if m.own && rec.values == nil && m.sm.Cookie.Persist {
		return touchHeader(rec.raw, time.Now()), true, nil
	}
	if rec.values == nil {
		if rec.deadline, rec.values, err = m.sm.Codec.Decode(rec.raw); err != nil {
			return nil, false, err
		}
	}
	if !m.own {
		rec.touched = time.Now()
		rec.values[identityKey] = rec.identity.encode()
	}
	remember, _ := rec.values[rememberKey].(bool)
	b, err = m.sm.Codec.Encode(rec.deadline, rec.values)
	return b, m.sm.Cookie.Persist || remember, err
}

// rememberKey is what scs's RememberMe keeps its answer under.
const rememberKey = "__rememberMe"
