package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/xsignin/xsignin/provider"
)

// byPIN signs in by OAuth 1.0a out of band: the browser may be on another machine, X shows
// a PIN there, and it is typed in here. It spends no API call.
func (c *call) byPIN(ctx context.Context) (provider.User, error) {
	address, pending, err := c.oauth1.Begin(ctx, provider.Options{})
	if err != nil {
		return provider.User{}, err
	}
	c.show(ctx, address)
	fmt.Fprint(c.stderr, "PIN: ")
	pin, err := c.line(ctx)
	if err != nil {
		fmt.Fprintln(c.stderr)
		return provider.User{}, err
	}
	// A token that X has given out must be saved, whatever Ctrl-C says.
	ctx = context.WithoutCancel(ctx)
	u, t, err := c.oauth1.Finish(ctx, pending, url.Values{"oauth_token": {pending.State}, "oauth_verifier": {pin}})
	if err != nil {
		return provider.User{}, err
	}
	return u, c.save(ctx, u, t)
}

// line reads a line of standard input. The reading goes on when ctx ends, and ends with the
// process.
func (c *call) line(ctx context.Context) (string, error) {
	type read struct {
		s   string
		err error
	}
	done := make(chan read, 1)
	go func() {
		s, err := bufio.NewReader(io.LimitReader(c.stdin, 1<<10)).ReadString('\n')
		done <- read{s, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-done:
		if s := strings.TrimSpace(r.s); s != "" {
			return s, nil
		}
		return "", errors.New("no PIN was typed in: run xpost login again")
	}
}
