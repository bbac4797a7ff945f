package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/tokenstore"
)

func refresh(ctx context.Context, c *call) (result, error) {
	all, err := c.candidates(ctx)
	if err != nil {
		return result{}, err
	}
	// Only one of an account's two tokens can be refreshed.
	a := all[0]
	for _, other := range all {
		if other.id != a.id {
			continue
		}
		if t, err := c.clients.Token(ctx, other.key()); err == nil && t.Refreshable() {
			a = other
			break
		}
	}
	if err := c.clients.Refresh(ctx, a.key()); err != nil {
		return result{}, err
	}
	d := c.describe(ctx, a)
	d.Current = true
	return result{document: d, write: d.write}, nil
}

func revoke(ctx context.Context, c *call) (result, error) {
	a, err := c.account(ctx)
	if err != nil {
		return result{}, err
	}
	e, err := c.end(ctx, a)
	return result{document: e, write: e.write}, err
}

// logout ends the account's tokens for both protocols, or those of all accounts.
func logout(ctx context.Context, c *call) (result, error) {
	all, err := c.accounts(ctx)
	if err != nil {
		return result{}, err
	}
	var id string
	if !c.opt.all {
		a, err := c.account(ctx)
		if err != nil {
			return result{}, err
		}
		id = a.id
	}
	ended := []ended{}
	for _, a := range all {
		if id != "" && a.id != id {
			continue
		}
		e, err := c.end(ctx, a)
		if err != nil {
			return result{}, err
		}
		ended = append(ended, e)
	}
	return result{document: ended, write: func(w io.Writer) {
		if len(ended) == 0 {
			fmt.Fprintln(w, "Nobody is signed in.")
		}
		for _, e := range ended {
			e.write(w)
		}
	}}, nil
}

// ended is a deleted token, as -json shows it.
type ended struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	Protocol string `json:"protocol"`
	Deleted  bool   `json:"deleted"`
	Revoked  bool   `json:"revoked"`
}

// end deletes a's token here, and revokes it at X if possible. Revocation needs the credentials
// for which the token was issued.
func (c *call) end(ctx context.Context, a account) (e ended, err error) {
	c.notRevoked = nil
	if c.usable(a) == nil {
		err = c.clients.Revoke(ctx, a.key())
	} else {
		c.notRevoked = client.ErrUnavailable
		_, version, readErr := c.vault.Get(ctx, a.key())
		if err = readErr; err == nil {
			err = c.vault.Delete(ctx, a.key(), version)
		}
		if errors.Is(err, tokenstore.ErrNotFound) {
			err = nil
		}
	}
	if err == nil {
		err = c.forget(context.WithoutCancel(ctx), a.key())
	}
	return ended{a.id, a.username, protocol(a.provider), err == nil, err == nil && c.notRevoked == nil}, err
}

func (e ended) write(w io.Writer) {
	fmt.Fprintf(w, "The token of @%s (%s) is deleted here", e.Username, e.Protocol)
	if e.Revoked {
		fmt.Fprintln(w, " and revoked at X.")
		return
	}
	fmt.Fprintln(w, ", but could not be revoked at X. To be sure, remove the application at x.com/settings/connected_apps.")
}
