package provider

import (
	"context"
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin/internal/scope"
	"github.com/xsignin/xsignin/tokenstore"
)

// OAuth2Config configures sign-in by OAuth 2.0's authorization code flow (RFC 6749,
// section 4.1): with X by [NewX], which has defaults for most fields, or with any other
// provider by [NewOAuth2]. A configuration prints without its secret.
type OAuth2Config struct {
	// Name is [Provider.Name]. Do not change it. "x" and "x-oauth1" are X's. Required.
	Name string
	// DisplayName is the name for people, see [DisplayName]. For X it is "X".
	DisplayName string
	// ClientID and ClientSecret are the application's credentials. They are sent in the
	// Authorization header, or with SecretInBody or without a secret in the body (RFC 6749,
	// section 2.3.1). ClientID is required.
	ClientID, ClientSecret string
	SecretInBody           bool
	// CallbackURL is [Provider.CallbackURL]: with a kit PublicURL + "/auth/callback", which
	// may be followed by "/" + Name. Providers that share it must trust each other with
	// their codes (RFC 9700, section 4.4). Required.
	CallbackURL string

	// AuthorizeURL is the consent page. Its query is kept, such as access_type=offline.
	// TokenURL is the token endpoint. Both are required, by https, or by http on a loopback
	// host.
	AuthorizeURL, TokenURL string
	// RevokeURL is the revocation endpoint (RFC 7009). Empty: tokens are not revoked.
	RevokeURL string
	// Issuer is the value of iss that every callback must have (RFC 9207), so that another
	// provider cannot use this one's callback. Empty: iss is ignored.
	Issuer string

	// Scopes are requested if [Options.Scopes] is empty. IdentityScopes are those that the
	// provider requires for the user's identity. They are added to [Options.Scopes].
	Scopes, IdentityScopes []string
	// Codes maps error codes of TokenURL that RFC 6749 does not define. A value is one of the
	// kinds, such as [ErrExpired] for a used code, or an [*Error] with Kind and Reason.
	Codes map[string]error

	// UserURL is the address of the signed-in user. User makes a [User] of its answer:
	// AccountID, and if available Username, Name, AvatarURL, and Email if the provider has
	// confirmed it. Required are both, or FetchUser.
	UserURL string
	User    func(body []byte) (User, error)
	// FetchUser finds the user in place of UserURL and User. client sends the user's
	// credentials to the API hosts only, follows no redirects and reads at most 1 MiB of an
	// answer.
	FetchUser func(ctx context.Context, client *http.Client) (User, error)
	// APIURL is the address of the provider's API. Default: UserURL. Credentials are sent to
	// the hosts of both and to APIHosts, by https, only. Required with FetchUser.
	APIURL   string
	APIHosts []string
	// RejectsToken is for [Provider.RejectsToken]. Default: status 401 with invalid_token (RFC 6750,
	// section 3.1). For X: never, since only a refresh distinguishes it from an outage.
	RejectsToken func(resp *http.Response, body []byte) bool

	// Transport carries the provider's own calls. Timeout bounds each step, 10 seconds by
	// default. Now is the clock, [time.Now] by default.
	Transport http.RoundTripper
	Timeout   time.Duration
	Now       func() time.Time

	qq bool // QQ's differences from the standards: see QQ
}

// oauth2Provider signs users in by OAuth 2.0.
type oauth2Provider struct {
	*service
	client *oauth2.Config
	page   string // the consent page for the configured scopes
}

// NewOAuth2 returns a provider. It reports every error of cfg at once, copies cfg and makes no
// network requests.
//
// If the call for the user fails, [Provider.Finish] returns no token. A 401 is then
// [ErrUnavailable], since a new token is valid: X once sent 401 to all users for days.
func NewOAuth2(cfg OAuth2Config) (Provider, error) {
	return newOAuth2(newChecker("OAuth2Config", ""), cfg)
}

func newOAuth2(c *checker, cfg OAuth2Config) (Provider, error) {
	c.credential("ClientID", cfg.ClientID, true)
	c.credential("ClientSecret", cfg.ClientSecret, false)
	c.address("CallbackURL", cfg.CallbackURL)
	c.consent(cfg.AuthorizeURL)
	c.address("TokenURL", cfg.TokenURL)
	if cfg.RevokeURL != "" {
		c.address("RevokeURL", cfg.RevokeURL)
	}
	c.scopes("Scopes", cfg.Scopes)
	c.scopes("IdentityScopes", cfg.IdentityScopes)
	endpoints, user, dead := rows("tokens by OAuth 2.0"), rows("the user"), words{"invalid_token"}
	if c.x {
		endpoints, user, dead = rows("X, tokens by OAuth 2.0"), rows("X, the user by OAuth 2.0"), nil
	}
	cfg.Scopes, cfg.IdentityScopes = unique(cfg.Scopes), unique(cfg.IdentityScopes)
	s := c.service(cfg, slices.Concat(c.codes(cfg.Codes), endpoints), user, dead...)
	if s == nil {
		return nil, c.Err()
	}
	o := &oauth2Provider{service: s, client: &oauth2.Config{
		ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, RedirectURL: cfg.CallbackURL,
		Endpoint: oauth2.Endpoint{AuthURL: cfg.AuthorizeURL, TokenURL: cfg.TokenURL, AuthStyle: oauth2.AuthStyleInHeader},
	}}
	if cfg.SecretInBody || cfg.ClientSecret == "" {
		o.client.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	// A server that repeats the request's header repeats the second form.
	s.secrets = words{cfg.ClientSecret, url.QueryEscape(cfg.ClientID) + ":" + url.QueryEscape(cfg.ClientSecret)}
	s.send = o.sign
	o.page = o.pageFor(cfg.Scopes)
	return o, nil
}

// Begin implements [Provider] with PKCE (RFC 7636, S256). It makes no network requests.
func (o *oauth2Provider) Begin(_ context.Context, opt Options) (string, Pending, error) {
	scopes, page := o.cfg.Scopes, o.page
	if len(opt.Scopes) > 0 {
		scopes = slices.Concat(opt.Scopes, o.cfg.IdentityScopes)
	}
	scopes = unique(append(slices.Clip(scopes), opt.MoreScopes...))
	if slices.ContainsFunc(scopes, badScope) {
		return "", Pending{}, o.newError(ErrRefused, ReasonScope, "authorize",
			"a scope has a blank, a comma or another character that no scope has")
	}
	if len(opt.Scopes)+len(opt.MoreScopes) > 0 {
		page = o.pageFor(scopes)
	}
	p := Pending{Provider: o.cfg.Name, State: oauth2.GenerateVerifier(), Secret: oauth2.GenerateVerifier(), Scopes: scopes}
	// The values are base64url and need no encoding.
	if o.cfg.qq {
		return page + "&state=" + p.State, p, nil
	}
	challenge := oauth2.S256ChallengeFromVerifier(p.Secret)
	return page + "&state=" + p.State + "&code_challenge_method=S256&code_challenge=" + challenge, p, nil
}

// pageFor is the consent page for scopes, without the values of one sign-in.
func (o *oauth2Provider) pageFor(scopes []string) string {
	cfg, separator := *o.client, "%20"
	if o.cfg.qq {
		separator = "%2C"
	}
	cfg.Scopes = scopes
	// X has answered 400 to scopes joined by "+", which url.Values writes. A plus sign in
	// a value is encoded. AuthorizeURL's own query stays unchanged.
	query := strings.TrimPrefix(cfg.AuthCodeURL(""), cfg.Endpoint.AuthURL)
	return cfg.Endpoint.AuthURL + strings.ReplaceAll(query, "+", separator)
}

// Finish implements [Provider] by two calls: one exchanges the code for the token, and one asks
// who the user is.
func (o *oauth2Provider) Finish(ctx context.Context, p Pending, callback url.Values) (u User, t tokenstore.Token, err error) {
	code, err := o.code(p, callback)
	if err != nil {
		return u, t, err
	}
	if t, err = o.exchange(ctx, code, p.Secret, o.cfg.CallbackURL); err != nil {
		return u, t, err
	}
	if t.Scopes == nil {
		t.Scopes = unique(p.Scopes) // RFC 6749, section 5.1
	}
	return o.identify(ctx, t, p.Scopes)
}

// ExchangeCode implements [CodeExchanger] as Finish does. Without PKCE it refuses every code.
func (o *oauth2Provider) ExchangeCode(ctx context.Context, code, verifier, redirectURI string) (u User, t tokenstore.Token, err error) {
	if code == "" || verifier == "" || redirectURI == "" || o.cfg.qq {
		return u, t, o.misuse("token", "the code, the verifier or the redirect URI is missing, "+
			"or the provider does not check verifiers (PKCE)")
	}
	if t, err = o.exchange(ctx, code, verifier, redirectURI); err != nil {
		return u, t, err
	}
	return o.identify(ctx, t, o.cfg.Scopes)
}

// identify asks for the user of t, which was issued for a sign-in with the given scopes.
func (o *oauth2Provider) identify(ctx context.Context, t tokenstore.Token, requested []string) (User, tokenstore.Token, error) {
	// A provider may grant more than was requested. The address must be requested as well.
	email := slices.Contains(requested, "users.email") && t.HasScopes("users.email")
	return o.ask(ctx, userOp, t, email)
}

// code returns the code of a callback that belongs to p.
func (o *oauth2Provider) code(p Pending, callback url.Values) (string, error) {
	code, problem := single(callback, "code"), single(callback, "error")
	description := single(callback, "error_description")
	v := verdict{kind: ErrOtherBrowser}
	switch {
	case p.Provider != o.cfg.Name || p.Secret == "" || !same(single(callback, "state"), p.State):
	case o.cfg.Issuer != "" && single(callback, "iss") != o.cfg.Issuer:
		// RFC 9207, section 2.4: simple string comparison, in errors too.
		description = "the callback's iss is missing or is not the configured Issuer"
	case code != "" && strings.Join(callback["error"], "") == "":
		return code, nil
	default:
		v = decide(&call{op: "callback"}, &fault{codes: words{problem}}, rows("tokens by OAuth 2.0"))
	}
	hidden := append(words{p.State, p.Secret, code}, o.secrets...)
	return "", &Error{
		Kind: v.kind, Reason: v.reason, Provider: o.cfg.Name, Op: "callback",
		Code: codeText(problem, hidden), Detail: detailText(description, hidden),
	}
}

// single returns the value of a parameter that occurs once (RFC 6749, section 3.1), or "".
func single(v url.Values, key string) string {
	if len(v[key]) != 1 {
		return ""
	}
	return v[key][0]
}

// same compares secrets in constant time. The empty string equals nothing.
func same(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}

// sign attaches the access token in place of any Authorization (RFC 6750, section 2.1).
func (o *oauth2Provider) sign(base http.RoundTripper, t tokenstore.Token, r *http.Request) (*http.Response, error) {
	if t.AccessToken == "" || t.IsOAuth1() {
		closeBody(r)
		return nil, o.misuse("send", "the token is not an OAuth 2.0 token")
	}
	signed := copyOf(r)
	if o.cfg.qq {
		signed.URL = withQuery(r.URL, "access_token", t.AccessToken)
	} else {
		signed.Header["Authorization"] = words{"Bearer " + t.AccessToken}
	}
	return base.RoundTrip(signed)
}

func badScope(s string) bool { return !scope.Valid(s) }

// unique returns a copy of list without repetitions, in the same order, and at most 256.
// Scopes are stored with the token and compared at every check. X has about 25.
func unique(list []string) []string {
	const maxScopes = 256
	out := make([]string, 0, min(len(list), maxScopes))
	for _, s := range list {
		if len(out) < maxScopes && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
