package client

import (
	"context"
	"errors"
	"log/slog"

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
}

// Stored is a sign-in that [Manager.PutWithRollback] has stored, for one goroutine.
type Stored struct {
	// FormerOwners are the keys of the tokens that former owners of the account may have.
	FormerOwners []tokenstore.Key

	m     *Manager
	key   tokenstore.Key
	token tokenstore.Token
	opt   PutOptions
	// before is the token before, or nil if there was none that could be read.
	before *tokenstore.Token
	// put: the store may have the token. version is set if it answered so.
	put     bool
	version tokenstore.Version
	// ownerBefore is the owner that the sign-in has replaced, or nil. The zero Owner means
	// that the account was free.
	ownerBefore *tokenstore.Owner
}

// PutWithRollback stores the token of a sign-in. A refresh in progress does not overwrite
// it. If a later step of the sign-in fails, call [Stored.Rollback]. Otherwise end the
// sessions of Stored.FormerOwners with the account, and call [Stored.Commit].
//
// Before an error is returned, what was written is undone, for at most two seconds and also
// after ctx has ended. A store that is away for longer, or that executes a write later, may
// be left with the new owner, and with the token, which is revoked. If the entry cannot be
// read first, the token is neither written nor revoked.
func (m *Manager) PutWithRollback(ctx context.Context, key tokenstore.Key, t tokenstore.Token, opt PutOptions) (*Stored, error) {
	if err := m.check(key); err != nil {
		return nil, err
	}
	if t.AccountID != "" && t.AccountID != key.AccountID {
		return nil, errors.New("client: the token's AccountID is not that of the key")
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
	return nil, unavailable("", err)
}

// store writes the owner, the token, and the owner again: see owner.go.
func (s *Stored) store(ctx context.Context) error {
	release := func(ctx context.Context) error { return s.m.release(ctx, s.key, s.ownerBefore) }
	for _, step := range []func(context.Context) error{s.claim, s.write, s.claim, release} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// write replaces the entry that it has read, so Rollback can put that entry back. If a
// refresh or another sign-in comes between, it begins again.
func (s *Stored) write(ctx context.Context) error {
	defer s.m.drop(s.key)
	return retry(func() error {
		ctx, cancel := s.m.bound(ctx)
		defer cancel()
		before, v, err := s.m.cfg.Vault.Get(ctx, s.key)
		if err != nil && v == "" && !errors.Is(err, tokenstore.ErrNotFound) {
			return err
		}
		if s.before = nil; err == nil {
			s.before = &before
		}
		s.version, err = s.m.cfg.Vault.Replace(ctx, s.key, v, s.token)
		s.put = !errors.Is(err, tokenstore.ErrConflict)
		return err
	})
}

// Commit ends a sign-in whose session is saved. If the account was taken over, Commit
// deletes and revokes the tokens of FormerOwners. Otherwise the owner's next sign-in, or one
// by yet another owner, does that.
func (s *Stored) Commit(ctx context.Context) error {
	if old := s.before; s.opt.RevokeReplaced && old != nil && !old.NeedsReauth && old.AccessToken != s.token.AccessToken {
		s.m.spawn(func() { s.m.revokeAt(s.m.base, s.key, *old) })
	}
	if len(s.FormerOwners) == 0 {
		return nil
	}
	err := s.m.changeOwner(ctx, s.key, func(now tokenstore.Owner) (*tokenstore.Owner, error) {
		if now.UserID != s.key.UserID {
			return nil, nil
		}
		// X's OAuth 1.0a gives the account the same token again.
		err := s.m.removeAll(ctx, s.m.siblings(s.key, now.Former...), s.token.AccessToken)
		return &tokenstore.Owner{UserID: now.UserID}, err
	})
	return unavailable("", err)
}

// Rollback undoes the sign-in: it puts back the owner and the token before. If there was
// none, it deletes the token and revokes it, also while the store is away. After another
// sign-in it does nothing. What [Stored.Commit] has deleted does not come back.
func (s *Stored) Rollback(ctx context.Context) error {
	var err error
	if s.put {
		s.m.drop(s.key)
		err = s.putBack(ctx)
		s.m.drop(s.key)
		switch {
		case errors.Is(err, tokenstore.ErrConflict):
			err = nil // another sign-in came later
		case s.before == nil:
			// Otherwise X's OAuth 1.0a may have given the same token again.
			s.m.revokeAt(context.WithoutCancel(ctx), s.key, s.token)
		}
	}
	return unavailable("a failed sign-in was not undone: ", errors.Join(err, s.m.release(ctx, s.key, s.ownerBefore)))
}

// putBack puts back the entry before, if the entry has the version that the sign-in wrote.
func (s *Stored) putBack(ctx context.Context) error {
	ctx, cancel := s.m.bound(ctx)
	defer cancel()
	if s.version == "" {
		// The store answered an error. It may have written the token all the same.
		now, v, err := s.m.cfg.Vault.Get(ctx, s.key)
		switch {
		case errors.Is(err, tokenstore.ErrNotFound):
			return nil
		case err != nil:
			return err
		case now.AccessToken != s.token.AccessToken || now.ObtainedAt.UnixMilli() != s.token.ObtainedAt.UnixMilli():
			return tokenstore.ErrConflict
		}
		s.version = v
	}
	if s.before == nil {
		return s.m.cfg.Vault.Delete(ctx, s.key, s.version)
	}
	_, err := s.m.cfg.Vault.Replace(ctx, s.key, s.version, *s.before)
	return err
}
