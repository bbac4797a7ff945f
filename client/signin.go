package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// undoTimeout bounds the undoing of a Put that answered an error, which a user waits
// for after the time that Put itself took.
const undoTimeout = 2 * time.Second

// PutWithRollback is [Manager.Put] for a caller with another step to take. If that fails, undo
// puts back what was there before, the token of an earlier sign-in, or else deletes
// the new token and revokes it at the provider as [Manager.Revoke] does. Where the store is
// away and the token may stay in it, it is revoked all the same. What somebody has written
// since is left alone. PutWithRollback reads the entry first; where that fails, nothing is written
// and the new token is not revoked, as it may be the one that is stored.
//
// Where the store answers the writing with an error it may have been done all the
// same. PutWithRollback then undoes it itself, for at most two seconds and also where ctx has
// ended, before it returns the error; a store that is away for longer may be left with
// the token.
func (p *Manager) PutWithRollback(ctx context.Context, key tokenstore.Key, t tokenstore.Token) (undo func(context.Context) error, err error) {
	before, _, err := p.get(ctx, key)
	had := err == nil
	// An entry that nobody can read is as good as none.
	if err != nil && errors.Is(storeError(err), ErrUnavailable) && !errors.As(err, new(*tokenstore.UnknownKeyError)) {
		return nil, unavailable(err)
	}
	if err := p.Put(ctx, key, t); err != nil {
		if errors.Is(err, ErrUnavailable) {
			call(context.WithoutCancel(ctx), undoTimeout, func(ctx context.Context) {
				if _, err := p.undoPut(ctx, key, t, before, had); err != nil {
					p.logLine(slog.LevelWarn, "the token of a failed sign-in may be stored", key, err)
				}
			})
			// Stored or not, nobody will use it.
			p.revokeUnused(context.WithoutCancel(ctx), key, t, had)
		}
		return nil, err
	}
	return func(ctx context.Context) error {
		gone, err := p.undoPut(ctx, key, t, before, had)
		if gone || err != nil {
			// Where it could not be taken out, nobody will use it either.
			p.revokeUnused(context.WithoutCancel(ctx), key, t, had)
		}
		return err
	}, nil
}

// revokeUnused revokes the token of a sign-in that failed, but not where there was one
// before: X's OAuth 1.0a gives an account that signs in again the token it had.
func (p *Manager) revokeUnused(ctx context.Context, key tokenstore.Key, t tokenstore.Token, had bool) {
	if had {
		return
	}
	call(ctx, revokeTimeout, func(ctx context.Context) { _ = p.revokeAt(ctx, key, t) })
}

// undoPut takes t out of the store again, and reports whether it was there.
func (p *Manager) undoPut(ctx context.Context, key tokenstore.Key, t, before tokenstore.Token, had bool) (gone bool, err error) {
	if s := p.users.find(key); s != nil {
		s.drop()
		defer s.drop()
	}
	gone, err = p.putBack(ctx, key, t, before, had)
	if err != nil {
		return false, fmt.Errorf("client: the token of a failed sign-in was not removed: %w", unavailable(err))
	}
	return gone, nil
}

// putBack takes t out of the store, and reports whether it was there.
func (p *Manager) putBack(ctx context.Context, key tokenstore.Key, t, before tokenstore.Token, had bool) (gone bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.storeTimeout())
	defer cancel()
	now, v, err := p.vault.Get(ctx, key)
	if errors.Is(err, tokenstore.ErrNotFound) || (err == nil && now.AccessToken != t.AccessToken) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !had {
		before = tombstone
	}
	v, err = p.vault.Replace(ctx, key, v, before)
	if errors.Is(err, tokenstore.ErrConflict) {
		return false, nil
	}
	if err == nil && !had {
		err = p.vault.Delete(ctx, key, v)
	}
	return err == nil, err
}
