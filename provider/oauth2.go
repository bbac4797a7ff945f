package provider

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin/internal/scope"
	"github.com/xsignin/xsignin/tokenstore"
)

// OAuth2Config configures sign-in with any provider of OAuth 2.0's authorization code
// flow (RFC 6749, section 4.1). Required are Name, ClientID, CallbackURL, AuthorizeURL,
// TokenURL, and either UserURL with User, or FetchUser with APIURL. A configuration prints
// without its secret.
type OAuth2Config struct {
	// Name is the provider's name: lower-case letters, digits and hyphens. It is part of
	// every token's key and of [User.ID], so do not change it. Required.
	Name string
	// ClientID and ClientSecret are the application's credentials at the provider.
	// Without a secret the client id is sent in the body. ClientID is required.
	ClientID, ClientSecret string
	// SecretInBody sends the credentials as client_id and client_secret (RFC 6749,
	// section 2.3.1). The default is the Authorization header. The provider's
	// documentation says which one it accepts.
	SecretInBody bool
	// CallbackURL is where the provider sends the browser back to. With a kit it is
	// PublicURL + "/auth/callback/" + Name, which belongs to this provider alone, or
	// PublicURL + "/auth/callback". Providers that share a callback must trust each other
	// with their codes (RFC 9700, section 4.4). Required.
	CallbackURL string

	// AuthorizeURL is the consent page, by https, or by http on a loopback host. Its query
	// is kept: use it for more parameters, such as access_type=offline. Required.
	AuthorizeURL string
	// TokenURL is the token endpoint, by https, or by http on a loopback host. Required.
	TokenURL string
	// RevokeURL is the revocation endpoint (RFC 7009). Empty: tokens are not revoked.
	RevokeURL string
	// Issuer is the provider's issuer identifier. If it is set, every callback must have
	// the same value as iss (RFC 9207), so that another provider of the application cannot
	// use this one's callback. Set it if the provider sends iss. Empty: iss is ignored.
	Issuer string

	// Scopes are requested if [Options.Scopes] is empty. Empty: no scope is requested,
	// and the provider chooses.
	Scopes []string
	// IdentityScopes are those of Scopes that the provider requires for the user's
	// identity. They are added to [Options.Scopes].
	IdentityScopes []string
	// Codes maps error codes of TokenURL that RFC 6749 does not define to one of the
	// kinds, such as [ErrExpired] for a used code, or to an [*Error] with Kind and Reason.
	// Only [ErrTokenRefused] at a refresh makes users sign in again.
	Codes map[string]error

	// UserURL is the address of the signed-in user, requested by GET. User makes a [User]
	// of its answer: AccountID, and Username, Name, AvatarURL and Email if available. Set
	// Email only if the provider has confirmed it. Other fields are ignored.
	UserURL string
	User    func(body []byte) (User, error)
	// FetchUser finds the user in place of UserURL and User, if one GET is not enough.
	FetchUser FetchUser
	// APIURL is the address of the provider's API, by https, or by http on a loopback
	// host. Credentials are sent to its host, to UserURL's and to APIHosts only. Default:
	// UserURL. Required with FetchUser.
	APIURL string
	// APIHosts are further hosts, by https, such as "upload.example.com".
	APIHosts []string
	// RejectsToken reports whether an answer of the API refuses the token for good: see
	// [TokenRejecter]. Default: status 401 with error="invalid_token" (RFC 6750, section
	// 3.1).
	RejectsToken func(resp *http.Response, body []byte) bool

	// Transport carries the provider's own calls. Default: a transport of this provider,
	// with a bound on every wait. Cookies are not kept and redirects not followed.
	Transport http.RoundTripper
	// Timeout bounds each step. Default 10 seconds.
	Timeout time.Duration
	// Now is the clock. Default [time.Now].
	Now func() time.Time

	quirks quirks
}

// OAuth2 signs users in by OAuth 2.0, with X ([NewX]) or with another provider
// ([NewOAuth2]). Goroutines may share it. It implements [Provider], [Refresher],
// [Revoker], [CodeExchanger] and [TokenRejecter]. It is no [TokenVerifier]: a bearer token
// does not say to which application it was issued.
type OAuth2 struct{ *oauth2App }

// oauth2App is the content of an OAuth2: see redact.go.
type oauth2App struct {
	*service
	client    *oauth2.Config
	scopes    []string
	identity  []string // requested at every sign-in
	revokeURL string
	issuer    string
	page      string // pageFor(scopes)
	quirks    quirks
}

var (
	_ Provider      = (*OAuth2)(nil)
	_ Refresher     = (*OAuth2)(nil)
	_ Revoker       = (*OAuth2)(nil)
	_ CodeExchanger = (*OAuth2)(nil)
	_ TokenRejecter = (*OAuth2)(nil)
)

// userOp is the step that asks a provider by configuration who signed in.
const userOp = "user"

// NewOAuth2 returns a provider. It checks all of cfg and reports every error at once, each
// with the field and what to do. NewOAuth2 copies cfg and makes no network requests.
func NewOAuth2(cfg OAuth2Config) (*OAuth2, error) {
	c := newChecker("OAuth2Config", "the provider", "where the provider shows it")
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
	svc := c.api(cfg)
	if err := c.Err(); err != nil {
		return nil, err
	}
	rejects := rejectsInvalidToken
	if cfg.RejectsToken != nil {
		rejects = cfg.RejectsToken
	}
	svc.rejects, svc.classify = rejects, classifyOAuth2(codes, rejects)
	o := newOAuth2(svc, cfg.ClientID, cfg.ClientSecret, cfg.AuthorizeURL, cfg.TokenURL, cfg.SecretInBody)
	o.scopes, o.identity = unique(cfg.Scopes), unique(cfg.IdentityScopes)
	o.revokeURL, o.issuer = cfg.RevokeURL, cfg.Issuer
	o.quirks = cfg.quirks
	o.page = o.pageFor(o.scopes)
	return o, nil
}

// newOAuth2 makes the part that X and other providers share.
func newOAuth2(svc *service, id, secret, authorizeURL, tokenURL string, inBody bool) *OAuth2 {
	style := oauth2.AuthStyleInHeader
	if inBody || secret == "" {
		style = oauth2.AuthStyleInParams
	}
	if secret != "" {
		// A server that repeats the request's header repeats the second form.
		svc.secrets = []string{secret, url.QueryEscape(id) + ":" + url.QueryEscape(secret)}
	}
	o := &oauth2App{service: svc, client: &oauth2.Config{
		ClientID: id, ClientSecret: secret, RedirectURL: svc.callback,
		Endpoint: oauth2.Endpoint{AuthURL: authorizeURL, TokenURL: tokenURL, AuthStyle: style},
	}}
	svc.send = o.sign
	return &OAuth2{o}
}

// Begin implements [Provider]. It makes a state of 256 random bits and a PKCE verifier
// (RFC 7636, S256), and no network requests. It adds the identity scopes to
// [Options.Scopes], and [Options.MoreScopes] to either. It ignores the other options.
func (o *OAuth2) Begin(_ context.Context, opt Options) (string, Pending, error) {
	scopes := o.scopes
	if len(opt.Scopes) > 0 {
		scopes = slices.Concat(opt.Scopes, o.identity)
	}
	if len(opt.MoreScopes) > 0 {
		scopes = slices.Concat(scopes, opt.MoreScopes)
	}
	scopes = unique(scopes)
	if slices.ContainsFunc(scopes, func(s string) bool { return !scope.Valid(s) }) {
		return "", Pending{}, o.misuse("authorize", ReasonScope, "a scope has a blank, a comma or another character that no scope has")
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // Never fails: see crypto/rand.
	var state [43]byte
	base64.RawURLEncoding.Encode(state[:], random[:])
	p := Pending{
		Provider: o.name,
		State:    string(state[:]),
		Secret:   oauth2.GenerateVerifier(),
		Scopes:   scopes,
	}
	page := o.page
	if len(opt.Scopes)+len(opt.MoreScopes) > 0 {
		page = o.pageFor(scopes)
	}
	// Both values are base64url and need no encoding.
	if o.quirks.noPKCE {
		return page + "&state=" + p.State, p, nil
	}
	challenge := oauth2.S256ChallengeFromVerifier(p.Secret)
	return page + "&state=" + p.State + "&code_challenge_method=S256&code_challenge=" + challenge, p, nil
}

// pageFor is the address of the consent page for scopes, without the values of one sign-in.
func (o *oauth2App) pageFor(scopes []string) string {
	var options []oauth2.AuthCodeOption
	if len(scopes) > 0 {
		options = append(options, oauth2.SetAuthURLParam("scope", strings.Join(scopes, cmp.Or(o.quirks.separator, " "))))
	}
	page := o.client.AuthCodeURL("", options...)
	// X has answered 400 to scopes joined by "+", which url.Values writes. A plus sign in
	// a value is encoded, so each remaining one is a blank. AuthorizeURL's own query stays
	// unchanged.
	query := strings.TrimPrefix(page, o.client.Endpoint.AuthURL)
	return o.client.Endpoint.AuthURL + strings.ReplaceAll(query, "+", "%20")
}

// Finish implements [Provider]. It makes two calls: one exchanges the code, and one asks
// who signed in. If the second call fails, Finish returns its error and a zero token,
// although the provider has issued one. A 401 to the second call is [ErrUnavailable],
// since a new token is valid: X has answered so to everyone for days.
//
// Other token endpoints than X's may answer with JSON or with a form, and errors count
// there whatever their status. A missing expires_in means that the token does not expire.
// The token's scopes are the granted ones, at most 256, or the requested ones if the
// answer names none.
//
// A callback with the right state and no code is [ErrDenied], unless it names an error of
// the application or of the provider.
func (o *OAuth2) Finish(ctx context.Context, p Pending, callback url.Values) (User, tokenstore.Token, error) {
	code, err := o.code(p, callback)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	t, err := o.exchange(ctx, code, p.Secret, o.callback)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	if t.Scopes == nil {
		// RFC 6749, section 5.1
		t.Scopes = unique(p.Scopes)
	}
	return o.identify(ctx, t, p.Scopes)
}

// ExchangeCode implements [CodeExchanger] with the two calls of [OAuth2.Finish]. The
// redirect URI must be registered with the provider, and the program must have used the
// application's client id. A provider without PKCE refuses every code.
//
// The token's scopes are the granted ones, or unknown if the answer names none. X is asked
// for the address if the program requested users.email and [XConfig.Scopes] has it.
func (o *OAuth2) ExchangeCode(ctx context.Context, code, verifier, redirectURI string) (User, tokenstore.Token, error) {
	if code == "" || verifier == "" || redirectURI == "" {
		return User{}, tokenstore.Token{}, o.misuse("token", ReasonOther, "the code, the verifier or the redirect URI is missing")
	}
	if o.quirks.noPKCE {
		return User{}, tokenstore.Token{}, o.misuse("token", ReasonOther, "the provider does not check verifiers (PKCE)")
	}
	t, err := o.exchange(ctx, code, verifier, redirectURI)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	return o.identify(ctx, t, o.scopes)
}

// identify asks for the user of t, which was issued for a sign-in with the given scopes.
func (o *oauth2App) identify(ctx context.Context, t tokenstore.Token, requested []string) (User, tokenstore.Token, error) {
	// A provider may grant more than was requested. The address must be requested as well.
	email := slices.Contains(requested, "users.email") && t.HasScopes("users.email")
	u, err := o.ask(ctx, t, newToken, email)
	if err != nil {
		return User{}, tokenstore.Token{}, err
	}
	t.AccountID, t.Username, t.Name = u.AccountID, u.Username, u.Name
	return u, t, nil
}

// Refresh implements [Refresher]. It makes one call and never retries: a refresh token
// often works once, so a second call could use up the token that the first one brought.
// The new token keeps t's account and names, and t's refresh token and scopes if the answer names
// none. A token that the answer calls expired is returned, because the refresh token
// beside it is valid. So is a token whose lifetime is no integer.
//
// [ErrTokenRefused] is "invalid_grant" (RFC 6749, section 5.2) and what
// [OAuth2Config.Codes] maps to it. From X it is also "invalid_request" with a text about
// the token. Wrong client credentials, limits and outages are other errors.
func (o *OAuth2) Refresh(ctx context.Context, t tokenstore.Token) (tokenstore.Token, error) {
	if t.RefreshToken == "" {
		return tokenstore.Token{}, o.misuse("refresh", ReasonScope,
			"the token has no refresh token: request the scope offline.access (X), offline_access, or the parameter access_type=offline")
	}
	c := o.begin(ctx, "refresh", t.RefreshToken, t.AccessToken)
	defer c.stop()
	source := o.client.TokenSource(o.carried(c), &oauth2.Token{RefreshToken: t.RefreshToken})
	granted, err := source.Token()
	got, err := o.granted(c, granted, err)
	if err != nil {
		return tokenstore.Token{}, err
	}
	if got.Scopes == nil {
		got.Scopes = unique(t.Scopes)
	}
	got.AccountID, got.Username, got.Name = t.AccountID, t.Username, t.Name
	return got, nil
}

// Revoke implements [Revoker] by RFC 7009: first the refresh token, then the access token,
// since X does not document that one revokes the other. It tries both and returns the
// first error. X requires token_type_hint, although the RFC does not. Revoke does nothing
// without [OAuth2Config.RevokeURL].
func (o *OAuth2) Revoke(ctx context.Context, t tokenstore.Token) error {
	switch {
	case o.revokeURL == "":
		return nil
	case t.IsOAuth1():
		return o.misuse("revoke", ReasonOther, "the token is not an OAuth 2.0 token")
	}
	var first error
	if t.RefreshToken != "" {
		first = o.revokeOne(ctx, "refresh_token", t.RefreshToken)
	}
	if t.AccessToken != "" {
		if err := o.revokeOne(ctx, "access_token", t.AccessToken); first == nil {
			first = err
		}
	}
	return first
}

func (o *oauth2App) revokeOne(ctx context.Context, hint, token string) error {
	c := o.begin(ctx, "revoke", token)
	defer c.stop()
	form := url.Values{"token": {token}, "token_type_hint": {hint}}
	inBody := o.client.Endpoint.AuthStyle == oauth2.AuthStyleInParams
	if inBody {
		form.Set("client_id", o.client.ClientID)
		if o.client.ClientSecret != "" {
			form.Set("client_secret", o.client.ClientSecret)
		}
	}
	r, err := http.NewRequestWithContext(c.ctx, http.MethodPost, o.revokeURL, strings.NewReader(form.Encode()))
	if err != nil {
		return c.unreached()
	}
	r.Header.Set("Content-Type", formType)
	if !inBody {
		// RFC 6749, section 2.3.1 encodes both parts before it joins them.
		r.SetBasicAuth(url.QueryEscape(o.client.ClientID), url.QueryEscape(o.client.ClientSecret))
	}
	if resp, err := clientOver(c).Do(r); err == nil {
		_ = resp.Body.Close()
	}
	if c.err != nil || c.answer == nil {
		return c.failure()
	}
	f := parseFault(c.answer.body)
	if c.answer.ok() {
		if f.form == formHTML {
			return c.unusable("the answer is a page")
		}
		return nil
	}
	e := c.failure()
	if errors.Is(e, ErrRefused) && (f.has("invalid_token", "invalid_grant") || f.says("value passed for the token was invalid")) {
		return nil // The token is already revoked.
	}
	return e
}

// code returns the code of a callback that belongs to p.
func (o *oauth2App) code(p Pending, callback url.Values) (string, error) {
	fail := func(kind error, reason Reason) error {
		secrets := append([]string{p.State, p.Secret, single(callback, "code")}, o.secrets...)
		return &Error{
			Kind: kind, Reason: reason, Provider: o.name, Op: "callback",
			Code:   codeText(single(callback, "error"), secrets),
			Detail: detailText(single(callback, "error_description"), secrets),
		}
	}
	if p.Provider != o.name || p.Secret == "" || !same(single(callback, "state"), p.State) {
		return "", fail(ErrOtherBrowser, "")
	}
	// RFC 9207, section 2.4: simple string comparison, in errors too.
	if o.issuer != "" && single(callback, "iss") != o.issuer {
		return "", &Error{Kind: ErrOtherBrowser, Provider: o.name, Op: "callback", Detail: "the callback's iss is missing or is not the configured Issuer"}
	}
	if code := single(callback, "code"); code != "" && !callback.Has("error") {
		return code, nil
	}
	// RFC 6749, section 4.1.2.1
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

// single returns the value of a parameter that occurs once, and "" otherwise: RFC 6749,
// section 3.1 forbids repeated parameters.
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

// exchange exchanges a code that was issued for redirectURI. X's codes live 30 seconds, so
// nothing slow may precede it. The token's Scopes are nil if the answer names none.
func (o *oauth2App) exchange(ctx context.Context, code, verifier, redirectURI string) (tokenstore.Token, error) {
	c := o.begin(ctx, "token", code, verifier)
	defer c.stop()
	var options []oauth2.AuthCodeOption
	if redirectURI != o.callback {
		options = append(options, oauth2.SetAuthURLParam("redirect_uri", redirectURI))
	}
	if !o.quirks.noPKCE {
		options = append(options, oauth2.VerifierOption(verifier))
	}
	granted, err := o.client.Exchange(o.carried(c), code, options...)
	return o.granted(c, granted, err)
}

// granted returns the token of a token call, or the error of that call.
func (o *oauth2App) granted(c *call, granted *oauth2.Token, err error) (tokenstore.Token, error) {
	if err != nil {
		return tokenstore.Token{}, o.notGranted(c, err)
	}
	t, problem := readToken(granted, o.now(), c.op == "refresh")
	if problem != "" {
		return tokenstore.Token{}, c.unusable(problem)
	}
	return t, nil
}

// notGranted returns the error for a token call that x/oauth2 failed with err. The text of
// err has the body of the answer, so err is not wrapped.
func (o *oauth2App) notGranted(c *call, err error) *Error {
	isError := errors.As(err, new(*oauth2.RetrieveError))
	switch {
	case c.err != nil || !c.answer.ok():
		return c.failure()
	case o.isX && isError:
		return c.unusable("the answer is an error with the status of a success")
	case !isError && !saysError(c.answer.body):
		return c.unusable("the answer has no usable token")
	}
	return c.failure()
}

// saysError reports whether body is an error whose code x/oauth2 cannot parse: a number.
func saysError(body []byte) bool {
	answer, _ := jsonObject(body)
	return scalarOf(answer["error"]) != "" && answer["access_token"] == nil
}

// carried is a context in which x/oauth2 sends its request by c.
func (o *oauth2App) carried(c *call) context.Context {
	var t http.RoundTripper = tokenAnswers{c, nil}
	if o.quirks.wrap != nil {
		t = o.quirks.wrap(c)
	}
	c.ctx = context.WithValue(c.ctx, oauth2.HTTPClient, clientOver(t))
	return c.ctx
}

// tokenAnswers adapts the answers of token endpoints to x/oauth2.
type tokenAnswers struct {
	*call
	rewrite func(body []byte) []byte // or nil
}

// contentTypes are the headers that x/oauth2 reads. Nothing changes them.
var contentTypes = map[string]http.Header{
	jsonType: {"Content-Type": {jsonType}},
	formType: {"Content-Type": {formType}},
}

// RoundTrip implements [http.RoundTripper]. x/oauth2 chooses a parser by the content
// type, which is often wrong; X's answers are always JSON. It fails for a lifetime that is
// no integer, and a refresh that was granted must not be lost for that.
func (t tokenAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.call.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if t.rewrite != nil {
		t.answer.body = t.rewrite(t.answer.body)
		t.answer.serve(resp, t.answer.body)
	}
	body := t.answer.body
	isForm := !t.isX && len(body) > 0 && !strings.ContainsRune(`{["`, rune(body[0]))
	kind := jsonType
	if isForm {
		kind = formType
	}
	if resp.Header.Get("Content-Type") != kind {
		resp.Header = contentTypes[kind]
	}
	if t.op == "refresh" && t.answer.ok() && !isForm {
		t.answer.serve(resp, integerLifetime(body))
	}
	return resp, nil
}

// integerLifetime returns a token response whose expires_in is 0 in place of a value that
// is no integer.
func integerLifetime(body []byte) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return body
	}
	changed := false
	for k, raw := range fields {
		digits := strings.Trim(string(raw), `"`)
		if _, err := strconv.ParseInt(digits, 10, 64); !strings.EqualFold(k, "expires_in") || err == nil || digits == "null" {
			continue
		}
		fields[k], changed = json.RawMessage("0"), true
	}
	if !changed {
		return body
	}
	rewritten, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return rewritten
}

const (
	// maxLife is the longest plausible life of an access token.
	maxLife = 10 * 365 * 24 * time.Hour
	// maxScopes bounds the scopes of one answer. They are stored with the token and
	// compared at every check. X has about 25.
	maxScopes = 256
)

// readToken converts a token response (RFC 6749, section 5.1). Scopes are nil if it has
// none. A refresh may have a lifetime that is no integer: the token is then expired.
func readToken(granted *oauth2.Token, now time.Time, refresh bool) (t tokenstore.Token, problem string) {
	// x/oauth2 ignores the case of names.
	if v := granted.Extra("access_token"); v == nil || v == "" {
		return t, "the answer has no access_token"
	}
	access := granted.AccessToken
	if strings.ContainsFunc(access, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return t, "the answer has no usable access_token"
	}
	// X says "bearer". Other types are used in other ways (RFC 6749, section 7.1).
	if kind := granted.TokenType; kind != "" && !strings.EqualFold(kind, "bearer") {
		return t, "the answer's token_type is not bearer"
	}
	expiry, ok := expiryOf(granted.Extra("expires_in"), now)
	switch {
	case !ok && !refresh:
		return t, "the answer's expires_in is no integer"
	case !ok:
		expiry = now
	}
	return tokenstore.Token{
		AccessToken:  access,
		RefreshToken: granted.RefreshToken,
		Expiry:       expiry,
		Scopes:       grantedScopes(granted.Extra("scope")),
		ObtainedAt:   now,
	}, ""
}

// expiryOf converts expires_in, in seconds. A missing value means that the token does not
// expire. Zero and less mean expired, which is no error, since the refresh token beside it
// may exist nowhere else. The longest lifetime is ten years. ok is false for a value that
// is no integer.
func expiryOf(v any, now time.Time) (at time.Time, ok bool) {
	if v == nil || v == "" {
		return time.Time{}, true
	}
	seconds, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	if err != nil || math.IsInf(seconds, 0) || seconds != math.Trunc(seconds) {
		return time.Time{}, false
	}
	seconds = min(max(seconds, 0), maxLife.Seconds())
	return now.Add(time.Duration(seconds) * time.Second), true
}

// grantedScopes splits scope: words separated by blanks (RFC 6749, section 3.3) or by
// commas, or a JSON array. It returns at most 256, and nil for none.
func grantedScopes(v any) []string {
	words := stringOf(v)
	list, _ := v.([]any)
	for _, e := range list {
		words += " " + stringOf(e)
	}
	scopes := strings.FieldsFunc(words, func(r rune) bool { return r == ',' || r <= ' ' })
	if len(scopes) == 0 {
		return nil
	}
	return unique(scopes)
}

// sign attaches the access token in place of any Authorization, by the header or by the
// query parameter of a preset (RFC 6750, sections 2.1 and 2.3).
func (o *oauth2App) sign(base http.RoundTripper, t tokenstore.Token, r *http.Request) (*http.Response, error) {
	if t.AccessToken == "" || t.IsOAuth1() {
		closeBody(r)
		return nil, o.misuse("send", ReasonOther, "the token is not an OAuth 2.0 token")
	}
	if base == nil {
		base = o.transport
	}
	signed := r.WithContext(r.Context())
	signed.Header = headerOf(r)
	signed.Host = ""
	if o.quirks.tokenParam == "" {
		signed.Header["Authorization"] = []string{"Bearer " + t.AccessToken}
		return base.RoundTrip(signed)
	}
	signed.Header.Del("Authorization")
	u := *r.URL
	q := u.Query()
	q.Set(o.quirks.tokenParam, t.AccessToken)
	u.RawQuery = q.Encode()
	signed.URL = &u
	return base.RoundTrip(signed)
}
