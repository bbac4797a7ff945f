package main

import (
	"context"
	"fmt"
	"io"
)

func refresh(ctx context.Context, c *call) (result, error) {
	a, err := c.account(ctx)
	if err != nil {
		return result{}, err
	}
	if err := c.clients.Refresh(ctx, a.key()); err != nil {
		return result{}, err
	}
	d := c.describe(ctx, a)
	d.Current = true
	return result{d, d.write}, nil
}

// revoke forgets the account whatever X says: then nobody has the token.
func revoke(ctx context.Context, c *call) (result, error) {
	a, err := c.account(ctx)
	if err != nil {
		return result{}, err
	}
	if err := c.clients.Revoke(ctx, a.key()); err != nil {
		return result{}, err
	}
	if err := c.forget(context.WithoutCancel(ctx), a.key()); err != nil {
		return result{}, err
	}
	document := map[string]any{"id": a.id, "username": a.username, "protocol": protocol(a.provider), "deleted": true, "revoked": c.notRevoked == nil}
	return result{document, func(w io.Writer) {
		fmt.Fprintf(w, "The token of @%s (%s) is deleted here", a.username, protocol(a.provider))
		if c.notRevoked == nil {
			fmt.Fprintln(w, " and revoked at X.")
			return
		}
		fmt.Fprintln(w, ", but X could not be told. To be sure, remove the application at x.com/settings/connected_apps.")
	}}, nil
}
