package client

import (
	"context"
	"errors"

	"github.com/xsignin/xsignin/tokenstore"
)

// PutUndo is [Pool.Put] for a caller with another step to take: if that fails, undo
// puts back what was there before, the token of an earlier sign-in or nothing, unless
// somebody has written since. It reads the entry first.
func (p *Pool) PutUndo(ctx context.Context, key tokenstore.Key, t tokenstore.Token) (undo func(context.Context) error, err error) {
	var before tokenstore.Token
	var had bool
	call(ctx, p.storeTimeout(), func(ctx context.Context) {
		var readErr error
		before, _, readErr = p.vault.Get(ctx, key)
		had = readErr == nil
	})
	if err := p.Put(ctx, key, t); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return p.putBack(ctx, key, t, before, had) }, nil
}

func (p *Pool) putBack(ctx context.Context, key tokenstore.Key, t, before tokenstore.Token, had bool) error {
	if s := p.users.find(key); s != nil {
		s.drop()
		defer s.drop()
	}
	now, v, err := p.vault.Get(ctx, key)
	if errors.Is(err, tokenstore.ErrNotFound) || (err == nil && now.AccessToken != t.AccessToken) {
		return nil
	}
	if err == nil && had {
		_, err = p.vault.Replace(ctx, key, v, before)
	} else if err == nil {
		err = p.vault.Delete(ctx, key)
	}
	if errors.Is(err, tokenstore.ErrConflict) {
		return nil
	}
	return err
}
