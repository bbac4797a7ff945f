package client

import (
	"context"
	"errors"

	"github.com/xsignin/xsignin/tokenstore"
)

// refreshRequest says what a refresh is for. The zero value needs any token that has not
// expired.
type refreshRequest struct {
	// bad is an access token that must be replaced although it has not expired.
	bad string
	// dead is not nil if the provider's API has refused bad for good.
	dead error
	// refusals is for [cached] if the API refused bad.
	refusals int
	// force replaces whatever token the store has.
	force bool
	// stale is what memory held when the store was to be read again.
	stale *cached
	// early replaces the stored token if it expires soon.
	early bool
}

// meets reports whether c, which is in memory, satisfies the request. c may be nil.
func (m *Manager) meets(req refreshRequest, c *cached) bool {
	return !req.force && !req.early && c.good(m.now()) && c != req.stale && c.token.AccessToken != req.bad
}

// refreshCall is the one refresh of a user's token in this process. It runs on the
// Manager's context, so requests that wait for it may end.
type refreshCall struct {
	done chan struct{}
	// Set before done is closed.
	res *cached
	err error
	// refreshed: the token needed a refresh, and this process or another one made it.
	refreshed bool
}

func (c *refreshCall) wait(ctx context.Context) error {
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join returns the refresh of s in progress, or starts one for req. Without a call and an
// error the caller has to look at memory again: s was dropped, or has a token by now.
func (m *Manager) join(s *slot, req refreshRequest) (call *refreshCall, started bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return nil, false, nil
	}
	if s.call != nil {
		return s.call, false, nil
	}
	// A refresh may have ended since the caller looked at memory.
	if m.meets(req, s.cur.Load()) {
		return nil, false, nil
	}
	call = &refreshCall{done: make(chan struct{})}
	if !m.spawn(func() { m.run(s, call, req) }) {
		return nil, false, ErrClosed
	}
	s.call = call
	return call, true, nil
}

func (m *Manager) run(s *slot, call *refreshCall, req refreshRequest) {
	call.res, call.refreshed, call.err = m.refresh(s, req)
	s.mu.Lock()
	s.call = nil
	s.mu.Unlock()
	close(call.done)
}

// begin starts a refresh in the background, unless one is in progress.
func (m *Manager) begin(key tokenstore.Key, req refreshRequest) {
	_, _, _ = m.join(m.users.get(key), req)
}

// acquire returns a token that satisfies req. It waits until ctx ends.
func (m *Manager) acquire(ctx context.Context, key tokenstore.Key, req refreshRequest) (*cached, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := m.users.get(key)
		if c := s.cur.Load(); m.meets(req, c) {
			return c, nil
		}
		call, started, err := m.join(s, req)
		if call == nil && err == nil {
			continue
		}
		if err == nil {
			err = call.wait(ctx)
		}
		if err != nil {
			return nil, err
		}
		if c, err := m.accept(req, call, started, s.cur.Load()); c != nil || err != nil {
			return c, err
		}
	}
}

// accept returns what req gets from a finished call. It returns neither a token nor an
// error if the call was for another request, and one for req is to be made.
func (m *Manager) accept(req refreshRequest, call *refreshCall, started bool, cur *cached) (*cached, error) {
	switch {
	case req.force && (started || call.refreshed || call.err != nil):
		return call.res, call.err
	case req.force:
		return nil, nil
	case call.err == nil && (started || call.res.token.AccessToken != req.bad):
		return call.res, nil
	case call.err == nil, !started && errors.Is(call.err, ErrNotRefreshable):
		return nil, nil
	case started, errors.Is(call.err, ErrReauthRequired):
		return nil, call.err
	case cur.good(m.now()) && cur.token.AccessToken != req.bad:
		return cur, nil
	}
	return nil, call.err
}

// Refresh refreshes the token of key now, whatever its expiry. If a refresh is in
// progress, here or in another process, Refresh waits for that one. It returns when ctx
// ends, and the refresh continues. A token that works and cannot be refreshed is an
// error, [ErrNotRefreshable].
func (m *Manager) Refresh(ctx context.Context, key tokenstore.Key) error {
	if err := m.checkKey(key); err != nil {
		return err
	}
	_, err := m.acquire(ctx, key, refreshRequest{force: true})
	return err
}
