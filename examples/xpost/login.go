package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// signInTimeout limits a sign-in, as in the kit's handlers.
const signInTimeout = 10 * time.Minute

var errTooSlow = errors.New("nobody has signed in for ten minutes: run xpost login again")

func login(ctx context.Context, c *call) (result, error) {
	if c.opt.account != "" {
		return result{}, usagef("login takes no -account: you choose the account at X")
	}
	if len(c.cfg.outside) > 0 {
		return c.takeOver(ctx)
	}
	p, err := c.provider()
	if err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, signInTimeout, errTooSlow)
	defer cancel()
	var u provider.User
	if p.Name() == oauth1Name {
		u, err = c.byPIN(ctx)
	} else {
		u, err = c.byLoopback(ctx)
	}
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errTooSlow) {
		err = cause
	}
	if err != nil {
		return result{}, err
	}
	return c.signedIn(context.WithoutCancel(ctx), u)
}

// takeOver signs in with the tokens from outside.
func (c *call) takeOver(ctx context.Context) (result, error) {
	a, err := c.account(ctx)
	if err != nil {
		return result{}, err
	}
	return c.signedIn(ctx, provider.User{
		Provider: a.provider, AccountID: a.id, Username: a.username, Name: a.name, SignedInAt: a.signedInAt,
	})
}

// signedIn is the result of a sign-in.
func (c *call) signedIn(ctx context.Context, u provider.User) (result, error) {
	d := c.describe(ctx, account{
		provider: u.Provider, id: u.AccountID, username: u.Username, name: u.Name, api: c.cfg.apiURL, signedInAt: u.SignedInAt,
	})
	d.Current = true
	return result{document: d, write: func(w io.Writer) {
		fmt.Fprintf(w, "Signed in as @%s.\n", u.Username)
		d.write(w)
	}}, nil
}

// save stores the token and the name of the user who signed in, or neither.
func (c *call) save(ctx context.Context, u provider.User, t tokenstore.Token) error {
	stored, err := c.clients.PutWithRollback(ctx, u.Key(), t, client.PutOptions{})
	if err != nil {
		return err
	}
	if err := c.remember(ctx, u, c.cfg.apiURL); err != nil {
		return errors.Join(err, stored.Rollback(context.WithoutCancel(ctx)))
	}
	return nil
}

// show tells a person which address to open. Standard output is for the result only.
func (c *call) show(ctx context.Context, address string) {
	fmt.Fprintf(c.stderr, "Open this address in a browser:\n\n  %s\n\n", address)
	if c.browse != nil {
		c.browse(ctx, address)
	}
}
