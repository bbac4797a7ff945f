package main

import (
	"context"
	"io"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/tokenstore"
)

const apiAddress = "https://api.x.com/2/users/1529384756102938475/tweets"

// calling sends one request to X's API with the client that it is given.
func calling(name string, client func() *http.Client) contender {
	return contender{name, func() error {
		r, err := http.NewRequest(http.MethodGet, apiAddress, nil)
		if err != nil {
			return err
		}
		resp, err := client().Do(r)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return err
	}}
}

// kitCalls are calls by the client of the request's context, as handlers make them, and by
// one that is kept.
func kitCalls(x http.RoundTripper) (made, kept contender, err error) {
	store := tokenstore.NewMemory()
	kit, err := newKit(func(c *xsignin.Config) { c.Transport, c.Tokens = x, store })
	if err != nil {
		return made, kept, err
	}
	vault, err := tokenstore.NewVault(store, []byte(key(0)))
	if err != nil {
		return made, kept, err
	}
	now := time.Now()
	if _, err := vault.Put(context.Background(), person.Key(), tokenstore.Token{
		AccessToken: "access", RefreshToken: "refresh", Expiry: now.Add(2 * time.Hour), ObtainedAt: now,
		Scopes: []string{"tweet.read", "users.read", "offline.access"}, AccountID: person.ID,
	}); err != nil {
		return made, kept, err
	}
	r, err := signedIn(kit)
	if err != nil {
		return made, kept, err
	}
	var ctx context.Context
	kit.RequireUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() })).ServeHTTP(newAnswer(), r)
	one := xsignin.Client(ctx)
	return calling("xsignin, the request's client", func() *http.Client { return xsignin.Client(ctx) }),
		calling("xsignin, a client that is kept", func() *http.Client { return one }), nil
}

// sharedSource is one client of x/oauth2, kept for the user.
func sharedSource(name string, x http.RoundTripper) contender {
	cfg := &oauth2.Config{ClientID: "client"}
	source := oauth2.ReuseTokenSource(
		&oauth2.Token{AccessToken: "access", RefreshToken: "refresh", Expiry: time.Now().Add(2 * time.Hour)},
		cfg.TokenSource(context.Background(), &oauth2.Token{RefreshToken: "refresh"}))
	one := &http.Client{Transport: &oauth2.Transport{Source: source, Base: x}}
	return calling(name, func() *http.Client { return one })
}
