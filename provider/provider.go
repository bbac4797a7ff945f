// Package provider signs people in with X, by OAuth 2.0 with PKCE ([NewX]) and
// by OAuth 1.0a ([NewXOAuth1]), and with any other provider of these protocols by
// configuration ([NewOAuth2], [NewOAuth1]).
//
// A sign-in is two calls with a plain value between them: [Provider.Begin] gives
// the address to send the browser to and a [Pending] to keep for it;
// [Provider.Finish] takes that Pending and the callback's query and gives the
// [User] and the token. The package knows nothing of browsers, cookies and
// sessions: whoever calls it binds the Pending to the browser that began, as
// package handlers does.
//
// All errors are [*Error] and say by their Kind what can be done about them.
package provider

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// Provider is one way to sign in: one application registered with one service,
// by one protocol. Goroutines may share a Provider.
//
// A provider whose tokens can be renewed is also a [Refresher], one that can take
// tokens back is also a [Revoker], one whose API says when it refuses a token for good
// is also a [TokenRejecter]. One that can vouch for who signed in with a program of the
// application's own, on a phone or a desktop, is also an [CodeExchanger] or a [TokenVerifier].
type Provider interface {
	// Name is short and stable: lower-case letters, digits and hyphens. It is part
	// of every token's key, of paths, events and log lines.
	Name() string

	// Begin starts a sign-in. It returns the address to send the browser to and
	// what Finish needs later.
	Begin(ctx context.Context, opt Options) (redirect string, p Pending, err error)

	// Finish ends the sign-in that began with p. callback is the query that the
	// provider sent the browser back with; a callback that does not belong to p is
	// refused before the provider is asked anything. A refusal by the user is
	// [ErrDenied].
	//
	// The User has Provider and AccountID. Its ID is AccountID with X's providers alone; any
	// other provider leaves it empty, and handlers make it <name>:<AccountID>.
	Finish(ctx context.Context, p Pending, callback url.Values) (User, tokenstore.Token, error)

	// AllowsURL reports whether u is on the provider's API, so that credentials may
	// go there.
	AllowsURL(u *url.URL) bool

	// RoundTrip sends a copy of r with t's credentials over base and returns the answer
	// as it came. It does not check [Provider.AllowsURL]; package client does. Like
	// every [http.RoundTripper] it closes r.Body, and it retries nothing.
	RoundTrip(base http.RoundTripper, t tokenstore.Token, r *http.Request) (*http.Response, error)
}

// Refresher is a provider whose tokens can be renewed.
type Refresher interface {
	// Refresh spends t's refresh token and returns the token that takes its place.
	// [ErrTokenRefused] means that the provider refused this token for good, and
	// nothing else means that.
	Refresh(ctx context.Context, t tokenstore.Token) (tokenstore.Token, error)
}

// Revoker is a provider that can take a token back.
type Revoker interface {
	// Revoke makes t useless at the provider. A token that already is, is not an
	// error.
	Revoke(ctx context.Context, t tokenstore.Token) error
}

// TokenRejecter is a provider whose API's answers tell a token that is dead from an outage.
// Package client asks it about tokens without a refresh token, since for others only
// a refresh is proof.
type TokenRejecter interface {
	// RejectsToken reports whether resp, an answer to [Provider.RoundTrip], says that the token
	// is refused for good. Only the provider's own word for that counts: an outage or a
	// limit is none, and neither is a bare 401. body is the beginning of resp's body, at
	// most 4 KiB; RejectsToken neither reads nor closes resp.Body.
	RejectsToken(resp *http.Response, body []byte) bool
}

// Returner is a provider that tells where it sends the browser back to, so that a sign-in is
// not ended at the callback of another provider: see [handlers.Handlers.CallbackOf].
//
// [handlers.Handlers.CallbackOf]: https://pkg.go.dev/github.com/xsignin/xsignin/handlers#Handlers.CallbackOf
type Returner interface {
	// CallbackURL is the callback that is registered with the provider.
	CallbackURL() string
}

// CodeExchanger is a provider that can end a sign-in which a program of the application's own
// began, on a phone or a desktop, with an authorization code (RFC 8252).
type CodeExchanger interface {
	// ExchangeCode spends code, which the provider gave to the application for redirectURI,
	// with the PKCE verifier (RFC 7636) that the program kept. The three come from a
	// stranger, and the provider's answer is what proves them. That the code was meant for
	// this sign-in and no other is for the program to see to, by state and verifier; that
	// redirectURI belongs to the application is for the caller.
	//
	// What is returned is that of [Provider.Finish].
	ExchangeCode(ctx context.Context, code, verifier, redirectURI string) (User, tokenstore.Token, error)
}

// TokenVerifier is a provider that can tell whether a token was given to this very application,
// and so whether its bearer may sign in by it. That a token works is no such proof: where
// anybody's application can use it, somebody who runs another one could sign in as its
// users.
type TokenVerifier interface {
	// VerifyToken asks the provider whose t is, which only has its credentials, in a way that
	// fails with the token of another application. It returns the token as it is to be
	// kept. [ErrTokenRefused] means that the provider does not take it.
	VerifyToken(ctx context.Context, t tokenstore.Token) (User, tokenstore.Token, error)
}

// Options are the wishes of one sign-in. The zero value is the common case.
type Options struct {
	// Scopes replaces the provider's configured scopes. The identity scopes that are
	// configured, tweet.read and users.read, are added, since the sign-in could not end
	// without them. Empty: the configured scopes. OAuth 2.0 only.
	Scopes []string
	// MoreScopes are asked for besides Scopes or, where that is empty, the configured
	// ones. OAuth 2.0 only.
	MoreScopes []string
	// ForceLogin makes X ask for the password although the browser is signed in
	// there (force_login). OAuth 1.0a only.
	ForceLogin bool
	// ScreenName fills the name into X's sign-in form (screen_name). OAuth 1.0a
	// only.
	ScreenName string
}

// Pending is a sign-in between Begin and Finish. It holds a secret: whoever keeps
// it outside the process seals it. It is a plain value that encodes to JSON with
// its secret, but does not print it.
type Pending struct {
	// Provider is the name of the provider that began.
	Provider string `json:"p"`
	// State is what the callback names the sign-in by: the state of OAuth 2.0, the
	// request token of OAuth 1.0a.
	State string `json:"h"`
	// Secret is what the callback does not carry: the PKCE verifier, or the request
	// token's secret.
	Secret string `json:"s"`
	// Scopes are the scopes asked for.
	Scopes []string `json:"c,omitempty"`
}

// User is somebody whom a provider vouches for.
type User struct {
	// Provider is the name of the provider that vouches.
	Provider string `json:"provider"`
	// AccountID is the provider's id of the account. It never changes; X's are decimal
	// numbers of up to 19 digits, too long for a JSON number.
	AccountID string `json:"account_id"`
	// ID is the application's id of this user, which tokens are kept under.
	// X's providers set it to AccountID, so that both protocols give one id. Any other
	// provider leaves it empty; handlers then make it <name>:<AccountID>, since ids are unique
	// only with their provider. An OnSignIn hook may set another.
	ID string `json:"id"`
	// Username is the handle without its "@". It can change, and pass to somebody
	// else: never key on it.
	Username string `json:"username"`
	// Name is the display name, on one line and at most 200 bytes. It may hold ZWNJ and
	// ZWJ (U+200C, U+200D) between other characters. OAuth 1.0a's token answer does not
	// give it.
	Name string `json:"name,omitempty"`
	// AvatarURL is the address of the profile picture, 48 pixels wide on X.
	AvatarURL string `json:"avatar_url,omitempty"`
	// Email is the confirmed address, where X's application settings, the scope
	// users.email and the account allow it. Otherwise it is empty.
	Email string `json:"email,omitempty"`
	// SignedInAt is when this sign-in was finished.
	SignedInAt time.Time `json:"signed_in_at,omitzero"`
}

// Key is the key that the user's token with this provider is stored under.
func (u User) Key() tokenstore.Key {
	return tokenstore.Key{Provider: u.Provider, UserID: u.ID, AccountID: u.AccountID}
}
