package handlers

import (
	"context"
	"fmt"

	login1 "github.com/dghubble/gologin/v2/oauth1"
	login2 "github.com/dghubble/gologin/v2/oauth2"
	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/tokenstore"
)

// ReturnPath returns where the visitor of a callback came from, for a success handler that
// sends them on: the checked parameter return_to of their login, or Config.Home. The second
// value is false elsewhere.
func ReturnPath(ctx context.Context) (string, bool) {
	req := requestctx.From(ctx)
	if req == nil || req.Callback == nil {
		return "", false
	}
	return req.Callback.ReturnTo, true
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

// tokenContext is a context that holds a token. gologin's own would print an OAuth 1.0a
// token with its secret: contexts print values that are strings.
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

// String describes the context without the token. Contexts made from it print by it.
func (c *tokenContext) String() string { return fmt.Sprint(c.Context) + ".WithToken" }

// Format implements [fmt.Formatter], so that no verb prints the token.
func (c *tokenContext) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }
