package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

const (
	// How often to look whether another process has finished its refresh. X mostly
	// answers within a second, and users wait: up to then every tenth of one, and later
	// after a quarter of the time that it has taken.
	pollFirst = 25 * time.Millisecond
	pollSoon  = 100 * time.Millisecond
	pollMost  = time.Second
)

// refreshRequest says what a refreshCall is for. The zero value asks for any token that has not expired.
type refreshRequest struct {
	// bad is an access token that will not do, although it has not expired.
	bad string
	// dead is not nil where the provider's API has said that bad is refused for good.
	dead error
	// refusals is for [cached] where the API refused bad.
	refusals int
	// force: the token that the store has now will not do.
	force bool
	// stale is what memory held when the store was to be read again: it will not do.
	stale *cached
	// early: the token that the store has will not do if it expires soon.
	early bool
}

// refreshCall is the one piece of work on a user's token in this process. It belongs to
// the Manager: those who wait for it may leave.
type refreshCall struct {
	done chan struct{}
	// Set before done is closed.
	res *cached
	err error
	// refreshed: the token was in need of refreshing, and somebody did it.
	refreshed bool
}

var errDead = errors.New("client: slot was dropped")

// meets reports whether requests with the goal g may use c, which is in memory. c may be
// nil.
func (g refreshRequest) meets(c *cached, now time.Time) bool {
	return !g.force && !g.early && c.good(now) && c != g.stale && c.token.AccessToken != g.bad
}

// errMet says that a call for this request has just ended.
var errMet = errors.New("client: the token in memory will do")

// join returns the call in progress for s, or starts one for g.
func (p *Manager) join(s *slot, g refreshRequest) (f *refreshCall, started bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return nil, false, errDead
	}
	if s.call != nil {
		return s.call, false, nil
	}
	// Whoever found the token wanting may come here only after a call has done that.
	if g.meets(s.cur.Load(), p.now()) {
		return nil, false, errMet
	}
	f = &refreshCall{done: make(chan struct{})}
	if !p.spawn(func() { p.run(s, f, g) }) {
		return nil, false, ErrClosed
	}
	s.call = f
	return f, true, nil
}

func (p *Manager) run(s *slot, f *refreshCall, g refreshRequest) {
	f.res, f.refreshed, f.err = p.refresh(s, g)
	s.mu.Lock()
	s.call = nil
	s.mu.Unlock()
	close(f.done)
}

// begin starts a call that nobody waits for, unless one is under way.
func (p *Manager) begin(key tokenstore.Key, g refreshRequest) { _, _, _ = p.join(p.users.get(key), g) }

// acquire returns a token that meets g, and waits for it until ctx ends.
func (p *Manager) acquire(ctx context.Context, key tokenstore.Key, g refreshRequest) (*cached, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := p.users.get(key)
		if c := s.cur.Load(); g.meets(c, p.now()) {
			return c, nil
		}
		f, started, err := p.join(s, g)
		if errors.Is(err, errDead) || errors.Is(err, errMet) {
			continue
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		switch {
		case f.err == nil && (started || f.res.token.AccessToken != g.bad):
			return f.res, nil
		case f.err != nil && (started || errors.Is(f.err, ErrReauthRequired)):
			return nil, f.err
		case f.err != nil && !errors.Is(f.err, ErrNotRefreshable):
			// Another's goal was not reached; ours may be.
			if c := s.cur.Load(); c.good(p.now()) && c.token.AccessToken != g.bad {
				return c, nil
			}
			return nil, f.err
		}
	}
}

// refresh reads the entry and refreshes its token if g needs that, as the design's
// "A refresh happens once" has it.
func (p *Manager) refresh(s *slot, g refreshRequest) (res *cached, refreshed bool, err error) {
	began, poll := time.Now(), pollFirst
	var left time.Duration // of another's lease
	var held time.Time     // when it was first seen
	for {
		s.mu.Lock()
		gen, u, refused := s.gen, s.unsaved, s.refused
		s.mu.Unlock()
		if u != nil {
			// The store's entry is older than what we hold: its refresh token is spent.
			if how, err := p.settle(s, u); how == unsettled {
				if c := s.cur.Load(); c.good(p.now()) && c.token.AccessToken != g.bad && !g.force {
					return c, false, nil
				}
				return nil, false, unavailable(&storeTrouble{err})
			}
			continue
		}

		tok, v, err := p.read(s.key)
		now := p.now()
		if err == nil && tok.NeedsReauth {
			err = signInAgain(errMarked)
		}
		if errors.Is(err, ErrReauthRequired) {
			if !s.publish(&cached{again: err}, gen) {
				continue
			}
			return nil, refreshed, err
		}
		if err != nil {
			text := "the token store does not answer"
			if errors.As(err, new(*tokenstore.UnknownKeyError)) {
				text = "a secret is missing from Secrets, and the token cannot be read"
			}
			p.logLine(slog.LevelError, text, s.key, err)
			return nil, refreshed, err
		}

		if v == refused {
			if err := p.refuse(s, gen, v, tok, errMarked); err != nil {
				return nil, false, err
			}
			continue
		}
		if g.force && g.bad == "" {
			g.bad = tok.AccessToken
		}
		works := !expired(tok, now)
		ahead, spread := p.ahead(tok)
		due := g.early && p.refreshable(s.key, tok) && !tok.Expiry.IsZero() && !now.Before(tok.Expiry.Add(-ahead-spread))
		if works && tok.AccessToken != g.bad && !due {
			c := p.remember(tok, now, g.refusals)
			if !s.publish(c, gen) {
				continue
			}
			return c, refreshed, nil
		}
		if works && g.force && !s.cur.Load().good(now) {
			// Nobody waits while the old token works.
			s.publish(p.remember(tok, now, 0), gen)
		}
		if !p.refreshable(s.key, tok) {
			why := errNoSecret
			if works {
				why = g.dead
			}
			if why == nil {
				return nil, false, ErrNotRefreshable
			}
			if err := p.refuse(s, gen, v, tok, why); err != nil {
				return nil, false, err
			}
			continue
		}
		if err := s.tooSoon(now); err != nil && !g.force {
			return nil, false, err
		}

		refreshed = true
		asked := time.Now()
		id, err := p.leaseEntry(s.key, v)
		var leased *tokenstore.LeasedError
		switch {
		case errors.As(err, &leased) || errors.Is(err, tokenstore.ErrConflict):
			wait := poll
			if leased != nil {
				if leased.Remaining > left {
					// Another holder than before, which has died: the next one is quick.
					wait, poll, held = pollFirst, pollFirst, time.Now()
				}
				left = leased.Remaining
				wait = max(min(wait, left), time.Millisecond)
				poll = min(2*poll, max(pollSoon, time.Since(held)/4), pollMost)
			}
			if time.Since(began) > 3*p.lease {
				return nil, false, p.failed(s, began, fmt.Errorf("other processes have been refreshing this token for %v", time.Since(began)))
			}
			if !p.pause(wait) {
				return nil, false, ErrClosed
			}
			continue
		case err != nil:
			return nil, false, p.failed(s, began, &storeTrouble{err})
		}

		fresh, err := p.ask(s.key, tok, asked)
		if errors.Is(err, provider.ErrTokenRefused) {
			if err := p.refuse(s, gen, v, tok, err); err != nil {
				return nil, false, err
			}
			continue
		}
		if err != nil {
			p.release(s.key, id)
			return nil, false, p.failed(s, asked, err)
		}
		c := p.remember(fresh, p.now(), g.refusals)
		u = &unsaved{turn: make(chan struct{}, 1), token: fresh, old: tok, base: v, gen: gen, cached: c, began: asked}
		switch how, err := p.settle(s, u); how {
		case settled:
			if s.cur.Load() == c {
				return c, true, nil
			}
		case unsettled:
			if p.keep(s, u, err) {
				return c, true, nil
			}
			return nil, false, unavailable(&storeTrouble{err})
		}
	}
}

// read reads the entry; its error is what callers get.
func (p *Manager) read(key tokenstore.Key) (tokenstore.Token, tokenstore.Version, error) {
	ctx, cancel := p.storeContext()
	defer cancel()
	t, v, err := p.vault.Get(ctx, key)
	if err != nil {
		return t, v, storeError(err)
	}
	return t, v, nil
}

func (p *Manager) leaseEntry(key tokenstore.Key, v tokenstore.Version) (tokenstore.LeaseID, error) {
	ctx, cancel := p.storeContext()
	defer cancel()
	return p.vault.Lease(ctx, key, v, p.lease)
}

// release gives a lease back so that others need not wait for its end.
func (p *Manager) release(key tokenstore.Key, id tokenstore.LeaseID) {
	ctx, cancel := p.storeContext()
	defer cancel()
	if err := p.vault.Release(ctx, key, id); err != nil {
		p.logLine(slog.LevelDebug, "a lease was not given back and will run out", key, err)
	}
}
