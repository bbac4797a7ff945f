package provider

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// XConfig configures sign-in with X by OAuth 2.0 (RFC 6749 with PKCE, RFC 7636). The
// zero value of every field but ClientID and CallbackURL is a good default. A
// configuration prints without its secret.
type XConfig struct {
	// Name is the provider's name: lower-case letters, digits and hyphens. Default "x".
	Name string
	// ClientID is the app's OAuth 2.0 client id, not its API key. Required.
	ClientID string
	// ClientSecret is the app's OAuth 2.0 client secret. With one, the app is a "Web
	// App, Automated App or Bot" at X and authenticates by the Authorization header.
	// Empty, it is a "Native App" or "Single Page App" and sends its client id in the
	// body. X refuses the one way to apps of the other type, so nothing is probed.
	ClientSecret string
	// CallbackURL is where X sends the browser back to. It has to be registered with
	// the app, and X compares every character: scheme, host, port, path and trailing
	// slash. Required.
	CallbackURL string
	// Scopes are asked for where [Options.Scopes] is empty. At X they have to include
	// tweet.read and users.read, without which X does not tell who signed in. Default
	// tweet.read, users.read and offline.access; without offline.access there is no
	// refresh token, and the access token ends after two hours.
	//
	// With users.email, X gives the confirmed address if the app's setting "Request
	// email from users" is on. Where that is off, X may fail the whole identity call
	// rather than leave the address out, and with it the sign-in: there is one such
	// call per sign-in and no second try. Turn the setting on, or leave the scope out.
	Scopes []string
	// APIURL is the address of X's API, by https, or by http on a loopback host. It may
	// have a path. Default https://api.x.com. Whatever answers there is believed as X is: its
	// ids are [User.ID] as they come. So another server that speaks X's protocol does
	// not belong into one application with X, whose users it could name as its own.
	APIURL string
	// AuthorizeURL is the consent page, by https, or by http on a loopback host. It may
	// have a query, which is kept. Default https://x.com/i/oauth2/authorize; the page
	// under twitter.com has other cookies, so people would have to sign in again.
	AuthorizeURL string
	// APIHosts are further hosts, by https, that credentials may go to: see [X.AllowsURL].
	APIHosts []string
	// Transport carries the provider's own calls. Default: one of its own, set up as
	// [http.DefaultTransport]. Cookies are not kept and redirects not followed.
	Transport http.RoundTripper
	// Timeout bounds each call. Default 10 seconds.
	Timeout time.Duration
	// Now is the clock. Default [time.Now].
	Now func() time.Time
}

// X signs people in with X by OAuth 2.0. Make it with [NewX]. Goroutines may share
// it. It implements [Provider], [Refresher], [Revoker] and [CodeExchanger]. It is no
// [TokenVerifier]: a bearer token does not say which application it was given to.
type X struct{ *flow }

var (
	_ Provider      = (*X)(nil)
	_ Refresher     = (*X)(nil)
	_ Revoker       = (*X)(nil)
	_ CodeExchanger = (*X)(nil)
)

// NewX makes a provider. It checks all of cfg and reports every fault at once, each
// with the field and what to do. cfg is copied: changing it later does nothing. NewX
// speaks to nobody.
func NewX(cfg XConfig) (*X, error) {
	c := &checker{config: "XConfig", at: "X", keys: consoleKeys}
	name := c.name(cfg.Name, "x")
	c.credential("ClientID", cfg.ClientID, `the "Client ID" of the app's OAuth 2.0 keys at console.x.com`)
	c.credential("ClientSecret", cfg.ClientSecret, "")
	c.callback(cfg.CallbackURL, "https://example.com/auth/callback")
	api := c.xAPI(cfg.APIURL)
	atX := api != nil && isX(api)
	scopes := c.scopes(cfg.Scopes, atX)
	authorize := c.address("AuthorizeURL", cfg.AuthorizeURL, defaultAuthorizeURL, true)
	c.reserved("AuthorizeURL", authorize)
	c.apiHosts(cfg.APIHosts)
	timeout := c.timeout(cfg.Timeout)
	if err := c.err(); err != nil {
		return nil, err
	}
	svc := c.service(name, api, cfg.APIHosts, cfg.Transport, timeout, cfg.Now)
	identity := slices.DeleteFunc(slices.Clone(identityScopes), func(s string) bool { return !slices.Contains(scopes, s) })
	f := &flow{
		svc:       svc,
		oauth:     client(svc, cfg.ClientID, cfg.ClientSecret, cfg.CallbackURL, svc.endpoint("/2/oauth2/token"), cfg.ClientSecret == ""),
		scopes:    scopes,
		identity:  identity,
		authorize: authorize.String(),
		revokeURL: svc.endpoint("/2/oauth2/revoke"),
	}
	f.page = f.pageFor(f.scopes)
	return &X{f}, nil
}

// Name implements [Provider].
func (x *X) Name() string { return x.svc.name }

// AllowsURL implements [Provider]. Accepted are, by https, the host of
// [XConfig.APIURL], the hosts of [XConfig.APIHosts], and with X's own API all four of
// its names: api and upload, under x.com and twitter.com. By http it is only APIURL's
// own host and port, where that is a loopback one. A URL with user info never is.
func (x *X) AllowsURL(u *url.URL) bool { return x.svc.hosts.has(u) }

// Begin implements [Provider]. It makes a state of 256 random bits (X refuses more
// than 500 characters) and a PKCE verifier (RFC 7636, S256), and speaks to nobody. To
// [Options.Scopes] it adds tweet.read and users.read where they are configured, since
// the sign-in could not end without them, and to either the [Options.MoreScopes]. The
// other options are not for OAuth 2.0.
func (x *X) Begin(_ context.Context, opt Options) (string, Pending, error) { return x.begin(opt) }

// Finish implements [Provider]. It makes two calls: the code is exchanged, and one
// users/me, which X bills and limits, tells who signed in: X's token answer does not.
//
// Where that second call fails the error is returned with a zero token, although X
// has given one; it ends by itself. An error 401 there is [ErrUnavailable], since a
// token of a second ago is good: X has answered so to everybody for days.
//
// The token's scopes are those that X granted, at most 256 of them, or those asked for
// where its answer names none.
//
// A callback with the right state and no code is [ErrDenied], whatever else it says,
// unless it names an error of the application or of X.
func (x *X) Finish(ctx context.Context, p Pending, callback url.Values) (User, tokenstore.Token, error) {
	code, err := x.code(p, callback)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	t, err := x.exchange(ctx, p, code)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	return x.identify(ctx, t, p.Scopes)
}

// ExchangeCode implements [CodeExchanger], with the two calls of [X.Finish]. redirectURI has to be
// registered with the app at X, and the program has to have used the app's client id.
//
// The scopes are those that X granted; where its answer names none they are unknown. The
// address is asked for where the program asked for users.email and [XConfig.Scopes] has it.
func (x *X) ExchangeCode(ctx context.Context, code, verifier, redirectURI string) (User, tokenstore.Token, error) {
	if code == "" || verifier == "" || redirectURI == "" {
		return User{}, tokenstore.Token{}, x.svc.misuse("token", ReasonOther, "the code, the verifier or the redirect URI is missing")
	}
	t, err := x.spend(ctx, code, verifier, redirectURI)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	return x.identify(ctx, t, x.scopes)
}

// identify asks whose t is, which was given for a sign-in that asked for asked.
func (x *X) identify(ctx context.Context, t tokenstore.Token, asked []string) (User, tokenstore.Token, error) {
	// Asked and granted: a provider that grants more than was asked is not taken up on
	// it.
	email := slices.Contains(asked, "users.email") && t.HasScopes("users.email")
	a, err := x.svc.usersMe(ctx, t, email, x.ask, classifyX)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	t.AccountID = a.id
	return x.svc.user(a), t, nil
}

// Profile asks X for the account of t, by one users/me call, which X bills and limits.
// The address is asked for where t has the scope
// users.email. An error 401 is [ErrUnavailable]: only a refresh tells a refused token
// from an outage at X.
func (x *X) Profile(ctx context.Context, t tokenstore.Token) (User, error) {
	a, err := x.svc.usersMe(ctx, t, t.HasScopes("users.email"), x.ask, classifyX)
	if err != nil {
		return User{}, err
	}
	return x.svc.user(a), nil
}

// CallbackURL implements [Provider].
func (x *X) CallbackURL() string { return x.oauth.RedirectURL }
