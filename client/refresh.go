package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

const (
	// After a failed refresh, the pause before the next one: in the background, while the
	// old token works, and for requests that wait.
	earlyFirst = 10 * time.Second
	earlyMost  = time.Minute
	askFirst   = 500 * time.Millisecond
	askMost    = 10 * time.Second
	// The longest pause for a rate limit. X's windows are 15 minutes or a day.
	limitMost = time.Hour
	// Backoff between refreshes triggered by a 401, doubled each time.
	quietFirst = time.Minute
	quietMost  = time.Hour
	// While another process refreshes, the pause between reads of the store is a quarter of
	// the time so far, within these bounds. X mostly answers within a second.
	pollFirst = 40 * time.Millisecond
	pollMost  = time.Second
)

// refreshRun is one refresh of a slot's token. Its steps share these values.
type refreshRun struct {
	m   *Manager
	s   *slot
	req refreshRequest

	began time.Time
	// The lease of another process: how long it still runs, and when it was first seen.
	remaining time.Duration
	leasedAt  time.Time

	// Set by read.
	gen     uint64
	refused tokenstore.Version
	token   tokenstore.Token
	version tokenstore.Version
	now     time.Time

	lease   tokenstore.LeaseID
	asked   time.Time // when the lease was requested
	why     error     // why the token is refused for good
	unsaved *unsaved

	// The result.
	res       *cached
	refreshed bool
	err       error

	reports []report
}

// step is one part of a refresh. It returns the next step, or nil at the end.
type step func(*refreshRun) step

// refresh reads the entry of s and refreshes its token if req needs that:
//
//	read -> decide -> lease -> ask -> save
//
// A step that finds that the entry has changed returns to read. All log lines and events
// of a refresh are written here.
func (m *Manager) refresh(s *slot, req refreshRequest) (res *cached, refreshed bool, err error) {
	r := &refreshRun{m: m, s: s, req: req, began: time.Now()}
	for next := step((*refreshRun).read); next != nil; {
		next = next(r)
		for _, report := range r.reports {
			m.report(s.key, report)
		}
		r.reports = r.reports[:0]
	}
	return r.res, r.refreshed, r.err
}

func (r *refreshRun) report(level slog.Level, text string, err error) {
	r.reports = append(r.reports, report{level: level, text: text, err: err})
}

// end ends the refresh with a token or an error for the requests that wait.
func (r *refreshRun) end(c *cached, err error) step { r.res, r.err = c, err; return nil }

// read reads the entry.
func (r *refreshRun) read() step {
	r.s.mu.Lock()
	r.gen, r.unsaved, r.refused = r.s.gen, r.s.unsaved, r.s.refused
	r.s.mu.Unlock()
	if r.unsaved != nil {
		// The refresh token in the store is spent.
		return (*refreshRun).saveEarlier
	}
	var err error
	r.token, r.version, err = r.m.readEntry(r.m.base, r.s.key)
	r.now = r.m.now()
	err = entryError(r.s.key, r.token, err)
	if errors.Is(err, ErrReauthRequired) {
		if !r.s.publish(&cached{again: err}, r.gen) {
			return (*refreshRun).read
		}
		return r.end(nil, err)
	}
	if err != nil {
		text := "the token store does not answer"
		if errors.As(err, new(*tokenstore.UnknownKeyError)) {
			text = "a secret is missing from Secrets, and the token cannot be read"
		}
		r.report(slog.LevelError, text, err)
		return r.end(nil, err)
	}
	return (*refreshRun).decide
}

// decide compares the stored token with the request.
func (r *refreshRun) decide() step {
	if r.version == r.refused {
		r.why = errMarked
		return (*refreshRun).refuse
	}
	if r.req.force && r.req.bad == "" {
		r.req.bad = r.token.AccessToken
	}
	works := !expired(r.token, r.now)
	if works && r.token.AccessToken != r.req.bad && !r.due() {
		c := r.m.remember(r.token, r.now, r.req.refusals)
		if !r.s.publish(c, r.gen) {
			return (*refreshRun).read
		}
		return r.end(c, nil)
	}
	if works && r.req.force && !r.s.cur.Load().good(r.now) {
		// Requests do not wait while the old token works.
		r.s.publish(r.m.remember(r.token, r.now, 0), r.gen)
	}
	switch {
	case r.m.refreshable(r.s.key, r.token):
		return (*refreshRun).mayAsk
	case works && r.req.dead == nil:
		return r.end(nil, ErrNotRefreshable)
	case works:
		r.why = r.req.dead
	default:
		r.why = errNoSecret
	}
	return (*refreshRun).refuse
}

// due reports whether the request is for an early refresh, and the token is close to its
// expiry.
func (r *refreshRun) due() bool {
	if !r.req.early || r.token.Expiry.IsZero() || !r.m.refreshable(r.s.key, r.token) {
		return false
	}
	ahead, spread := r.m.ahead(r.token)
	return !r.now.Before(expiry(r.token).Add(-ahead - spread))
}

// mayAsk ends the refresh during the pause after a failed one.
func (r *refreshRun) mayAsk() step {
	r.s.mu.Lock()
	askAfter, lastErr := r.s.askAfter, r.s.lastErr
	r.s.mu.Unlock()
	if r.now.Before(askAfter) && lastErr != nil && !r.req.force {
		return r.end(nil, lastErr)
	}
	r.refreshed = true
	return (*refreshRun).takeLease
}

// takeLease takes the sole right to spend the refresh token.
func (r *refreshRun) takeLease() step {
	r.asked = time.Now()
	var err error
	r.lease, err = r.m.leaseEntry(r.m.base, r.s.key, r.version)
	var leased *tokenstore.LeasedError
	switch {
	case err == nil:
		return (*refreshRun).ask
	case errors.As(err, &leased):
		if leased.Remaining > r.remaining {
			// Another process has a new lease. It is quick if the one before has died.
			r.leasedAt = time.Now()
		}
		r.remaining = leased.Remaining
	case !errors.Is(err, tokenstore.ErrConflict):
		return r.postpone(r.began, &storeTrouble{err})
	}
	return (*refreshRun).waitForOther
}

// waitForOther waits while another process refreshes the token.
func (r *refreshRun) waitForOther() step {
	if waited := time.Since(r.began); waited > 3*r.m.lease {
		return r.postpone(r.began, fmt.Errorf("other processes have been refreshing this token for %v", waited))
	}
	pause := min(max(time.Since(r.leasedAt)/4, pollFirst), pollMost)
	if r.remaining > 0 {
		pause = min(pause, max(r.remaining, time.Millisecond))
	}
	if !r.m.pause(pause) {
		return r.end(nil, ErrClosed)
	}
	return (*refreshRun).read
}

// ask sends the refresh token to the provider.
func (r *refreshRun) ask() step {
	fresh, err := r.m.ask(r.s.key, r.token, r.asked)
	if errors.Is(err, provider.ErrTokenRefused) {
		r.why = err
		return (*refreshRun).refuse
	}
	if err != nil {
		if err := r.m.releaseEntry(r.m.base, r.s.key, r.lease); err != nil {
			r.report(slog.LevelDebug, "a lease was not released and will run out", err)
		}
		return r.postpone(r.asked, err)
	}
	r.unsaved = &unsaved{
		turn: make(chan struct{}, 1), token: fresh, old: r.token, base: r.version, gen: r.gen,
		cached: r.m.remember(fresh, r.m.now(), r.req.refusals), began: r.asked,
	}
	return (*refreshRun).save
}

// save stores the new token before it is used.
func (r *refreshRun) save() step {
	how, report, err := r.m.settle(r.s, r.unsaved)
	r.reports = append(r.reports, report)
	switch {
	case how == unsettled:
		r.report(slog.LevelError, "a refreshed token could not be stored; keeping it in memory and trying again", err)
		if r.m.keep(r.s, r.unsaved) {
			return r.end(r.unsaved.cached, nil)
		}
		return r.end(nil, unavailable(&storeTrouble{err}))
	case how == settled && r.s.cur.Load() == r.unsaved.cached:
		return r.end(r.unsaved.cached, nil)
	}
	return (*refreshRun).read
}

// saveEarlier stores the token of an earlier refresh.
func (r *refreshRun) saveEarlier() step {
	how, report, err := r.m.settle(r.s, r.unsaved)
	r.reports = append(r.reports, report)
	if how != unsettled {
		return (*refreshRun).read
	}
	if c := r.s.cur.Load(); c.good(r.m.now()) && c.token.AccessToken != r.req.bad && !r.req.force {
		return r.end(c, nil)
	}
	return r.end(nil, unavailable(&storeTrouble{err}))
}

// refuse records that only a new sign-in helps. The store keeps that, so no process asks
// the provider again.
func (r *refreshRun) refuse() step {
	mark := r.token.Redacted()
	mark.NeedsReauth = true
	_, err := r.m.replaceEntry(r.m.base, r.s.key, r.version, mark)
	if errors.Is(err, tokenstore.ErrConflict) {
		return (*refreshRun).read
	}
	r.s.mu.Lock()
	told := r.s.refused == r.version
	r.s.refused = ""
	if err != nil {
		r.s.refused = r.version
	}
	r.s.mu.Unlock()
	if err != nil {
		r.report(slog.LevelError, "that the user has to sign in again could not be stored", err)
	}
	out := reauthRequired(r.why)
	if !r.s.publish(&cached{again: out}, r.gen) {
		return (*refreshRun).read
	}
	if !told {
		r.reports = append(r.reports, report{
			level: slog.LevelInfo, text: "the user has to sign in again", err: r.why, kind: event.NeedsReauth,
		})
	}
	return r.end(nil, out)
}

// postpone ends a refresh that may succeed later.
func (r *refreshRun) postpone(began time.Time, err error) step {
	level := slog.LevelWarn
	if errors.Is(err, provider.ErrRefused) {
		// Only the operator can solve this.
		level = slog.LevelError
	}
	r.reports = append(r.reports, report{
		level: level, text: "the token was not refreshed", err: err, kind: event.RefreshFailed, began: began,
	})
	out := unavailable(err)
	r.s.fail(r.m.now(), err, out)
	return r.end(nil, out)
}

// fail records a failed refresh. Until the pause is over, requests get out.
func (s *slot) fail(now time.Time, err, out error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	early, ask := backoff(earlyFirst, earlyMost, s.failures), time.Duration(0)
	if !errors.As(err, new(*storeTrouble)) {
		// Without the store X was not asked.
		ask = backoff(askFirst, askMost, s.failures)
	}
	if wait := min(retryAt(err).Sub(now), limitMost); wait > 0 {
		early, ask = max(early, wait), max(ask, wait)
	}
	s.failures++
	s.askAfter, s.lastErr = now.Add(ask), out
	s.nextEarly.Store(now.Add(early).UnixNano())
}

// backoff doubles first with each failure, up to most, and subtracts up to a fifth.
func backoff(first, most time.Duration, failures int) time.Duration {
	d := min(first<<min(failures, 10), most)
	return d - rand.N(d/5)
}

// ask sends t's refresh token to the provider. asked is the time when the lease was
// requested: the call ends before the lease, however slow the store was.
func (m *Manager) ask(key tokenstore.Key, t tokenstore.Token, asked time.Time) (tokenstore.Token, error) {
	deadline := time.Now().Add(m.timeout)
	if end := asked.Add(m.lease - leaseMargin); end.Before(deadline) {
		deadline = end
	}
	ctx, cancel := context.WithDeadline(m.base, deadline)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return tokenstore.Token{}, err
	}
	fresh, err := m.providers[key.Provider].(provider.Refresher).Refresh(ctx, t)
	if err != nil {
		return tokenstore.Token{}, err
	}
	if fresh.AccessToken == "" {
		return tokenstore.Token{}, errors.New("the provider's answer has no access token")
	}
	// RFC 6749, sections 5.1 and 6: an omitted scope or refresh token is unchanged.
	if fresh.RefreshToken == "" {
		fresh.RefreshToken = t.RefreshToken
	}
	if fresh.Scopes == nil {
		fresh.Scopes = t.Scopes
	}
	if fresh.AccountID == "" {
		fresh.AccountID = t.AccountID
	}
	if fresh.Username == "" && fresh.Name == "" {
		fresh.Username, fresh.Name = t.Username, t.Name
	}
	return fresh, nil
}
