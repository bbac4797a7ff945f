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

// A slot has at most one refresh at a time, its call, on the Manager's context. It is a loop
// over these steps:
//
//	read: read the entry, and decide whether the provider is to be asked
//	ask:  lease the entry's version, and send the refresh token to the provider
//	save: replace that version by the new token, then let requests use it
//
// Among processes, only the holder of the lease asks. The others wait and read again. A step
// that finds a changed entry returns errChanged, and the loop begins again. Memory keeps what
// was read only if this process has not changed the entry since, see slot.gen.
//
// After the provider's answer, the old refresh token is no longer valid. If the store is
// unavailable then, requests use the new token, and the call continues until the token is
// stored. No other call of this process asks the provider before.

const (
	maxSpread   = 30 * time.Second       // of the times when tokens are refreshed
	rereadAfter = 5 * time.Minute        // of a token that does not expire: another replica may delete it
	askFirst    = 500 * time.Millisecond // the pause after a failed refresh, doubled each time
	askMost     = 10 * time.Second
	limitMost   = time.Hour              // the longest pause for a rate limit: X's windows are 15 minutes or a day
	pollEvery   = 100 * time.Millisecond // while another process refreshes
	saveEvery   = time.Second            // while the store does not accept a new token
	lookPause   = time.Minute            // between attempts in the background

	// X's API has answered 401 to good tokens for a day. So after a refresh that a 401 has
	// caused, no 401 causes another refresh for this time, which doubles at each refresh. A
	// request that succeeds ends it.
	quietFirst = time.Minute
	quietMost  = time.Hour

	// minLife is how long a new token is used, even after expires_in 0. Without it, every
	// request would make a refresh.
	minLife = 10 * time.Second
)

// remember makes a cached of a token that was just read or obtained.
func (m *Manager) remember(t tokenstore.Token, v tokenstore.Version) *cached {
	c, now := &cached{token: t, version: v}, m.cfg.Now()
	switch {
	case t.Expiry.IsZero():
		c.lookAt = now.Add(rereadAfter)
	case t.RefreshToken == "":
		c.lookAt = t.Expiry
	default:
		ahead := m.cfg.RefreshBefore
		if life := t.Expiry.Sub(t.ObtainedAt); !t.ObtainedAt.IsZero() {
			ahead = min(ahead, life/2)
		}
		c.lookAt = t.Expiry.Add(-ahead - rand.N(min(max(ahead, 0)/10, maxSpread)+1))
	}
	return c
}

// pause is a time during which the provider is not asked.
type pause struct {
	length time.Duration
	until  time.Time
	err    error
}

// extend begins the next pause, which is twice as long as the previous pause.
func (p *pause) extend(now time.Time, least, most time.Duration) {
	p.length = min(max(2*p.length, least), most)
	p.until = now.Add(p.length)
}

// refreshRequest says what a refresh is for. The zero value needs any token that works.
type refreshRequest struct {
	old      *cached // what memory held when cached.lookAt had passed
	bad      string  // an access token that must be replaced although it has not expired
	dead     error   // not nil if the API has refused bad for good
	explicit bool    // the application calls Refresh: only a rate limit delays it
}

// meets reports whether c, which is in memory, satisfies the request. c may be nil.
func (m *Manager) meets(req refreshRequest, c *cached) bool {
	return c.good(m.cfg.Now()) && c != req.old && c.token.AccessToken != req.bad
}

// refresh is the call of a slot.
type refresh struct {
	m     *Manager
	s     *slot
	req   refreshRequest
	began time.Time

	done   chan struct{} // closed when result or err is set
	result *cached       // what memory has got
	err    error

	gen     uint64 // the slot's before read
	found   *cached
	version tokenstore.Version // of the entry
	asked   bool               // the provider
	fresh   *cached            // the token that the provider has given
	unsaved bool               // the store did not accept fresh yet
}

// join returns the refresh of s in progress, or starts one for req. It returns the token in
// memory instead, if that satisfies req by now.
func (m *Manager) join(s *slot, req refreshRequest) (*cached, *refresh, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.cur.Load(); m.meets(req, c) {
		return c, nil, nil
	}
	if s.call == nil {
		call := &refresh{m: m, s: s, req: req, began: time.Now(), done: make(chan struct{}), err: errChanged}
		if !m.spawn(call.run) {
			return nil, nil, ErrClosed
		}
		s.call = call
	}
	return nil, s.call, nil
}

// acquire returns a token that satisfies req. It waits until ctx ends.
func (m *Manager) acquire(ctx context.Context, s *slot, req refreshRequest) (*cached, error) {
	for ctx.Err() == nil {
		c, call, err := m.join(s, req)
		if call == nil {
			return c, err
		}
		select {
		case <-call.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if call.err == nil && call.req == req {
			return call.result, nil // even if the provider has given bad again
		}
		// A call for another request may not have done what req needs.
		again := call.req != req && (errors.Is(call.err, ErrNotRefreshable) || req.explicit && !call.asked)
		if call.err != nil && !m.meets(req, s.cur.Load()) && (!again || errors.Is(call.err, ErrReauthRequired)) {
			return nil, call.err
		}
	}
	return nil, ctx.Err()
}

// Refresh refreshes the token of key now, or waits for a refresh in progress, here or in
// another process. When ctx ends it returns, and the refresh continues. While X limits the
// rate of refreshes, X is not asked. See also [ErrNotRefreshable].
func (m *Manager) Refresh(ctx context.Context, key tokenstore.Key) error {
	if err := m.check(key); err != nil {
		return err
	}
	s := m.users.get(key)
	t, err := m.inspect(ctx, s)
	if err == nil {
		_, err = m.acquire(ctx, s, refreshRequest{bad: t.AccessToken, explicit: true})
	}
	return err
}

func (r *refresh) run() {
	for r.err == errChanged { //nolint:errorlint // never wrapped
		r.err = r.read()
	}
	if r.unsaved {
		close(r.done)
	} else {
		defer close(r.done)
	}
	// When the Manager is closed, it tries once more.
	for open := true; open && r.unsaved; {
		open = r.m.pause(saveEvery)
		_ = r.save()
	}
	if r.unsaved {
		r.log(slog.LevelError, "a refreshed token is lost with this process: the store did not accept it", r.err)
	}
	r.m.ended() // before callers have the result, and may call Close
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.s.call = nil
}

func (r *refresh) log(level slog.Level, text string, err error) { r.m.log(r.s.key, level, text, err) }

// publish makes requests use c, unless the slot has changed since read.
func (r *refresh) publish(c *cached) error {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if r.s.gen != r.gen {
		return errChanged
	}
	r.s.cur.Store(c)
	r.result = c
	return c.again
}

// load reads the entry of s for memory. It returns nil if the store has not answered.
func (m *Manager) load(ctx context.Context, s *slot) (*cached, error) {
	ctx, cancel := m.bound(ctx)
	defer cancel()
	t, v, err := m.cfg.Vault.Get(ctx, s.key)
	known := s.cur.Load()
	switch {
	case errors.Is(err, tokenstore.ErrNotFound), errors.Is(err, tokenstore.ErrUnreadable):
		err = reauthRequired(err)
	case err != nil:
		// If a secret is missing from Secrets, the operator can add it. A sign-in would
		// overwrite a token that is not lost.
		return nil, unavailable("", err)
	case t.NeedsReauth:
		err = reauthRequired(errMarked)
	case t.AccountID != "" && t.AccountID != s.key.AccountID:
		err = reauthRequired(errAnother)
	case known != nil && known.again != nil && known.version == v:
		return known, known.again
	default:
		return m.remember(t, v), nil
	}
	return &cached{token: t, again: err}, err
}

// read reads the entry and compares it with the request.
func (r *refresh) read() error {
	m, s := r.m, r.s
	s.mu.Lock()
	r.gen = s.gen
	s.mu.Unlock()
	c, err := m.load(m.base, s)
	if c == nil {
		text := "the token store does not answer"
		if errors.As(err, new(*tokenstore.UnknownKeyError)) {
			text = "a secret is missing from Secrets, and the token cannot be read"
		}
		r.log(slog.LevelError, text, err)
		return err
	}
	r.found, r.version = c, c.version
	now := m.cfg.Now()
	works, refreshable := c.good(now), m.refreshable(s.key, c.token)
	soon := r.req.old != nil && refreshable && !now.Before(c.lookAt)
	switch {
	case c.again != nil && c.version != "":
		return r.refuse(errMarked)
	case c.again != nil, works && c.token.AccessToken != r.req.bad && !soon:
		return r.publish(c)
	case refreshable:
		return r.ask()
	case works && r.req.dead == nil:
		return ErrNotRefreshable
	}
	return r.refuse(cmp.Or(r.req.dead, errNoSecret))
}

// delayed returns an error if the provider must not be asked now.
func (r *refresh) delayed() error {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	p, now := r.s.pause, r.m.cfg.Now()
	switch {
	case now.Before(p.until) && (!r.req.explicit || errors.Is(p.err, provider.ErrRateLimited)):
		return p.err
	case now.Before(r.s.quiet.until) && r.req.bad != "" && !r.req.explicit:
		return unavailable("", errQuiet)
	}
	return nil
}

// ask leases the entry and sends its refresh token to the provider.
func (r *refresh) ask() error {
	if err := r.delayed(); err != nil {
		return err
	}
	m, key, asked := r.m, r.s.key, time.Now()
	store, cancel := m.bound(m.base)
	defer cancel()
	lease, err := m.cfg.Vault.Lease(store, key, r.version, m.lease)
	switch waited := time.Since(r.began); {
	case err == nil:
	case !errors.Is(err, tokenstore.ErrLeased) && !errors.Is(err, tokenstore.ErrConflict):
		return r.postpone(fmt.Errorf("%w: %w", errStore, err))
	case waited > 3*m.lease:
		return r.postpone(fmt.Errorf("other processes have been refreshing this token for %v", waited))
	case m.pause(pollEvery):
		return errChanged
	default:
		return ErrClosed
	}
	r.asked = true
	// The call to the provider must end before the lease, even after a slow store.
	ctx, cancel := context.WithTimeout(m.base, min(m.cfg.Timeout, m.lease-leaseMargin-time.Since(asked)))
	defer cancel()
	t, err := tokenstore.Token{}, ctx.Err()
	if err == nil {
		t, err = m.providers[key.Provider].(provider.Refresher).Refresh(ctx, r.found.token)
	}
	if errors.Is(err, provider.ErrTokenRefused) {
		return r.refuse(err)
	}
	if err == nil && t.AccessToken == "" {
		err = errors.New("the provider's answer has no access token")
	}
	if err != nil {
		store, cancel := m.bound(m.base)
		defer cancel()
		_ = m.cfg.Vault.Release(store, key, lease) // otherwise it runs out
		return r.postpone(err)
	}
	if least := m.cfg.Now().Add(minLife); !t.Expiry.IsZero() && t.Expiry.Before(least) {
		t.Expiry = least
	}
	r.fresh = m.remember(t, "")
	r.s.mu.Lock()
	r.s.unsaved = r.fresh
	if r.req.bad != "" && !r.req.explicit {
		r.s.quiet.extend(m.cfg.Now(), quietFirst, quietMost)
	}
	r.s.mu.Unlock()
	return r.save()
}

// refuse stores that the user has to sign in again, so that no process asks the provider again.
func (r *refresh) refuse(why error) error {
	c := &cached{token: r.found.token.Redacted(), again: reauthRequired(why)}
	c.token.NeedsReauth = true
	ctx, cancel := r.m.bound(r.m.base)
	defer cancel()
	_, err := r.m.cfg.Vault.Replace(ctx, r.s.key, r.version, c.token)
	if errors.Is(err, tokenstore.ErrConflict) {
		return errChanged
	}
	if err != nil {
		c.version = r.version
		r.log(slog.LevelError, "that the user has to sign in again could not be stored", err)
	}
	if err = r.publish(c); err == c.again && r.found.again == nil { //nolint:errorlint // never wrapped
		r.log(slog.LevelInfo, "the user has to sign in again", why)
		r.m.tell(r.m.base, r.s.key, event.NeedsReauth, r.began, why)
	}
	return err
}

// postpone ends a refresh that may succeed later. Requests get the same error until the
// pause is over. A failure of the store makes no pause.
func (r *refresh) postpone(err error) error {
	level := slog.LevelWarn
	if errors.Is(err, provider.ErrRefused) {
		level = slog.LevelError // only the operator can solve this
	}
	r.log(level, "the token was not refreshed", err)
	r.m.tell(r.m.base, r.s.key, event.RefreshFailed, r.began, err)
	if errors.Is(err, errStore) {
		return unavailable("", err)
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	p, now := &r.s.pause, r.m.cfg.Now()
	p.extend(now, askFirst, askMost)
	if pe := (*provider.Error)(nil); errors.As(err, &pe) {
		p.until = now.Add(max(p.length, min(pe.RetryAt.Sub(now), limitMost)))
	}
	p.err = unavailable("", err)
	return p.err
}

// save stores the new token before it is used, unless another one was stored since read.
func (r *refresh) save() error {
	ctx, cancel := r.m.bound(r.m.base)
	defer cancel()
	_, err := r.m.cfg.Vault.Replace(ctx, r.s.key, r.version, r.fresh.token)
	if errors.Is(err, tokenstore.ErrConflict) {
		now, v, unread := r.m.cfg.Vault.Get(ctx, r.s.key)
		switch err = unread; {
		case err == nil && now.AccessToken == r.fresh.token.AccessToken:
			// An earlier attempt was stored, and its answer was lost.
		case err == nil && r.replaces(now):
			r.version = v
			return r.save()
		case v != "", errors.Is(err, tokenstore.ErrNotFound):
			return r.superseded(v == "")
		default:
			r.gen = math.MaxUint64 // no request may use the token: the entry may have another
		}
	}
	if err != nil {
		err = unavailable("", fmt.Errorf("%w: %w", errStore, err))
		if !r.unsaved {
			r.unsaved = true
			r.log(slog.LevelError, "a refreshed token could not be stored; keeping it in memory and trying again", err)
			_ = r.publish(r.fresh)
		}
		return err
	}
	r.m.tell(r.m.base, r.s.key, event.Refreshed, r.began, nil)
	r.unsaved = false
	r.s.mu.Lock()
	r.s.pause, r.s.unsaved = pause{}, nil
	r.s.mu.Unlock()
	return r.publish(r.fresh)
}

// replaces reports whether t is a later version of the spent token: sealed with another
// secret, or refused, because another process has sent the spent refresh token.
func (r *refresh) replaces(t tokenstore.Token) bool {
	old := r.found.token
	same := t.AccessToken == old.AccessToken && t.RefreshToken == old.RefreshToken
	return t.ObtainedAt.Equal(old.ObtainedAt) && (same || t.NeedsReauth && !old.ObtainedAt.IsZero())
}

// superseded drops the new token, because a sign-in or a sign-out came first. It revokes the
// token after a sign-out only, for the reason of [PutOptions].RevokeReplaced. A sign-in that is
// undone puts the spent token back. If that happens within a minute, the new token is stored
// after all.
func (r *refresh) superseded(signedOut bool) error {
	r.log(slog.LevelInfo, "the result of a refresh was not needed", errSuperseded)
	r.m.tell(r.m.base, r.s.key, event.RefreshFailed, r.began, errSuperseded)
	r.unsaved = false
	r.s.mu.Lock()
	known := r.s.unsaved != nil // otherwise Revoke has taken it
	r.s.unsaved = nil
	r.s.cur.CompareAndSwap(r.fresh, nil)
	r.s.mu.Unlock()
	dropped := *r // r begins again
	if known && signedOut {
		r.m.revokeAt(r.m.base, r.s.key, r.fresh.token)
	} else if known {
		r.m.spawn(dropped.restore)
	}
	return errChanged
}

// restore stores the new token if the entry has the spent one again. It looks for a minute.
func (r *refresh) restore() {
	for wait := saveEvery; wait < time.Minute && r.m.pause(wait); wait *= 2 {
		ctx, cancel := r.m.bound(r.m.base)
		now, v, err := r.m.cfg.Vault.Get(ctx, r.s.key)
		if err == nil && r.replaces(now) {
			_, _ = r.m.cfg.Vault.Replace(ctx, r.s.key, v, r.fresh.token)
			r.m.drop(r.s.key)
		}
		cancel()
	}
}
