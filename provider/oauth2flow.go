package provider

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin/internal/scope"
	"github.com/xsignin/xsignin/tokenstore"
)

// flow is one application registered for OAuth 2.0: what X and every other provider
// share. It is what a provider holds: see redact.go.
type flow struct {
	svc       *service
	oauth     *oauth2.Config
	scopes    []string
	identity  []string // asked for at every sign-in
	authorize string
	page      string // pageFor scopes
	revokeURL string
	issuer    string
	quirks    quirks
	// anyForm takes answers of the token endpoint that are no JSON, and errors with the
	// status of a success.
	anyForm bool
	// codes are what the token endpoint's own words for errors mean.
	codes map[string]verdict
}

// client is what x/oauth2 needs at the token endpoint. inBody says that the client
// authenticates in the body and not by the header; it does so as well without a secret.
func client(svc *service, id, secret, callback, tokenURL string, inBody bool) *oauth2.Config {
	style := oauth2.AuthStyleInHeader
	if inBody {
		style = oauth2.AuthStyleInParams
	}
	if secret != "" {
		// A server that repeats a request's header repeats the second form.
		svc.secrets = []string{secret, url.QueryEscape(id) + ":" + url.QueryEscape(secret)}
	}
	return &oauth2.Config{
		ClientID: id, ClientSecret: secret, RedirectURL: callback,
		Endpoint: oauth2.Endpoint{TokenURL: tokenURL, AuthStyle: style},
	}
}

// begin starts a sign-in. It speaks to nobody.
func (f *flow) begin(opt Options) (string, Pending, error) {
	scopes, page := f.scopes, f.page
	if len(opt.Scopes) > 0 || len(opt.MoreScopes) > 0 {
		if len(opt.Scopes) > 0 {
			scopes = append(slices.Clone(opt.Scopes), f.identity...)
		}
		scopes = unique(slices.Concat(scopes, opt.MoreScopes))
		for _, s := range scopes {
			if !scope.Valid(s) {
				return "", Pending{}, f.svc.misuse("authorize", ReasonScope, "a scope has a blank, a comma or another character that no scope has")
			}
		}
		page = f.pageFor(scopes)
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // Never fails: see crypto/rand.
	p := Pending{
		Provider: f.svc.name,
		State:    base64.RawURLEncoding.EncodeToString(random),
		Secret:   oauth2.GenerateVerifier(),
		Scopes:   slices.Clone(scopes),
	}
	// Both are base64url, which stands in a query as it is.
	redirect := page + "&state=" + p.State
	if !f.quirks.noPKCE {
		redirect += "&code_challenge_method=S256&code_challenge=" + oauth2.S256ChallengeFromVerifier(p.Secret)
	}
	return redirect, p, nil
}

// pageFor is the address of the consent page for scopes, without what is new at each
// sign-in.
func (f *flow) pageFor(scopes []string) string {
	// The configuration is not copied: x/oauth2 keeps a cache in it.
	page := oauth2.Config{
		ClientID: f.oauth.ClientID, RedirectURL: f.oauth.RedirectURL,
		Endpoint: oauth2.Endpoint{AuthURL: f.authorize},
	}
	if len(scopes) > 0 {
		page.Scopes = []string{strings.Join(scopes, cmp.Or(f.quirks.separator, " "))}
	}
	// X has answered 400 to scopes joined by "+", which Go's encoder writes. A plus
	// sign in a value is encoded, so each one left stands for a blank; AuthorizeURL's own
	// query is left as it is.
	own := strings.TrimPrefix(page.AuthCodeURL(""), f.authorize)
	return f.authorize + strings.ReplaceAll(own, "+", "%20")
}

// code takes the code out of a callback that belongs to p.
func (f *flow) code(p Pending, callback url.Values) (string, error) {
	fail := func(kind error, reason Reason) error {
		secrets := append([]string{p.State, p.Secret, single(callback, "code")}, f.svc.secrets...)
		return &Error{
			Kind: kind, Reason: reason, Provider: f.svc.name, Op: "callback",
			Code:   codeText(single(callback, "error"), secrets),
			Detail: detailText(single(callback, "error_description"), secrets),
		}
	}
	if p.Provider != f.svc.name || p.Secret == "" || !same(single(callback, "state"), p.State) {
		return "", fail(ErrOtherBrowser, "")
	}
	// RFC 9207, 2.4: simple string comparison, and errors have it too.
	if f.issuer != "" && single(callback, "iss") != f.issuer {
		return "", &Error{Kind: ErrOtherBrowser, Provider: f.svc.name, Op: "callback", Detail: "the callback's iss is missing or is not the configured Issuer"}
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

// exchange spends the code of the sign-in p.
func (f *flow) exchange(ctx context.Context, p Pending, code string) (tokenstore.Token, error) {
	got, err := f.spend(ctx, code, p.Secret, f.oauth.RedirectURL)
	if err != nil {
		return tokenstore.Token{}, err
	}
	if got.Scopes == nil {
		// RFC 6749, 5.1: no scope in the answer means those asked for.
		got.Scopes = unique(p.Scopes)
	}
	return got, nil
}

// spend spends a code that was given for redirectURI. X's live 30 seconds, so nothing slow
// may come before. The token's Scopes are nil where the answer names none.
func (f *flow) spend(ctx context.Context, code, verifier, redirectURI string) (tokenstore.Token, error) {
	c := f.svc.call(ctx, "token", code, verifier)
	defer c.stop()
	var options []oauth2.AuthCodeOption
	if !f.quirks.noPKCE {
		options = append(options, oauth2.VerifierOption(verifier))
	}
	// Not a copy: x/oauth2 keeps a cache in it.
	cfg := oauth2.Config{
		ClientID: f.oauth.ClientID, ClientSecret: f.oauth.ClientSecret, RedirectURL: redirectURI, Endpoint: f.oauth.Endpoint,
	}
	// x/oauth2 makes the request; the answer is read here. x/oauth2 prints bodies in its
	// errors, reckons with time.Now and fails a whole answer for an odd lifetime.
	_, _ = cfg.Exchange(f.carried(c), code, options...)
	return f.granted(c, classifyCode)
}

// refresh spends t's refresh token, in one call.
func (f *flow) refresh(ctx context.Context, t tokenstore.Token, weigh classifier) (tokenstore.Token, error) {
	c := f.svc.call(ctx, "refresh", t.RefreshToken, t.AccessToken)
	defer c.stop()
	source := f.oauth.TokenSource(f.carried(c), &oauth2.Token{RefreshToken: t.RefreshToken})
	_, _ = source.Token()
	got, err := f.granted(c, weigh)
	if err != nil {
		return tokenstore.Token{}, err
	}
	if got.RefreshToken == "" {
		got.RefreshToken = t.RefreshToken
	}
	if got.Scopes == nil {
		got.Scopes = unique(t.Scopes)
	}
	got.AccountID = t.AccountID
	return got, nil
}

// carried is a context in which x/oauth2 uses c.
func (f *flow) carried(c *call) context.Context {
	client := c.client()
	client.Transport = unread{c}
	if f.quirks.tokenByGET {
		client.Transport = asGET{unread{c}}
	}
	return context.WithValue(c.ctx, oauth2.HTTPClient, client)
}

// granted reads the answer of the token endpoint.
func (f *flow) granted(c *call, weigh classifier) (tokenstore.Token, error) {
	failed := c.err != nil || !c.answer.ok()
	if f.anyForm && c.answer != nil {
		c.hidden() // of the answer as it came
		c.answer.body, c.searched = asJSON(c.answer.body), false
		failed = failed || saysError(c.answer.body)
	}
	if failed {
		return tokenstore.Token{}, c.failure(f.meaning(weigh))
	}
	t, problem := parseToken(c.answer.body, f.svc.now())
	if problem != "" {
		return tokenstore.Token{}, c.unusable(problem)
	}
	return t, nil
}

// meaning looks into the configured codes before it asks next.
func (f *flow) meaning(next classifier) classifier {
	return func(c *call, ft fault) verdict {
		for _, code := range ft.codes {
			if v, ok := f.codes[code]; ok {
				return v
			}
		}
		return next(c, ft)
	}
}

// send attaches the access token as RFC 6750 has it: by the header (2.1), or by a query
// parameter (2.3) where the preset says so.
func (f *flow) send(base http.RoundTripper, t tokenstore.Token, r *http.Request) (*http.Response, error) {
	if t.AccessToken == "" || t.IsOAuth1() {
		closeBody(r)
		return nil, f.svc.misuse("send", ReasonOther, "the token is not an OAuth 2.0 token")
	}
	if base == nil {
		base = f.svc.transport
	}
	// A copy of what is changed: a transport leaves the rest alone.
	own := r.WithContext(r.Context())
	own.Header = ownHeader(r)
	own.Host = ""
	if f.quirks.tokenParam != "" {
		own.Header.Del("Authorization")
		u := *r.URL
		own.URL = &u
		q := own.URL.Query()
		q.Set(f.quirks.tokenParam, t.AccessToken)
		own.URL.RawQuery = q.Encode()
	} else {
		bear(own, t)
	}
	return base.RoundTrip(own)
}

// bear attaches t's access token by the header.
func bear(r *http.Request, t tokenstore.Token) {
	r.Header["Authorization"] = []string{"Bearer " + t.AccessToken}
}

// revoke asks RFC 7009's endpoint to end both halves of t.
func (f *flow) revoke(ctx context.Context, t tokenstore.Token) error {
	if t.IsOAuth1() {
		return f.svc.misuse("revoke", ReasonOther, "the token is not an OAuth 2.0 token")
	}
	var first error
	for _, half := range []struct{ hint, token string }{
		{"refresh_token", t.RefreshToken},
		{"access_token", t.AccessToken},
	} {
		if half.token == "" {
			continue
		}
		if err := f.revokeOne(ctx, half.hint, half.token); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (f *flow) revokeOne(ctx context.Context, hint, token string) error {
	c := f.svc.call(ctx, "revoke", token)
	defer c.stop()
	form := url.Values{"token": {token}, "token_type_hint": {hint}}
	inBody := f.oauth.Endpoint.AuthStyle == oauth2.AuthStyleInParams
	if inBody {
		form.Set("client_id", f.oauth.ClientID)
		if f.oauth.ClientSecret != "" {
			form.Set("client_secret", f.oauth.ClientSecret)
		}
	}
	r, err := http.NewRequestWithContext(c.ctx, http.MethodPost, f.revokeURL, strings.NewReader(form.Encode()))
	if err != nil {
		return c.unreached()
	}
	r.Header.Set("Content-Type", formType)
	if !inBody {
		// RFC 6749, 2.3.1 encodes both parts before they are joined.
		r.SetBasicAuth(url.QueryEscape(f.oauth.ClientID), url.QueryEscape(f.oauth.ClientSecret))
	}
	if resp, err := c.client().Do(r); err == nil {
		_ = resp.Body.Close()
	}
	if c.err == nil && c.answer.ok() {
		if parseFault(c.answer.body).form == formHTML {
			return c.unusable("the answer is a page")
		}
		return nil
	}
	gone := false
	e := c.failure(func(c *call, ft fault) verdict {
		gone = ft.has("invalid_token", "invalid_grant") || ft.says("value passed for the token was invalid")
		return classifyClient(c, ft)
	})
	if gone {
		return nil
	}
	return e
}
