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
	// How long what the store said about a missing scope is believed.
	scopesFor = 3 * time.Second
	// How many sign-ins of one user may have it read anew within that time.
	maxAsked = 8
)

// MissingScopes returns those of scopes that the token of u lacks, whether or not the
// token has expired. An OAuth 1.0a token has no scopes and lacks none: the application's
// access level, which the provider alone knows, decides at each call.
//
// MissingScopes reads the store if no token is in memory, and if the token in memory
// lacks a scope, so that it sees a consent that another replica has just stored. The
// latter reads happen once in three seconds for a user. In between, and while the store
// does not answer, the token in memory counts. A new sign-in, by u.SignedInAt, reads the
// store at once, at most eight times in three seconds. So a visitor who comes back from
// the consent is not refused by a replica that has just read the store.
//
// [ErrReauthRequired] says that there is no token, that the provider has refused it, or that
// it is of another account than u.ID, see [Manager.ClientOf]. An empty u.ID takes any account.
func (p *Manager) MissingScopes(ctx context.Context, u provider.User, scopes ...string) ([]string, error) {
	if p.closed.Load() {
		return nil, ErrClosed
	}
	s := p.users.get(u.Key())
	known := s.cur.Load()
	if known != nil && known.again == nil {
		s.touched.Store(true)
		missing, err := lacking(known.token, u.AccountID, scopes)
		if (len(missing) == 0 && err == nil) || !s.mayReread(u.SignedInAt, p.now()) {
			return missing, err
		}
	}
	s.mu.Lock()
	gen, pending, refused := s.gen, s.newer(), s.refused
	s.mu.Unlock()
	if pending != nil {
		// The store's entry is older than what we hold.
		return lacking(pending.token, u.AccountID, scopes)
	}
	var t tokenstore.Token
	var v tokenstore.Version
	var err error
	t, v, err = p.get(ctx, s.key)
	switch {
	case err != nil:
		err = storeError(err)
	case t.NeedsReauth || (refused != "" && v == refused):
		err = signInAgain(errMarked)
	}
	switch {
	case errors.Is(err, ErrReauthRequired):
		s.learn(known, &cached{again: err}, gen)
		return nil, err
	case err != nil && known != nil && known.again == nil && ctx.Err() == nil:
		return lacking(known.token, u.AccountID, scopes)
	case err != nil:
		return nil, err
	}
	if known == nil || known.again != nil || known.token.AccessToken != t.AccessToken || !slices.Equal(known.token.Scopes, t.Scopes) {
		s.learn(known, p.remember(t, p.now(), 0), gen)
	}
	return lacking(t, u.AccountID, scopes)
}

// lacking returns what t lacks, for a session of accountID; "" is any.
func lacking(t tokenstore.Token, accountID string, scopes []string) (missing []string, err error) {
	if accountID != "" && t.AccountID != "" && t.AccountID != accountID {
		return nil, signInAgain(errAnother)
	}
	if t.IsOAuth1() {
		return nil, nil
	}
	for _, scope := range scopes {
		if !t.HasScopes(scope) {
			missing = append(missing, scope)
		}
	}
	return missing, nil
}

// mayReread reports whether the store is to be read for somebody who signed in at
// signedIn, and lacks a scope.
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

// learn puts what was read into the place of known, unless something has changed since gen
// or is about to.
func (s *slot) learn(known, c *cached, gen uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen == gen && !s.dead && s.call == nil && s.unsaved == nil {
		s.cur.CompareAndSwap(known, c)
	}
}
