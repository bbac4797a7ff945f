package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

const (
	// How long the store's answer about a missing scope is believed.
	scopesFor = 3 * time.Second
	// How many sign-ins of one account may cause a read within that time.
	maxAsked = 8
)

// MissingScopes returns those of scopes that the token of u lacks, whether or not the
// token has expired. An OAuth 1.0a token has no scopes and lacks none: the application's
// access level decides at each call, and only X knows it.
//
// MissingScopes reads the store if no token is in memory, or if the token in memory lacks
// a scope. So it finds a consent that another replica has just stored. It makes the latter
// reads once in three seconds for an account. In between, and while the store does not
// answer, the token in memory counts. A new sign-in, by u.SignedInAt, reads the store at
// once, at most eight times in three seconds. So a visitor who returns from the consent is
// not refused by a replica that has just read the store.
//
// [ErrReauthRequired] says that there is no token, or that the provider has refused it.
func (m *Manager) MissingScopes(ctx context.Context, u provider.User, scopes ...string) ([]string, error) {
	if m.closed.Load() {
		return nil, ErrClosed
	}
	if err := m.checkKey(u.Key()); err != nil {
		return nil, err
	}
	s := m.users.get(u.Key())
	known := s.cur.Load()
	if known != nil && known.again == nil {
		s.touched.Store(true)
		missing := lacking(known.token, scopes)
		if len(missing) == 0 || !s.mayReread(u.SignedInAt, m.now()) {
			return missing, nil
		}
	}
	t, err := m.inspect(ctx, s)
	if errors.Is(err, ErrUnavailable) && t.AccessToken != "" && ctx.Err() == nil {
		err = nil // the token in memory counts
	}
	if err != nil {
		return nil, err
	}
	return lacking(t, scopes), nil
}

// lacking returns those of scopes that t lacks.
func lacking(t tokenstore.Token, scopes []string) (missing []string) {
	if t.IsOAuth1() {
		return nil
	}
	for _, scope := range scopes {
		if !t.HasScopes(scope) {
			missing = append(missing, scope)
		}
	}
	return missing
}

// mayReread reports whether the store is to be read for a visitor who signed in at
// signedIn and lacks a scope.
func (s *slot) mayReread(signedIn, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := now.Sub(s.since); d < 0 || d >= scopesFor {
		s.since, s.asked = now, nil
	}
	if len(s.asked) >= maxAsked || slices.ContainsFunc(s.asked, signedIn.Equal) {
		return false
	}
	s.asked = append(s.asked, signedIn)
	return true
}
