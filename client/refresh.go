package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
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
// Among processes, only the holder of the lease asks. The others wait and read again.
//
// The store decides by versions. A step that finds a changed entry returns errChanged, and
// the loop begins again. Memory keeps what was read only if this process has not changed
// the entry since, see slot.gen.
//
// The provider spends the old refresh token when it answers. If the store is away then, the
// call gives its result to the requests, and goes on until the store has the new token. So
// no other call of this process asks before.

const (
	// After a failed refresh, the pause before the next one, doubled each time.
	askFirst = 500 * time.Millisecond
	askMost  = 10 * time.Second
	// The longest pause for a rate limit. X's windows are 15 minutes or a day.
	limitMost = time.Hour
	// The pause between reads while another process refreshes. X mostly answers within a
	// second.
	pollEvery = 100 * time.Millisecond
	// The pauses between attempts to store a new token.
	saveFirst = 100 * time.Millisecond
	saveMost  = 2 * time.Second
	// minLife is how long a new token is used, even if its answer has a shorter life, such
	// as expires_in 0. Without it, every request would make a refresh.
	minLife = 10 * time.Second
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
}

// meets reports whether c, which is in memory, satisfies the request. c may be nil.
func (m *Manager) meets(req refreshRequest, c *cached) bool {
	return c.good(m.now()) && c != req.old && c.token.AccessToken != req.bad
}

// refreshCall is the one refresh of a user's token in this process.
type refreshCall struct {
	done chan struct{}
	// Set before done is closed. res is for the request that has started the call. If the
	// token is not stored yet, err is for the others.
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
	if !m.spawn(func() { m.refresh(s, req, call) }) {
		return nil, false, ErrClosed
	}
	s.call = call
	return call, true, nil
}

// refresh is the work of a call.
func (m *Manager) refresh(s *slot, req refreshRequest, call *refreshCall) {
	r := &refresh{m: m, s: s, req: req, began: time.Now()}
	for call.err = errChanged; call.err == errChanged; { //nolint:errorlint // never wrapped
		call.res, call.err = r.read()
	}
	end := func() {
		s.mu.Lock()
		s.call = nil
		s.mu.Unlock()
	}
	if r.unsaved == nil {
		end()
		close(call.done)
		return
	}
	close(call.done)
	r.saveLater()
	end()
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
		if started && call.res != nil {
			return call.res, nil
		}
		if started || errors.Is(call.err, ErrReauthRequired) {
			return nil, call.err
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

// refresh is a call at work.
type refresh struct {
	m     *Manager
	s     *slot
	req   refreshRequest
	began time.Time
	// unsaved is a token that X has given and that could not be stored yet. Its refresh
	// token exists nowhere else.
	unsaved *unsaved
}

func (r *refresh) log(level slog.Level, text string, err error) { r.m.log(r.s.key, level, text, err) }

func (r *refresh) tell(kind event.Kind, began time.Time, err error) {
	r.m.tell(r.m.base, r.s.key, kind, began, err)
}

// publish makes c the token of requests, unless something has changed since gen.
func (r *refresh) publish(c *cached, gen uint64) (*cached, error) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if r.s.gen != gen {
		return nil, errChanged
	}
	r.s.cur.Store(c)
	if c.again != nil {
		return nil, c.again
	}
	return c, nil
}

// load reads the entry of s for memory. It returns nil if the store has not answered. bad
// says that the API has refused the token in memory.
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
	c := m.remember(t, bad)
	c.version = v
	if known != nil && known.token.AccessToken == t.AccessToken {
		c.quietUntil.Store(known.quietUntil.Load())
	}
	return c, nil
}

// read reads the entry and compares it with the request.
func (r *refresh) read() (*cached, error) {
	m, s := r.m, r.s
	s.mu.Lock()
	gen, pause := s.gen, s.pause
	s.mu.Unlock()
	c, err := m.load(m.base, s, r.req.bad != "")
	if c == nil {
		text := "the token store does not answer"
		if errors.As(err, new(*tokenstore.UnknownKeyError)) {
			text = "a secret is missing from Secrets, and the token cannot be read"
		}
		r.log(slog.LevelError, text, err)
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
			r.log(slog.LevelDebug, "a lease was not released and will run out", err)
		}
		return r.postpone(asked, err)
	}
	u := &unsaved{old: old.token, version: old.version, cached: m.remember(fresh, r.req.bad != ""), gen: gen, began: asked}
	r.s.mu.Lock()
	r.s.unsaved = u.cached
	r.s.mu.Unlock()
	return r.save(u)
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
	if least := m.now().Add(minLife); !fresh.Expiry.IsZero() && fresh.Expiry.Before(least) {
		fresh.Expiry = least
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
		r.log(slog.LevelError, "that the user has to sign in again could not be stored", err)
	}
	_, err = r.publish(c, gen)
	if err != errChanged && old.again == nil { //nolint:errorlint // never wrapped
		r.log(slog.LevelInfo, "the user has to sign in again", why)
		r.tell(event.NeedsReauth, time.Time{}, why)
	}
	return nil, err
}

// postpone ends a refresh that may succeed later. Until the pause is over, requests get
// the same error. Without the store the provider was not asked, so there is no pause.
func (r *refresh) postpone(began time.Time, err error) (*cached, error) {
	level := slog.LevelWarn
	if errors.Is(err, provider.ErrRefused) {
		level = slog.LevelError // only the operator can solve this
	}
	r.log(level, "the token was not refreshed", err)
	r.tell(event.RefreshFailed, began, err)
	out := unavailable(err)
	if errors.Is(err, errStore) {
		return nil, out
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	p, now := &r.s.pause, r.m.now()
	wait := min(askFirst<<min(p.failures, 10), askMost)
	if pe := (*provider.Error)(nil); errors.As(err, &pe) {
		wait = max(wait, min(pe.RetryAt.Sub(now), limitMost))
	}
	p.failures, p.until, p.err = p.failures+1, now.Add(wait), out
	return nil, out
}

// unsaved is the result of a refresh until it is stored.
type unsaved struct {
	old     tokenstore.Token   // the token before
	version tokenstore.Version // of the entry to replace
	cached  *cached
	gen     uint64
	began   time.Time
}

// unsure is the gen of a token that no request may use: the store said that the entry has
// changed, but not to what.
const unsure = math.MaxUint64

// save stores the new token before it is used, unless another token was stored since the
// refresh began.
func (r *refresh) save(u *unsaved) (*cached, error) {
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
			return r.save(u)
		case err == nil || answered(err):
			return r.superseded(u)
		default:
			u.gen = unsure
		}
	}
	first := r.unsaved == nil
	if r.unsaved = u; err == nil {
		r.unsaved = nil
		r.log(slog.LevelDebug, "token refreshed", nil)
		r.tell(event.Refreshed, u.began, nil)
	} else if err = unavailable(fmt.Errorf("%w: %w", errStore, err)); first {
		r.log(slog.LevelError, "a refreshed token could not be stored; keeping it in memory and trying again", err)
	}
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.pause, s.unsaved = pause{}, nil
	}
	switch {
	case first && s.gen == u.gen:
		s.cur.Store(u.cached)
		return u.cached, err
	case err == nil:
		return nil, errChanged
	}
	return nil, err
}

// replaces reports whether u replaces the stored token t, although the entry has another
// version than u was refreshed from.
func (u *unsaved) replaces(t tokenstore.Token) bool {
	if t.NeedsReauth {
		// While the store was away, another process sent the spent refresh token and was
		// refused. That does not concern u.
		return t.ObtainedAt.Equal(u.old.ObtainedAt) && !u.old.ObtainedAt.IsZero()
	}
	// The spent token was encrypted with another secret.
	return t.ObtainedAt.Equal(u.old.ObtainedAt) && t.AccessToken == u.old.AccessToken && t.RefreshToken == u.old.RefreshToken
}

// superseded revokes the new token: another sign-in or a sign-out came first.
func (r *refresh) superseded(u *unsaved) (*cached, error) {
	s := r.s
	s.mu.Lock()
	if s.unsaved != nil { // otherwise Revoke has taken it
		s.unsaved = nil
		r.m.wg.Go(func() {
			ctx, cancel := context.WithTimeout(r.m.base, r.m.timeout)
			defer cancel()
			r.m.revokeAt(ctx, s.key, u.cached.token)
		})
	}
	s.cur.CompareAndSwap(u.cached, nil)
	s.mu.Unlock()
	r.unsaved = nil
	r.log(slog.LevelInfo, "the result of a refresh was not needed", errSuperseded)
	r.tell(event.RefreshFailed, u.began, errSuperseded)
	return nil, errChanged
}

// saveLater tries to store the token until the store answers. When the Manager is closed
// there is one last attempt.
func (r *refresh) saveLater() {
	for wait, open := saveFirst, true; open; wait = min(2*wait, saveMost) {
		open = r.m.pause(wait)
		_, err := r.save(r.unsaved)
		if r.unsaved == nil {
			return
		}
		if !open {
			r.log(slog.LevelError, "a refreshed token is lost with this process: the store did not accept it", err)
		}
	}
}
