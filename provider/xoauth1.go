package provider

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dghubble/oauth1"

	"github.com/xsignin/xsignin/tokenstore"
)

// XOAuth1Config configures sign-in with X by OAuth 1.0a (RFC 5849). The zero value of
// every field but ConsumerKey, ConsumerSecret and CallbackURL is a good default. A
// configuration prints without its secret.
type XOAuth1Config struct {
	// Name is the provider's name: lower-case letters, digits and hyphens. Default
	// "x-oauth1".
	Name string
	// ConsumerKey and ConsumerSecret are the app's API key and secret, not its OAuth
	// 2.0 client id and secret. Required.
	ConsumerKey, ConsumerSecret string
	// CallbackURL is where X sends the browser back to. It has to be registered with
	// the app; X compares everything but the query. "oob" makes X show a PIN instead,
	// for [XOAuth1.FinishPIN]. Required.
	CallbackURL string
	// APIURL is the address of X's API, by https, or by http on a loopback host. It may
	// have a path. The consent page is there too. Default https://api.x.com. Whatever
	// answers there is believed as X is: see [XConfig].
	APIURL string
	// AlwaysAsk shows the consent page at each sign-in (/oauth/authorize). By default
	// X sends people who allowed the app before straight back (/oauth/authenticate).
	AlwaysAsk bool
	// AccessType asks for less than the app may have (x_auth_access_type): "read" or
	// "write". Default: what the app's settings at X say.
	AccessType string
	// FetchProfile makes one users/me call per sign-in for name and avatar, which X
	// bills and limits. The sign-in fails if that call does; to be independent of it,
	// leave this off and call [XOAuth1.Profile] when it suits. Default off: X's token
	// answer has id and handle.
	FetchProfile bool
	// APIHosts are further hosts, by https, that credentials may go to: see
	// [XOAuth1.AllowsURL].
	APIHosts []string
	// Transport carries the provider's own calls. Default: one of its own, set up as
	// [http.DefaultTransport]. Cookies are not kept and redirects not followed.
	Transport http.RoundTripper
	// Timeout bounds each call. Default 10 seconds.
	Timeout time.Duration
	// Now is the clock for what is recorded. Default [time.Now]. Signatures always
	// carry the machine's own time.
	Now func() time.Time
}

// XOAuth1 signs people in with X by OAuth 1.0a. Make it with [NewXOAuth1]. Goroutines
// may share it. It implements [Provider], [Revoker], [TokenRejecter] and [TokenVerifier]; its
// tokens do not expire, so there is nothing to refresh.
type XOAuth1 struct{ *xoauth1App }

// xoauth1App is what an XOAuth1 holds: see redact.go.
type xoauth1App struct {
	*flow1
	profile bool
}

var (
	_ Provider      = (*XOAuth1)(nil)
	_ Revoker       = (*XOAuth1)(nil)
	_ TokenRejecter = (*XOAuth1)(nil)
	_ TokenVerifier = (*XOAuth1)(nil)
)

// NewXOAuth1 makes a provider. It checks all of cfg and reports every fault at once,
// each with the field and what to do. cfg is copied: changing it later does nothing.
// NewXOAuth1 speaks to nobody.
func NewXOAuth1(cfg XOAuth1Config) (*XOAuth1, error) {
	c := &checker{config: "XOAuth1Config", at: "X", keys: consoleKeys}
	name := c.name(cfg.Name, "x-oauth1")
	c.credential("ConsumerKey", cfg.ConsumerKey, "the app's API key at console.x.com")
	c.credential("ConsumerSecret", cfg.ConsumerSecret, "the app's API key secret at console.x.com")
	if cfg.CallbackURL != "oob" {
		c.callback(cfg.CallbackURL, `https://example.com/auth/callback, or "oob" for a PIN`)
	}
	api := c.xAPI(cfg.APIURL)
	switch cfg.AccessType {
	case "", "read", "write":
	default:
		c.fault("AccessType", `is neither "read" nor "write" nor empty`)
	}
	c.apiHosts(cfg.APIHosts)
	timeout := c.timeout(cfg.Timeout)
	if err := c.err(); err != nil {
		return nil, err
	}
	svc := c.service(name, api, cfg.APIHosts, cfg.Transport, timeout, cfg.Now)
	requestToken := svc.endpoint("/oauth/request_token")
	if cfg.AccessType != "" {
		// dghubble/oauth1 signs the query of this address, and X takes the parameter from
		// there.
		requestToken += "?x_auth_access_type=" + cfg.AccessType
	}
	page := "/oauth/authenticate"
	if cfg.AlwaysAsk {
		page = "/oauth/authorize"
	}
	at := oauth1.Endpoint{
		RequestTokenURL: requestToken,
		AuthorizeURL:    svc.endpoint(page),
		AccessTokenURL:  svc.endpoint("/oauth/access_token"),
	}
	return &XOAuth1{&xoauth1App{
		flow1:   newFlow1(svc, cfg.ConsumerKey, cfg.ConsumerSecret, cfg.CallbackURL, at, xRefusal),
		profile: cfg.FetchProfile,
	}}, nil
}

// Name implements [Provider].
func (x *XOAuth1) Name() string { return x.svc.name }

// AllowsURL implements [Provider], by the rule of [X.AllowsURL].
func (x *XOAuth1) AllowsURL(u *url.URL) bool { return x.svc.hosts.has(u) }

// Begin implements [Provider]. It makes one call, for a request token (RFC 5849, 2.1),
// and insists that X confirms the callback. [Options.Scopes] is not for OAuth 1.0a.
func (x *XOAuth1) Begin(ctx context.Context, opt Options) (string, Pending, error) {
	redirect, p, err := x.begin(ctx)
	if err != nil {
		return "", Pending{}, err
	}
	q := redirect.Query()
	if opt.ForceLogin {
		q.Set("force_login", "true")
	}
	if name := strings.TrimPrefix(opt.ScreenName, "@"); name != "" {
		q.Set("screen_name", name)
	}
	redirect.RawQuery = q.Encode()
	return redirect.String(), p, nil
}

// Finish implements [Provider]. It makes one call, the exchange of the request token
// (RFC 5849, 2.3), whose answer says who signed in. It is signed with the request
// token's secret, although X is said not to insist, so that a stolen callback is of no
// use. With [XOAuth1Config.FetchProfile], or where the answer has no user_id, one
// users/me follows; who it is is never read out of the token.
//
// The user said no where the callback has the request token as "denied", or has it as
// "oauth_token" without a verifier.
func (x *XOAuth1) Finish(ctx context.Context, p Pending, callback url.Values) (User, tokenstore.Token, error) {
	verifier, err := x.verifier(p, callback)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	return x.finish(ctx, p, verifier)
}

// CallbackURL implements [Provider].
func (x *XOAuth1) CallbackURL() string { return x.oauth.CallbackURL }

// FinishPIN ends a sign-in that began with the callback "oob", with the PIN that X
// showed. Blanks around it do no harm. X takes a PIN once; a wrong one is [ErrExpired],
// none is [ErrDenied].
func (x *XOAuth1) FinishPIN(ctx context.Context, p Pending, pin string) (User, tokenstore.Token, error) {
	return x.Finish(ctx, p, url.Values{"oauth_token": {p.State}, "oauth_verifier": {strings.TrimSpace(pin)}})
}
