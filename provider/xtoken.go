package provider

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin/tokenstore"
)

const (
	// maxLife is the longest life of an access token that is believed.
	maxLife = 10 * 365 * 24 * time.Hour
	// maxScopes bounds the scopes that are kept of an answer: they are stored with the
	// token and compared at every check. X has about 25.
	maxScopes = 256
)

// exchange spends the code. X's live 30 seconds, so nothing slow may come before.
func (x *X) exchange(ctx context.Context, p Pending, code string) (tokenstore.Token, error) {
	c := x.svc.call(ctx, "token", code, p.Secret)
	defer c.stop()
	// x/oauth2 makes the request; the answer is read here. x/oauth2 prints bodies in its
	// errors, reckons with time.Now and fails a whole answer for an odd lifetime.
	_, _ = x.oauth.Exchange(context.WithValue(c.ctx, oauth2.HTTPClient, c.client()), code, oauth2.VerifierOption(p.Secret))
	got, err := x.granted(c, judgeCode)
	if err != nil {
		return tokenstore.Token{}, err
	}
	if got.Scopes == nil {
		// RFC 6749, 5.1: no scope in the answer means those asked for.
		got.Scopes = unique(p.Scopes)
	}
	return got, nil
}

// Refresh implements [Refresher]. It makes one call and does not try again: X's
// refresh tokens work once, so a second call could spend a token that the first one
// brought.
//
// X refuses a spent or revoked refresh token with "invalid_request" and a text,
// where RFC 6749 has "invalid_grant"; both are [ErrTokenRefused]. Wrong client
// credentials, limits and outages never are. The new token keeps t's account, and
// t's refresh token and scopes where the answer names none (RFC 6749, 6 and 5.1). An
// access token that the answer calls already expired is returned as such: the
// refresh token beside it is good. Of the scopes that an answer names, 256 are kept.
func (x *X) Refresh(ctx context.Context, t tokenstore.Token) (tokenstore.Token, error) {
	if t.RefreshToken == "" {
		return tokenstore.Token{}, x.svc.misuse("refresh", ReasonScope, "the token has no refresh token: ask for the scope offline.access at sign-in")
	}
	c := x.svc.call(ctx, "refresh", t.RefreshToken, t.AccessToken)
	defer c.stop()
	source := x.oauth.TokenSource(context.WithValue(c.ctx, oauth2.HTTPClient, c.client()), &oauth2.Token{RefreshToken: t.RefreshToken})
	_, _ = source.Token()
	got, err := x.granted(c, judgeRefresh)
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

// granted reads the answer of the token endpoint.
func (x *X) granted(c *call, weigh judge) (tokenstore.Token, error) {
	if c.err != nil || !c.answer.ok() {
		return tokenstore.Token{}, c.failure(weigh)
	}
	t, problem := parseToken(c.answer.body, x.svc.now())
	if problem != "" {
		return tokenstore.Token{}, c.unusable(problem)
	}
	return t, nil
}

// parseToken reads RFC 6749, 5.1. Its Scopes are nil where the answer has none.
func parseToken(body []byte, now time.Time) (t tokenstore.Token, problem string) {
	object, ok := jsonObject(body)
	if !ok {
		return t, "the answer is not a JSON object"
	}
	if _, is := object["error"]; is && jsonString(object["access_token"]) == "" {
		return t, "the answer is an error with the status of a success"
	}
	access := jsonString(object["access_token"])
	if access == "" || strings.ContainsFunc(access, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return t, "the answer has no usable access_token"
	}
	// X says "bearer". Any other type would have to be used in another way (RFC 6749,
	// 7.1).
	if kind := jsonString(object["token_type"]); kind != "" && !strings.EqualFold(kind, "bearer") {
		return t, "the answer's token_type is not bearer"
	}
	return tokenstore.Token{
		AccessToken:  access,
		RefreshToken: jsonString(object["refresh_token"]),
		Expiry:       expiry(object["expires_in"], now),
		Scopes:       grantedScopes(object["scope"]),
		ObtainedAt:   now,
	}, ""
}

// expiry reads expires_in: seconds, as a number or as a string. Missing or unreadable
// is never: X then refuses the token with 401, and package client refreshes it. Zero
// and less is now, which is not an error, since a refresh token may have come along
// that exists nowhere else. The most is ten years.
func expiry(raw json.RawMessage, now time.Time) time.Time {
	seconds, err := strconv.ParseFloat(strings.TrimSpace(jsonScalar(raw)), 64)
	switch {
	case err != nil && !math.IsInf(seconds, 0), math.IsNaN(seconds):
		return time.Time{}
	case seconds <= 0:
		return now
	case seconds >= maxLife.Seconds():
		return now.Add(maxLife)
	}
	return now.Add(time.Duration(seconds * float64(time.Second)))
}

// grantedScopes reads scope: words separated by blanks (RFC 6749, 3.3), or by commas,
// or a JSON array, as other servers have it. It is nil where there is none, and has
// the first 256 where there are more.
func grantedScopes(raw json.RawMessage) []string {
	words := []string{jsonString(raw)}
	for _, e := range jsonArray(raw) {
		words = append(words, jsonString(e))
	}
	list := strings.FieldsFunc(strings.Join(words, " "), func(r rune) bool { return r == ',' || r <= ' ' })
	if len(list) == 0 {
		return nil
	}
	list = unique(list)
	return slices.Clone(list[:min(len(list), maxScopes)])
}

// judgeCode weighs a refused code exchange.
func judgeCode(c *call, f fault) verdict {
	if f.has("invalid_grant") || f.says("authorization code was invalid", "code verifier did not match") {
		return expired
	}
	if f.says("redirect_uri", "redirect uri") {
		return refused(ReasonCallback)
	}
	return judgeClient(c, f)
}

// judgeRefresh weighs a refused refresh.
func judgeRefresh(c *call, f fault) verdict {
	if f.has("invalid_grant", "invalid_token") || f.has("invalid_request") && tokenInvalid(f) {
		return tokenRefused
	}
	return judgeClient(c, f)
}

// tokenInvalid reports whether an invalid_request is about the token: X says "Value passed
// for the token was invalid." and other servers something like it or nothing. What else is
// required is always sent, so a request that is refused without a word is refused for its
// token.
func tokenInvalid(f fault) bool {
	if f.says("missing required parameter", "client", "header", "grant_type", "grant type") {
		return false
	}
	return f.text() == "" ||
		f.says("token") && f.says("invalid", "expired", "revoked", "not found", "unknown", "does not exist", "already used")
}

// judgeClient weighs what the token and revocation endpoints have in common.
func judgeClient(c *call, f fault) verdict {
	switch {
	case f.has("invalid_client", "unauthorized_client"),
		// Everything else that is required is always sent: what X misses is the client id.
		f.has("invalid_request") && f.says("missing required parameter"):
		return refused(ReasonCredentials)
	case f.has("server_error", "temporarily_unavailable"):
		return unavailable
	case f.has("invalid_scope"):
		return refused(ReasonScope)
	case f.access():
		return refused(ReasonAccess)
	case c.answer.status == http.StatusUnauthorized:
		return refused(ReasonCredentials)
	case f.form != formJSON:
		return unavailable
	}
	return refused(ReasonOther)
}

// Revoke implements [Revoker], by RFC 7009: the refresh token first, then the access
// token, since X does not say that the one takes the other along. Both are tried; the
// first error is returned. X insists on token_type_hint, although the RFC does not.
func (x *X) Revoke(ctx context.Context, t tokenstore.Token) error {
	if t.IsOAuth1() {
		return x.svc.misuse("revoke", ReasonOther, "the token is not an OAuth 2.0 token")
	}
	var first error
	for _, half := range []struct{ hint, token string }{
		{"refresh_token", t.RefreshToken},
		{"access_token", t.AccessToken},
	} {
		if half.token == "" {
			continue
		}
		if err := x.revoke(ctx, half.hint, half.token); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (x *X) revoke(ctx context.Context, hint, token string) error {
	c := x.svc.call(ctx, "revoke", token)
	defer c.stop()
	form := url.Values{"token": {token}, "token_type_hint": {hint}}
	if x.public {
		form.Set("client_id", x.oauth.ClientID)
	}
	r, err := http.NewRequestWithContext(c.ctx, http.MethodPost, x.svc.endpoint("/2/oauth2/revoke"), strings.NewReader(form.Encode()))
	if err != nil {
		return c.unreached()
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if !x.public {
		// RFC 6749, 2.3.1 encodes both parts before they are joined.
		r.SetBasicAuth(url.QueryEscape(x.oauth.ClientID), url.QueryEscape(x.oauth.ClientSecret))
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
	e := c.failure(func(c *call, f fault) verdict {
		gone = f.has("invalid_token", "invalid_grant") || f.says("value passed for the token was invalid")
		return judgeClient(c, f)
	})
	if gone {
		return nil
	}
	return e
}
