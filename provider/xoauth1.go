package provider

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dghubble/gologin/v2"
	login "github.com/dghubble/gologin/v2/oauth1"
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
	// have a path. The consent page is there too. Default https://api.x.com.
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
	// [XOAuth1.Accepts].
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
// may share it. It implements [Provider], [Revoker], [Profiler] and [Refuser]; its
// tokens do not expire, so there is nothing to refresh.
type XOAuth1 struct{ *xoauth1App }

// xoauth1App is what an XOAuth1 holds: see print.go.
type xoauth1App struct {
	svc     *service
	oauth   *oauth1.Config
	profile bool
}

var (
	_ Provider = (*XOAuth1)(nil)
	_ Revoker  = (*XOAuth1)(nil)
	_ Profiler = (*XOAuth1)(nil)
	_ Refuser  = (*XOAuth1)(nil)
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
	api := c.address("APIURL", cfg.APIURL, defaultAPIURL, false)
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
	svc.secrets = []string{cfg.ConsumerSecret}
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
	return &XOAuth1{&xoauth1App{
		svc: svc,
		oauth: &oauth1.Config{
			ConsumerKey: cfg.ConsumerKey, ConsumerSecret: cfg.ConsumerSecret, CallbackURL: cfg.CallbackURL,
			Endpoint: oauth1.Endpoint{
				RequestTokenURL: requestToken,
				AuthorizeURL:    svc.endpoint(page),
				AccessTokenURL:  svc.endpoint("/oauth/access_token"),
			},
			Noncer: noncer{},
		},
		profile: cfg.FetchProfile,
	}}, nil
}

// Name implements [Provider].
func (x *XOAuth1) Name() string { return x.svc.name }

// Accepts implements [Provider], by the rule of [X.Accepts].
func (x *XOAuth1) Accepts(u *url.URL) bool { return x.svc.hosts.has(u) }

// Begin implements [Provider]. It makes one call, for a request token (RFC 5849, 2.1),
// and insists that X confirms the callback. [Options.Scopes] is not for OAuth 1.0a.
func (x *XOAuth1) Begin(ctx context.Context, opt Options) (string, Pending, error) {
	c := x.svc.call(ctx, "request_token")
	defer c.stop()
	p := Pending{Provider: x.svc.name}
	var redirect *url.URL
	cfg := x.config(c)
	x.drive(c, nil, func(success, failure http.Handler) http.Handler {
		return login.LoginHandler(cfg, success, failure)
	}, func(ctx context.Context) (err error) {
		if p.Handle, p.Secret, err = login.RequestTokenFromContext(ctx); err == nil {
			redirect, err = cfg.AuthorizationURL(p.Handle)
		}
		return err
	})
	if redirect == nil {
		if c.err != nil || !c.answer.ok() {
			return "", Pending{}, x.refusal(c)
		}
		return "", Pending{}, c.unusable("the answer has no request token, or oauth_callback_confirmed is not true")
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
	fail := func(kind error) (User, tokenstore.Token, error) {
		return User{}, tokenstore.Token{}, &Error{Kind: kind, Provider: x.svc.name, Op: "callback"}
	}
	mine := p.Provider == x.svc.name && p.Secret != ""
	if mine && same(single(callback, "denied"), p.Handle) {
		return fail(ErrDenied)
	}
	if !mine || !same(single(callback, "oauth_token"), p.Handle) {
		return fail(ErrOtherBrowser)
	}
	verifier := single(callback, "oauth_verifier")
	if verifier == "" {
		return fail(ErrDenied)
	}
	return x.finish(ctx, p, verifier)
}

// FinishPIN ends a sign-in that began with the callback "oob", with the PIN that X
// showed. Blanks around it do no harm. X takes a PIN once; a wrong one is [ErrExpired],
// none is [ErrDenied].
func (x *XOAuth1) FinishPIN(ctx context.Context, p Pending, pin string) (User, tokenstore.Token, error) {
	return x.Finish(ctx, p, url.Values{"oauth_token": {p.Handle}, "oauth_verifier": {strings.TrimSpace(pin)}})
}

// config is a copy for one call: dghubble/oauth1 keeps the client in it.
func (x *XOAuth1) config(c *call) *oauth1.Config {
	cfg := *x.oauth
	cfg.HTTPClient = c.client()
	return &cfg
}

// drive runs one of gologin's handlers on a request made up for it and gives done the
// context that it ends with. The handler's own errors are not looked at: the call has
// kept what they are made from.
func (x *XOAuth1) drive(c *call, query url.Values, handler func(success, failure http.Handler) http.Handler, done func(context.Context) error) {
	success := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := done(r.Context()); err != nil && c.err == nil {
			c.err = err
		}
	})
	failure := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if c.answer == nil && c.err == nil {
			c.err = gologin.ErrorFromContext(r.Context())
		}
	})
	r := (&http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/", RawQuery: query.Encode()}}).WithContext(c.ctx)
	handler(success, failure).ServeHTTP(nil, r)
}

// noncer makes nonces of 26 letters and digits, with 130 random bits. X asks for letters and
// digits, and other servers take 20 to 30 of them.
type noncer struct{}

func (noncer) Nonce() string { return rand.Text() }
