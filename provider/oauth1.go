package provider

import (
	"context"
	"crypto/rand"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/dghubble/oauth1"

	"github.com/xsignin/xsignin/internal/xplatform"
	"github.com/xsignin/xsignin/tokenstore"
)

// OAuth1Config configures sign-in with any provider of OAuth 1.0a (RFC 5849) with
// HMAC-SHA1 signatures. Required are Name, ConsumerKey, ConsumerSecret, CallbackURL, the
// three addresses, and either UserURL with User, or FetchUser with APIURL. A configuration
// prints without its secret.
type OAuth1Config struct {
	// Name is as in [OAuth2Config]. Required.
	Name string
	// ConsumerKey and ConsumerSecret are the application's credentials at the provider.
	// Required.
	ConsumerKey, ConsumerSecret string
	// CallbackURL is as in [OAuth2Config]. Required.
	CallbackURL string
	// RequestTokenURL, AuthorizeURL and AccessTokenURL are the provider's addresses, by
	// https, or by http on a loopback host. Their queries are kept. Required.
	RequestTokenURL, AuthorizeURL, AccessTokenURL string

	// UserURL, User, FetchUser, APIURL and APIHosts are as in [OAuth2Config].
	UserURL   string
	User      func(body []byte) (User, error)
	FetchUser FetchUser
	APIURL    string
	APIHosts  []string
	// RejectsToken reports whether an answer of the API refuses the token for good: see
	// [TokenRejecter]. Default: status 401 with oauth_problem token_revoked,
	// token_rejected or token_expired, in the body or in WWW-Authenticate.
	RejectsToken func(resp *http.Response, body []byte) bool

	// Transport, Timeout and Now are as in [OAuth2Config]. Signatures always have the
	// machine's time.
	Transport http.RoundTripper
	Timeout   time.Duration
	Now       func() time.Time
}

// OAuth1 signs users in by OAuth 1.0a, with X ([NewXOAuth1]) or with another provider
// ([NewOAuth1]). Goroutines may share it. It implements [Provider], [Revoker],
// [TokenRejecter] and [TokenVerifier]. Its tokens do not expire.
type OAuth1 struct{ *oauth1App }

// oauth1App is the content of an OAuth1: see redact.go.
type oauth1App struct {
	*service
	client *oauth1.Config
	// revokeURL is X's invalidate_token. Other providers have none.
	revokeURL string
	// fetchAlways asks for the user even if the token answer names the account, which
	// only X's does.
	fetchAlways bool
}

var (
	_ Provider      = (*OAuth1)(nil)
	_ Revoker       = (*OAuth1)(nil)
	_ TokenRejecter = (*OAuth1)(nil)
	_ TokenVerifier = (*OAuth1)(nil)
)

// NewOAuth1 returns a provider. It checks all of cfg and reports every error at once, each
// with the field and what to do. NewOAuth1 copies cfg and makes no network requests.
func NewOAuth1(cfg OAuth1Config) (*OAuth1, error) {
	c := newChecker("OAuth1Config", "the provider", "where the provider shows it")
	c.required("Name", cfg.Name)
	c.credential("ConsumerKey", cfg.ConsumerKey, "the consumer key that the provider gave the application")
	c.credential("ConsumerSecret", cfg.ConsumerSecret, "the consumer secret that the provider gave the application")
	c.callback(cfg.CallbackURL, "https://example.com/auth/callback")
	c.address("RequestTokenURL", cfg.RequestTokenURL, "", true)
	c.address("AuthorizeURL", cfg.AuthorizeURL, "", true)
	c.address("AccessTokenURL", cfg.AccessTokenURL, "", true)
	svc := c.api(OAuth2Config{
		Name: cfg.Name, CallbackURL: cfg.CallbackURL, UserURL: cfg.UserURL, User: cfg.User, FetchUser: cfg.FetchUser, APIURL: cfg.APIURL,
		APIHosts: cfg.APIHosts, Transport: cfg.Transport, Timeout: cfg.Timeout, Now: cfg.Now,
	})
	if err := c.Err(); err != nil {
		return nil, err
	}
	rejects := rejectsProblem
	if cfg.RejectsToken != nil {
		rejects = cfg.RejectsToken
	}
	svc.rejects, svc.classify = rejects, classifyOAuth1(rejects)
	return newOAuth1(svc, cfg.ConsumerKey, cfg.ConsumerSecret, oauth1.Endpoint{
		RequestTokenURL: cfg.RequestTokenURL, AuthorizeURL: cfg.AuthorizeURL, AccessTokenURL: cfg.AccessTokenURL,
	}), nil
}

// newOAuth1 makes the part that X and other providers share.
func newOAuth1(svc *service, key, secret string, at oauth1.Endpoint) *OAuth1 {
	svc.secrets = []string{secret}
	o := &oauth1App{service: svc, client: &oauth1.Config{
		ConsumerKey: key, ConsumerSecret: secret, CallbackURL: svc.callback, Endpoint: at, Noncer: noncer{},
	}}
	svc.send = o.sign
	return &OAuth1{o}
}

// Begin implements [Provider]. It makes one call, for a request token (RFC 5849, section
// 2.1), and requires that the provider confirms the callback. It ignores
// [Options.Scopes]; the other options are for X.
func (o *OAuth1) Begin(ctx context.Context, opt Options) (string, Pending, error) {
	c := o.begin(ctx, "request_token")
	defer c.stop()
	library := o.library(c)
	token, secret, err := library.RequestToken()
	if err != nil {
		return "", Pending{}, o.failed(c, "the answer has no request token, or oauth_callback_confirmed is not true")
	}
	page, err := library.AuthorizationURL(token)
	if err != nil {
		return "", Pending{}, c.unusable("AuthorizeURL is not an address")
	}
	if o.isX {
		q := page.Query()
		if opt.ForceLogin {
			q.Set("force_login", "true")
		}
		if name := strings.TrimPrefix(opt.ScreenName, "@"); name != "" {
			q.Set("screen_name", name)
		}
		page.RawQuery = q.Encode()
	}
	return page.String(), Pending{Provider: o.name, State: token, Secret: secret}, nil
}

// Finish implements [Provider]. It exchanges the request token (RFC 5849, section 2.3).
// The call is signed with the request token's secret, although X is said not to require
// it, so that a stolen callback is useless. X's answer names the user. Other providers,
// and X with [XOAuth1Config.FetchProfile] or without a user_id, are asked by a second
// call. If that call fails, Finish returns its error and a zero token. The account is
// never read from the token itself.
//
// The user declined if the callback has the request token as "denied", or as
// "oauth_token" without a verifier.
func (o *OAuth1) Finish(ctx context.Context, p Pending, callback url.Values) (User, tokenstore.Token, error) {
	verifier, err := o.verifier(p, callback)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	t, u, err := o.exchange(ctx, p, verifier)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	if o.fetchAlways || u.AccountID == "" {
		told := u.AccountID
		if u, err = o.ask(ctx, t, newToken, false); err != nil {
			return User{}, tokenstore.Token{}, err
		}
		if told != "" && told != u.AccountID {
			return User{}, tokenstore.Token{}, &Error{
				Kind: ErrUnavailable, Provider: o.name, Op: o.userOp,
				Detail: "users/me names another account than the token's answer",
			}
		}
	}
	t.AccountID, t.Username, t.Name = u.AccountID, u.Username, u.Name
	return u, t, nil
}

// FinishPIN ends a sign-in that began with the callback "oob", by the PIN that X showed.
// It ignores blanks around the PIN. X accepts a PIN once. A wrong PIN is [ErrExpired], an
// empty one [ErrDenied].
func (o *OAuth1) FinishPIN(ctx context.Context, p Pending, pin string) (User, tokenstore.Token, error) {
	return o.Finish(ctx, p, url.Values{"oauth_token": {p.State}, "oauth_verifier": {strings.TrimSpace(pin)}})
}

// VerifyToken implements [TokenVerifier] by one users/me call, which X bills and limits.
// Its signature has the consumer key, and X accepts a token only with the key of the
// token's own application. RFC 5849, section 3.2 does not require that, so every token of
// another provider than X is [ErrTokenRefused].
//
// A 401 is [ErrTokenRefused] unless it is about the clock or the access level: the token
// and its secret are untrusted, and X does not always name the cause.
func (o *OAuth1) VerifyToken(ctx context.Context, t tokenstore.Token) (User, tokenstore.Token, error) {
	if !o.isX {
		return User{}, tokenstore.Token{}, &Error{
			Kind: ErrTokenRefused, Provider: o.name, Op: o.userOp,
			Detail: "only X's tokens prove the application that they were issued to",
		}
	}
	u, err := o.ask(ctx, t, proof, false)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	return u, tokenstore.Token{
		AccessToken: t.AccessToken, TokenSecret: t.TokenSecret, ObtainedAt: o.now(),
		AccountID: u.AccountID, Username: u.Username, Name: u.Name,
	}, nil
}

// Revoke implements [Revoker] for X, which wants the call signed with the token to be
// revoked. For other providers it does nothing.
func (o *OAuth1) Revoke(ctx context.Context, t tokenstore.Token) error {
	if o.revokeURL == "" {
		return nil
	}
	c := o.begin(ctx, "invalidate_token", t.AccessToken, t.TokenSecret)
	defer c.stop()
	r, err := http.NewRequestWithContext(c.ctx, http.MethodPost, o.revokeURL, nil)
	if err != nil {
		return c.unreached()
	}
	resp, err := o.send(c, t, r)
	switch {
	case err == nil:
		_ = resp.Body.Close()
	case c.err == nil && c.answer == nil:
		return err // The token was not sent.
	}
	if c.err == nil && c.answer.ok() {
		if parseFault(c.answer.body).form == formHTML {
			return c.unusable("the answer is a page")
		}
		return nil
	}
	if c.err == nil && c.answer.status == http.StatusUnauthorized && parseFault(c.answer.body).has("89") {
		return nil // The token is already revoked.
	}
	return o.failed(c, "")
}

// verifier returns the verifier of a callback that belongs to p.
func (o *oauth1App) verifier(p Pending, callback url.Values) (string, error) {
	fail := func(kind error) (string, error) {
		return "", &Error{Kind: kind, Provider: o.name, Op: "callback"}
	}
	mine := p.Provider == o.name && p.Secret != ""
	if mine && same(single(callback, "denied"), p.State) {
		return fail(ErrDenied)
	}
	if !mine || !same(single(callback, "oauth_token"), p.State) {
		return fail(ErrOtherBrowser)
	}
	verifier := single(callback, "oauth_verifier")
	if verifier == "" {
		return fail(ErrDenied)
	}
	return verifier, nil
}

// exchange exchanges the request token and the verifier for a token. The user has no
// AccountID if the answer does not name the account.
func (o *oauth1App) exchange(ctx context.Context, p Pending, verifier string) (tokenstore.Token, User, error) {
	c := o.begin(ctx, "access_token", p.State, p.Secret, verifier)
	defer c.stop()
	token, secret, err := o.library(c).AccessToken(p.State, p.Secret, verifier)
	if err != nil {
		return tokenstore.Token{}, User{}, o.failed(c, "the answer has no oauth_token and oauth_token_secret")
	}
	t := tokenstore.Token{AccessToken: token, TokenSecret: secret, ObtainedAt: o.now()}
	if !o.isX {
		return t, User{}, nil
	}
	// The library returns the token only.
	form, _ := url.ParseQuery(string(c.answer.body))
	id := form.Get("user_id")
	if id != "" && !xAccountID.MatchString(id) {
		return tokenstore.Token{}, User{}, c.unusable("the answer's user_id is not an id")
	}
	return t, o.user(User{AccountID: id, Username: clip(oneLine(form.Get("screen_name")), 50)}), nil
}

// library returns dghubble/oauth1's configuration for one call, which is its transport.
func (o *oauth1App) library(c *call) *oauth1.Config {
	cfg := *o.client
	cfg.HTTPClient = clientOver(c)
	return &cfg
}

// failed returns the error for a call for a token. problem describes a good answer that
// cannot be used. The library's own errors quote the answer, so they are not wrapped.
func (o *oauth1App) failed(c *call, problem string) *Error {
	if c.err == nil && c.answer.ok() {
		return c.unusable(problem)
	}
	e := c.failure()
	const hint = "; the consumer key has the shape of an OAuth 2.0 client id"
	if o.isX && e.Reason == ReasonCredentials && xplatform.IsClientID(o.client.ConsumerKey) {
		e.Detail = clip(e.Detail, maxDetail-len(hint)) + hint
	}
	return e
}

// sign signs a copy of r (RFC 5849, section 3.4, HMAC-SHA1) in place of any Authorization.
// The host of r.URL is signed. The body of a form is part of the signature and is read
// into memory; other bodies are neither. X refuses a key that occurs twice in query and
// form.
func (o *oauth1App) sign(base http.RoundTripper, t tokenstore.Token, r *http.Request) (*http.Response, error) {
	if t.AccessToken == "" || t.TokenSecret == "" {
		closeBody(r)
		return nil, o.misuse("send", ReasonOther, "the token is not an OAuth 1.0a token")
	}
	if base == nil {
		base = o.transport
	}
	signed := r.Clone(r.Context())
	if signed.Header == nil {
		signed.Header = http.Header{}
	}
	signed.Host = ""
	if signed.Method == "" {
		signed.Method = http.MethodGet
	}
	if signed.URL.Path == "" && signed.URL.Opaque == "" {
		// This path is sent (RFC 9110, section 4.2.3), so it must be signed.
		signed.URL.Path = "/"
	}
	isForm := false
	if kind, _, err := mime.ParseMediaType(signed.Header.Get("Content-Type")); err == nil && kind == formType {
		// The library recognises a form by exactly this value.
		signed.Header.Set("Content-Type", formType)
		isForm = true
	}
	var body *onceCloser
	if signed.Body != nil && signed.Body != http.NoBody {
		body = &onceCloser{ReadCloser: signed.Body}
		signed.Body = body
	}
	cfg := *o.client
	ctx := context.WithValue(signed.Context(), oauth1.HTTPClient, &http.Client{Transport: base})
	resp, err := cfg.Client(ctx, oauth1.NewToken(t.AccessToken, t.TokenSecret)).Transport.RoundTrip(signed)
	if body != nil && (isForm || err != nil) {
		// The library replaces a form's body by a copy, and leaves any body open if it
		// cannot sign.
		_ = body.Close()
	}
	return resp, err
}

// onceCloser closes a body once.
type onceCloser struct {
	io.ReadCloser
	once sync.Once
	err  error
}

// Close implements [io.Closer].
func (c *onceCloser) Close() error {
	c.once.Do(func() { c.err = c.ReadCloser.Close() })
	return c.err
}

// noncer makes nonces of 26 letters and digits, with 130 random bits. X requires letters
// and digits. Other servers accept 20 to 30 of them.
type noncer struct{}

// Nonce implements [oauth1.Noncer].
func (noncer) Nonce() string { return rand.Text() }
