package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// A slot has at most one refresh at a time, its call. It runs on the Manager's context, so
// requests that wait for it may end. It is a loop over these steps:
//
//	read: read the entry, and decide whether the provider is to be asked
//	ask:  lease the entry's version, and send the refresh token to the provider
//	save: replace that version by the new token, then let requests use it
//
// Among processes, only the holder of the lease asks. The others wait and read again. The
// provider spends the old refresh token when it answers, so the new token is kept as
// slot.unsaved until the store has it. Meanwhile no call asks, and saveLater tries again.
//
// The store decides by versions. A step that finds a changed entry returns errChanged, and
// the loop begins again. Memory keeps what was read only if this process has not changed
// the entry since, see slot.gen.

const (
	// After a failed refresh, the pause before the next one.
	askFirst = 500 * time.Millisecond
	askMost  = 10 * time.Second
	// The longest pause for a rate limit. X's windows are 15 minutes or a day.
	limitMost = time.Hour
	// The pause between reads while another process refreshes. X mostly answers within a
	// second.
	pollEvery = 100 * time.Millisecond
	// The pauses between attempts to store a new token.
	saveFirst = 100 * time.Millisecond
	saveMost  = 5 * time.Second
)

// refreshRequest says what a refresh is for. The zero value needs any token that has not
// expired.
type refreshRequest struct {
	// old is what memory held when it was to be looked at again, see cached.lookAt.
	old *cached
	// bad is an access token that must be replaced although it has not expired. dead is not
	// nil if the API has refused it for good.
	bad  string
	dead error
	// saveOnly only stores an unsaved token.
	saveOnly bool
}

// meets reports whether c, which is in memory, satisfies the request. c may be nil.
func (m *Manager) meets(req refreshRequest, c *cached) bool {
	return !req.saveOnly && c.good(m.now()) && c != req.old && c.token.AccessToken != req.bad
}

// refreshCall is the one refresh of a user's token in this process.
type refreshCall struct {
	done chan struct{}
	// Set before done is closed.
	res *cached
	err error
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
		r := &refresh{m: m, s: s, req: req, began: time.Now()}
		for call.err = errChanged; call.err == errChanged; { //nolint:errorlint // never wrapped
			call.res, call.err = r.read()
		}
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
func (m *Manager) acquire(ctx context.Context, s *slot, req refreshRequest) (*cached, error) {
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
		if started || errors.Is(call.err, ErrReauthRequired) {
			return call.res, call.err
		}
		// The call was for another request. If it says nothing about req, make one for req.
		if call.err != nil && !errors.Is(call.err, ErrNotRefreshable) && !m.meets(req, s.cur.Load()) {
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
	s := m.users.get(key)
	t, err := m.inspect(ctx, s)
	if err == nil {
		_, err = m.acquire(ctx, s, refreshRequest{bad: t.AccessToken})
	}
	return err
}

// errChanged is for a step that found another entry than the one that was read.
var errChanged = errors.New("the entry has changed")

// refresh is the work of one call.
type refresh struct {
	m     *Manager
	s     *slot
	req   refreshRequest
	began time.Time
}

func (r *refresh) report(level slog.Level, text string, kind event.Kind, began time.Time, err error) {
	r.m.report(r.m.base, r.s.key, report{level: level, text: text, kind: kind, began: began, err: err})
}

// publish makes c the token of requests, unless something has changed since gen.
func (r *refresh) publish(c *cached, gen uint64) (*cached, error) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if r.s.gen != gen {
		return nil, errChanged
	}
	r.s.cur.Store(c)
	return c, c.again
}

// load reads the entry of s for memory. It returns nil if the store has not answered.
func (m *Manager) load(ctx context.Context, s *slot, bad bool) (*cached, error) {
	t, v, err := m.read(ctx, s.key)
	known := s.cur.Load()
	switch err = entryError(s.key, t, err); {
	case errors.Is(err, ErrReauthRequired):
		return &cached{token: t, again: err}, err
	case err != nil:
		return nil, err
	case known != nil && known.again != nil && known.version == v:
		return known, known.again
	}
	c := m.remember(t, m.now(), bad)
	c.version = v
	return c, nil
}

// read reads the entry and compares it with the request.
func (r *refresh) read() (*cached, error) {
	m, s := r.m, r.s
	s.mu.Lock()
	gen, u, pause := s.gen, s.unsaved, s.pause
	s.mu.Unlock()
	if u != nil { // the refresh token in the store is spent
		return r.save(u, false)
	}
	if r.req.saveOnly {
		return nil, nil
	}
	c, err := m.load(m.base, s, r.req.bad != "")
	if c == nil {
		text := "the token store does not answer"
		if errors.As(err, new(*tokenstore.UnknownKeyError)) {
			text = "a secret is missing from Secrets, and the token cannot be read"
		}
		r.report(slog.LevelError, text, "", time.Time{}, err)
		return nil, err
	}
	now := m.now()
	works, refreshable := c.good(now), m.refreshable(s.key, c.token)
	soon := r.req.old != nil && refreshable && !now.Before(c.lookAt)
	switch {
	case c.again != nil && c.version != "":
		return r.refuse(c, gen, errMarked)
	case c.again != nil, works && c.token.AccessToken != r.req.bad && !soon:
		return r.publish(c, gen)
	case refreshable && now.Before(pause.until):
		return nil, pause.err
	case refreshable:
		return r.ask(c, gen)
	case works && r.req.dead == nil:
		return nil, ErrNotRefreshable
	}
	return r.refuse(c, gen, cmp.Or(r.req.dead, errNoSecret))
}

// ask leases the entry of old and sends its refresh token to the provider.
func (r *refresh) ask(old *cached, gen uint64) (*cached, error) {
	m, key := r.m, r.s.key
	asked := time.Now()
	ctx, cancel := m.bound(m.base)
	lease, err := m.vault.Lease(ctx, key, old.version, m.lease)
	cancel()
	switch waited := time.Since(r.began); {
	case errors.Is(err, tokenstore.ErrConflict):
		return nil, errChanged
	case errors.Is(err, tokenstore.ErrLeased) && waited > 3*m.lease:
		return r.postpone(r.began, fmt.Errorf("other processes have been refreshing this token for %v", waited))
	case errors.Is(err, tokenstore.ErrLeased):
		if !m.pause(pollEvery) {
			return nil, ErrClosed
		}
		return nil, errChanged
	case err != nil:
		return r.postpone(r.began, fmt.Errorf("%w: %w", errStore, err))
	}
	fresh, err := m.ask(key, old.token, asked)
	if errors.Is(err, provider.ErrTokenRefused) {
		return r.refuse(old, gen, err)
	}
	if err != nil {
		ctx, cancel := m.bound(m.base)
		defer cancel()
		if err := m.vault.Release(ctx, key, lease); err != nil {
			r.report(slog.LevelDebug, "a lease was not released and will run out", "", time.Time{}, err)
		}
		return r.postpone(asked, err)
	}
	u := &unsaved{old: old, gen: gen, cached: m.remember(fresh, m.now(), r.req.bad != ""), began: asked}
	u.version = old.version
	r.s.mu.Lock()
	r.s.unsaved = u
	r.s.mu.Unlock()
	return r.save(u, true)
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
	if err == nil && fresh.AccessToken == "" {
		err = errors.New("the provider's answer has no access token")
	}
	if err != nil {
		return tokenstore.Token{}, err
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
func (r *refresh) refuse(old *cached, gen uint64, why error) (*cached, error) {
	c := &cached{token: old.token.Redacted(), again: reauthRequired(why)}
	c.token.NeedsReauth = true
	ctx, cancel := r.m.bound(r.m.base)
	defer cancel()
	_, err := r.m.vault.Replace(ctx, r.s.key, old.version, c.token)
	if errors.Is(err, tokenstore.ErrConflict) {
		return nil, errChanged
	}
	if err != nil {
		c.version = old.version
		r.report(slog.LevelError, "that the user has to sign in again could not be stored", "", time.Time{}, err)
	}
	if _, err := r.publish(c, gen); err == errChanged { //nolint:errorlint // never wrapped
		return nil, err
	}
	if old.again == nil { // not reported yet
		r.report(slog.LevelInfo, "the user has to sign in again", event.NeedsReauth, time.Time{}, why)
	}
	return nil, c.again
}

// postpone ends a refresh that may succeed later. Until the pause is over, requests get
// the same error. Without the store the provider was not asked, so there is no pause.
func (r *refresh) postpone(began time.Time, err error) (*cached, error) {
	level := slog.LevelWarn
	if errors.Is(err, provider.ErrRefused) {
		level = slog.LevelError // only the operator can solve this
	}
	r.report(level, "the token was not refreshed", event.RefreshFailed, began, err)
	out := unavailable(err)
	if errors.Is(err, errStore) {
		return nil, out
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	p, now := &r.s.pause, r.m.now()
	wait := min(askFirst<<min(p.failures, 10), askMost)
	wait -= rand.N(wait / 5)
	if pe := (*provider.Error)(nil); errors.As(err, &pe) {
		wait = max(wait, min(pe.RetryAt.Sub(now), limitMost))
	}
	p.failures, p.until, p.err = p.failures+1, now.Add(wait), out
	return nil, out
}

// unsaved is a token that X has given and the store does not have yet. Its refresh token
// exists nowhere else. Only the slot's call changes it.
type unsaved struct {
	old, cached *cached            // before and after the refresh
	version     tokenstore.Version // of the entry to replace
	gen         uint64
	began       time.Time
}

// unsure is the gen of a token that no request may use before the store has it: the store
// said that the entry has changed, but not to what.
const unsure = math.MaxUint64

// save stores the new token before it is used, unless another token was stored since the
// refresh began. fresh says that this call has got the token.
func (r *refresh) save(u *unsaved, fresh bool) (*cached, error) {
	ctx, cancel := r.m.bound(r.m.base)
	defer cancel()
	_, err := r.m.vault.Replace(ctx, r.s.key, u.version, u.cached.token)
	if errors.Is(err, tokenstore.ErrConflict) {
		var t tokenstore.Token
		t, u.version, err = r.m.vault.Get(ctx, r.s.key)
		switch {
		case err == nil && t.AccessToken == u.cached.token.AccessToken:
			// An earlier attempt was stored, and its answer was lost.
		case err == nil && u.replaces(t):
			return r.save(u, fresh)
		case err == nil || answered(err):
			return r.superseded(u)
		default:
			u.gen = unsure
		}
	}
	s := r.s
	s.mu.Lock()
	use := s.gen == u.gen
	if use && (err == nil || fresh) {
		s.cur.Store(u.cached)
	}
	if err == nil {
		s.pause = pause{}
		if s.unsaved == u {
			s.unsaved = nil
		}
	}
	s.mu.Unlock()
	if err == nil {
		r.report(slog.LevelDebug, "token refreshed", event.Refreshed, u.began, nil)
		if use && fresh {
			return u.cached, nil
		}
		return nil, errChanged
	}
	if fresh {
		r.report(slog.LevelError, "a refreshed token could not be stored; keeping it in memory and trying again", "", time.Time{}, err)
		r.m.wg.Go(func() { r.m.saveLater(s, u) })
	}
	if c := s.cur.Load(); r.m.meets(r.req, c) {
		return c, nil
	}
	return nil, unavailable(fmt.Errorf("%w: %w", errStore, err))
}

// replaces reports whether u replaces the stored token t, although the entry has another
// version than u was refreshed from.
func (u *unsaved) replaces(t tokenstore.Token) bool {
	old := u.old.token
	if t.NeedsReauth {
		// While the store was away, another process sent the spent refresh token and was
		// refused. That does not concern u.
		return t.ObtainedAt.Equal(old.ObtainedAt) && !old.ObtainedAt.IsZero()
	}
	// The spent token was encrypted with another secret.
	return t.ObtainedAt.Equal(old.ObtainedAt) && t.AccessToken == old.AccessToken && t.RefreshToken == old.RefreshToken
}

// superseded revokes the new token: another sign-in or a sign-out came first.
func (r *refresh) superseded(u *unsaved) (*cached, error) {
	s := r.s
	s.mu.Lock()
	if s.unsaved == u { // otherwise Revoke has taken it
		s.unsaved = nil
		r.m.wg.Go(func() {
			ctx, cancel := context.WithTimeout(r.m.base, r.m.timeout)
			defer cancel()
			r.m.revokeAt(ctx, s.key, u.cached.token)
		})
	}
	s.cur.CompareAndSwap(u.cached, nil)
	s.mu.Unlock()
	r.report(slog.LevelInfo, "the result of a refresh was not needed", event.RefreshFailed, u.began, errSuperseded)
	return nil, errChanged
}

// saveLater tries to store u until the store answers. When the Manager is closed there is
// one last attempt.
func (m *Manager) saveLater(s *slot, u *unsaved) {
	for wait, last := saveFirst, false; !last; wait = min(2*wait, saveMost) {
		open := m.pause(wait)
		call, started, _ := m.join(s, refreshRequest{saveOnly: true})
		<-call.done
		s.mu.Lock()
		saved := s.unsaved != u
		s.mu.Unlock()
		if saved {
			return
		}
		if last = started && !open; last {
			m.report(m.base, s.key, report{
				level: slog.LevelError, text: "a refreshed token is lost with this process: the store did not accept it", err: call.err,
			})
		}
	}
}
