package client

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/xsignin/xsignin/tokenstore"
)

// One entry of the store names the owner of each account. All changes go through changeOwner,
// which reads the entry, and writes or deletes the version that it has read:
//
//	sign-in:   1. write the owner   2. store the token   3. write the owner again
//	unlinking: 1. delete the token  2. read the owner    3. look for tokens
//	           4. without tokens, delete the owner by the version of step 2
//
// An unlinking that looks for tokens after the sign-in's step 2 finds the token. One that
// has looked before has read the owner before the sign-in's step 3. Then only one of the two
// writes succeeds: the unlinking reads again, or the sign-in finds no owner and writes it
// again. In the latter case the token may be deleted, too. So a sign-in that has found
// another owner looks for the token in the end (release). There are an owner and a token,
// or neither.
//
// The entry has the former owners until their tokens are deleted. If the process ends before
// that, the next sign-in of the owner does it.

// space returns the name that providers with the same accounts share, as X's two do.
func (m *Manager) space(name string) string { return cmp.Or(m.spaces[name], name) }

// sameAccount reports whether two keys name tokens of the same account, whoever the user is.
func (m *Manager) sameAccount(a, b tokenstore.Key) bool {
	return a.AccountID == b.AccountID && m.space(a.Provider) == m.space(b.Provider)
}

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

// errKeep is for a change that leaves the owner as it is.
var errKeep = errors.New("the owner stays")

// changeOwner makes the result of change the owner of key's account, if the entry is still
// what change got. Otherwise it begins again. The zero Owner means a free account.
func (m *Manager) changeOwner(ctx context.Context, key tokenstore.Key, change func(tokenstore.Owner) (tokenstore.Owner, error)) error {
	space := m.space(key.Provider)
	return retry(func() error {
		read, cancel := m.bound(ctx)
		o, v, err := m.vault.Owner(read, space, key.AccountID)
		cancel()
		if err == nil || errors.Is(err, tokenstore.ErrNotFound) {
			o, err = change(o)
		}
		if errors.Is(err, errKeep) {
			return nil
		}
		if err != nil {
			return err
		}
		write, cancel := m.bound(ctx)
		defer cancel()
		if o.UserID == "" {
			return m.vault.DeleteOwner(write, space, key.AccountID, v)
		}
		_, err = m.vault.ReplaceOwner(write, space, key.AccountID, v, o)
		return err
	})
}

// claim makes the user the owner of the account. It writes even if that is so already.
func (s *Stored) claim(ctx context.Context) error {
	return s.m.changeOwner(ctx, s.key, func(o tokenstore.Owner) (tokenstore.Owner, error) {
		if o.UserID != s.key.UserID {
			if o.UserID != "" && !s.opt.AllowTransfer {
				return o, ErrAccountTaken
			}
			s.ownerBefore = &o
		}
		s.former = nil
		for _, id := range append([]string{o.UserID}, o.Former...) {
			if id != "" && id != s.key.UserID && !slices.Contains(s.former, id) {
				s.former = append(s.former, id)
			}
		}
		return tokenstore.Owner{UserID: s.key.UserID, Former: s.former}, nil
	})
}

// release makes next the owner of key's account, if the key's user owns it and has no token
// of it. A nil next changes nothing.
func (m *Manager) release(ctx context.Context, key tokenstore.Key, next *tokenstore.Owner) error {
	if next == nil {
		return nil
	}
	return m.changeOwner(ctx, key, func(o tokenstore.Owner) (tokenstore.Owner, error) {
		if o.UserID != key.UserID || o.UserID == "" {
			return o, errKeep
		}
		keys, err := m.list(ctx, key.UserID)
		if slices.ContainsFunc(keys, func(k tokenstore.Key) bool { return m.sameAccount(k, key) }) {
			return o, errKeep
		}
		if err == nil && next.UserID == "" {
			// A free account has no tokens.
			err = m.removeAll(ctx, m.siblings(key, o.Former...), "")
		}
		return *next, err
	})
}

// forget removes key's user from the owner entry of key's account.
func (m *Manager) forget(ctx context.Context, key tokenstore.Key) error {
	if err := m.release(ctx, key, &tokenstore.Owner{}); err != nil {
		return err
	}
	return m.changeOwner(ctx, key, func(o tokenstore.Owner) (tokenstore.Owner, error) {
		i := slices.Index(o.Former, key.UserID)
		if i < 0 {
			return o, errKeep
		}
		o.Former = slices.Delete(o.Former, i, i+1)
		return o, nil
	})
}
