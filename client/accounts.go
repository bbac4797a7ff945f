package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/xsignin/xsignin/tokenstore"
)

// Account is a token that a user has stored.
type Account struct {
	// Key names the token for the methods of a [Manager].
	Key tokenstore.Key
	// Token has the scopes, the expiry, the account's names and the state. It has no
	// secrets.
	Token tokenstore.Token
}

// Accounts lists the tokens of all accounts of a user, ordered by provider and account. An
// account that is connected by both of X's protocols has two. Tokens of providers that the
// Manager does not have are omitted. An entry that cannot be read has only NeedsReauth.
//
// userID is the application's id of the user, [provider.User.ID].
//
// [provider.User.ID]: https://pkg.go.dev/github.com/xsignin/xsignin/provider#User
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
	if m.closed.Load() {
		return nil, ErrClosed
	}
	all, err := m.listEntries(ctx, userID)
	if err != nil {
		return nil, unavailable(err)
	}
	keys := all[:0:0]
	for _, key := range all {
		if m.providers[key.Provider] != nil {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// ClientForUser is [Manager.Client] for a user with one account. It reads the store. The
// error is [ErrReauthRequired] if the user has no account. A user with several accounts is
// an error as well: choose a key of [Manager.Accounts]. If the account is connected by
// both of X's protocols, the client uses OAuth 2.0.
func (m *Manager) ClientForUser(ctx context.Context, userID string) (*http.Client, error) {
	keys, err := m.keys(ctx, userID)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, reauthRequired(tokenstore.ErrNotFound)
	}
	for _, key := range keys[1:] {
		if !m.SameAccount(key, keys[0]) {
			return nil, fmt.Errorf("client: the user %q has several accounts (use a key that kit.Accounts lists)", userID)
		}
	}
	return m.Client(keys[0]), nil
}

// Token returns the stored token of key without its secrets: expiry, scopes, kind and
// whether the user has to sign in again. It reads the store at each call, so it finds what
// another replica wrote. While the store does not answer, it returns the token in memory.
// It makes no refresh. Without an entry the error is [ErrReauthRequired].
func (m *Manager) Token(ctx context.Context, key tokenstore.Key) (tokenstore.Token, error) {
	if m.closed.Load() {
		return tokenstore.Token{}, ErrClosed
	}
	t, err := m.inspect(ctx, m.users.get(key))
	works := t.AccessToken != "" && !expired(t, m.now())
	if t.NeedsReauth || errors.Is(err, ErrUnavailable) && works && ctx.Err() == nil {
		err = nil
	}
	if err != nil {
		return tokenstore.Token{}, err
	}
	return t.Redacted(), nil
}

// NeedsReauth returns [ErrReauthRequired] if the user has to sign in again. It reads the
// store only if this process has found so before, since a sign-in on another replica may
// have solved it. Otherwise it returns nil without a read, and a request may still find
// that the token is refused. It is cheap enough for every page of a signed-in user.
func (m *Manager) NeedsReauth(ctx context.Context, key tokenstore.Key) error {
	if m.closed.Load() {
		return ErrClosed
	}
	s := m.users.find(key)
	if s == nil {
		return nil
	}
	if known := s.cur.Load(); known == nil || known.again == nil {
		return nil
	}
	_, err := m.inspect(ctx, s)
	return err
}

// inspect reads the entry of s, and corrects what is in memory. While the store is away it
// returns the token in memory, if there is one, with [ErrUnavailable].
func (m *Manager) inspect(ctx context.Context, s *slot) (tokenstore.Token, error) {
	known := s.cur.Load()
	s.mu.Lock()
	gen, refused, pending := s.gen, s.refused, s.newer()
	s.mu.Unlock()
	if pending != nil {
		return pending.token, nil // newer than the stored token
	}
	t, v, err := m.readEntry(ctx, s.key)
	err = entryError(s.key, t, err)
	if err == nil && refused != "" && v == refused {
		err = reauthRequired(errMarked)
	}
	switch {
	case errors.Is(err, ErrReauthRequired):
		if known != nil && known.again != nil && errors.Is(err, errMarked) {
			return t, known.again // with the provider's reason
		}
		s.learn(known, &cached{again: err}, gen)
	case err != nil && known != nil:
		return known.token, err
	case err == nil && !known.holds(t):
		s.learn(known, m.remember(t, m.now(), 0), gen)
	}
	return t, err
}

// holds reports whether requests already use t. c may be nil.
func (c *cached) holds(t tokenstore.Token) bool {
	return c != nil && c.again == nil && c.token.AccessToken == t.AccessToken && slices.Equal(c.token.Scopes, t.Scopes)
}

// learn replaces known by c, unless something has changed since gen or is about to.
func (s *slot) learn(known, c *cached, gen uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen == gen && !s.dead && s.call == nil && s.unsaved == nil {
		s.cur.CompareAndSwap(known, c)
	}
}
