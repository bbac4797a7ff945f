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

// OAuth1Config configures sign-in with any provider that speaks OAuth 1.0a (RFC 5849)
// with HMAC-SHA1 signatures. Required are Name, the consumer key and secret, CallbackURL,
// the three addresses, and who signed in: UserURL with User, or Who with APIURL. A
// configuration prints without its secret.
type OAuth1Config struct {
	// Name is the provider's name: lower-case letters, digits and hyphens. It is part of
	// every token's key and of [User.ID], so it stays as it is. Required.
	Name string
	// ConsumerKey and ConsumerSecret are what the provider gave the application. Required.
	ConsumerKey, ConsumerSecret string
	// CallbackURL is where the provider sends the browser back to: with a kit its
	// PublicURL + "/auth/callback/" + Name, which is this provider's alone, or its
	// PublicURL + "/auth/callback", which providers share that trust each other with their
	// codes (RFC 9700, 4.4). Required.
	CallbackURL string

	// RequestTokenURL, AuthorizeURL and AccessTokenURL are the provider's addresses, by
	// https, or by http on a loopback host. Their own queries are kept. Required.
	RequestTokenURL, AuthorizeURL, AccessTokenURL string

	// UserURL is asked with GET for who signed in, and User makes a [User] of its answer:
	// see [OAuth2Config].
	UserURL string
	User    func(body []byte) (User, error)
	// Who is in the place of UserURL and User where one GET does not do.
	Who FetchUser
	// APIURL is the address of the provider's API, by https, or by http on a loopback
	// host: the user's credentials go to its host, to UserURL's and to APIHosts, and
	// nowhere else. Default: UserURL. Required with Who.
	APIURL string
	// APIHosts are further hosts, by https, such as "upload.example.com".
	APIHosts []string
	// Refused reports whether an answer of the API says that the token is refused for
	// good: see [TokenRejecter]. Default: status 401 with oauth_problem token_revoked,
	// token_rejected or token_expired, in the body or in WWW-Authenticate.
	Refused func(resp *http.Response, body []byte) bool

	// Transport carries the provider's own calls. Default: one of its own, set up as
	// [http.DefaultTransport]. Cookies are not kept and redirects not followed.
	Transport http.RoundTripper
	// Timeout bounds each call. Default 10 seconds.
	Timeout time.Duration
	// Now is the clock for what is recorded. Default [time.Now]. Signatures always carry
	// the machine's own time.
	Now func() time.Time
}

// OAuth1 signs people in with a provider by OAuth 1.0a. Make it with [NewOAuth1].
// Goroutines may share it. It implements [Provider] and [TokenRejecter]; its tokens
// do not expire by themselves.
type OAuth1 struct{ *oauth1App }

// oauth1App is what an OAuth1 holds: see redact.go.
type oauth1App struct {
	*flow1
	ask     FetchUser
	refused func(*http.Response, []byte) bool
}

var (
	_ Provider      = (*OAuth1)(nil)
	_ TokenRejecter = (*OAuth1)(nil)
)

// NewOAuth1 makes a provider. It checks all of cfg and reports every fault at once, each
// with the field and what to do. cfg is copied: changing it later does nothing. NewOAuth1
// speaks to nobody.
func NewOAuth1(cfg OAuth1Config) (*OAuth1, error) {
	c := &checker{config: "OAuth1Config", at: "the provider", keys: "where the provider shows it"}
	c.required("Name", cfg.Name)
	c.credential("ConsumerKey", cfg.ConsumerKey, "the consumer key that the provider gave the application")
	c.credential("ConsumerSecret", cfg.ConsumerSecret, "the consumer secret that the provider gave the application")
	c.callback(cfg.CallbackURL, "https://example.com/auth/callback")
	c.address("RequestTokenURL", cfg.RequestTokenURL, "", true)
	c.address("AuthorizeURL", cfg.AuthorizeURL, "", true)
	c.address("AccessTokenURL", cfg.AccessTokenURL, "", true)
	svc, ask := c.api(cfg.Name, cfg.UserURL, cfg.APIURL, cfg.APIHosts, cfg.User, cfg.Who, cfg.Transport, cfg.Timeout, cfg.Now)
	if err := c.err(); err != nil {
		return nil, err
	}
	dead := cfg.Refused
	if dead == nil {
		dead = deadOAuth1
	}
	at := oauth1.Endpoint{RequestTokenURL: cfg.RequestTokenURL, AuthorizeURL: cfg.AuthorizeURL, AccessTokenURL: cfg.AccessTokenURL}
	refusal := func(_ *flow1, c *call) *Error { return c.failure(classifyProblem) }
	return &OAuth1{&oauth1App{
		flow1:   newFlow1(svc, cfg.ConsumerKey, cfg.ConsumerSecret, cfg.CallbackURL, at, refusal),
		ask:     ask,
		refused: dead,
	}}, nil
}

// Name implements [Provider].
func (o *OAuth1) Name() string { return o.svc.name }

// AllowsURL implements [Provider]: the hosts of [OAuth1Config.APIURL] and
// [OAuth1Config.UserURL], and by https those of [OAuth1Config.APIHosts].
func (o *OAuth1) AllowsURL(u *url.URL) bool { return o.svc.hosts.has(u) }

// Begin implements [Provider]. It makes one call, for a request token (RFC 5849, 2.1),
// and insists that the provider confirms the callback. The options are X's.
func (o *OAuth1) Begin(ctx context.Context, _ Options) (string, Pending, error) {
	redirect, p, err := o.begin(ctx)
	if err != nil {
		return "", Pending{}, err
	}
	return redirect.String(), p, nil
}

// Finish implements [Provider]: the request token is exchanged (RFC 5849, 2.3), and
// UserURL or Who tells who signed in. Where that fails the error is returned with a zero
// token, although the provider has given one. The user said no where the callback has
// "oauth_token" without a verifier.
func (o *OAuth1) Finish(ctx context.Context, p Pending, callback url.Values) (User, tokenstore.Token, error) {
	verifier, err := o.verifier(p, callback)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	t, _, err := o.exchange(ctx, p, verifier)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	u, err := o.svc.who(ctx, t, o.ask, o.send, classifyNewToken)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	t.AccountID = u.AccountID
	return u, t, nil
}

// Profile asks for the account of t, by UserURL or Who. A token that [OAuth1Config.Refused]
// recognises as dead is [ErrTokenRefused].
func (o *OAuth1) Profile(ctx context.Context, t tokenstore.Token) (User, error) {
	return o.svc.who(ctx, t, o.ask, o.send, classifyStored(o.refused))
}

// RoundTrip implements [Provider] by the rules of [XOAuth1.RoundTrip].
func (o *OAuth1) RoundTrip(base http.RoundTripper, t tokenstore.Token, r *http.Request) (*http.Response, error) {
	return o.send(base, t, r)
}

// RejectsToken implements [TokenRejecter] by [OAuth1Config.Refused].
func (o *OAuth1) RejectsToken(resp *http.Response, body []byte) bool { return o.refused(resp, body) }

// problemIn is the word of OAuth 1.0's Problem Reporting extension, which many providers
// keep to, in the body or in WWW-Authenticate.
func problemIn(header http.Header, body []byte) string {
	form, _ := url.ParseQuery(string(body))
	if p := form.Get("oauth_problem"); p != "" {
		return p
	}
	_, rest, _ := strings.Cut(header.Get("WWW-Authenticate"), "oauth_problem=")
	rest, _, _ = strings.Cut(strings.TrimPrefix(rest, `"`), `"`)
	rest, _, _ = strings.Cut(rest, ",")
	return rest
}

func deadOAuth1(resp *http.Response, body []byte) bool {
	if resp.StatusCode != http.StatusUnauthorized {
		return false
	}
	switch problemIn(resp.Header, body) {
	case "token_revoked", "token_rejected", "token_expired":
		return true
	}
	return false
}

// judgeProblem weighs a refused call of a provider's own endpoints.
func classifyProblem(c *call, f fault) verdict {
	switch problemIn(c.answer.header, c.answer.body) {
	case "timestamp_refused":
		return refused(ReasonClock)
	case "consumer_key_unknown", "consumer_key_rejected", "consumer_key_refused", "signature_invalid", "signature_method_rejected":
		return refused(ReasonCredentials)
	case "token_expired", "token_used", "token_rejected", "token_revoked", "verifier_invalid":
		return expired
	case "permission_denied":
		return verdict{kind: ErrDenied}
	}
	switch {
	case c.answer.status == http.StatusUnauthorized && clockOff(c):
		return refused(ReasonClock)
	case f.says("callback"):
		return refused(ReasonCallback)
	case c.op == "request_token" && c.answer.status == http.StatusUnauthorized:
		// No token was sent, so it can only be the key.
		return refused(ReasonCredentials)
	case c.op == "access_token" && (c.answer.status == http.StatusUnauthorized || c.answer.status == http.StatusBadRequest):
		return expired
	}
	return refused(ReasonOther)
}

// CallbackURL implements [Provider].
func (o *OAuth1) CallbackURL() string { return o.oauth.CallbackURL }
