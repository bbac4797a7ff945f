package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// PutOptions are the options of [Manager.PutWithRollback].
type PutOptions struct {
	// Own makes the user the only one in the application who may connect the account.
	Own bool
	// AllowTransfer lets the user take the account over from another user of the
	// application. Otherwise that is [ErrAccountTaken]. It needs Own.
	AllowTransfer bool
	// RevokeReplaced lets [Stored.Commit] try to revoke the token that this one has replaced.
	// If X takes user and application as one grant, the new token ends too.
	RevokeReplaced bool
	// Imported is for a token that does not come from a sign-in here. The token must be one
	// of the provider's protocol, and [Stored.Rollback] does not revoke it.
	Imported bool
}

// Stored is a sign-in that [Manager.PutWithRollback] has stored, for one goroutine.
type Stored struct {
	// FormerOwners are the keys of the tokens that former owners of the account may have.
	FormerOwners []tokenstore.Key

	m     *Manager
	key   tokenstore.Key
	token tokenstore.Token
	opt   PutOptions
	// before is the token before, or nil. An unreadable entry has a version only.
	before        *tokenstore.Token
	beforeVersion tokenstore.Version
	// put: the sign-in has begun to write the token. version is set if that succeeded.
	put     bool
	version tokenstore.Version
	// ownerBefore is the owner that the sign-in has replaced, or nil. The zero Owner means
	// that the account was free.
	ownerBefore *tokenstore.Owner
	former      []string // in the owner entry
}

// PutWithRollback stores the token of a sign-in. A refresh in progress does not overwrite
// it. If a later step of the sign-in fails, call [Stored.Rollback]. Otherwise end the
// sessions of Stored.FormerOwners with the account, and call [Stored.Commit].
//
// Before an error is returned, what was written is undone, for at most two seconds and also
// after ctx has ended. A store that is away for longer, or that executes a write later, may
// be left with the new owner, and with the token, which is revoked unless it is Imported. If
// the entry cannot be read first, nothing is written or revoked.
func (m *Manager) PutWithRollback(ctx context.Context, key tokenstore.Key, t tokenstore.Token, opt PutOptions) (*Stored, error) {
	if err := m.check(key); err != nil {
		return nil, err
	}
	if t.AccountID != "" && t.AccountID != key.AccountID {
		return nil, errors.New("client: the token's AccountID is not that of the key")
	}
	if opt.Imported {
		if err := m.checkImported(key, t); err != nil {
			return nil, err
		}
		t.AccountID = key.AccountID
	}
	s := &Stored{m: m, key: key, token: t, opt: opt}
	err := s.store(ctx)
	if err == nil {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if err := s.Rollback(ctx); err != nil {
		m.log(key, slog.LevelWarn, "the token or the owner of a failed sign-in may be stored", err)
	}
	if errors.Is(err, ErrAccountTaken) {
		return nil, err
	}
	return nil, unavailable(err)
}

// checkImported returns an error for a token that the provider could not use.
func (m *Manager) checkImported(key tokenstore.Key, t tokenstore.Token) error {
	p := m.providers[key.Provider]
	_, isOAuth2 := p.(provider.Refresher)
	_, isOAuth1 := p.(provider.TokenVerifier)
	switch {
	case key.UserID == "":
		return errors.New("client: the key has no UserID (use the application's id of the user)")
	case t.AccessToken == "" || t.NeedsReauth:
		return errors.New("client: the token has no access token (without one, the user has to sign in)")
	case t.IsOAuth1() && isOAuth2:
		return fmt.Errorf("client: the token has a TokenSecret, so it is an OAuth 1.0a token, and %q is a provider by OAuth 2.0", key.Provider)
	case !t.IsOAuth1() && isOAuth1 && !isOAuth2:
		return fmt.Errorf("client: the token has no TokenSecret, and %q is a provider by OAuth 1.0a", key.Provider)
	}
	return nil
}

// store writes the owner, the token, and the owner again: see owner.go.
func (s *Stored) store(ctx context.Context) error {
	if !s.opt.Own { // both calls have one bound
		bound, cancel := s.m.bound(ctx)
		defer cancel()
		ctx = bound
	}
	before, v, err := s.m.read(ctx, s.key)
	if s.beforeVersion = v; err == nil {
		s.before = &before
	} else if !answered(err) {
		return err
	}
	if s.opt.Own {
		if err := s.claim(ctx); err != nil {
			return err
		}
	}
	bound, cancel := s.m.bound(ctx)
	defer cancel()
	s.put = true
	s.version, err = s.m.vault.Put(bound, s.key, s.token)
	s.m.drop(s.key)
	if err == nil && s.opt.Own {
		err = s.claim(ctx)
	}
	if err == nil {
		err = s.m.release(ctx, s.key, s.ownerBefore)
	}
	s.FormerOwners = s.m.siblings(s.key, s.former...)
	return err
}

// Commit ends a sign-in whose session is saved. If the account was taken over, Commit
// deletes and revokes the tokens of FormerOwners. Otherwise the owner's next sign-in, or one
// by yet another owner, does that.
func (s *Stored) Commit(ctx context.Context) error {
	if old := s.before; s.opt.RevokeReplaced && old != nil && !old.NeedsReauth && old.AccessToken != s.token.AccessToken {
		s.m.spawn(func() {
			ctx, cancel := context.WithTimeout(s.m.base, revokeTimeout)
			defer cancel()
			s.m.revokeAt(ctx, s.key, *old)
		})
	}
	if len(s.former) == 0 {
		return nil
	}
	err := s.m.changeOwner(ctx, s.key, func(o tokenstore.Owner) (tokenstore.Owner, error) {
		if o.UserID != s.key.UserID {
			return o, errKeep
		}
		// X's OAuth 1.0a gives the account the same token again.
		err := s.m.removeAll(ctx, s.m.siblings(s.key, o.Former...), s.token.AccessToken)
		return tokenstore.Owner{UserID: o.UserID}, err
	})
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// Rollback undoes the sign-in: it puts back the owner and the token before. If there was
// none, it deletes the token and revokes one that is not Imported, also while the store is away. After another
// sign-in it does nothing. What [Stored.Commit] has deleted does not come back.
func (s *Stored) Rollback(ctx context.Context) error {
	var err error
	if s.put {
		s.m.drop(s.key)
		err = s.putBack(ctx)
		s.m.drop(s.key)
	}
	switch {
	case errors.Is(err, tokenstore.ErrConflict):
		err = nil // another sign-in came later
	case s.put && s.before == nil && !s.opt.Imported:
		// Otherwise X's OAuth 1.0a may have given the same token again.
		revoke, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
		defer cancel()
		s.m.revokeAt(revoke, s.key, s.token)
	}
	if err = errors.Join(err, s.m.release(ctx, s.key, s.ownerBefore)); err != nil {
		return fmt.Errorf("client: a failed sign-in was not undone: %w", unavailable(err))
	}
	return nil
}

// putBack puts back the entry before, if the entry has the version that the sign-in wrote.
func (s *Stored) putBack(ctx context.Context) error {
	ctx, cancel := s.m.bound(ctx)
	defer cancel()
	if s.version == "" {
		// The store answered an error. It may have written the token all the same.
		now, v, err := s.m.vault.Get(ctx, s.key)
		switch {
		case errors.Is(err, tokenstore.ErrNotFound), v == s.beforeVersion && v != "":
			return nil
		case err != nil:
			return err
		case now.AccessToken != s.token.AccessToken || !now.ObtainedAt.Equal(s.token.ObtainedAt):
			return tokenstore.ErrConflict
		}
		s.version = v
	}
	if s.before == nil {
		return s.m.vault.Delete(ctx, s.key, s.version)
	}
	_, err := s.m.vault.Replace(ctx, s.key, s.version, *s.before)
	return err
}
