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

// unsaved is a token that X has given and the store does not have yet. Its refresh
// token exists nowhere else.
type unsaved struct {
	token  tokenstore.Token
	old    tokenstore.Token // what it was refreshed from
	gen    uint64
	cached *cached
	began  time.Time

	// turn is held while one goroutine settles it, across calls to the store; it
	// guards all below.
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

// settle writes u to the store unless something else was written since. Its error
// is the store's, and set for unsettled only.
func (p *Manager) settle(s *slot, u *unsaved) (outcome, error) {
	u.lock()
	defer u.unlock()
	if u.how != unsettled {
		return u.how, nil
	}
	for {
		ctx, cancel := p.storeContext()
		_, err := p.vault.Replace(ctx, s.key, u.base, u.token)
		cancel()
		if err == nil {
			return p.saved(s, u), nil
		}
		if !errors.Is(err, tokenstore.ErrConflict) {
			return unsettled, err
		}
		there, v, err := p.read(s.key)
		switch {
		case errors.Is(err, ErrUnavailable) && !errors.As(err, new(*tokenstore.UnknownKeyError)):
			u.unsure = true
			return unsettled, err
		case err != nil:
			return p.superseded(s, u), nil
		case there.AccessToken == u.token.AccessToken:
			// An earlier attempt whose answer did not arrive.
			return p.saved(s, u), nil
		case there.NeedsReauth && !u.old.ObtainedAt.IsZero() && there.ObtainedAt.Equal(u.old.ObtainedAt):
			// While the store was away from here, another process was refused the refresh
			// token that was spent for u. That says nothing against u.
			u.base = v
		case there.AccessToken == u.old.AccessToken && there.RefreshToken == u.old.RefreshToken && there.ObtainedAt.Equal(u.old.ObtainedAt):
			// The spent token, sealed anew after our lease had run out.
			u.base = v
		default:
			return p.superseded(s, u), nil
		}
	}
}

func (p *Manager) saved(s *slot, u *unsaved) outcome {
	u.how = settled
	s.mu.Lock()
	if s.unsaved == u {
		s.unsaved = nil
	}
	if s.gen == u.gen && !s.dead {
		s.cur.Store(u.cached)
		s.failures, s.askAfter, s.lastErr = 0, time.Time{}, nil
		s.nextEarly.Store(p.now().Add(earlyFirst).UnixNano())
	}
	s.mu.Unlock()
	p.logLine(slog.LevelDebug, "token refreshed", s.key, nil)
	p.tell(p.base, event.Refreshed, s.key, time.Since(u.began), nil)
	return settled
}

// superseded gives u's token back to the provider: nobody will use it.
func (p *Manager) superseded(s *slot, u *unsaved) outcome {
	u.how = lost
	s.mu.Lock()
	if s.unsaved == u {
		s.unsaved = nil
	}
	s.cur.CompareAndSwap(u.cached, nil)
	s.mu.Unlock()
	p.logLine(slog.LevelInfo, "a refresh was overtaken", s.key, errSuperseded)
	p.tell(p.base, event.RefreshFailed, s.key, time.Since(u.began), errSuperseded)
	p.wg.Go(func() {
		ctx, cancel := context.WithTimeout(p.base, p.timeout)
		defer cancel()
		_ = p.revokeAt(ctx, s.key, u.token)
	})
	return lost
}

// keep holds u in memory and goes on saving it. It reports whether requests may
// use it meanwhile.
func (p *Manager) keep(s *slot, u *unsaved, err error) bool {
	p.logLine(slog.LevelError, "a refreshed token could not be stored; keeping it in memory and trying again", s.key, err)
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
	p.wg.Go(func() {
		for wait, going := saveFirst, true; going; wait = min(2*wait, saveMost) {
			// When the Manager is closed there is one more attempt, the last.
			going = p.pause(wait)
			how, err := p.settle(s, u)
			if how != unsettled {
				return
			}
			if !going {
				p.logLine(slog.LevelError, "a refreshed token is lost with this process: the store did not take it", s.key, err)
			}
		}
	})
	return use
}

// revokeAt takes t back at the provider if that is possible, and returns the
// provider's error.
func (p *Manager) revokeAt(ctx context.Context, key tokenstore.Key, t tokenstore.Token) error {
	r, ok := p.providers[key.Provider].(provider.Revoker)
	if !ok || t.AccessToken == "" && t.RefreshToken == "" {
		return nil
	}
	began := time.Now()
	if err := r.Revoke(ctx, t); err != nil {
		p.logLine(slog.LevelWarn, "a token was not revoked at the provider", key, err)
		p.tell(ctx, event.RevokeFailed, key, time.Since(began), err)
		return err
	}
	p.tell(ctx, event.Revoked, key, time.Since(began), nil)
	return nil
}
