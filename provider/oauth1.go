package provider

import (
	"cmp"
	"context"
	"crypto/rand"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dghubble/oauth1"

	"github.com/xsignin/xsignin/tokenstore"
)

// OAuth1Config configures sign-in by OAuth 1.0a (RFC 5849) with HMAC-SHA1 signatures: with
// X by [NewXOAuth1], which has defaults for most fields, or with any other provider by
// [NewOAuth1]. It prints without its secret. Fields without a comment are as in
// [OAuth2Config].
type OAuth1Config struct {
	Name, DisplayName string
	// ConsumerKey and ConsumerSecret are the application's credentials. Required.
	ConsumerKey, ConsumerSecret string
	// CallbackURL may also be "oob", if the provider shows a PIN. Required.
	CallbackURL string
	// The provider's addresses. Their queries are kept. Required.
	RequestTokenURL, AuthorizeURL, AccessTokenURL string

	// AccessType requests fewer permissions than the app has (x_auth_access_type): "read"
	// or "write". Default: the app's settings. X only.
	AccessType string
	// AlwaysAsk makes X ask users who allowed the app before, too: the default AuthorizeURL
	// is then /oauth/authorize. X only.
	AlwaysAsk bool
	// FetchProfile makes one users/me call per sign-in for name and avatar, which X bills.
	// The sign-in fails if that call fails. Default off. X only.
	FetchProfile bool

	UserURL   string
	User      func(body []byte) (User, error)
	FetchUser func(ctx context.Context, client *http.Client) (User, error)
	APIURL    string
	APIHosts  []string
	// RejectsToken is for [Provider.RejectsToken]. Default: status 401 with oauth_problem
	// token_revoked, token_rejected or token_expired. For X: status 401 with code 89.
	RejectsToken func(resp *http.Response, body []byte) bool

	Transport http.RoundTripper
	Timeout   time.Duration
	Now       func() time.Time // signatures have the machine's time
}

// oauth1Provider signs users in by OAuth 1.0a. Its tokens do not expire.
type oauth1Provider struct {
	*service
	client       *oauth1.Config
	fetchProfile bool
}

// NewOAuth1 is like [NewOAuth2], for OAuth 1.0a.
func NewOAuth1(cfg OAuth1Config) (Provider, error) {
	return newOAuth1(newChecker("OAuth1Config", ""), cfg)
}

func newOAuth1(c *checker, cfg OAuth1Config) (Provider, error) {
	c.credential("ConsumerKey", cfg.ConsumerKey, true)
	c.credential("ConsumerSecret", cfg.ConsumerSecret, true)
	if !canSign() {
		c.fault("ConsumerKey", "cannot be used: OAuth 1.0a signs with HMAC-SHA1, which GODEBUG=fips140=only forbids: "+
			"use OAuth 2.0, or GODEBUG=fips140=on")
	}
	if cfg.CallbackURL != "oob" {
		c.address("CallbackURL", cfg.CallbackURL)
	}
	c.address("RequestTokenURL", cfg.RequestTokenURL)
	c.address("AuthorizeURL", cfg.AuthorizeURL)
	c.address("AccessTokenURL", cfg.AccessTokenURL)
	endpoints, user, dead := rows("tokens by OAuth 1.0a"), rows("the user"), words{"token_revoked", "token_rejected", "token_expired"}
	if c.x {
		endpoints, user, dead = rows("X by OAuth 1.0a"), rows("X by OAuth 1.0a"), words{"89"}
	}
	s := c.service(OAuth2Config{
		Name: cfg.Name, DisplayName: cfg.DisplayName, CallbackURL: cfg.CallbackURL, UserURL: cfg.UserURL, User: cfg.User,
		FetchUser: cfg.FetchUser, APIURL: cfg.APIURL, APIHosts: cfg.APIHosts,
		RejectsToken: cfg.RejectsToken, Transport: cfg.Transport, Timeout: cfg.Timeout, Now: cfg.Now,
	}, endpoints, user, dead...)
	if s == nil {
		return nil, c.Err()
	}
	s.secrets = words{cfg.ConsumerSecret}
	o := &oauth1Provider{service: s, fetchProfile: cfg.FetchProfile, client: &oauth1.Config{
		ConsumerKey: cfg.ConsumerKey, ConsumerSecret: cfg.ConsumerSecret, CallbackURL: cfg.CallbackURL,
		Endpoint: oauth1.Endpoint{
			RequestTokenURL: cfg.RequestTokenURL, AuthorizeURL: cfg.AuthorizeURL, AccessTokenURL: cfg.AccessTokenURL,
		},
		Noncer: noncer{},
	}}
	s.send = o.sign
	return o, nil
}

// canSign reports whether this process allows HMAC-SHA1. crypto/hmac panics otherwise.
func canSign() (ok bool) {
	defer func() { ok = recover() == nil }()
	_, err := (&oauth1.HMACSigner{}).Sign("", "")
	return err == nil
}

// Begin implements [Provider]. It makes one call, for a request token (RFC 5849, section
// 2.1), and requires that the provider confirms the callback.
func (o *oauth1Provider) Begin(ctx context.Context, opt Options) (string, Pending, error) {
	c := o.begin(ctx, "request_token")
	defer c.stop()
	library := o.library(c)
	token, secret, err := library.RequestToken()
	if err != nil {
		return "", Pending{}, c.failure("the answer has no request token, or oauth_callback_confirmed is not true")
	}
	page, _ := library.AuthorizationURL(token) // of a checked address
	if o.x && opt.ForceLogin {
		page = withQuery(page, "force_login", "true")
	}
	if name := strings.TrimPrefix(opt.ScreenName, "@"); o.x && name != "" {
		page = withQuery(page, "screen_name", name)
	}
	return page.String(), Pending{Provider: o.cfg.Name, State: token, Secret: secret}, nil
}

// withQuery returns u with one more parameter.
func withQuery(u *url.URL, key, value string) *url.URL {
	out, q := *u, u.Query()
	q.Set(key, value)
	out.RawQuery = q.Encode()
	return &out
}

// Finish implements [Provider] by RFC 5849, section 2.3. The call is signed with the request
// token's secret, so that a stolen callback is useless. X's answer names the user. Other
// providers, and X without a user_id, are asked.
func (o *oauth1Provider) Finish(ctx context.Context, p Pending, callback url.Values) (u User, t tokenstore.Token, err error) {
	verifier, err := o.verifier(p, callback)
	if err == nil {
		u, t, err = o.exchange(ctx, p, verifier)
	}
	if named := u.AccountID; err == nil && (o.fetchProfile || named == "") {
		u, t, err = o.ask(ctx, userOp, t, false)
		if err == nil && named != "" && named != u.AccountID {
			err = o.newError(ErrUnavailable, "", usersMe, "users/me names another account than the token's answer")
		}
	}
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	return u, t, nil
}

// VerifyToken implements [TokenVerifier] by one users/me call, which X bills and limits. X
// accepts a token only with the consumer key that it was issued to. RFC 5849, section 3.2
// does not require that, so every token of another provider is refused.
func (o *oauth1Provider) VerifyToken(ctx context.Context, t tokenstore.Token) (User, tokenstore.Token, error) {
	if !o.x {
		return User{}, tokenstore.Token{}, o.newError(ErrTokenRefused, "", verifyOp,
			"only X's tokens prove the application that they were issued to")
	}
	t = tokenstore.Token{AccessToken: t.AccessToken, TokenSecret: t.TokenSecret, ObtainedAt: o.now()}
	return o.ask(ctx, verifyOp, t, false)
}

// Revoke implements [Provider] for X, which wants the call signed with the token to be
// revoked. Other providers have no endpoint for that.
func (o *oauth1Provider) Revoke(ctx context.Context, t tokenstore.Token) error {
	if !o.x {
		return nil
	}
	c := o.begin(ctx, "invalidate_token", t.AccessToken, t.TokenSecret)
	defer c.stop()
	address := o.cfg.APIURL + "/1.1/oauth/invalidate_token.json" // has been checked
	r, _ := http.NewRequestWithContext(c.ctx, http.MethodPost, address, nil)
	if _, err := o.send(c, t, r); err != nil && c.err == nil && c.status == 0 { //nolint:bodyclose // c has closed it
		return err // The token was not sent.
	}
	return c.revoked()
}

// verifier returns the verifier of a callback that belongs to p.
func (o *oauth1Provider) verifier(p Pending, callback url.Values) (string, error) {
	mine := p.Provider == o.cfg.Name && p.Secret != ""
	verifier := strings.TrimSpace(single(callback, "oauth_verifier")) // a PIN may have blanks
	kind := ErrDenied
	switch {
	case mine && same(single(callback, "denied"), p.State):
	case !mine || !same(single(callback, "oauth_token"), p.State):
		kind = ErrOtherBrowser
	case verifier != "":
		return verifier, nil
	}
	return "", o.newError(kind, "", "callback", "")
}

// exchange exchanges the request token and the verifier for a token. The user has no
// AccountID if the answer does not name the account.
func (o *oauth1Provider) exchange(ctx context.Context, p Pending, verifier string) (u User, t tokenstore.Token, err error) {
	c := o.begin(ctx, "access_token", p.State, p.Secret, verifier)
	defer c.stop()
	token, secret, err := o.library(c).AccessToken(p.State, p.Secret, verifier)
	if err != nil {
		return u, t, c.failure("the answer has no oauth_token and oauth_token_secret")
	}
	if o.x {
		// The library returns the token only.
		form, _ := url.ParseQuery(string(c.body))
		u = User{AccountID: form.Get("user_id"), Username: clip(oneLine(form.Get("screen_name")), 50)}
	}
	if u.AccountID != "" && !xAccountID.MatchString(u.AccountID) {
		return u, t, c.unusable("the answer's user_id is not an id")
	}
	u, t = o.signedIn(u, tokenstore.Token{AccessToken: token, TokenSecret: secret, ObtainedAt: o.now()})
	return u, t, nil
}

// library returns dghubble/oauth1's configuration for one call, which is its transport.
func (o *oauth1Provider) library(c *call) *oauth1.Config {
	cfg := *o.client
	cfg.HTTPClient = clientOver(c)
	return &cfg
}

// sign signs a copy of r (RFC 5849, section 3.4) in place of any Authorization. The body of
// a form is part of the signature and is read into memory; other bodies are neither.
func (o *oauth1Provider) sign(base http.RoundTripper, t tokenstore.Token, r *http.Request) (*http.Response, error) {
	if t.AccessToken == "" || t.TokenSecret == "" {
		closeBody(r)
		return nil, o.misuse("send", "the token is not an OAuth 1.0a token")
	}
	signed := copyOf(r)
	signed.Method = cmp.Or(r.Method, http.MethodGet)
	if r.URL.Path == "" && r.URL.Opaque == "" {
		// This path is sent (RFC 9110, section 4.2.3), so it must be signed.
		u := *r.URL
		u.Path, signed.URL = "/", &u
	}
	kind, _, err := mime.ParseMediaType(signed.Header.Get("Content-Type"))
	isForm := err == nil && kind == formType
	if isForm {
		// The library recognises a form by exactly this value.
		signed.Header.Set("Content-Type", formType)
	}
	ctx := context.WithValue(signed.Context(), oauth1.HTTPClient, &http.Client{Transport: base})
	library := o.client.Client(ctx, oauth1.NewToken(t.AccessToken, t.TokenSecret))
	resp, err := library.Transport.RoundTrip(signed)
	if isForm || err != nil {
		// The library replaces a form's body by a copy, and leaves any body open if it
		// cannot sign.
		closeBody(r)
	}
	return resp, err
}

// noncer makes nonces of 26 letters and digits, which X and other servers accept.
type noncer struct{}

func (noncer) Nonce() string { return rand.Text() }
