package client

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// claim is an owner entry that this process has written. The zero claim means none.
type claim struct {
	version tokenstore.Version
	before  tokenstore.Owner // the entry before, or zero
	former  []string         // the former owners in the written entry
}

// xSpace is the space of X's accounts, which X's two providers share.
const xSpace = "x"

// space returns the name that providers with the same accounts share.
func (m *Manager) space(name string) string {
	if space := m.spaces[name]; space != "" {
		return space
	}
	return name
}

// spacesOf returns the spaces of providers' accounts by the providers' names. X's providers
// may have any names.
func spacesOf(providers map[string]provider.Provider) map[string]string {
	spaces := make(map[string]string)
	for name, p := range providers {
		if provider.IsX(p) {
			spaces[name] = xSpace
		}
	}
	return spaces
}

// SameAccount reports whether two keys name tokens of the same account, whoever the user is.
// X's two providers have the same accounts.
func (m *Manager) SameAccount(a, b tokenstore.Key) bool {
	return a.AccountID == b.AccountID && m.space(a.Provider) == m.space(b.Provider)
}

// claimAccount makes the key's user the owner of the key's account. It writes the entry
// also if the user is the owner already: an unlinking in progress then finds a new version
// and keeps the entry. The entry names former owners until [Stored.Commit] has removed
// their tokens.
func (m *Manager) claimAccount(ctx context.Context, key tokenstore.Key, allowTransfer bool) (claim, error) {
	for failures := range maxConflicts {
		before, v, err := m.readOwner(ctx, key)
		switch {
		case errors.Is(err, tokenstore.ErrNotFound):
			before, v = tokenstore.Owner{}, ""
		case err != nil:
			return claim{}, unavailable(err)
		case before.UserID != key.UserID && !allowTransfer:
			return claim{}, ErrAccountTaken
		}
		next := takenOver(before, key.UserID)
		written, err := m.replaceOwner(ctx, key, v, next)
		if err == nil {
			return claim{version: written, before: before, former: next.Former}, nil
		}
		if !errors.Is(err, tokenstore.ErrConflict) {
			// The store may have done it all the same.
			m.undoNow(ctx, key, func(ctx context.Context) error { return m.giveBack(ctx, key, before) })
			return claim{}, unavailable(err)
		}
		afterConflict(ctx, failures)
	}
	return claim{}, unavailable(errBusy)
}

// takenOver returns the entry of an account that the user takes over from its owner before.
func takenOver(before tokenstore.Owner, userID string) tokenstore.Owner {
	next := tokenstore.Owner{UserID: userID}
	for _, id := range append([]string{before.UserID}, before.Former...) {
		if id != "" && id != userID && !slices.Contains(next.Former, id) {
			next.Former = append(next.Former, id)
		}
	}
	return next
}

// unclaim puts back the owner before c, unless the entry was written since.
func (m *Manager) unclaim(ctx context.Context, key tokenstore.Key, c claim) (err error) {
	if c.version == "" || c.before.UserID == key.UserID {
		return nil
	}
	return m.putBack(ctx, key, c.version, c.before)
}

// putBack replaces version v of the owner entry by before. The zero Owner deletes it.
func (m *Manager) putBack(ctx context.Context, key tokenstore.Key, v tokenstore.Version, before tokenstore.Owner) (err error) {
	if before.UserID == "" {
		err = m.deleteOwner(ctx, key, v)
	} else {
		_, err = m.replaceOwner(ctx, key, v, before)
	}
	return ignoreConflict(err)
}

// confirm writes the owner entry again if it has changed while the token was stored: an
// unlinking that began before has not seen the token. An unlinking or a transfer that has
// deleted the token came last, and the account is then not the user's.
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
	owner, before := tokenstore.Owner{UserID: s.key.UserID, Former: again.former}, again.before
	if before.UserID == s.key.UserID {
		before, again.before = tokenstore.Owner{}, s.owner.before
	}
	s.owner = again
	used, err := s.m.giveBackUnused(ctx, s.key, again.version, owner, before)
	if err != nil {
		return unavailable(err)
	}
	if !used {
		s.owner = claim{}
	}
	return nil
}

// Commit ends a sign-in whose session is saved. If the account was taken over, Commit
// deletes and revokes the tokens that the users of [Stored.FormerOwners] have for it. If it
// fails or is not called, the owner's next sign-in does that.
//
// If yet another user has taken the account over, Commit does nothing: that sign-in removes
// this user's tokens as well.
func (s *Stored) Commit(ctx context.Context) error {
	if len(s.owner.former) == 0 {
		return nil
	}
	for failures := range maxConflicts {
		owner, v, err := s.m.readOwner(ctx, s.key)
		if errors.Is(err, tokenstore.ErrNotFound) || err == nil && owner.UserID != s.key.UserID {
			return nil
		}
		if err == nil {
			// X's OAuth 1.0a gives the account the same token again.
			err = s.m.removeFormer(ctx, s.key, owner, s.token.AccessToken)
		}
		if err != nil {
			return unavailable(err)
		}
		written, err := s.m.replaceOwner(ctx, s.key, v, tokenstore.Owner{UserID: s.key.UserID})
		if err == nil {
			if v == s.owner.version {
				s.owner.version = written // for Rollback
			}
			return nil
		}
		if !errors.Is(err, tokenstore.ErrConflict) {
			return unavailable(err)
		}
		afterConflict(ctx, failures)
	}
	return unavailable(errBusy)
}

// removeFormer deletes and revokes the former owners' tokens for the account, but does not
// revoke the access token keep.
func (m *Manager) removeFormer(ctx context.Context, key tokenstore.Key, owner tokenstore.Owner, keep string) error {
	var keys []tokenstore.Key
	for _, id := range owner.Former {
		key.UserID = id
		keys = append(keys, m.siblings(key)...)
	}
	return m.removeAll(ctx, keys, keep)
}

// siblings returns the keys of the key's user and account with each provider of the
// account.
func (m *Manager) siblings(key tokenstore.Key) []tokenstore.Key {
	var keys []tokenstore.Key
	for name := range m.providers {
		k := tokenstore.Key{Provider: name, UserID: key.UserID, AccountID: key.AccountID}
		if m.SameAccount(k, key) {
			keys = append(keys, k)
		}
	}
	return keys
}

// unlink makes the account free if its owner is the key's user, and the user has no token
// of the account any more.
func (m *Manager) unlink(ctx context.Context, key tokenstore.Key) error {
	return m.giveBack(ctx, key, tokenstore.Owner{})
}

// giveBack makes before the owner of an account if its owner is the key's user and the user
// has no token of it. The zero Owner means that the account is free. It writes the entry before it looks for tokens: a
// sign-in that has not stored its token yet then finds a new version, and claims the
// account again.
func (m *Manager) giveBack(ctx context.Context, key tokenstore.Key, before tokenstore.Owner) error {
	if before.UserID == key.UserID {
		return nil
	}
	for failures := range maxConflicts {
		owner, v, err := m.readOwner(ctx, key)
		if errors.Is(err, tokenstore.ErrNotFound) || err == nil && owner.UserID != key.UserID {
			return nil
		}
		if err != nil {
			return err
		}
		v, err = m.replaceOwner(ctx, key, v, owner)
		if err == nil {
			_, err = m.giveBackUnused(ctx, key, v, owner, before)
			return err
		}
		if !errors.Is(err, tokenstore.ErrConflict) {
			return err
		}
		afterConflict(ctx, failures)
	}
	return errBusy
}

// giveBackUnused replaces version v of the owner entry by before, unless the user has a
// token of the account. It reports whether there is a token.
func (m *Manager) giveBackUnused(ctx context.Context, key tokenstore.Key, v tokenstore.Version, owner, before tokenstore.Owner) (used bool, err error) {
	keys, err := m.listEntries(ctx, key.UserID)
	if err != nil {
		return false, err
	}
	for _, k := range keys {
		if m.SameAccount(k, key) {
			return true, nil
		}
	}
	if before.UserID == "" {
		// A free account has no tokens.
		if err := m.removeFormer(ctx, key, owner, ""); err != nil {
			return false, err
		}
	}
	return false, m.putBack(ctx, key, v, before) // on a conflict a sign-in came first
}

// ReleaseAccount makes key's account free for every user of the application. It deletes
// and revokes the user's tokens of the account, as [Manager.RevokeAccount] does, and
// deletes the entry that names the user as its owner. It does that also if no token is
// left. An account that belongs to another user stays that user's.
func (m *Manager) ReleaseAccount(ctx context.Context, key tokenstore.Key) error {
	if err := m.RevokeAccount(ctx, key); err != nil {
		return err
	}
	if err := m.unlink(context.WithoutCancel(ctx), key); err != nil {
		return errStillOwned(err)
	}
	return nil
}

func errStillOwned(err error) error {
	return fmt.Errorf("client: the token was deleted, and the account still has its owner: %w", unavailable(err))
}

func ignoreConflict(err error) error {
	if errors.Is(err, tokenstore.ErrConflict) {
		return nil
	}
	return err
}
