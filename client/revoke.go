package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/xsignin/xsignin/event"
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
	if m.closed.Load() {
		return ErrClosed
	}
	if key.AccountID == "" {
		return errNoAccount
	}
	ctx = context.WithoutCancel(ctx)
	if err := m.removeAll(ctx, []tokenstore.Key{key}, ""); err != nil {
		return err
	}
	if err := m.unlink(ctx, key); err != nil {
		return errStillOwned(err)
	}
	return nil
}

// RevokeAccount is for a sign-out. It deletes and revokes the tokens of key's account, by
// both of X's protocols, as [Manager.Revoke] does. The user still owns the account, see
// [Manager.ReleaseAccount].
func (m *Manager) RevokeAccount(ctx context.Context, key tokenstore.Key) error {
	if m.closed.Load() {
		return ErrClosed
	}
	if key.AccountID == "" {
		return errNoAccount
	}
	return m.removeAll(context.WithoutCancel(ctx), m.siblings(key), "")
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

// removed are the tokens that were under one key.
type removed struct {
	key    tokenstore.Key
	tokens []tokenstore.Token
	// unread is why a deleted entry could not be read. err is why the entry may still be
	// stored.
	unread, err error
}

// removeAll deletes the entries of keys, and then revokes their tokens within two seconds.
// It does not revoke the access token keep.
func (m *Manager) removeAll(ctx context.Context, keys []tokenstore.Key, keep string) error {
	all := make([]removed, len(keys))
	m.each(all, func(i int) { all[i] = m.remove(ctx, keys[i]) })
	end, cancel := context.WithTimeout(ctx, revokeTimeout)
	defer cancel()
	m.each(all, func(i int) {
		for _, t := range all[i].tokens {
			if keep == "" || t.AccessToken != keep {
				m.revokeAt(end, all[i].key, t)
			}
		}
	})
	var errs []error
	for _, r := range all {
		if r.unread != nil && len(r.tokens) == 0 {
			m.tell(ctx, event.RevokeFailed, r.key, 0, &storeTrouble{r.unread})
		}
		if r.err != nil {
			errs = append(errs, fmt.Errorf("client: the token was not deleted: %w", unavailable(r.err)))
		}
	}
	return errors.Join(errs...)
}

// each calls f for every index of all, eight at a time.
func (m *Manager) each(all []removed, f func(i int)) {
	var wg sync.WaitGroup
	free := make(chan struct{}, 8)
	for i := range all {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			f(i)
		})
	}
	wg.Wait()
}

// remove deletes the entry of key, from memory and from the store.
func (m *Manager) remove(ctx context.Context, key tokenstore.Key) removed {
	r := removed{key: key}
	if s := m.users.find(key); s != nil {
		known := s.cur.Load()
		s.drop()
		if u := s.abandon(); u != nil {
			r.add(u.token)
		} else if known != nil && known.again == nil {
			r.add(known.token)
		}
	}
	for failures := range maxConflicts {
		if r.err = r.deleteOnce(ctx, m); !errors.Is(r.err, tokenstore.ErrConflict) {
			break
		}
		// A sign-in or a refresh came first. Read and delete its token.
		afterConflict(ctx, failures)
	}
	// A request may have read the entry before it was deleted.
	m.dropKey(key)
	return r
}

// deleteOnce reads the entry and deletes the version that it has read. So each token is
// either stored or in r.tokens.
func (r *removed) deleteOnce(ctx context.Context, m *Manager) error {
	t, v, err := m.readEntry(ctx, r.key)
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return nil
	case err != nil && v == "":
		r.unread = err
		return err
	}
	r.unread = err
	r.add(t)
	return m.deleteEntry(ctx, r.key, v)
}

func (r *removed) add(t tokenstore.Token) {
	same := func(other tokenstore.Token) bool { return other.AccessToken == t.AccessToken }
	if t.AccessToken != "" && !slices.ContainsFunc(r.tokens, same) {
		r.tokens = append(r.tokens, t)
	}
}
