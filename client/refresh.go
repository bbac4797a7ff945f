package client

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

const (
	// How long after a failure the provider is asked again: in the background, where
	// the old token still works, and for users who wait.
	earlyFirst = 10 * time.Second
	earlyMost  = time.Minute
	askFirst   = 500 * time.Millisecond
	askMost    = 10 * time.Second
	// X's windows are 15 minutes or a day; nobody is kept out longer on its word.
	limitMost = time.Hour
	// How long no 401 causes another refresh after one did, doubled each time.
	quietFirst = time.Minute
	quietMost  = time.Hour
)

// ask spends t's refresh token. asked is when the lease was asked for, so that the
// lease outlives the call however slow the store was.
func (p *Manager) ask(key tokenstore.Key, t tokenstore.Token, asked time.Time) (tokenstore.Token, error) {
	deadline := time.Now().Add(p.timeout)
	if end := asked.Add(p.lease - leaseMargin); end.Before(deadline) {
		deadline = end
	}
	ctx, cancel := context.WithDeadline(p.base, deadline)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return tokenstore.Token{}, err
	}
	fresh, err := p.providers[key.Provider].(provider.Refresher).Refresh(ctx, t)
	if err != nil {
		return tokenstore.Token{}, err
	}
	if fresh.AccessToken == "" {
		return tokenstore.Token{}, errors.New("the provider's answer holds no access token")
	}
	// RFC 6749: what an answer leaves out stays as it was, by section 6 the refresh
	// token and by section 5.1 the scopes.
	if fresh.RefreshToken == "" {
		fresh.RefreshToken = t.RefreshToken
	}
	if fresh.Scopes == nil {
		fresh.Scopes = t.Scopes
	}
	if fresh.AccountID == "" {
		fresh.AccountID = t.AccountID
	}
	return fresh, nil
}

// failed notes a refresh that may go better later and returns what callers get.
func (p *Manager) failed(s *slot, began time.Time, err error) error {
	level := slog.LevelWarn
	if errors.Is(err, provider.ErrRefused) {
		// The operator has to mend it.
		level = slog.LevelError
	}
	p.logLine(level, "the token was not refreshed", s.key, err)
	p.tell(p.base, event.RefreshFailed, s.key, time.Since(began), err)

	now := p.now()
	out := unavailable(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	early, ask := backoff(earlyFirst, earlyMost, s.failures), time.Duration(0)
	if !errors.As(err, new(*storeTrouble)) {
		// A store that is away has answered nobody: asking it again costs X nothing.
		ask = backoff(askFirst, askMost, s.failures)
	}
	if wait := min(retryAt(err).Sub(now), limitMost); wait > 0 {
		early, ask = max(early, wait), max(ask, wait)
	}
	s.failures++
	s.askAfter, s.lastErr = now.Add(ask), out
	s.nextEarly.Store(now.Add(early).UnixNano())
	return out
}

// backoff doubles first with each failure, up to most, and takes up to a fifth off.
func backoff(first, most time.Duration, failures int) time.Duration {
	d := min(first<<min(failures, 10), most)
	return d - rand.N(d/5)
}

// tooSoon returns the last failure while the provider is not to be asked again.
func (s *slot) tooSoon(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.askAfter) {
		return s.lastErr
	}
	return nil
}

// refuse records that only a new sign-in helps, in the store so that no process
// asks the provider again. It returns nil where the entry has changed meanwhile.
func (p *Manager) refuse(s *slot, gen uint64, v tokenstore.Version, t tokenstore.Token, why error) error {
	mark := t.Redacted()
	mark.NeedsReauth = true
	ctx, cancel := p.storeContext()
	defer cancel()
	_, err := p.vault.Replace(ctx, s.key, v, mark)
	if errors.Is(err, tokenstore.ErrConflict) {
		return nil
	}
	s.mu.Lock()
	told := s.refused == v
	s.refused = ""
	if err != nil {
		s.refused = v
	}
	s.mu.Unlock()
	if err != nil {
		p.logLine(slog.LevelError, "that the user has to sign in again could not be stored", s.key, err)
	}
	out := signInAgain(why)
	if !s.publish(&cached{again: out}, gen) {
		return nil
	}
	if !told {
		p.logLine(slog.LevelInfo, "the user has to sign in again", s.key, why)
		p.tell(p.base, event.NeedsReauth, s.key, 0, why)
	}
	return out
}
