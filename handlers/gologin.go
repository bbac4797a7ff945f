package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	login1 "github.com/dghubble/gologin/v2/oauth1"
	login2 "github.com/dghubble/gologin/v2/oauth2"
	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// GologinSuccess returns a success handler for gologin's own callback handlers, such as
// those for GitHub, Google, Facebook and Bitbucket:
//
//	github.CallbackHandler(config, h.GologinSuccess("github", user), nil)
//
// gologin makes the state and the cookie of such a sign-in, which has no PKCE. Otherwise it
// works as [Handlers.Callback], with Config.DefaultReturnTo. GologinSuccess panics if no
// provider has the name, and without Config.Sessions. user maps gologin's user, which it finds
// in ctx, to a User with AccountID.
func (h *Handlers) GologinSuccess(name string, user func(ctx context.Context) (provider.User, error)) http.Handler {
	h.needSessions("GologinSuccess")
	p, ok := h.byName[name]
	if !ok {
		panic("handlers: GologinSuccess: no provider is called " + name)
	}
	return h.handler(func(c *call) {
		c.provider, c.returnTo = name, h.cfg.DefaultReturnTo
		if err := c.gologin(p, user); err != nil {
			c.fail(err)
		} else if !c.ended() {
			RedirectAfterSignIn(c.w, c.r, c.returnTo)
		}
	})
}

// gologin admits the user with the token that gologin's handlers left in the context.
func (c *call) gologin(p provider.Provider, user func(context.Context) (provider.User, error)) error {
	u, err := user(c.r.Context())
	if err != nil {
		return internal(fmt.Errorf("GologinSuccess: %w", err))
	}
	u.Provider = p.Name()
	if u, err = u.Clean(); err != nil {
		return err
	}
	u.Provider, u.SignedInAt = p.Name(), c.h.cfg.Now() // Clean drops both
	token, ok := gologinToken(c.r.Context())
	if !ok {
		return internal(errors.New("GologinSuccess: the context has no token: use it as the success handler of a callback handler of gologin"))
	}
	token.AccountID, token.Username, token.Name = u.AccountID, u.Username, u.Name
	token.ObtainedAt = u.SignedInAt
	ctx, cancel := c.h.detached(c.r.Context())
	defer cancel()
	_, err = c.admit(ctx, p, SignIn{User: u, Token: token, ReturnTo: c.returnTo})
	return err
}

// gologinToken returns the token that gologin's handlers left in ctx.
func gologinToken(ctx context.Context) (tokenstore.Token, bool) {
	if t, err := login2.TokenFromContext(ctx); err == nil && t != nil && t.AccessToken != "" {
		scope, _ := t.Extra("scope").(string)
		return tokenstore.Token{
			AccessToken: t.AccessToken, RefreshToken: t.RefreshToken, Expiry: t.Expiry,
			Scopes: strings.FieldsFunc(scope, func(r rune) bool { return r == ',' || r <= ' ' }),
		}, true
	}
	access, secret, err := login1.AccessTokenFromContext(ctx)
	return tokenstore.Token{AccessToken: access, TokenSecret: secret}, err == nil && access != ""
}

// withToken returns a context in which gologin's readers find t, without its refresh token.
func withToken(ctx context.Context, t tokenstore.Token) context.Context {
	held := context.Background()
	if t.IsOAuth1() {
		held = login1.WithAccessToken(held, t.AccessToken, t.TokenSecret)
	} else {
		held = login2.WithToken(held, &oauth2.Token{AccessToken: t.AccessToken, TokenType: "Bearer", Expiry: t.Expiry})
	}
	return &tokenContext{ctx, held}
}

// tokenContext is a context that holds a token. gologin's own prints an OAuth 1.0a token.
type tokenContext struct {
	context.Context
	held context.Context
}

// Value implements [context.Context].
func (c *tokenContext) Value(key any) any {
	if v := c.held.Value(key); v != nil {
		return v
	}
	return c.Context.Value(key)
}

// Format implements [fmt.Formatter]: no verb prints the token.
func (c *tokenContext) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, c.Context) }
