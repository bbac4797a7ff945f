package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/tokenstore"
)

// Revoke deletes the token of key, and then revokes it at the provider. A key without a token
// is not an error. After the last token of an account that the user owns, see
// [PutOptions].Own, another user may connect the account.
//
// A refresh in progress, here or in another process, revokes its result, unless a new sign-in
// was stored before it ended. The provider is asked for at most two seconds, and a failure is
// only an [event.RevokeFailed]. An error means that the token may still be stored. The
// provider was asked to revoke the token if it was known. Revoke does not stop when ctx ends.
func (m *Manager) Revoke(ctx context.Context, key tokenstore.Key) error {
	return m.revoke(ctx, key, []tokenstore.Key{key}, &tokenstore.Owner{})
}

// ReleaseAccount makes key's account free for every user of the application, also if no
// token is left. It deletes and revokes the user's tokens of the account, by both of X's
// protocols, as [Manager.Revoke] does. An account of another user stays that user's.
func (m *Manager) ReleaseAccount(ctx context.Context, key tokenstore.Key) error {
	return m.revoke(ctx, key, m.siblings(key, key.UserID), &tokenstore.Owner{})
}

// SignOut deletes and revokes the tokens of key's account, by both of X's protocols, as
// [Manager.Revoke] does. With everywhere it does so for all accounts of key's user. The user
// still owns the accounts. Tokens of providers that the Manager does not have stay.
func (m *Manager) SignOut(ctx context.Context, key tokenstore.Key, everywhere bool) error {
	if !everywhere {
		return m.revoke(ctx, key, m.siblings(key, key.UserID), nil)
	}
	ctx = context.WithoutCancel(ctx)
	keys, err := m.keys(ctx, key.UserID)
	if err != nil {
		return err
	}
	return m.removeAll(ctx, keys, "")
}

// DeleteUser deletes all that the token store has of a user, after the user's sessions have
// ended: the tokens, which it revokes as [Manager.Revoke] does, the accounts that the user
// owns, and the list of sessions. Tokens of providers that the Manager does not have are
// deleted, and not revoked. It reads the owner of every account in the store.
//
// After an error, call it again. A user who is not in the store is not an error. A sign-in
// at the same time may store a token and an owner again.
func (m *Manager) DeleteUser(ctx context.Context, userID string) error {
	switch {
	case m.stopping.Err() != nil:
		return ErrClosed
	case userID == "":
		return errors.New("client: deleting a user: the user has no ID")
	}
	list, cancel := m.bound(ctx)
	defer cancel()
	keys, err := m.cfg.Vault.List(list, userID)
	if err == nil {
		err = m.removeAll(context.WithoutCancel(ctx), keys, "")
	}
	if err == nil {
		err = m.cfg.Vault.DeleteUser(ctx, userID, func(space, accountID string) error {
			return m.forget(ctx, tokenstore.Key{Provider: space, UserID: userID, AccountID: accountID})
		})
	}
	return unavailable("deleting a user: ", err)
}

// revoke removes the tokens of keys, and then calls release with next.
func (m *Manager) revoke(ctx context.Context, key tokenstore.Key, keys []tokenstore.Key, next *tokenstore.Owner) error {
	switch {
	case m.stopping.Err() != nil:
		return ErrClosed
	case key.AccountID == "":
		return errNoAccount
	}
	ctx = context.WithoutCancel(ctx)
	if err := m.removeAll(ctx, keys, ""); err != nil {
		return err
	}
	return unavailable("the token was deleted, and the account still has its owner: ", m.release(ctx, key, next))
}

// removeAll removes the tokens of keys. It does not revoke the access token keep.
func (m *Manager) removeAll(ctx context.Context, keys []tokenstore.Key, keep string) error {
	errs := make([]error, len(keys))
	var all sync.WaitGroup
	for i, key := range keys {
		all.Go(func() { errs[i] = m.remove(ctx, key, keep) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// remove deletes the entry of key, and then revokes its tokens, but not the access token keep.
func (m *Manager) remove(ctx context.Context, key tokenstore.Key, keep string) error {
	tokens, unread, err := m.take(ctx, key)
	tokens = slices.DeleteFunc(tokens, func(t tokenstore.Token) bool { return t.AccessToken == keep })
	m.revokeAt(ctx, key, tokens...)
	if unread != nil && len(tokens) == 0 {
		m.tell(ctx, key, event.RevokeFailed, time.Now(), fmt.Errorf("%w: %w", errStore, unread))
	}
	return err
}

// take deletes the entry of key, from memory and from the store, and returns its tokens, the
// newest first. It deletes the version that it has read, so each token is stored or returned.
// unread is the reason why a deleted token could not be read.
func (m *Manager) take(ctx context.Context, key tokenstore.Key) (tokens []tokenstore.Token, unread, err error) {
	known := map[string]bool{"": true}
	add := func(t tokenstore.Token) {
		if !known[t.AccessToken] {
			tokens = append(tokens, t)
		}
		known[t.AccessToken] = true
	}
	s := m.users.get(key)
	s.mu.Lock()
	if s.unsaved != nil {
		add(s.unsaved.token)
		s.unsaved = nil // a refresh that stores it meanwhile finds another version
	}
	if c := s.cur.Load(); c != nil {
		add(c.token)
	}
	s.mu.Unlock()
	m.drop(key)
	err = retry(func() error {
		ctx, cancel := m.bound(ctx)
		defer cancel()
		t, v, err := m.cfg.Vault.Get(ctx, key)
		if errors.Is(err, tokenstore.ErrNotFound) {
			return nil
		}
		if unread = err; v == "" {
			return err
		}
		add(t)
		return m.cfg.Vault.Delete(ctx, key, v)
	})
	m.drop(key) // a request may have read the entry before it was deleted
	return tokens, unread, unavailable("the token was not deleted: ", err)
}

// Discard deletes the token of key and does not revoke it: the provider accepts the token until
// it expires.
func (m *Manager) Discard(ctx context.Context, key tokenstore.Key) error {
	_, _, err := m.take(ctx, key)
	return err
}

// revokeAt revokes tokens at the provider, for at most two seconds.
func (m *Manager) revokeAt(ctx context.Context, key tokenstore.Key, tokens ...tokenstore.Token) {
	ctx, cancel := context.WithTimeout(ctx, revokeTimeout)
	defer cancel()
	p := m.providers[key.Provider]
	for _, t := range tokens {
		if p == nil || t.AccessToken == "" {
			continue
		}
		began, kind := time.Now(), event.Revoked
		err := p.Revoke(ctx, t)
		if err != nil {
			kind = event.RevokeFailed
			m.log(key, slog.LevelWarn, "a token was not revoked at the provider", err)
		}
		m.tell(ctx, key, kind, began, err)
	}
}
