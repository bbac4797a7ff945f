package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// OAuth2Config configures sign-in with any provider that speaks OAuth 2.0's
// authorization code flow (RFC 6749, 4.1). Required are Name, ClientID, CallbackURL, the
// addresses AuthorizeURL and TokenURL, and who signed in: UserURL with User, or Who with
// APIURL. A configuration prints without its secret.
type OAuth2Config struct {
	// Name is the provider's name: lower-case letters, digits and hyphens. It is part of
	// every token's key and of [User.ID], so it stays as it is. Required.
	Name string
	// ClientID and ClientSecret are what the provider gave the application. Without a
	// secret the client id goes in the body. ClientID is required.
	ClientID, ClientSecret string
	// SecretInBody sends id and secret as client_id and client_secret (RFC 6749, 2.3.1).
	// The default is the Authorization header. Providers that take one way alone say
	// which; nothing is probed.
	SecretInBody bool
	// CallbackURL is where the provider sends the browser back to: with a kit its
	// PublicURL + "/auth/callback/" + Name, which is this provider's alone, or its
	// PublicURL + "/auth/callback", which providers share that trust each other with their
	// codes (RFC 9700, 4.4). Required.
	CallbackURL string

	// AuthorizeURL is the consent page, by https, or by http on a loopback host. Its own
	// query is kept: the place for further parameters, such as access_type=offline.
	// Required.
	AuthorizeURL string
	// TokenURL is the token endpoint, by https, or by http on a loopback host. Required.
	TokenURL string
	// RevokeURL is the revocation endpoint (RFC 7009). Empty: tokens are not revoked and
	// end by themselves.
	RevokeURL string
	// Issuer is the provider's issuer identifier. With it, every callback has to carry
	// the same as iss (RFC 9207), so that another provider of the application cannot pass
	// its own callback off as this one's. Set it where the provider sends iss. Empty: iss
	// is not looked at.
	Issuer string

	// Scopes are asked for where [Options.Scopes] is empty. Empty: none, which lets the
	// provider choose.
	Scopes []string
	// IdentityScopes are those of Scopes without which the provider does not tell who
	// signed in. They are added to [Options.Scopes].
	IdentityScopes []string
	// Codes says what error codes of TokenURL mean that RFC 6749 does not know: one of the
	// kinds, such as [ErrExpired] for a spent code, or an [*Error] with Kind and Reason.
	// Only [ErrTokenRefused] at a refresh makes users sign in again. RFC 6749's own codes
	// need no entry.
	Codes map[string]error

	// UserURL is asked with GET for who signed in, and User makes a [User] of its answer:
	// AccountID at least, and Username, Name, AvatarURL and Email where there are any. Give Email
	// only where the provider has confirmed it. Other fields are ignored.
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
	// good: see [TokenRejecter]. Default: status 401 with error="invalid_token" (RFC 6750, 3.1).
	Refused func(resp *http.Response, body []byte) bool

	// Transport carries the provider's own calls. Default: one of its own, set up as
	// [http.DefaultTransport]. Cookies are not kept and redirects not followed.
	Transport http.RoundTripper
	// Timeout bounds each call. Default 10 seconds.
	Timeout time.Duration
	// Now is the clock. Default [time.Now].
	Now func() time.Time

	quirks quirks
}

// OAuth2 signs people in with a provider by OAuth 2.0. Make it with [NewOAuth2].
// Goroutines may share it. It implements [Provider], [Refresher], [Revoker]
// and [TokenRejecter].
type OAuth2 struct{ *oauth2App }

// oauth2App is what an OAuth2 holds: see redact.go.
type oauth2App struct {
	*flow
	ask     FetchUser
	refused func(*http.Response, []byte) bool
}

var (
	_ Provider      = (*OAuth2)(nil)
	_ Refresher     = (*OAuth2)(nil)
	_ Revoker       = (*OAuth2)(nil)
	_ TokenRejecter = (*OAuth2)(nil)
)

// NewOAuth2 makes a provider. It checks all of cfg and reports every fault at once, each
// with the field and what to do. cfg is copied: changing it later does nothing. NewOAuth2
// speaks to nobody.
func NewOAuth2(cfg OAuth2Config) (*OAuth2, error) {
	c := &checker{config: "OAuth2Config", at: "the provider", keys: "where the provider shows it"}
	c.required("Name", cfg.Name)
	c.credential("ClientID", cfg.ClientID, "the client id that the provider gave the application")
	c.credential("ClientSecret", cfg.ClientSecret, "")
	c.callback(cfg.CallbackURL, "https://example.com/auth/callback")
	authorize := c.address("AuthorizeURL", cfg.AuthorizeURL, "", true)
	c.reserved("AuthorizeURL", authorize)
	c.address("TokenURL", cfg.TokenURL, "", true)
	if cfg.RevokeURL != "" {
		c.address("RevokeURL", cfg.RevokeURL, "", true)
	}
	c.scopeList("Scopes", cfg.Scopes)
	c.scopeList("IdentityScopes", cfg.IdentityScopes)
	codes := c.codes(cfg.Codes)
	svc, ask := c.api(cfg.Name, cfg.UserURL, cfg.APIURL, cfg.APIHosts, cfg.User, cfg.Who, cfg.Transport, cfg.Timeout, cfg.Now)
	if err := c.err(); err != nil {
		return nil, err
	}
	dead := cfg.Refused
	if dead == nil {
		dead = invalidToken
	}
	f := &flow{
		svc:       svc,
		oauth:     client(svc, cfg.ClientID, cfg.ClientSecret, cfg.CallbackURL, cfg.TokenURL, cfg.SecretInBody || cfg.ClientSecret == ""),
		scopes:    unique(cfg.Scopes),
		identity:  unique(cfg.IdentityScopes),
		authorize: cfg.AuthorizeURL,
		revokeURL: cfg.RevokeURL,
		issuer:    cfg.Issuer,
		quirks:    cfg.quirks,
		anyForm:   true,
		codes:     codes,
	}
	f.page = f.pageFor(f.scopes)
	return &OAuth2{&oauth2App{
		flow:    f,
		ask:     ask,
		refused: dead,
	}}, nil
}

// codes checks what the configured codes mean.
func (c *checker) codes(codes map[string]error) map[string]verdict {
	known := map[error]bool{
		ErrDenied: true, ErrExpired: true, ErrNotAllowed: true, ErrRateLimited: true,
		ErrRefused: true, ErrTokenRefused: true, ErrUnavailable: true,
	}
	out := make(map[string]verdict, len(codes))
	for code, means := range codes {
		v := verdict{kind: means}
		if e := (*Error)(nil); errors.As(means, &e) {
			v = verdict{kind: e.Kind, reason: e.Reason}
		}
		if v.kind == ErrRefused && v.reason == "" { //nolint:errorlint // the kinds themselves
			v.reason = ReasonOther
		}
		if !known[v.kind] {
			c.fault("Codes", "maps %q to an error that is none of this package's kinds", code)
		}
		out[code] = v
	}
	return out
}

// invalidToken is RFC 6750's word for a token that is refused for good.
func invalidToken(resp *http.Response, _ []byte) bool {
	return resp.StatusCode == http.StatusUnauthorized && strings.Contains(resp.Header.Get("WWW-Authenticate"), `error="invalid_token"`)
}

// Name implements [Provider].
func (o *OAuth2) Name() string { return o.svc.name }

// AllowsURL implements [Provider]: the hosts of [OAuth2Config.APIURL] and
// [OAuth2Config.UserURL], and by https those of [OAuth2Config.APIHosts].
func (o *OAuth2) AllowsURL(u *url.URL) bool { return o.svc.hosts.has(u) }

// Begin implements [Provider]. It makes a state of 256 random bits and a PKCE verifier
// (RFC 7636, S256), and speaks to nobody. To [Options.Scopes] it adds
// [OAuth2Config.IdentityScopes], and to either the [Options.MoreScopes]. The other options
// are X's.
func (o *OAuth2) Begin(_ context.Context, opt Options) (string, Pending, error) { return o.begin(opt) }

// Finish implements [Provider]: the code is exchanged, and UserURL or Who tells who
// signed in. Where that fails the error is returned with a zero token, although the
// provider has given one.
//
// The token endpoint's answer may be JSON, a form or JSONP. An error there counts
// whatever its status, since several providers answer 200. A missing expires_in means a
// token that does not expire by itself; scopes are those granted, at most 256, or those
// asked for where the answer names none.
//
// A code goes to this provider's TokenURL alone, whoever gave it: see
// [OAuth2Config.Issuer].
func (o *OAuth2) Finish(ctx context.Context, p Pending, callback url.Values) (User, tokenstore.Token, error) {
	code, err := o.code(p, callback)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	t, err := o.exchange(ctx, p, code)
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

// Profile asks for the account of t, by UserURL or Who. A token that [OAuth2Config.Refused]
// recognises as dead is [ErrTokenRefused].
func (o *OAuth2) Profile(ctx context.Context, t tokenstore.Token) (User, error) {
	return o.svc.who(ctx, t, o.ask, o.send, classifyStored(o.refused))
}

// RoundTrip implements [Provider]: r's copy carries the access token in the Authorization
// header (RFC 6750, 2.1), in place of any of r's own, and goes to the host of r.URL,
// whatever r.Host says. A nil base is the provider's own
// transport.
func (o *OAuth2) RoundTrip(base http.RoundTripper, t tokenstore.Token, r *http.Request) (*http.Response, error) {
	return o.send(base, t, r)
}

// RejectsToken implements [TokenRejecter] by [OAuth2Config.Refused].
func (o *OAuth2) RejectsToken(resp *http.Response, body []byte) bool { return o.refused(resp, body) }

// Refresh implements [Refresher]. It makes one call and does not try again, since many
// refresh tokens work once. The new token keeps t's account, and t's refresh token and
// scopes where the answer names none: a provider need not rotate.
//
// [ErrTokenRefused] is "invalid_grant" (RFC 6749, 5.2), and what [OAuth2Config.Codes]
// calls so; nothing else is.
func (o *OAuth2) Refresh(ctx context.Context, t tokenstore.Token) (tokenstore.Token, error) {
	if t.RefreshToken == "" {
		return tokenstore.Token{}, o.svc.misuse("refresh", ReasonScope,
			"the token has no refresh token: many providers give one for the scope offline_access or the parameter access_type=offline")
	}
	return o.refresh(ctx, t, func(c *call, f fault) verdict {
		if f.has("invalid_grant") {
			return tokenRefused
		}
		return classifyClient(c, f)
	})
}

// Revoke implements [Revoker] by RFC 7009, the refresh token first, then the access
// token. Both are tried; the first error is returned. Without [OAuth2Config.RevokeURL] it
// does nothing.
func (o *OAuth2) Revoke(ctx context.Context, t tokenstore.Token) error {
	if o.revokeURL == "" {
		return nil
	}
	return o.revoke(ctx, t)
}

// CallbackURL implements [Provider].
func (o *OAuth2) CallbackURL() string { return o.oauth.RedirectURL }
