package client

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

const (
	saveFirst = 100 * time.Millisecond
	saveMost  = 5 * time.Second
)

// unsaved is a token that X has given and the store does not have yet. Its refresh token
// exists nowhere else.
type unsaved struct {
	token  tokenstore.Token
	old    tokenstore.Token // the token before the refresh
	gen    uint64
	cached *cached
	began  time.Time

	// turn is held while one goroutine settles the token, across calls to the store. It
	// guards the fields below.
	turn chan struct{}
	base tokenstore.Version
	how  outcome
	// unsure: the store said that the entry has changed, but not to what.
	unsure bool
}

func (u *unsaved) lock()   { u.turn <- struct{}{} }
func (u *unsaved) unlock() { <-u.turn }

type outcome int

const (
	unsettled outcome = iota // the store does not answer
	settled                  // the token is stored
	lost                     // another sign-in or a sign-out came first
)

var errSuperseded = errors.New("the entry was changed by a sign-in or a sign-out during the refresh; the new token is revoked")

// settle stores u unless another token was stored since the refresh began. The error is
// the store's, and only set for unsettled.
func (m *Manager) settle(s *slot, u *unsaved) (outcome, report, error) {
	u.lock()
	defer u.unlock()
	for u.how == unsettled {
		_, err := m.replaceEntry(m.base, s.key, u.base, u.token)
		if err == nil {
			return settled, m.saved(s, u), nil
		}
		if !errors.Is(err, tokenstore.ErrConflict) {
			return unsettled, report{}, err
		}
		there, v, err := m.readEntry(m.base, s.key)
		switch {
		case err != nil && errors.Is(storeError(err), ErrUnavailable) && !errors.As(err, new(*tokenstore.UnknownKeyError)):
			u.unsure = true
			return unsettled, report{}, unavailable(err)
		case err != nil:
			return lost, m.superseded(s, u), nil
		case there.AccessToken == u.token.AccessToken:
			// An earlier attempt was stored, and its answer was lost.
			return settled, m.saved(s, u), nil
		case u.replaces(there):
			u.base = v
		default:
			return lost, m.superseded(s, u), nil
		}
	}
	return u.how, report{}, nil
}

// replaces reports whether u replaces the stored token there, although the entry has
// another version than u was refreshed from.
func (u *unsaved) replaces(there tokenstore.Token) bool {
	if !there.ObtainedAt.Equal(u.old.ObtainedAt) {
		return false
	}
	if there.NeedsReauth {
		// While the store was away, another process sent the spent refresh token and was
		// refused. That does not concern u.
		return !u.old.ObtainedAt.IsZero()
	}
	// The spent token was encrypted with another secret.
	return there.AccessToken == u.old.AccessToken && there.RefreshToken == u.old.RefreshToken
}

// saved records that u is stored. u.turn must be held.
func (m *Manager) saved(s *slot, u *unsaved) report {
	u.how = settled
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsaved == u {
		s.unsaved = nil
	}
	if s.gen == u.gen && !s.dead {
		s.cur.Store(u.cached)
		s.failures, s.askAfter, s.lastErr = 0, time.Time{}, nil
		s.nextEarly.Store(m.now().Add(earlyFirst).UnixNano())
	}
	return report{level: slog.LevelDebug, text: "token refreshed", kind: event.Refreshed, began: u.began}
}

// superseded revokes u's token, which is not needed. u.turn must be held.
func (m *Manager) superseded(s *slot, u *unsaved) report {
	u.how = lost
	s.mu.Lock()
	if s.unsaved == u {
		s.unsaved = nil
	}
	s.cur.CompareAndSwap(u.cached, nil)
	s.mu.Unlock()
	m.wg.Go(func() {
		ctx, cancel := context.WithTimeout(m.base, m.timeout)
		defer cancel()
		m.revokeAt(ctx, s.key, u.token)
	})
	return report{
		level: slog.LevelInfo, text: "the result of a refresh was not needed", err: errSuperseded,
		kind: event.RefreshFailed, began: u.began,
	}
}

// keep holds u in memory and tries again to store it. It reports whether requests may use
// u meanwhile.
func (m *Manager) keep(s *slot, u *unsaved) bool {
	u.lock()
	sure := !u.unsure
	u.unlock()
	s.mu.Lock()
	s.unsaved = u
	use := sure && s.gen == u.gen
	if use {
		s.cur.Store(u.cached)
	}
	s.mu.Unlock()
	m.wg.Go(func() { m.saveLater(s, u) })
	return use
}

func (m *Manager) saveLater(s *slot, u *unsaved) {
	for wait, open := saveFirst, true; open; wait = min(2*wait, saveMost) {
		// When the Manager is closed there is one last attempt.
		open = m.pause(wait)
		how, report, err := m.settle(s, u)
		m.report(s.key, report)
		if how != unsettled {
			return
		}
		if !open {
			m.logLine(slog.LevelError, "a refreshed token is lost with this process: the store did not accept it", s.key, err)
		}
	}
}

// abandon stops the saving of a token, and returns it if there is one.
func (s *slot) abandon() *unsaved {
	s.mu.Lock()
	u := s.unsaved
	s.mu.Unlock()
	if u == nil {
		return nil
	}
	u.lock()
	defer u.unlock()
	if u.how != unsettled {
		return nil
	}
	u.how = lost
	s.mu.Lock()
	s.unsaved = nil
	s.mu.Unlock()
	return u
}

// revokeAt revokes t at the provider if the provider can do that.
func (m *Manager) revokeAt(ctx context.Context, key tokenstore.Key, t tokenstore.Token) {
	r, ok := m.providers[key.Provider].(provider.Revoker)
	if !ok || t.AccessToken == "" && t.RefreshToken == "" {
		return
	}
	began := time.Now()
	if err := r.Revoke(ctx, t); err != nil {
		m.report(key, report{
			level: slog.LevelWarn, text: "a token was not revoked at the provider", err: err, kind: event.RevokeFailed, began: began,
		})
		return
	}
	m.tell(ctx, event.Revoked, key, time.Since(began), nil)
}
