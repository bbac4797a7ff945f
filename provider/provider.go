// Package provider signs users in with X, by OAuth 2.0 with PKCE ([NewX]) and by OAuth 1.0a
// ([NewXOAuth1]), and with any other provider of these protocols by configuration ([NewOAuth2],
// [NewOAuth1]). [GitHub], [Google], [Discord] and [QQ] return such configurations.
//
// A sign-in is two calls. [Provider.Begin] returns the address of the consent page and a
// [Pending]. [Provider.Finish] takes that Pending and the query of the callback, and returns
// the [User] and the token. The caller binds the Pending to the browser that began, as
// package handlers does. All errors are [*Error].
package provider

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"github.com/xsignin/xsignin/tokenstore"
)

// Provider is one way to sign in: one application registered with one service, by one
// protocol. Goroutines may share a Provider.
//
// A provider by OAuth 2.0 is also a [Refresher] and a [CodeExchanger], and one by OAuth
// 1.0a a [TokenVerifier].
type Provider interface {
	// Name is short and stable: lower-case letters, digits and hyphens. It is part of
	// every token's key, and of paths, events and log lines.
	Name() string
	// CallbackURL is the address that the provider sends the browser back to. A sign-in
	// ends only at its path.
	CallbackURL() string
	// Begin starts a sign-in. It returns the address to send the browser to, and the value
	// that Finish needs.
	Begin(ctx context.Context, opt Options) (redirect string, p Pending, err error)
	// Finish ends the sign-in that began with p, by the query of the callback. It refuses
	// a callback that does not belong to p before it calls the provider.
	Finish(ctx context.Context, p Pending, callback url.Values) (User, tokenstore.Token, error)
	// APIURL returns the address of the provider's API, or nil. Package client completes
	// relative URLs with it. The caller owns the URL.
	APIURL() *url.URL
	// AllowsURL reports whether credentials may be sent to u.
	AllowsURL(u *url.URL) bool
	// RoundTrip sends a copy of r with t's credentials over base, and returns the
	// answer unchanged. It does not check AllowsURL; package client does. Like every
	// [http.RoundTripper] it closes r.Body.
	RoundTrip(base http.RoundTripper, t tokenstore.Token, r *http.Request) (*http.Response, error)
	// RejectsToken reports whether resp, an answer to RoundTrip, states that the token is
	// refused for good. An outage, a limit or a bare 401 does not. body is the beginning of
	// resp.Body, at most 4 KiB. RejectsToken leaves resp.Body alone.
	RejectsToken(resp *http.Response, body []byte) bool
	// Revoke makes t useless at the provider, if the provider has an endpoint for that.
	// Revoking a token twice is no error.
	Revoke(ctx context.Context, t tokenstore.Token) error
}

// Refresher is a provider whose tokens can be renewed.
type Refresher interface {
	// Refresh exchanges t's refresh token for a new token, by one call. The new token keeps
	// what the answer does not replace. Only [ErrTokenRefused] means that the provider
	// refused this token for good.
	Refresh(ctx context.Context, t tokenstore.Token) (tokenstore.Token, error)
}

// CodeExchanger is a provider that can finish the sign-in of a native program, on a phone or a
// desktop, with the program's authorization code (RFC 8252).
type CodeExchanger interface {
	// ExchangeCode exchanges code, which the provider issued for redirectURI, with the
	// program's PKCE verifier (RFC 7636). The provider's answer proves the three values.
	// The program checks that the code belongs to its sign-in, and the caller that
	// redirectURI belongs to the application. The token's scopes are unknown if the answer
	// names none.
	ExchangeCode(ctx context.Context, code, verifier, redirectURI string) (User, tokenstore.Token, error)
}

// TokenVerifier is a provider that can tell whether a token was issued to this application,
// so that its bearer may sign in with it. A working token alone proves nothing: the operator
// of another application could sign in as that application's users.
type TokenVerifier interface {
	// VerifyToken asks the provider for the account of t, which has only its credentials,
	// in a way that fails with another application's token. It returns the token to be
	// stored. [ErrTokenRefused] means that the provider does not accept t.
	VerifyToken(ctx context.Context, t tokenstore.Token) (User, tokenstore.Token, error)
}

// IsX reports whether [NewX] or [NewXOAuth1] made p.
func IsX(p Provider) bool {
	x, ok := p.(interface{ isX() bool })
	return ok && x.isX()
}

// DisplayName returns the name of p for people, such as "GitHub": what p's method
// DisplayName() string returns, or else p's Name. Pages and problem documents show it.
func DisplayName(p Provider) string {
	if d, ok := p.(interface{ DisplayName() string }); ok {
		return cmp.Or(d.DisplayName(), p.Name())
	}
	return p.Name()
}

// Options are the options of one sign-in. The zero value is the common case.
type Options struct {
	// Scopes replaces the provider's configured scopes, except the identity scopes.
	// MoreScopes are added to these or to the configured ones. OAuth 2.0 only.
	Scopes, MoreScopes []string
	// ForceLogin makes X ask for the password (force_login). ScreenName fills the name into
	// X's sign-in form (screen_name). X by OAuth 1.0a only.
	ForceLogin bool
	ScreenName string
}

// Pending is a sign-in between Begin and Finish. It holds a secret: seal it before it
// leaves the process. It encodes to JSON with its secret, but prints without it.
type Pending struct {
	// Provider is the name of the provider that began.
	Provider string `json:"p"`
	// State identifies the sign-in in the callback: the state of OAuth 2.0, or the
	// request token of OAuth 1.0a.
	State string `json:"h"`
	// Secret is the PKCE verifier, or the request token's secret.
	Secret string `json:"s"`
	// Scopes are the requested scopes.
	Scopes []string `json:"c,omitempty"`
}
