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
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// Revoke disconnects one token: it deletes the token and revokes it at the provider. A key
// without a token is not an error. If it was the last token of an account that the user
// owns, see [PutOptions].Own, another user of the application may connect the account
// afterwards.
//
// Revoke deletes the token from the store first. A refresh in progress, here or in another
// process, then revokes its result. Afterwards Revoke asks the provider, for at most two
// seconds, and ignores a failure, see [event.RevokeFailed]. A process that dies in between
// leaves a token that is valid at X, but stored nowhere.
//
// An error means that the token may still be stored. The provider was asked all the same
// if the token was known. Once begun, Revoke does not stop when ctx ends.
func (m *Manager) Revoke(ctx context.Context, key tokenstore.Key) error {
	return m.revoke(ctx, key, []tokenstore.Key{key}, true)
}

// RevokeAccount is for a sign-out. It deletes and revokes the tokens of key's account, by
// both of X's protocols, as [Manager.Revoke] does. The user still owns the account, see
// [Manager.ReleaseAccount].
func (m *Manager) RevokeAccount(ctx context.Context, key tokenstore.Key) error {
	return m.revoke(ctx, key, m.siblings(key.UserID, key), false)
}

// ReleaseAccount makes key's account free for every user of the application. It deletes
// and revokes the user's tokens of the account, as [Manager.RevokeAccount] does, and
// deletes the entry that names the user as its owner. It does that also if no token is
// left. An account that belongs to another user stays that user's.
func (m *Manager) ReleaseAccount(ctx context.Context, key tokenstore.Key) error {
	return m.revoke(ctx, key, m.siblings(key.UserID, key), true)
}

// revoke removes the tokens of keys. With release, key's account becomes free if the user
// has no other token of it.
func (m *Manager) revoke(ctx context.Context, key tokenstore.Key, keys []tokenstore.Key, release bool) error {
	if err := m.checkAccount(key); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	err := m.removeAll(ctx, keys, "")
	if err != nil || !release {
		return err
	}
	if _, err := m.release(ctx, key, tokenstore.Owner{}); err != nil {
		return fmt.Errorf("client: the token was deleted, and the account still has its owner: %w", unavailable(err))
	}
	return nil
}

// RevokeAll is for a sign-out everywhere. It deletes and revokes the tokens of all
// accounts of a user, as [Manager.RevokeAccount] does. Tokens of providers that the Manager
// does not have are left alone.
func (m *Manager) RevokeAll(ctx context.Context, userID string) error {
	ctx = context.WithoutCancel(ctx)
	keys, err := m.keys(ctx, userID)
	if err != nil {
		return err
	}
	return m.removeAll(ctx, keys, "")
}

// removal is the deletion of one entry.
type removal struct {
	key    tokenstore.Key
	tokens []tokenstore.Token // the tokens that were under the key
	unread error              // why a deleted entry could not be read
	err    error              // why the entry may still be stored
}

// removeAll deletes the entries of keys, and then revokes their tokens within two seconds.
// It does not revoke the access token keep.
func (m *Manager) removeAll(ctx context.Context, keys []tokenstore.Key, keep string) error {
	all := make([]removal, len(keys))
	each(all, func(i int, r *removal) { r.key = keys[i]; m.remove(ctx, r) })
	end, cancel := context.WithTimeout(ctx, revokeTimeout)
	defer cancel()
	each(all, func(_ int, r *removal) {
		for _, t := range r.tokens {
			if keep == "" || t.AccessToken != keep {
				m.revokeAt(end, r.key, t)
			}
		}
	})
	var errs []error
	for _, r := range all {
		if r.unread != nil && len(r.tokens) == 0 {
			m.report(ctx, r.key, report{kind: event.RevokeFailed, err: &storeTrouble{r.unread}})
		}
		if r.err != nil {
			errs = append(errs, fmt.Errorf("client: the token was not deleted: %w", unavailable(r.err)))
		}
	}
	return errors.Join(errs...)
}

// each calls f for every element of all, eight at a time.
func each(all []removal, f func(i int, r *removal)) {
	var wg sync.WaitGroup
	free := make(chan struct{}, 8)
	for i := range all {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			f(i, &all[i])
		})
	}
	wg.Wait()
}

// remove deletes the entry of r.key, from memory and from the store. It deletes the version
// that it has read. So each token is either stored or in r.tokens.
func (m *Manager) remove(ctx context.Context, r *removal) {
	if s := m.users.find(r.key); s != nil {
		s.mu.Lock()
		if u := s.unsaved; u != nil {
			r.add(u.token)
			s.unsaved = nil // a refresh that saves it meanwhile finds another version
		}
		if c := s.cur.Load(); c != nil {
			r.add(c.token)
		}
		s.mu.Unlock()
	}
	m.drop(r.key)
	// A request may read the entry before it is deleted.
	defer m.drop(r.key)
	r.err = retry(ctx, func() error {
		ctx := ctx
		defer m.bound(&ctx)()
		t, v, err := m.vault.Get(ctx, r.key)
		if errors.Is(err, tokenstore.ErrNotFound) {
			return nil
		}
		r.unread = err
		if err != nil && v == "" {
			return err
		}
		r.add(t)
		return m.vault.Delete(ctx, r.key, v)
	})
}

func (r *removal) add(t tokenstore.Token) {
	same := func(other tokenstore.Token) bool { return other.AccessToken == t.AccessToken }
	if t.AccessToken != "" && !slices.ContainsFunc(r.tokens, same) {
		r.tokens = append(r.tokens, t)
	}
}

// revokeAt revokes t at the provider if the provider can do that.
func (m *Manager) revokeAt(ctx context.Context, key tokenstore.Key, t tokenstore.Token) {
	p, ok := m.providers[key.Provider].(provider.Revoker)
	if !ok || t.AccessToken == "" && t.RefreshToken == "" {
		return
	}
	r := report{kind: event.Revoked, began: time.Now()}
	if r.err = p.Revoke(ctx, t); r.err != nil {
		r.level, r.text, r.kind = slog.LevelWarn, "a token was not revoked at the provider", event.RevokeFailed
	}
	m.report(ctx, key, r)
}
