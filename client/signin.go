package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// undoTimeout bounds the rollback of a write that returned an error. The user waits for it
// after the time that the write took.
const undoTimeout = 2 * time.Second

// PutOptions are the options of [Manager.PutWithRollback].
type PutOptions struct {
	// Own makes the user the only one in the application who may connect the account. It is
	// for applications with their own users.
	Own bool
	// AllowTransfer lets the user take the account over from another user of the
	// application. Otherwise that is [ErrAccountTaken]. It needs Own.
	AllowTransfer bool
}

// Stored is the token of a sign-in that [Manager.PutWithRollback] has stored. Its methods are
// for the later steps of the sign-in, one after the other.
type Stored struct {
	m     *Manager
	key   tokenstore.Key
	token tokenstore.Token
	// before is the entry before the sign-in, if it had one.
	before        tokenstore.Token
	beforeVersion tokenstore.Version
	had           bool
	// version is the version that the sign-in wrote.
	version tokenstore.Version
	owner   claim
}

// PutWithRollback stores the token of a sign-in. It forgets what the Manager knew of the
// account. A refresh of the token before does not overwrite the new one. If a later step of
// the sign-in fails, call [Stored.Rollback].
//
// With [PutOptions].Own the call makes the user the owner of the account first. If the
// account is taken over, the former owner's tokens for the account stay until the caller
// has saved the session, has ended the sessions of [Stored.FormerOwners] with the account,
// and calls [Stored.Commit].
//
// If the call returns an error, it has undone what it wrote, for at most two seconds and
// also after ctx has ended. A store that is away for longer, or that executes a write later,
// may be left with the new owner of the account, and with the token, which is revoked. If
// the entry cannot be read first, nothing is written or revoked.
func (m *Manager) PutWithRollback(ctx context.Context, key tokenstore.Key, t tokenstore.Token, opt PutOptions) (*Stored, error) {
	if m.closed.Load() {
		return nil, ErrClosed
	}
	if err := m.checkKey(key); err != nil {
		return nil, err
	}
	if t.AccountID != "" && t.AccountID != key.AccountID {
		return nil, errors.New("client: the token's AccountID is not that of the key")
	}
	if !opt.Own {
		// Both calls to the store share one bound.
		defer m.bound(&ctx)()
	}
	s := &Stored{m: m, key: key, token: t}
	if err := s.readBefore(ctx); err != nil {
		return nil, err
	}
	if opt.Own {
		var err error
		if s.owner, err = m.claimAccount(ctx, key, opt.AllowTransfer); err != nil {
			return nil, err
		}
	}
	if err := s.put(ctx, opt); err != nil {
		return nil, err
	}
	return s, nil
}

// FormerOwners returns the [provider.User.ID] of each former owner of the account whose
// tokens for it may still be stored. There are several if one sign-in follows
// another that did not end.
//
// [provider.User.ID]: https://pkg.go.dev/github.com/xsignin/xsignin/provider#User
func (s *Stored) FormerOwners() []string { return s.owner.former }

// RevokeReplaced revokes the token that this one has replaced, in the background and best
// effort. What X's revocation reaches is not proved: if X takes user and application as one
// grant, the new token ends too.
func (s *Stored) RevokeReplaced() {
	old := s.before
	if !s.had || old.NeedsReauth || old.AccessToken == s.token.AccessToken {
		return
	}
	s.m.spawn(func() {
		ctx, cancel := context.WithTimeout(s.m.base, revokeTimeout)
		defer cancel()
		s.m.revokeAt(ctx, s.key, old)
	})
}

// readBefore reads the entry that the sign-in replaces. An unreadable entry counts as
// none.
func (s *Stored) readBefore(ctx context.Context) (err error) {
	s.before, s.beforeVersion, err = s.m.readEntry(ctx, s.key)
	s.had = err == nil
	if s.had || errors.Is(err, tokenstore.ErrNotFound) {
		return nil
	}
	if errors.Is(storeError(err), ErrUnavailable) && !errors.As(err, new(*tokenstore.UnknownKeyError)) {
		return unavailable(err)
	}
	return nil
}

// put stores the token, and checks that the account is still the user's.
func (s *Stored) put(ctx context.Context, opt PutOptions) (err error) {
	s.version, err = s.m.putEntry(ctx, s.key, s.token)
	s.m.dropKey(s.key)
	if err != nil {
		s.afterFailedPut(ctx)
		return unavailable(err)
	}
	if !opt.Own {
		return nil
	}
	if err = s.confirm(ctx, opt); err != nil {
		s.m.undoNow(ctx, s.key, s.Rollback)
	}
	return err
}

// undoNow undoes a failed sign-in at once. The sign-in's context may have ended.
func (m *Manager) undoNow(ctx context.Context, key tokenstore.Key, undo func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if err := undo(ctx); err != nil {
		m.logLine(slog.LevelWarn, "the token or the owner of a failed sign-in may be stored", key, err)
	}
}

// afterFailedPut undoes a Put that returned an error. The store may have done it all the
// same, now or when the answer was lost.
func (s *Stored) afterFailedPut(ctx context.Context) {
	s.m.undoNow(ctx, s.key, func(ctx context.Context) error {
		unclaimed := s.m.unclaim(ctx, s.key, s.owner)
		now, v, err := s.m.readEntry(ctx, s.key)
		switch {
		case errors.Is(err, tokenstore.ErrNotFound), v == s.beforeVersion && v != "":
			return unclaimed
		case err != nil:
			return err
		case now.AccessToken != s.token.AccessToken || !now.ObtainedAt.Equal(s.token.ObtainedAt):
			return unclaimed // the token of another sign-in
		}
		s.version = v
		_, err = s.undo(ctx)
		return errors.Join(err, unclaimed)
	})
	// The token is not used, whether or not it is stored.
	s.revokeUnused(ctx)
}

// Rollback undoes the sign-in. It puts back the owner before. After [Stored.Commit] that
// owner's tokens do not come back. It puts back the token before, or it deletes the new token and
// revokes it at the provider. It changes only what the sign-in has written: after a write by
// another sign-in it does nothing. If the store is away and the token may stay in it, Rollback
// revokes the token all the same.
func (s *Stored) Rollback(ctx context.Context) error {
	gone, err := s.undo(ctx)
	if gone || err != nil {
		// A token that could not be deleted is not used, either.
		s.revokeUnused(ctx)
	}
	if err != nil {
		err = fmt.Errorf("client: the token of a failed sign-in was not removed: %w", unavailable(err))
	}
	if e := s.m.unclaim(ctx, s.key, s.owner); e != nil {
		err = errors.Join(err, fmt.Errorf("client: the account of a failed sign-in has a new owner: %w", unavailable(e)))
	}
	return err
}

// undo puts back the entry before, if the entry still has the version that the sign-in
// wrote. It reports whether it has done that.
func (s *Stored) undo(ctx context.Context) (gone bool, err error) {
	s.m.dropKey(s.key)
	defer s.m.dropKey(s.key)
	if s.had {
		_, err = s.m.replaceEntry(ctx, s.key, s.version, s.before)
	} else {
		err = s.m.deleteEntry(ctx, s.key, s.version)
	}
	if errors.Is(err, tokenstore.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// revokeUnused revokes the token of a failed sign-in. It does not if there was an entry
// before: X's OAuth 1.0a gives an account that signs in again the same token.
func (s *Stored) revokeUnused(ctx context.Context) {
	if s.had {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	s.m.revokeAt(ctx, s.key, s.token)
}
