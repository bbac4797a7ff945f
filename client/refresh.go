package client

import (
	"cmp"
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

// A refresh is one call for each slot, on the Manager's context. Requests that need it join
// the call in progress, and may end before it. The call is a loop over steps:
//
//	read -> decide -> takeLease -> ask -> save
//
// The lease is the store's: among processes only its holder sends the refresh token. A
// process without the lease waits and reads again. X spends the refresh token when it
// answers, so the new token is kept as slot.unsaved until the store has it: no other call
// asks X before, and saveLater tries again. A step that finds a changed entry returns to
// read. The store decides by versions. Memory follows, and only if nothing has changed the
// slot since (slot.gen).

const (
	// After a failed refresh, the pause before the next one.
	askFirst = 500 * time.Millisecond
	askMost  = 10 * time.Second
	// The longest pause for a rate limit. X's windows are 15 minutes or a day.
	limitMost = time.Hour
	// While another process refreshes, the pause between reads of the store is a quarter of
	// the time so far, within these bounds. X mostly answers within a second.
	pollFirst = 40 * time.Millisecond
	pollMost  = time.Second
	// The pauses between attempts to store a new token.
	saveFirst = 100 * time.Millisecond
	saveMost  = 5 * time.Second
)

// refreshRequest says what a refresh is for. The zero value needs any token that has not
// expired.
type refreshRequest struct {
	// old is what memory held when it was to be replaced. The API has refused its token if
	// refused is set, and for good if dead is not nil. Otherwise old.lookAt has come.
	old     *cached
	refused bool
	dead    error
	// force replaces whatever token the store has.
	force bool
	// saveOnly only stores an unsaved token.
	saveOnly bool
}

// bad is an access token that must be replaced although it has not expired.
func (req refreshRequest) bad() string {
	if req.refused {
		return req.old.token.AccessToken
	}
	return ""
}

// refusals is for a [cached] that the request leads to.
func (req refreshRequest) refusals() int32 {
	if req.refused {
		return req.old.refusals.Load() + 1
	}
	return 0
}

// meets reports whether c, which is in memory, satisfies the request. c may be nil.
func (m *Manager) meets(req refreshRequest, c *cached) bool {
	return !req.force && c.good(m.now()) && c != req.old && c.token.AccessToken != req.bad()
}

// refreshCall is the one refresh of a user's token in this process.
type refreshCall struct {
	done chan struct{}
	// Set before done is closed.
	res *cached
	err error
	// refreshed: the token needed a refresh, and this process or another one made it.
	refreshed bool
}

// join returns the refresh of s in progress, or starts one for req. Without a call and an
// error a refresh has ended since the caller looked at memory.
func (m *Manager) join(s *slot, req refreshRequest) (call *refreshCall, started bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.call != nil || m.meets(req, s.cur.Load()) {
		return s.call, false, nil
	}
	call = &refreshCall{done: make(chan struct{})}
	run := func() {
		m.refresh(s, req, call)
		s.mu.Lock()
		s.call = nil
		s.mu.Unlock()
		close(call.done)
	}
	if req.saveOnly {
		m.wg.Go(run) // saveLater waits for it, also while the Manager is closed
	} else if !m.spawn(run) {
		return nil, false, ErrClosed
	}
	s.call = call
	return call, true, nil
}

// acquire returns a token that satisfies req. It waits until ctx ends.
func (m *Manager) acquire(ctx context.Context, key tokenstore.Key, req refreshRequest) (*cached, error) {
	s := m.users.get(key)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if c := s.cur.Load(); m.meets(req, c) {
			return c, nil
		}
		call, started, err := m.join(s, req)
		if err != nil {
			return nil, err
		}
		if call == nil {
			continue
		}
		select {
		case <-call.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		switch {
		case started, req.force && call.refreshed, errors.Is(call.err, ErrReauthRequired):
			return call.res, call.err
		case call.err == nil, errors.Is(call.err, ErrNotRefreshable), m.meets(req, s.cur.Load()):
			// The call was for another request. Look at memory, and make one for req.
		default:
			return nil, call.err
		}
	}
}

// Refresh refreshes the token of key now, whatever its expiry. If a refresh is in
// progress, here or in another process, Refresh waits for that one. It returns when ctx
// ends, and the refresh continues. A token that works and cannot be refreshed is an
// error, [ErrNotRefreshable].
func (m *Manager) Refresh(ctx context.Context, key tokenstore.Key) error {
	if err := m.check(key); err != nil {
		return err
	}
	_, err := m.acquire(ctx, key, refreshRequest{force: true})
	return err
}

// refreshRun is one refresh of a slot's token. Its steps share these values.
type refreshRun struct {
	m     *Manager
	s     *slot
	req   refreshRequest
	call  *refreshCall
	began time.Time
	bad   string // an access token that must be replaced
	// The lease of another process: how long it still runs, and when it was first seen.
	remaining time.Duration
	leasedAt  time.Time

	// Set by read.
	gen     uint64
	unsaved *unsaved
	found   *cached
	version tokenstore.Version

	lease tokenstore.LeaseID
	asked time.Time // when the lease was requested
	why   error     // why the token is refused for good
}

// step is one part of a refresh. It returns the next step, or nil at the end.
type step func(*refreshRun) step

// refresh reads the entry of s and refreshes its token if req needs that. It sets the
// result of call.
func (m *Manager) refresh(s *slot, req refreshRequest, call *refreshCall) {
	r := &refreshRun{m: m, s: s, req: req, call: call, began: time.Now(), bad: req.bad()}
	for next := step((*refreshRun).read); next != nil; {
		next = next(r)
	}
}

func (r *refreshRun) report(rep report) { r.m.report(r.m.base, r.s.key, rep) }

// end ends the refresh with a token or an error for the requests that wait.
func (r *refreshRun) end(c *cached, err error) step { r.call.res, r.call.err = c, err; return nil }

// read reads the entry.
func (r *refreshRun) read() step {
	r.s.mu.Lock()
	r.gen, r.unsaved = r.s.gen, r.s.unsaved
	r.s.mu.Unlock()
	switch {
	case r.unsaved != nil: // the refresh token in the store is spent
		return (*refreshRun).save
	case r.req.saveOnly:
		return r.end(nil, nil)
	}
	var err error
	r.found, r.version, err = r.m.load(r.m.base, r.s, r.req.refusals())
	switch {
	case err == nil:
		return (*refreshRun).decide
	case r.found == nil:
		text := "the token store does not answer"
		if errors.As(err, new(*tokenstore.UnknownKeyError)) {
			text = "a secret is missing from Secrets, and the token cannot be read"
		}
		r.report(report{level: slog.LevelError, text: text, err: err})
	case r.found.refused != "":
		r.why = errMarked
		return (*refreshRun).refuse
	case !r.s.publish(r.found, r.gen):
		return (*refreshRun).read
	}
	return r.end(nil, err)
}

// load reads the entry of s for memory. If the user has to sign in again, it returns a
// cached as well as the error. Without a cached the store has not answered.
func (m *Manager) load(ctx context.Context, s *slot, refusals int32) (*cached, tokenstore.Version, error) {
	defer m.bound(&ctx)()
	t, v, err := m.vault.Get(ctx, s.key)
	err = entryError(s.key, t, err)
	known := s.cur.Load()
	switch {
	case errors.Is(err, ErrReauthRequired):
		return &cached{token: t, again: err}, v, err
	case err != nil:
		return nil, v, err
	case known != nil && known.refused == v:
		return known, v, known.again
	}
	return m.remember(t, m.now(), refusals), v, nil
}

// decide compares the stored token with the request.
func (r *refreshRun) decide() step {
	c, now := r.found, r.m.now()
	if r.req.force && r.bad == "" {
		r.bad = c.token.AccessToken
	}
	works, refreshable := c.good(now), r.m.refreshable(r.s.key, c.token)
	soon := r.req.old != nil && !r.req.refused && refreshable && !c.lookAt.IsZero() && !now.Before(c.lookAt)
	if works && c.token.AccessToken != r.bad && !soon {
		if !r.s.publish(c, r.gen) {
			return (*refreshRun).read
		}
		return r.end(c, nil)
	}
	if works && r.req.force && !r.s.cur.Load().good(now) {
		// Requests do not wait while the old token works.
		r.s.publish(c, r.gen)
	}
	switch {
	case refreshable:
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

// mayAsk ends the refresh during the pause after a failed one.
func (r *refreshRun) mayAsk() step {
	r.s.mu.Lock()
	pause := r.s.pause
	r.s.mu.Unlock()
	if r.m.now().Before(pause.until) && !r.req.force {
		return r.end(nil, pause.err)
	}
	r.call.refreshed = true
	return (*refreshRun).takeLease
}

// takeLease takes the sole right to spend the refresh token.
func (r *refreshRun) takeLease() step {
	ctx := r.m.base
	defer r.m.bound(&ctx)()
	r.asked = time.Now()
	var err error
	r.lease, err = r.m.vault.Lease(ctx, r.s.key, r.version, r.m.lease)
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
		return (*refreshRun).waitForOther
	case errors.Is(err, tokenstore.ErrConflict):
		return (*refreshRun).read
	}
	return r.postpone(r.began, &storeTrouble{err})
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
	old := r.found.token
	fresh, err := r.m.ask(r.s.key, old, r.asked)
	switch {
	case errors.Is(err, provider.ErrTokenRefused):
		r.why = err
		return (*refreshRun).refuse
	case err != nil:
		ctx := r.m.base
		defer r.m.bound(&ctx)()
		if err := r.m.vault.Release(ctx, r.s.key, r.lease); err != nil {
			r.report(report{level: slog.LevelDebug, text: "a lease was not released and will run out", err: err})
		}
		return r.postpone(r.asked, err)
	}
	r.unsaved = &unsaved{
		token: fresh, old: old, version: r.version, gen: r.gen, began: r.asked,
		cached: r.m.remember(fresh, r.m.now(), r.req.refusals()),
	}
	r.s.mu.Lock()
	r.s.unsaved = r.unsaved
	r.s.mu.Unlock()
	return (*refreshRun).save
}

// ask sends t's refresh token to the provider. asked is the time when the lease was
// requested: the call ends before the lease, however slow the store was.
func (m *Manager) ask(key tokenstore.Key, t tokenstore.Token, asked time.Time) (tokenstore.Token, error) {
	ctx, cancel := context.WithDeadline(m.base, asked.Add(m.lease-leaseMargin))
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, m.timeout)
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
	fresh.RefreshToken = cmp.Or(fresh.RefreshToken, t.RefreshToken)
	fresh.AccountID = cmp.Or(fresh.AccountID, t.AccountID)
	if fresh.Scopes == nil {
		fresh.Scopes = t.Scopes
	}
	if fresh.Username == "" && fresh.Name == "" {
		fresh.Username, fresh.Name = t.Username, t.Name
	}
	return fresh, nil
}

// refuse records that only a new sign-in helps. The store keeps that, so no process asks
// the provider again.
func (r *refreshRun) refuse() step {
	ctx := r.m.base
	defer r.m.bound(&ctx)()
	c := &cached{token: r.found.token.Redacted(), again: reauthRequired(r.why)}
	c.token.NeedsReauth = true
	_, err := r.m.vault.Replace(ctx, r.s.key, r.version, c.token)
	if errors.Is(err, tokenstore.ErrConflict) {
		return (*refreshRun).read
	}
	if err != nil {
		c.refused = r.version
		r.report(report{level: slog.LevelError, text: "that the user has to sign in again could not be stored", err: err})
	}
	if !r.s.publish(c, r.gen) {
		return (*refreshRun).read
	}
	if r.found.refused == "" { // not reported yet
		r.report(report{level: slog.LevelInfo, text: "the user has to sign in again", err: r.why, kind: event.NeedsReauth})
	}
	return r.end(nil, c.again)
}

// postpone ends a refresh that may succeed later. Until the pause is over, requests get
// the same error. Without the store the provider was not asked, so there is no pause.
func (r *refreshRun) postpone(began time.Time, err error) step {
	level := slog.LevelWarn
	if errors.Is(err, provider.ErrRefused) {
		// Only the operator can solve this.
		level = slog.LevelError
	}
	r.report(report{level: level, text: "the token was not refreshed", err: err, kind: event.RefreshFailed, began: began})
	out := unavailable(err)
	if errors.As(err, new(*storeTrouble)) {
		return r.end(nil, out)
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	p, now := &r.s.pause, r.m.now()
	wait := min(askFirst<<min(p.failures, 10), askMost)
	wait -= rand.N(wait / 5)
	if pe := new(provider.Error); errors.As(err, &pe) {
		wait = max(wait, min(pe.RetryAt.Sub(now), limitMost))
	}
	p.failures, p.until, p.err = p.failures+1, now.Add(wait), out
	return r.end(nil, out)
}

// unsaved is a token that X has given and the store does not have yet. Its refresh token
// exists nowhere else. Only the slot's call changes it.
type unsaved struct {
	token, old tokenstore.Token // old is the token before the refresh
	cached     *cached
	gen        uint64
	version    tokenstore.Version // of the entry to replace
	began      time.Time
	// unsure: the store said that the entry has changed, but not to what.
	unsure bool
	// kept: saveLater has begun.
	kept bool
}

// save stores the new token before it is used, unless another token was stored since the
// refresh began.
func (r *refreshRun) save() step {
	ctx := r.m.base
	defer r.m.bound(&ctx)()
	u := r.unsaved
	_, err := r.m.vault.Replace(ctx, r.s.key, u.version, u.token)
	if !errors.Is(err, tokenstore.ErrConflict) {
		return r.saved(err)
	}
	there, v, err := r.m.vault.Get(ctx, r.s.key)
	switch {
	case err == nil && there.AccessToken == u.token.AccessToken:
		// An earlier attempt was stored, and its answer was lost.
		return r.saved(nil)
	case err == nil && u.replaces(there):
		u.version = v
		return (*refreshRun).save
	case err == nil || answered(err):
		return r.superseded()
	}
	u.unsure = true
	return r.saved(unavailable(err))
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

// saved lets requests use the new token. With an error, the store does not answer: the
// token is kept in memory until it does.
func (r *refreshRun) saved(err error) step {
	s, u := r.s, r.unsaved
	s.mu.Lock()
	first := !u.kept
	use := s.gen == u.gen && !(err != nil && u.unsure)
	if use && (err == nil || first) {
		s.cur.Store(u.cached)
	}
	if err == nil {
		if s.unsaved == u {
			s.unsaved = nil
		}
		if use {
			s.pause = pause{}
		}
	}
	u.kept = u.kept || err != nil
	s.mu.Unlock()
	switch {
	case err == nil:
		r.report(report{level: slog.LevelDebug, text: "token refreshed", kind: event.Refreshed, began: u.began})
		if !use || !r.call.refreshed {
			return (*refreshRun).read
		}
		return r.end(u.cached, nil)
	case first:
		r.report(report{level: slog.LevelError, text: "a refreshed token could not be stored; keeping it in memory and trying again", err: err})
		r.m.wg.Go(func() { r.m.saveLater(s, u) })
		if use {
			return r.end(u.cached, nil)
		}
	}
	if c := s.cur.Load(); r.m.meets(r.req, c) {
		return r.end(c, nil)
	}
	return r.end(nil, unavailable(&storeTrouble{err}))
}

// superseded revokes the new token: another sign-in or a sign-out came first.
func (r *refreshRun) superseded() step {
	s, u := r.s, r.unsaved
	s.mu.Lock()
	if s.unsaved == u { // otherwise Revoke has taken it
		s.unsaved = nil
		r.m.wg.Go(func() {
			ctx, cancel := context.WithTimeout(r.m.base, r.m.timeout)
			defer cancel()
			r.m.revokeAt(ctx, s.key, u.token)
		})
	}
	s.cur.CompareAndSwap(u.cached, nil)
	s.mu.Unlock()
	r.report(report{
		level: slog.LevelInfo, text: "the result of a refresh was not needed", err: errSuperseded,
		kind: event.RefreshFailed, began: u.began,
	})
	return (*refreshRun).read
}

// saveLater tries to store u until the store answers. When the Manager is closed there is
// one last attempt.
func (m *Manager) saveLater(s *slot, u *unsaved) {
	for wait, last := saveFirst, false; !last; wait = min(2*wait, saveMost) {
		open := m.pause(wait)
		call, started, _ := m.join(s, refreshRequest{force: true, saveOnly: true})
		<-call.done
		s.mu.Lock()
		pending := s.unsaved == u
		s.mu.Unlock()
		if !pending {
			return
		}
		if last = started && !open; last {
			m.report(m.base, s.key, report{
				level: slog.LevelError, text: "a refreshed token is lost with this process: the store did not accept it", err: call.err,
			})
		}
	}
}
