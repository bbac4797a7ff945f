package provider

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

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
	// have a path. Default https://api.x.com.
	APIURL string
	// AuthorizeURL is the consent page, by https, or by http on a loopback host. It may
	// have a query, which is kept. Default https://x.com/i/oauth2/authorize; the page
	// under twitter.com has other cookies, so people would have to sign in again.
	AuthorizeURL string
	// APIHosts are further hosts, by https, that credentials may go to: see [X.Accepts].
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
// it. It implements [Provider], [Refresher], [Revoker] and [Profiler].
type X struct{ *xApp }

// xApp is what an X holds: see print.go.
type xApp struct {
	svc       *service
	oauth     *oauth2.Config
	scopes    []string
	identity  []string // asked for at every sign-in
	authorize string
	public    bool
}

var (
	_ Provider  = (*X)(nil)
	_ Refresher = (*X)(nil)
	_ Revoker   = (*X)(nil)
	_ Profiler  = (*X)(nil)
)

// NewX makes a provider. It checks all of cfg and reports every fault at once, each
// with the field and what to do. cfg is copied: changing it later does nothing. NewX
// speaks to nobody.
func NewX(cfg XConfig) (*X, error) {
	c := &checker{config: "XConfig"}
	name := c.name(cfg.Name, "x")
	c.credential("ClientID", cfg.ClientID, `the "Client ID" of the app's OAuth 2.0 keys at console.x.com`)
	c.credential("ClientSecret", cfg.ClientSecret, "")
	c.callback(cfg.CallbackURL, "https://example.com/auth/callback")
	api := c.address("APIURL", cfg.APIURL, defaultAPIURL, false)
	atX := api != nil && isX(api)
	scopes := c.scopes(cfg.Scopes, atX)
	authorize := c.address("AuthorizeURL", cfg.AuthorizeURL, defaultAuthorizeURL, true)
	if authorize != nil {
		for _, k := range []string{"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"} {
			if authorize.Query().Has(k) {
				c.fault("AuthorizeURL", "has %s in its query, which every sign-in sets itself: leave it out", k)
			}
		}
	}
	c.apiHosts(cfg.APIHosts)
	timeout := c.timeout(cfg.Timeout)
	if err := c.err(); err != nil {
		return nil, err
	}
	svc := c.service(name, api, cfg.APIHosts, cfg.Transport, timeout, cfg.Now)
	style := oauth2.AuthStyleInParams
	if cfg.ClientSecret != "" {
		style = oauth2.AuthStyleInHeader
		// A server that repeats a request's header repeats the second form.
		basic := url.QueryEscape(cfg.ClientID) + ":" + url.QueryEscape(cfg.ClientSecret)
		svc.secrets = []string{cfg.ClientSecret, basic}
	}
	identity := slices.DeleteFunc(slices.Clone(identityScopes), func(s string) bool { return !slices.Contains(scopes, s) })
	return &X{&xApp{
		svc:       svc,
		scopes:    scopes,
		identity:  identity,
		authorize: authorize.String(),
		public:    cfg.ClientSecret == "",
		oauth: &oauth2.Config{
			ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, RedirectURL: cfg.CallbackURL,
			Endpoint: oauth2.Endpoint{TokenURL: svc.endpoint("/2/oauth2/token"), AuthStyle: style},
		},
	}}, nil
}

// Name implements [Provider].
func (x *X) Name() string { return x.svc.name }

// Accepts implements [Provider]. Accepted are, by https, the host of
// [XConfig.APIURL], the hosts of [XConfig.APIHosts], and with X's own API all four of
// its names: api and upload, under x.com and twitter.com. By http it is only APIURL's
// own host and port, where that is a loopback one. A URL with user info never is.
func (x *X) Accepts(u *url.URL) bool { return x.svc.hosts.has(u) }

// Begin implements [Provider]. It makes a state of 256 random bits (X refuses more
// than 500 characters) and a PKCE verifier (RFC 7636, S256), and speaks to nobody. To
// [Options.Scopes] it adds tweet.read and users.read where they are configured, since
// the sign-in could not end without them. The other options are not for OAuth 2.0.
func (x *X) Begin(_ context.Context, opt Options) (string, Pending, error) {
	scopes := x.scopes
	if len(opt.Scopes) > 0 {
		scopes = unique(append(slices.Clone(opt.Scopes), x.identity...))
	}
	for _, s := range scopes {
		if !scopeShape.MatchString(s) {
			return "", Pending{}, x.svc.misuse("authorize", ReasonScope, "a scope has a blank, a comma or another character that no scope has")
		}
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // Never fails: see crypto/rand.
	p := Pending{
		Provider: x.svc.name,
		Handle:   base64.RawURLEncoding.EncodeToString(random),
		Secret:   oauth2.GenerateVerifier(),
		Scopes:   slices.Clone(scopes),
	}
	// The configuration is built per sign-in and not copied: x/oauth2 keeps a cache in
	// it.
	page := oauth2.Config{
		ClientID: x.oauth.ClientID, RedirectURL: x.oauth.RedirectURL, Scopes: scopes,
		Endpoint: oauth2.Endpoint{AuthURL: x.authorize},
	}
	redirect := page.AuthCodeURL(p.Handle, oauth2.S256ChallengeOption(p.Secret))
	// X has answered 400 to scopes joined by "+", which Go's encoder writes. A plus
	// sign in a value is encoded, so each one left stands for a blank; AuthorizeURL's own
	// query is left as it is.
	own := strings.TrimPrefix(redirect, x.authorize)
	return x.authorize + strings.ReplaceAll(own, "+", "%20"), p, nil
}

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
	// Asked and granted: a provider that grants more than was asked is not taken up on
	// it.
	email := slices.Contains(p.Scopes, "users.email") && t.HasScopes("users.email")
	a, err := x.svc.usersMe(ctx, t, email, x.Send, judgeX)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	t.AccountID = a.id
	return x.svc.user(a), t, nil
}

// Profile implements [Profiler]. The address is asked for where t has the scope
// users.email. An error 401 is [ErrUnavailable]: only a refresh tells a refused token
// from an outage at X.
func (x *X) Profile(ctx context.Context, t tokenstore.Token) (User, error) {
	a, err := x.svc.usersMe(ctx, t, t.HasScopes("users.email"), x.Send, judgeX)
	if err != nil {
		return User{}, err
	}
	return x.svc.user(a), nil
}

// code takes the code out of a callback that belongs to p.
func (x *X) code(p Pending, callback url.Values) (string, error) {
	fail := func(kind error, reason Reason) error {
		secrets := append([]string{p.Handle, p.Secret, single(callback, "code")}, x.svc.secrets...)
		return &Error{
			Kind: kind, Reason: reason, Provider: x.svc.name, Op: "callback",
			Code:   codeText(single(callback, "error"), secrets),
			Detail: detailText(single(callback, "error_description"), secrets),
		}
	}
	if p.Provider != x.svc.name || p.Secret == "" || !same(single(callback, "state"), p.Handle) {
		return "", fail(ErrOtherBrowser, "")
	}
	if code := single(callback, "code"); code != "" && !callback.Has("error") {
		return code, nil
	}
	// RFC 6749, 4.1.2.1.
	switch single(callback, "error") {
	case "invalid_scope":
		return "", fail(ErrRefused, ReasonScope)
	case "unauthorized_client", "invalid_client":
		return "", fail(ErrRefused, ReasonCredentials)
	case "invalid_request", "unsupported_response_type":
		return "", fail(ErrRefused, ReasonOther)
	case "server_error", "temporarily_unavailable":
		return "", fail(ErrUnavailable, "")
	}
	return "", fail(ErrDenied, "")
}

// single is the value of a parameter that is there once, or "": RFC 6749, 3.1 allows
// none twice.
func single(v url.Values, key string) string {
	if len(v[key]) != 1 {
		return ""
	}
	return v[key][0]
}

// same compares secrets in constant time. The empty string is like nothing.
func same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
