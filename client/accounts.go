package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// Account is a token that a user has stored.
type Account struct {
	Key tokenstore.Key
	// Token has the scopes, the expiry, the account's names and the state, but no secrets.
	Token tokenstore.Token
}

// Accounts lists the tokens of a user ([provider.User].ID), by provider and account. An account
// that is connected by both of X's protocols has two tokens. Tokens of providers that the
// Manager does not have are omitted. An entry that cannot be read has only NeedsReauth.
func (m *Manager) Accounts(ctx context.Context, userID string) ([]Account, error) {
	keys, err := m.keys(ctx, userID)
	if err != nil {
		return nil, err
	}
	var accounts []Account
	for _, key := range keys {
		t, err := m.Token(ctx, key)
		switch {
		case errors.Is(err, tokenstore.ErrNotFound):
			continue // deleted since it was listed
		case errors.Is(err, ErrReauthRequired):
			t = tokenstore.Token{AccountID: key.AccountID, NeedsReauth: true}
		case err != nil:
			return nil, err
		}
		accounts = append(accounts, Account{Key: key, Token: t})
	}
	return accounts, nil
}

// keys lists the keys of a user that are of the Manager's providers.
func (m *Manager) keys(ctx context.Context, userID string) ([]tokenstore.Key, error) {
	if m.stopping.Err() != nil {
		return nil, ErrClosed
	}
	ctx, cancel := m.bound(ctx)
	defer cancel()
	all, err := m.cfg.Vault.List(ctx, userID)
	if err != nil {
		return nil, unavailable("", err)
	}
	return slices.DeleteFunc(all, func(k tokenstore.Key) bool { return m.providers[k.Provider] == nil }), nil
}

// ClientForUser is [Manager.Client] for a user with one account. It reads the store. The
// error is [ErrReauthRequired] for a user without accounts. Several accounts are an error as
// well. If the account is connected by both of X's protocols, the client uses OAuth 2.0.
func (m *Manager) ClientForUser(ctx context.Context, userID string) (*http.Client, error) {
	keys, err := m.keys(ctx, userID)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, reauthRequired(tokenstore.ErrNotFound)
	}
	same := m.siblings(keys[0], userID)
	if slices.ContainsFunc(keys, func(k tokenstore.Key) bool { return !slices.Contains(same, k) }) {
		return nil, fmt.Errorf("client: the user %q has several accounts (use a key that kit.Accounts lists)", userID)
	}
	return m.Client(context.Background(), keys[0]), nil
}

// Token returns the stored token of key without its secrets. It reads the store at each
// call, and makes no refresh. While the store does not answer, it returns the token in
// memory. Without an entry the error is [ErrReauthRequired].
func (m *Manager) Token(ctx context.Context, key tokenstore.Key) (tokenstore.Token, error) {
	if m.stopping.Err() != nil {
		return tokenstore.Token{}, ErrClosed
	}
	t, err := m.inspect(ctx, m.users.get(key))
	if err != nil && !t.NeedsReauth {
		return tokenstore.Token{}, err
	}
	return t.Redacted(), nil
}

// inspect reads the entry of s, and corrects memory. While the store does not answer, it
// returns the token in memory if that works.
func (m *Manager) inspect(ctx context.Context, s *slot) (tokenstore.Token, error) {
	s.mu.Lock()
	gen, unsaved, known := s.gen, s.unsaved, s.cur.Load()
	s.mu.Unlock()
	if unsaved != nil && unsaved == known {
		return known.token, nil // newer than the stored token
	}
	c, err := m.load(ctx, s)
	switch {
	case c == nil && known.good(m.cfg.Now()) && ctx.Err() == nil:
		return known.token, nil
	case c == nil:
		return tokenstore.Token{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen == gen && s.call == nil {
		s.cur.CompareAndSwap(known, c)
	}
	return c.token, err
}

// MissingScopes returns those of scopes that the token of u lacks, whether or not the
// token has expired. An OAuth 1.0a token lacks none: only X knows the application's access
// level. The error is [ErrReauthRequired] if there is no token or it was refused.
//
// It reads the store if the token in memory was refused or lacks a scope: another replica
// may have stored a sign-in or a consent. A missing scope is remembered for three seconds,
// but not for a later sign-in, by u.SignedInAt. Without a token in memory it reads the store
// only if there are scopes. If the store does not answer, a working token in memory counts.
func (m *Manager) MissingScopes(ctx context.Context, u provider.User, scopes ...string) ([]string, error) {
	lacking := func(t tokenstore.Token) []string {
		has := func(scope string) bool { return t.IsOAuth1() || t.HasScopes(scope) }
		return slices.DeleteFunc(slices.Clone(scopes), has)
	}
	s, known := m.users.find(u.Key()), (*cached)(nil)
	if s != nil {
		known = s.cur.Load()
	}
	switch {
	case m.stopping.Err() != nil:
		return nil, ErrClosed
	case known == nil && len(scopes) == 0:
		return nil, nil
	case known != nil && known.again == nil:
		missing := lacking(known.token)
		if len(missing) == 0 || !s.mayReread(u.SignedInAt, m.cfg.Now()) {
			return missing, nil
		}
	}
	if err := m.check(u.Key()); err != nil {
		return nil, err
	}
	t, err := m.inspect(ctx, m.users.get(u.Key()))
	if err != nil {
		return nil, err
	}
	return lacking(t), nil
}

// mayReread reports whether to read the store for a visitor who signed in at signedIn and lacks
// a scope.
func (s *slot) mayReread(signedIn, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lackedBy.Equal(signedIn) && now.Sub(s.lackedAt).Abs() < 3*time.Second {
		return false
	}
	s.lackedBy, s.lackedAt = signedIn, now
	return true
}
