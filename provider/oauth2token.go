package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin/tokenstore"
)

// exchange exchanges a code that was issued for redirectURI. X's codes live 30 seconds, so
// nothing slow may precede it. The token's Scopes are nil if the answer names none.
func (o *oauth2Provider) exchange(ctx context.Context, code, verifier, redirectURI string) (tokenstore.Token, error) {
	c := o.begin(ctx, "token", code, verifier)
	defer c.stop()
	options := make([]oauth2.AuthCodeOption, 0, 2)
	if redirectURI != o.cfg.CallbackURL {
		options = append(options, oauth2.SetAuthURLParam("redirect_uri", redirectURI))
	}
	if !o.cfg.qq {
		options = append(options, oauth2.VerifierOption(verifier))
	}
	granted, err := o.client.Exchange(c.carried(), code, options...)
	return o.granted(c, granted, err)
}

// Refresh implements [Refresher]. A token that the answer calls expired, or whose lifetime is
// no integer, is returned because the refresh token beside it is valid.
func (o *oauth2Provider) Refresh(ctx context.Context, t tokenstore.Token) (tokenstore.Token, error) {
	if t.RefreshToken == "" {
		return tokenstore.Token{}, o.newError(ErrRefused, ReasonScope, "refresh",
			"the token has no refresh token: request the scope offline.access (X), offline_access, or the parameter access_type=offline")
	}
	c := o.begin(ctx, "refresh", t.RefreshToken, t.AccessToken)
	defer c.stop()
	granted, err := o.client.TokenSource(c.carried(), &oauth2.Token{RefreshToken: t.RefreshToken}).Token()
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

// Revoke implements [Provider] by RFC 7009. It tries both tokens, since X does not document
// that one revokes the other, and returns the first error.
func (o *oauth2Provider) Revoke(ctx context.Context, t tokenstore.Token) error {
	if o.cfg.RevokeURL == "" {
		return nil
	}
	if t.IsOAuth1() {
		return o.misuse("revoke", "the token is not an OAuth 2.0 token")
	}
	return cmp.Or(o.revokeOne(ctx, "refresh_token", t.RefreshToken), o.revokeOne(ctx, "access_token", t.AccessToken))
}

func (o *oauth2Provider) revokeOne(ctx context.Context, hint, token string) error {
	if token == "" {
		return nil
	}
	c := o.begin(ctx, "revoke", token)
	defer c.stop()
	id, secret := o.client.ClientID, o.client.ClientSecret
	// X requires the hint, although the RFC does not.
	form := url.Values{"token": {token}, "token_type_hint": {hint}}
	inBody := o.client.Endpoint.AuthStyle == oauth2.AuthStyleInParams
	if inBody {
		form.Set("client_id", id)
	}
	if inBody && secret != "" {
		form.Set("client_secret", secret)
	}
	body := strings.NewReader(form.Encode())
	r, _ := http.NewRequestWithContext(c.ctx, http.MethodPost, o.cfg.RevokeURL, body) // a checked address
	r.Header.Set("Content-Type", formType)
	if !inBody {
		// RFC 6749, section 2.3.1 encodes both parts before it joins them.
		r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	}
	_, _ = c.RoundTrip(r) //nolint:bodyclose // c has read and closed it
	return c.revoked()
}

// revoked returns the result of a revocation, whose answer c has.
func (c *call) revoked() error {
	if !c.ok() {
		return c.failure("")
	}
	if f := parseFault(c.header, c.body); f.page {
		return c.unusable("the answer is a page")
	}
	return nil
}

// carried is a context in which x/oauth2 sends its request by c.
func (c *call) carried() context.Context {
	c.ctx = context.WithValue(c.ctx, oauth2.HTTPClient, clientOver(tokenAnswers{c}))
	return c.ctx
}

// tokenAnswers adapts the answers of token endpoints to x/oauth2.
type tokenAnswers struct{ *call }

// The headers that x/oauth2 reads. Nothing changes them.
var (
	jsonHeader = http.Header{"Content-Type": {"application/json"}}
	formHeader = http.Header{"Content-Type": {formType}}
)

// RoundTrip implements [http.RoundTripper]. x/oauth2 chooses a parser by the content
// type, which is often wrong; X's answers are always JSON. It fails for a lifetime that is
// no integer, and a refresh that was granted must not be lost for that.
func (t tokenAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.cfg.qq {
		// The token endpoint accepts GET only.
		form, _ := io.ReadAll(r.Body)
		r.Method, r.Body, r.ContentLength, r.URL.RawQuery = http.MethodGet, nil, 0, string(form)
	}
	resp, err := t.call.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body := t.body
	resp.Header = jsonHeader
	if !t.x && len(body) > 0 && !strings.ContainsRune(`{["`, rune(body[0])) {
		resp.Header = formHeader
	} else if t.op == "refresh" && t.ok() {
		body = integerLifetime(body)
	}
	t.serve(resp, body)
	return resp, nil
}

// integerLifetime returns a token response with 0 for an expires_in that is no integer.
func integerLifetime(body []byte) []byte {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(body, &fields)
	life, set := fields["expires_in"]
	digits := strings.Trim(string(life), `"`)
	if _, err := strconv.ParseInt(digits, 10, 64); err == nil || !set || digits == "null" {
		return body
	}
	fields["expires_in"] = json.RawMessage("0")
	body, _ = json.Marshal(fields)
	return body
}

// granted returns the token of a token call (RFC 6749, section 5.1), or the error of that
// call. Scopes are nil if the answer has none.
func (o *oauth2Provider) granted(c *call, granted *oauth2.Token, err error) (t tokenstore.Token, _ error) {
	if err != nil {
		if f := parseFault(c.header, c.body); !o.x && f.oauth != "" {
			return t, c.failure("") // even with the status of a success
		}
		return t, c.failure("the answer has no usable token")
	}
	now := o.now()
	expiry, integer := expiryOf(granted.Extra("expires_in"), now)
	switch v := granted.Extra("access_token"); {
	case v == nil || v == "":
		// x/oauth2 ignores the case of names.
		return t, c.unusable("the answer has no access_token")
	case strings.ContainsFunc(granted.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }):
		return t, c.unusable("the answer has no usable access_token")
	case granted.TokenType != "" && !strings.EqualFold(granted.TokenType, "bearer"):
		// Other types are used in other ways (RFC 6749, section 7.1).
		return t, c.unusable("the answer's token_type is not bearer")
	case !integer && c.op != "refresh":
		return t, c.unusable("the answer's expires_in is no integer")
	}
	return tokenstore.Token{
		AccessToken: granted.AccessToken, RefreshToken: granted.RefreshToken, ObtainedAt: now,
		Expiry: expiry, Scopes: grantedScopes(granted.Extra("scope")),
	}, nil
}

// expiryOf converts expires_in, in seconds. A missing value means that the token does not
// expire. Any value that is not a positive integer means expired. That is not an error, since
// the refresh token of the same answer may exist nowhere else.
func expiryOf(v any, now time.Time) (at time.Time, integer bool) {
	if v == nil || v == "" {
		return time.Time{}, true
	}
	const tenYears = 10 * 365 * 24 * time.Hour
	seconds, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	if err != nil || seconds != math.Trunc(seconds) {
		return now, false
	}
	return now.Add(time.Duration(min(max(seconds, 0), tenYears.Seconds())) * time.Second), true
}

// grantedScopes splits scope: words separated by blanks (RFC 6749, section 3.3) or by
// commas, or a JSON array. It returns at most 256, and nil for none.
func grantedScopes(v any) []string {
	text := stringOf(v)
	array, _ := v.([]any)
	for _, e := range array {
		text += " " + stringOf(e)
	}
	scopes := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r <= ' ' })
	if len(scopes) == 0 {
		return nil
	}
	return unique(scopes)
}
