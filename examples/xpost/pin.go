package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// byPIN signs in by OAuth 1.0a out of band. X shows a PIN in the browser, which may be on
// another machine, and the user types it here. This makes no API call.
func (c *call) byPIN(ctx context.Context) (provider.User, error) {
	address, pending, err := c.oauth1.Begin(ctx, provider.Options{})
	if err != nil {
		return provider.User{}, err
	}
	c.show(ctx, address)
	// A token that X has issued must be saved, even after Ctrl-C.
	saving := context.WithoutCancel(ctx)
	u, t, err := c.ask(ctx, "PIN: ", errNoPIN, func(pin string) (provider.User, tokenstore.Token, error) {
		return c.oauth1.Finish(saving, pending, url.Values{"oauth_token": {pending.State}, "oauth_verifier": {pin}})
	})
	if err != nil {
		return provider.User{}, err
	}
	return u, c.save(saving, u, t)
}

// maxTries is the number of attempts for a PIN or code.
const maxTries = 3

// ask asks for a PIN or a code until X accepts it.
func (c *call) ask(
	ctx context.Context, prompt string, missing error, finish func(string) (provider.User, tokenstore.Token, error),
) (provider.User, tokenstore.Token, error) {
	var wrong error
	for range maxTries {
		typed, err := c.line(ctx, prompt, missing)
		if err != nil {
			if wrong != nil && ctx.Err() == nil {
				err = wrong
			}
			return provider.User{}, tokenstore.Token{}, err
		}
		u, t, err := finish(typed)
		if !errors.Is(err, provider.ErrExpired) {
			return u, t, err
		}
		wrong = err
		fmt.Fprintln(c.stderr, "X does not accept this. Please look at the browser again.")
	}
	return provider.User{}, tokenstore.Token{}, wrong
}

var errNoPIN = errors.New("no PIN was typed in: run xpost login again")

// line reads a line of standard input. Without input its error is missing.
func (c *call) line(ctx context.Context, prompt string, missing error) (string, error) {
	fmt.Fprint(c.stderr, prompt)
	s, err := waitFor(ctx, func() (string, error) {
		// Text without a line end at the end of the input counts.
		s, err := c.input.ReadString('\n')
		if s = strings.TrimSpace(s); s != "" {
			return s, nil
		}
		return "", err
	})
	if err != nil {
		fmt.Fprintln(c.stderr)
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if s == "" {
		return "", missing
	}
	return s, nil
}
