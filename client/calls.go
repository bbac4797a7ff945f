package client

import (
	"context"
	"errors"

	"github.com/xsignin/xsignin/tokenstore"
)

// Put stores the token of a sign-in and forgets what was known of the user. A
// refresh of the token before, here or in another process, does not overwrite it.
// On error it may or may not be stored.
func (p *Manager) Put(ctx context.Context, key tokenstore.Key, t tokenstore.Token) error {
	if p.closed.Load() {
		return ErrClosed
	}
	if p.providers[key.Provider] == nil {
		return p.unknownProvider(key)
	}
	err := p.put(ctx, key, t)
	if s := p.users.find(key); s != nil {
		s.drop()
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// Token returns what is stored for key, without its secrets: expiry, scopes, kind
// and whether the user has to sign in again, for showing. It reads the store at
// each call, so it sees what another replica wrote and lets requests use it; while
// the store does not answer it returns what this process knows. It refreshes
// nothing. Without an entry the error is [ErrReauthRequired].
func (p *Manager) Token(ctx context.Context, key tokenstore.Key) (tokenstore.Token, error) {
	if p.closed.Load() {
		return tokenstore.Token{}, ErrClosed
	}
	var known *cached
	s := p.users.find(key)
	if s != nil {
		known = s.cur.Load()
		s.mu.Lock()
		u := s.newer()
		s.mu.Unlock()
		if u != nil {
			return u.token.Redacted(), nil
		}
	}
	t, _, err := p.get(ctx, key)
	if err == nil {
		if known != nil && known.token.AccessToken != t.AccessToken {
			s.forget(known)
		}
		return t.Redacted(), nil
	}
	err = storeError(err)
	if errors.Is(err, ErrUnavailable) && known.good(p.now()) && ctx.Err() == nil {
		return known.token.Redacted(), nil
	}
	return tokenstore.Token{}, err
}

// Refresh refreshes the token of key now, whatever its expiry. If a refresh is
// under way, here or in another process, its result counts. It returns when ctx
// ends, but the refresh goes on. A token that cannot be refreshed and still works
// is an error too.
func (p *Manager) Refresh(ctx context.Context, key tokenstore.Key) error {
	if p.providers[key.Provider] == nil {
		return p.unknownProvider(key)
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, started, err := p.join(p.users.get(key), refreshRequest{force: true})
		if errors.Is(err, errDead) {
			continue
		}
		if err != nil {
			return err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if started || f.refreshed || f.err != nil {
			return f.err
		}
	}
}

// NeedsReauth returns [ErrReauthRequired] if this process knows that the user has to sign
// in again and the store, which it then reads, says so still. Otherwise it returns
// nil and, where nothing is known against the token, reads nothing: a request may
// still find it refused. It is for every page of a signed-in user.
func (p *Manager) NeedsReauth(ctx context.Context, key tokenstore.Key) error {
	if p.closed.Load() {
		return ErrClosed
	}
	s := p.users.find(key)
	if s == nil {
		return nil
	}
	known := s.cur.Load()
	if known == nil || known.again == nil {
		return nil
	}
	s.mu.Lock()
	refused := s.refused
	s.mu.Unlock()
	t, v, err := p.get(ctx, key)
	if err != nil {
		return storeError(err)
	}
	if t.NeedsReauth || refused != "" && v == refused {
		return known.again
	}
	s.forget(known)
	return nil
}
