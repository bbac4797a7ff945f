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

// PutUndo is [Pool.Put] for a caller with another step to take. If that fails, undo
// puts back what was there before, the token of an earlier sign-in, or else deletes
// the new token and revokes it at the provider as [Pool.Revoke] does. What somebody
// has written since is left alone. PutUndo reads the entry first.
//
// Where the store answers the writing with an error it may have been done all the
// same. PutUndo then undoes it itself, for at most two seconds and also where ctx has
// ended, before it returns the error; a store that is away for longer may be left with
// the token.
func (p *Pool) PutUndo(ctx context.Context, key tokenstore.Key, t tokenstore.Token) (undo func(context.Context) error, err error) {
	var before tokenstore.Token
	call(ctx, p.storeTimeout(), func(ctx context.Context) { before, _, err = p.vault.Get(ctx, key) })
	had := err == nil
	// An entry that nobody can read is as good as none.
	if err != nil && errors.Is(storeError(err), ErrUnavailable) && !errors.As(err, new(*tokenstore.UnknownKeyError)) {
		return nil, unavailable(err)
	}
	undo = func(ctx context.Context) error { return p.undoPut(ctx, key, t, before, had) }
	if err := p.Put(ctx, key, t); err != nil {
		if errors.Is(err, ErrUnavailable) {
			call(context.WithoutCancel(ctx), undoTimeout, func(ctx context.Context) {
				if err := undo(ctx); err != nil {
					p.logLine(slog.LevelWarn, "the token of a failed sign-in may be stored", key, err)
				}
			})
		}
		return nil, err
	}
	return undo, nil
}

func (p *Pool) undoPut(ctx context.Context, key tokenstore.Key, t, before tokenstore.Token, had bool) error {
	if s := p.users.find(key); s != nil {
		s.drop()
		defer s.drop()
	}
	gone, err := p.putBack(ctx, key, t, before, had)
	if err != nil {
		return fmt.Errorf("client: the token of a failed sign-in was not removed: %w", unavailable(err))
	}
	// Not where there was one before: X's OAuth 1.0a gives an account that signs in
	// again the token it had.
	if gone && !had {
		end, cancel := context.WithTimeout(ctx, revokeTimeout)
		defer cancel()
		_ = p.revokeAt(end, key, t)
	}
	return nil
}

// putBack takes t out of the store, and reports whether it was there.
func (p *Pool) putBack(ctx context.Context, key tokenstore.Key, t, before tokenstore.Token, had bool) (gone bool, err error) {
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
	_, err = p.vault.Replace(ctx, key, v, before)
	if errors.Is(err, tokenstore.ErrConflict) {
		return false, nil
	}
	if err == nil && !had {
		err = p.vault.Delete(ctx, key)
	}
	return err == nil, err
}
