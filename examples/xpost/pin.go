package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/xsignin/xsignin/provider"
)

// maxPINs is how many PINs are asked for. X has given the one of a consent page.
const maxPINs = 3

// byPIN signs in by OAuth 1.0a out of band: the browser may be on another machine, X shows
// a PIN there, and it is typed in here. It spends no API call.
func (c *call) byPIN(ctx context.Context) (provider.User, error) {
	address, pending, err := c.oauth1.Begin(ctx, provider.Options{})
	if err != nil {
		return provider.User{}, err
	}
	c.show(ctx, address)
	var wrong error
	for range maxPINs {
		pin, err := c.line(ctx, "PIN: ", errNoPIN)
		if err != nil && ctx.Err() == nil && wrong != nil {
			return provider.User{}, wrong
		}
		if err != nil {
			return provider.User{}, err
		}
		// A token that X has given out must be saved, whatever Ctrl-C says.
		saving := context.WithoutCancel(ctx)
		u, t, err := c.oauth1.FinishPIN(saving, pending, pin)
		if err == nil {
			return u, c.save(saving, u, t)
		}
		if !errors.Is(err, provider.ErrExpired) {
			return provider.User{}, err
		}
		wrong = err
		fmt.Fprintln(c.stderr, "X does not accept this PIN. It is the number on the page in the browser.")
	}
	return provider.User{}, wrong
}

var errNoPIN = errors.New("no PIN was typed in: run xpost login again")

// line asks for a line of standard input. Its error for none is missing.
func (c *call) line(ctx context.Context, prompt string, missing error) (string, error) {
	fmt.Fprint(c.stderr, prompt)
	s, err := waitFor(ctx, func() (string, error) {
		// What was typed before the end of the input counts.
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
