package client

import (
	"context"
	"errors"

	"github.com/xsignin/xsignin/tokenstore"
)

// claim is an owner entry that this process has written. The zero claim means none.
type claim struct {
	version tokenstore.Version
	former  string // the owner before, or ""
}

// from returns the former owner if that was another user than userID.
func (c claim) from(userID string) string {
	if c.former == userID {
		return ""
	}
	return c.former
}

// claimAccount makes the key's user the owner of the key's account. It writes the entry
// also if the user is the owner already: an unlinking in progress then finds a new version
// and keeps the entry.
func (m *Manager) claimAccount(ctx context.Context, key tokenstore.Key, allowTransfer bool) (claim, error) {
	for failures := range maxConflicts {
		owner, v, err := m.readOwner(ctx, key)
		switch {
		case errors.Is(err, tokenstore.ErrNotFound):
			owner, v = "", ""
		case err != nil:
			return claim{}, unavailable(err)
		case owner != key.UserID && !allowTransfer:
			return claim{}, ErrAccountTaken
		}
		written, err := m.replaceOwner(ctx, key, v, key.UserID)
		if err == nil {
			return claim{version: written, former: owner}, nil
		}
		if !errors.Is(err, tokenstore.ErrConflict) {
			// The store may have done it. X has said that the account is the user's.
			return claim{}, unavailable(err)
		}
		afterConflict(ctx, failures)
	}
	return claim{}, unavailable(errBusy)
}

// unclaim puts back the owner before c, unless the entry was written since.
func (m *Manager) unclaim(ctx context.Context, key tokenstore.Key, c claim) (err error) {
	if c.version == "" || c.former == key.UserID {
		return nil
	}
	if c.former == "" {
		err = m.deleteOwner(ctx, key, c.version)
	} else {
		_, err = m.replaceOwner(ctx, key, c.version, c.former)
	}
	return ignoreConflict(err)
}

// confirm writes the owner entry again if it has changed while the token was stored: an
// unlinking that began before has not seen the token.
func (s *Stored) confirm(ctx context.Context, opt PutOptions) error {
	_, v, err := s.m.readOwner(ctx, s.key)
	if err == nil && v == s.owner.version {
		return nil
	}
	if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
		return unavailable(err)
	}
	again, err := s.m.claimAccount(ctx, s.key, opt.AllowTransfer)
	if err != nil {
		return err
	}
	if again.former == s.key.UserID {
		again.former = s.owner.former
	}
	s.owner = again
	return nil
}

// removeFormer deletes and revokes the former owner's tokens for the account.
func (s *Stored) removeFormer(ctx context.Context) error {
	former := s.owner.from(s.key.UserID)
	if former == "" {
		return nil
	}
	of := s.key
	of.UserID = former
	// X's OAuth 1.0a gives the account the same token again.
	return s.m.removeAll(ctx, s.m.siblings(of), s.token.AccessToken)
}

// siblings returns the keys of the key's user and account with each provider of the
// account.
func (m *Manager) siblings(key tokenstore.Key) []tokenstore.Key {
	var keys []tokenstore.Key
	for name := range m.providers {
		k := tokenstore.Key{Provider: name, UserID: key.UserID, AccountID: key.AccountID}
		if k.SameAccount(key) {
			keys = append(keys, k)
		}
	}
	return keys
}

// unlink deletes the owner entry if it names the key's user and the user has no token of
// the account any more. It writes the entry before it looks for tokens: a sign-in that has
// not stored its token yet then finds a new version, and claims the account again.
func (m *Manager) unlink(ctx context.Context, key tokenstore.Key) error {
	for failures := range maxConflicts {
		owner, v, err := m.readOwner(ctx, key)
		if errors.Is(err, tokenstore.ErrNotFound) || err == nil && owner != key.UserID {
			return nil
		}
		if err != nil {
			return err
		}
		v, err = m.replaceOwner(ctx, key, v, owner)
		if err == nil {
			return m.deleteUnusedOwner(ctx, key, v)
		}
		if !errors.Is(err, tokenstore.ErrConflict) {
			return err
		}
		afterConflict(ctx, failures)
	}
	return errBusy
}

// deleteUnusedOwner deletes version v of the owner entry, unless the user has a token of
// the account.
func (m *Manager) deleteUnusedOwner(ctx context.Context, key tokenstore.Key, v tokenstore.Version) error {
	keys, err := m.listEntries(ctx, key.UserID)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.SameAccount(key) {
			return nil
		}
	}
	return ignoreConflict(m.deleteOwner(ctx, key, v)) // on a conflict a sign-in came first
}

func ignoreConflict(err error) error {
	if errors.Is(err, tokenstore.ErrConflict) {
		return nil
	}
	return err
}
