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

// signInTimeout is how long a sign-in may take, like in the kit's handlers.
const signInTimeout = 10 * time.Minute

var errTooSlow = errors.New("nobody has signed in for ten minutes: run xpost login again")

func login(ctx context.Context, c *call) (result, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, signInTimeout, errTooSlow)
	defer cancel()
	var u provider.User
	var err error
	switch {
	case c.opt.account != "":
		err = usagef("login takes no -account: it is for X to say who signs in")
	case c.oauth1 == nil && c.opt.oauth1:
		err = &configError{[]error{errors.New("X_CONSUMER_KEY is missing, and -oauth1 needs it")}}
	case c.oauth2 == nil || c.opt.oauth1:
		u, err = c.byPIN(ctx)
	default:
		u, err = c.byLoopback(ctx)
	}
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errTooSlow) {
		err = cause
	}
	if err != nil {
		return result{}, err
	}
	a := account{provider: u.Provider, id: u.AccountID, username: u.Username, name: u.Name, api: c.cfg.apiURL, signedInAt: u.SignedInAt}
	d := c.describe(context.WithoutCancel(ctx), a)
	d.Current = true
	return result{d, func(w io.Writer) {
		fmt.Fprintf(w, "Signed in as @%s.\n", u.Username)
		d.write(w)
	}}, nil
}

// save keeps the token and the name of who signed in, or neither.
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

// show tells a person where to go. Standard output is for the result alone.
func (c *call) show(ctx context.Context, address string) {
	fmt.Fprintf(c.stderr, "Open this address in a browser:\n\n  %s\n\n", address)
	if c.browse != nil {
		c.browse(ctx, address)
	}
}
