package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// PutOptions are the options of [Manager.PutWithRollback].
type PutOptions struct {
	// Own makes the user the only one in the application who may connect the account.
	Own bool
	// AllowTransfer lets the user take the account over from another user of the
	// application. Otherwise the error is [ErrAccountTaken]. It needs Own.
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

	m   *Manager
	key tokenstore.Key
	opt PutOptions
	// tokens keeps the tokens behind two pointers, so that fmt does not print them, see
	// package redact. before is nil if there was no readable token.
	tokens *struct{ got, before *tokenstore.Token }

	put         bool // the store may have the token
	version     tokenstore.Version
	ownerBefore *tokenstore.Owner // nil if the sign-in has replaced no owner
}

// PutWithRollback stores the token of a sign-in. A refresh in progress does not overwrite
// it. If a later step of the sign-in fails, call [Stored.Rollback]. Otherwise end the
// sessions of Stored.FormerOwners with the account, and call [Stored.Commit].
//
// Before an error is returned, what was written is undone, for at most two seconds and also
// after ctx has ended. A store that is unavailable for longer, or that executes a write
// later, may keep the new owner and the token. The token is revoked unless it is Imported. If
// the entry cannot be read first, the token is neither written nor revoked.
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
	s := &Stored{m: m, key: key, opt: opt, tokens: &struct{ got, before *tokenstore.Token }{got: &t}}
	err := s.store(ctx)
	if err == nil {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	if err := s.Rollback(ctx); err != nil {
		m.log(key, slog.LevelWarn, "the token or the owner of a failed sign-in may be stored", err)
	}
	if errors.Is(err, ErrAccountTaken) {
		return nil, err
	}
	return nil, unavailable("", err)
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

// store writes the owner, the token, and the owner again, see the comment on owners.
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
	return retry(func() error {
		ctx, cancel := s.m.bound(ctx)
		defer cancel()
		before, v, err := s.m.cfg.Vault.Get(ctx, s.key)
		if err != nil && v == "" && !errors.Is(err, tokenstore.ErrNotFound) {
			return err
		}
		if s.tokens.before = nil; err == nil {
			s.tokens.before = &before
		}
		s.version, err = s.m.cfg.Vault.Replace(ctx, s.key, v, *s.tokens.got)
		s.put = !errors.Is(err, tokenstore.ErrConflict)
		s.m.drop(s.key)
		return err
	})
}

// Commit ends a sign-in whose session is saved. If the account was taken over, Commit
// deletes and revokes the tokens of FormerOwners. Without Commit the next sign-in does that.
func (s *Stored) Commit(ctx context.Context) error {
	if old := s.tokens.before; s.opt.RevokeReplaced && old != nil && !old.NeedsReauth && old.AccessToken != s.tokens.got.AccessToken {
		s.m.spawn(func() {
			s.m.revokeAt(s.m.base, s.key, *old)
			s.m.ended()
		})
	}
	if len(s.FormerOwners) == 0 {
		return nil
	}
	return unavailable("", s.m.changeOwner(ctx, s.key, func(now tokenstore.Owner) (*tokenstore.Owner, error) {
		if now.UserID != s.key.UserID {
			return nil, nil
		}
		// X's OAuth 1.0a gives the account the same token again.
		err := s.m.removeAll(ctx, s.m.siblings(s.key, now.Former...), s.tokens.got.AccessToken)
		return &tokenstore.Owner{UserID: now.UserID}, err
	}))
}

// Rollback undoes the sign-in: it restores the former owner and token. If there was
// no token, it deletes the new one, and revokes it unless it is Imported, even while the store
// is unavailable. After another sign-in it does nothing. It does not undo [Stored.Commit].
func (s *Stored) Rollback(ctx context.Context) error {
	var err error
	if s.put {
		err = s.putBack(ctx)
		s.m.drop(s.key)
		switch {
		case errors.Is(err, tokenstore.ErrConflict):
			err = nil // another sign-in came later
		case s.tokens.before != nil, s.opt.Imported, s.tokens.got.IsOAuth1() && len(s.FormerOwners) > 0:
			// The token may be in use: X's OAuth 1.0a can give the same token again, also to a
			// former owner.
		default:
			s.m.revokeAt(context.WithoutCancel(ctx), s.key, *s.tokens.got)
		}
	}
	return unavailable("a failed sign-in was not undone: ", errors.Join(err, s.m.release(ctx, s.key, s.ownerBefore)))
}

// putBack restores the former entry, if the entry still has the sign-in's token. If the versions
// differ, it compares the tokens: s.version is empty after an error of the store, and Reencrypt
// makes a new version.
func (s *Stored) putBack(ctx context.Context) error {
	ctx, cancel := s.m.bound(ctx)
	defer cancel()
	got, before := s.tokens.got, s.tokens.before
	now, v, err := s.m.cfg.Vault.Get(ctx, s.key)
	same := now.AccessToken == got.AccessToken && now.ObtainedAt.UnixMilli() == got.ObtainedAt.UnixMilli()
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return nil
	case err != nil:
		return err
	case v != s.version && (!same || s.version != "" && s.opt.Imported):
		return tokenstore.ErrConflict
	case before == nil:
		return s.m.cfg.Vault.Delete(ctx, s.key, v)
	}
	_, err = s.m.cfg.Vault.Replace(ctx, s.key, v, *before)
	return err
}

// Owners: an entry of the store names the owner of each account. changeOwner reads the entry,
// and writes or deletes the version that it has read:
//
//	sign-in:   1. write the owner   2. store the token   3. write the owner again
//	unlinking: 1. delete the token  2. read the owner    3. look for tokens
//	           4. without tokens, delete the owner by the version of step 2
//
// An unlinking that looks for tokens after the sign-in's step 2 finds the token. An earlier
// unlinking has read the owner before the sign-in's step 3. Then only one of the two
// writes succeeds: the unlinking reads again, or the sign-in finds no owner and writes it
// again. Then the token may be deleted, too, so a sign-in that has found another owner looks
// for it in the end (release). There are an owner and a token, or neither.
//
// The entry has the former owners until a sign-in of the owner has deleted their tokens.

// space returns the name that providers with the same accounts share, as X's two do.
func (m *Manager) space(name string) string { return cmp.Or(m.spaces[name], name) }

// siblings returns the keys of users for key's account, by each of its providers.
func (m *Manager) siblings(key tokenstore.Key, users ...string) []tokenstore.Key {
	var keys []tokenstore.Key
	for name := range m.providers {
		for _, id := range users {
			if m.space(name) == m.space(key.Provider) {
				keys = append(keys, tokenstore.Key{Provider: name, UserID: id, AccountID: key.AccountID})
			}
		}
	}
	return keys
}

// changeOwner makes the result of change the owner of key's account. The zero Owner means a
// free account, and a nil result no change.
func (m *Manager) changeOwner(ctx context.Context, key tokenstore.Key, change func(tokenstore.Owner) (*tokenstore.Owner, error)) error {
	space := m.space(key.Provider)
	return retry(func() error {
		read, cancel := m.bound(ctx)
		defer cancel()
		now, v, err := m.cfg.Vault.Owner(read, space, key.AccountID)
		if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
			return err
		}
		next, err := change(now)
		if next == nil || err != nil {
			return err
		}
		write, cancel := m.bound(ctx)
		defer cancel()
		_, err = m.cfg.Vault.ReplaceOwner(write, space, key.AccountID, v, *next)
		return err
	})
}

// claim makes the user the owner of the account. It writes even if the user owns it already.
func (s *Stored) claim(ctx context.Context) error {
	if !s.opt.Own {
		return nil
	}
	return s.m.changeOwner(ctx, s.key, func(now tokenstore.Owner) (*tokenstore.Owner, error) {
		if now.UserID != s.key.UserID {
			if now.UserID != "" && !s.opt.AllowTransfer {
				return nil, ErrAccountTaken
			}
			s.ownerBefore = &now
		}
		former := slices.DeleteFunc(append([]string{now.UserID}, now.Former...), func(id string) bool {
			return id == "" || id == s.key.UserID
		})
		s.FormerOwners = s.m.siblings(s.key, former...)
		return &tokenstore.Owner{UserID: s.key.UserID, Former: former}, nil
	})
}

// release makes next the owner of key's account, if the key's user owns it and has no token
// of it. A nil next changes nothing.
func (m *Manager) release(ctx context.Context, key tokenstore.Key, next *tokenstore.Owner) error {
	if next == nil {
		return nil
	}
	return m.changeOwner(ctx, key, func(now tokenstore.Owner) (*tokenstore.Owner, error) {
		if now.UserID != key.UserID || now.UserID == "" {
			return nil, nil
		}
		list, cancel := m.bound(ctx)
		defer cancel()
		keys, err := m.cfg.Vault.List(list, key.UserID)
		same := append(m.siblings(key, key.UserID), key)
		if slices.ContainsFunc(keys, func(k tokenstore.Key) bool { return slices.Contains(same, k) }) {
			return nil, nil
		}
		if err == nil && next.UserID == "" {
			// A free account has no tokens.
			err = m.removeAll(ctx, m.siblings(key, now.Former...), "")
		}
		return next, err
	})
}

// forget removes key's user from the owner entry of key's account.
func (m *Manager) forget(ctx context.Context, key tokenstore.Key) error {
	if err := m.release(ctx, key, &tokenstore.Owner{}); err != nil {
		return err
	}
	return m.changeOwner(ctx, key, func(now tokenstore.Owner) (*tokenstore.Owner, error) {
		i := slices.Index(now.Former, key.UserID)
		if i < 0 {
			return nil, nil
		}
		now.Former = slices.Delete(now.Former, i, i+1)
		return &now, nil
	})
}
