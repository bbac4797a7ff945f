package provider_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

func stored() tokenstore.Token {
	return tokenstore.Token{
		AccessToken: accessToken, RefreshToken: refreshToken, Expiry: fixed(), Scopes: []string{"tweet.read", "users.read", "offline.access"},
		AccountID: "2244994945", ObtainedAt: fixed().Add(-2 * time.Hour), NeedsReauth: true,
	}
}

func TestRefreshTakesTheNewTokenAndKeepsWhatTheAnswerDoesNotSay(t *testing.T) {
	for name, public := range map[string]bool{"as a confidential app": false, "as a public app": true} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.reply("/2/oauth2/token", 200, `{"token_type":"Bearer","expires_in":"7200","access_token":"`+newAccess+`","refresh_token":"`+newRefresh+`","scope":"a"}`,
				`{"access_token":"`+newAccess+`"}`)
			x := s.x(t, func(c *provider.OAuth2Config) {
				c.Now = fixed
				if public {
					c.ClientSecret = ""
				}
			})
			got, err := x.Refresh(ctx, stored())
			if err != nil {
				t.Fatal(err)
			}
			if got.AccessToken != newAccess || got.RefreshToken != newRefresh || !slices.Equal(got.Scopes, []string{"a"}) || got.AccountID != "2244994945" ||
				!got.Expiry.Equal(fixed().Add(2*time.Hour)) || !got.ObtainedAt.Equal(fixed()) || got.NeedsReauth {
				t.Errorf("token is %v", got)
			}
			got, err = x.Refresh(ctx, stored())
			if err != nil {
				t.Fatal(err)
			}
			if got.RefreshToken != refreshToken || !slices.Equal(got.Scopes, stored().Scopes) || !got.Expiry.IsZero() {
				t.Errorf("token is %v", got)
			}

			all := s.requests()
			form := all[0].form()
			basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":"+clientSecret))
			if len(all) != 2 || form.Get("grant_type") != "refresh_token" || form.Get("refresh_token") != refreshToken || form.Has("client_secret") {
				t.Errorf("%d requests, the first with %v", len(all), form)
			}
			if public && (all[0].header.Get("Authorization") != "" || form.Get("client_id") != clientID) ||
				!public && (all[0].header.Get("Authorization") != basic || form.Has("client_id")) {
				t.Errorf("the client authenticated by %q and %v", all[0].header.Get("Authorization"), form)
			}
		})
	}
}

func TestRefreshWithoutARefreshTokenAsksNobody(t *testing.T) {
	s := newServer(t)
	_, err := s.x(t).Refresh(ctx, tokenstore.Token{AccessToken: accessToken})
	if e := failed(t, err, provider.ErrRefused); e.Reason != provider.ReasonScope || len(s.requests()) != 0 {
		t.Errorf("error is %v after %d requests", err, len(s.requests()))
	}
}

const (
	spent       = `{"error":"invalid_request","error_description":"Value passed for the token was invalid."}`
	noHeader    = `{"error":"unauthorized_client","error_description":"Missing valid authorization header"}`
	missing     = `{"error":"invalid_request","error_description":"Missing required parameter [client_id]."}`
	badCode     = `{"error":"invalid_request","error_description":"Value passed for the authorization code was invalid.","errors":[]}`
	badVerifier = `{"error":"invalid_request","error_description":"Value passed for the code verifier did not match the code challenge."}`
	page        = `<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body>error</body></html>`
	notEnrolled = `{"client_id":"1","detail":"When authenticating requests to the Twitter API v2 endpoints, you must use keys and tokens from a Twitter developer App that is attached to a Project.","title":"Client Forbidden","required_enrollment":"Appropriate Level of API Access","reason":"client-not-enrolled","type":"https://api.twitter.com/2/problems/client-forbidden"}`
	noCredits   = `{"title":"CreditsDepleted","detail":"Your enrolled account [1234567890123456789] does not have any credits to fulfill this request.","type":"https://api.twitter.com/2/problems/credits"}`
	tooMany     = `{"title":"Too Many Requests","detail":"Too Many Requests","type":"about:blank","status":429}`
)

// refusal is what an answer means.
type refusal struct {
	name   string
	status int
	body   string
	kind   error
	reason provider.Reason
	code   string
}

// anywhere are the answers that mean the same at the token endpoint whatever is asked.
var anywhere = []refusal{
	{"the Basic header missing", 401, noHeader, provider.ErrRefused, provider.ReasonCredentials, "unauthorized_client"},
	{"the client unknown", 401, `{"error":"invalid_client"}`, provider.ErrRefused, provider.ReasonCredentials, "invalid_client"},
	{"the client unknown with status 400", 400, `{"error":"invalid_client"}`, provider.ErrRefused, provider.ReasonCredentials, "invalid_client"},
	{"a parameter missing", 400, missing, provider.ErrRefused, provider.ReasonCredentials, "invalid_request"},
	{"401 and nothing", 401, ``, provider.ErrRefused, provider.ReasonCredentials, ""},
	{"401 in X's other form", 401, `{"title":"Unauthorized","type":"about:blank","status":401,"detail":"Unauthorized"}`, provider.ErrRefused, provider.ReasonCredentials, ""},
	{"a grant that X does not know", 400, `{"error":"unsupported_grant_type"}`, provider.ErrRefused, provider.ReasonOther, "unsupported_grant_type"},
	{"a scope that X does not know", 400, `{"error":"invalid_scope"}`, provider.ErrRefused, provider.ReasonScope, "invalid_scope"},
	{"invalid_request in other words", 400, `{"error":"invalid_request","error_description":"Nope."}`, provider.ErrRefused, provider.ReasonOther, "invalid_request"},
	{"an error beyond the RFC", 400, `{"error":"temporarily_unavailable"}`, provider.ErrUnavailable, "", "temporarily_unavailable"},
	{"an app without a project", 403, notEnrolled, provider.ErrRefused, provider.ReasonNotEnrolled, "client-forbidden"},
	{"no credits", 402, noCredits, provider.ErrRefused, provider.ReasonCredits, "credits"},
	{"a spending limit", 403, `{"title":"UsageCapExceeded","detail":"x","type":"https://api.x.com/2/problems/usage-capped"}`, provider.ErrRefused, provider.ReasonCredits, "usage-capped"},
	{"a spent cap", 429, `{"title":"UsageCapExceeded"}`, provider.ErrRefused, provider.ReasonUsageCap, ""},
	{"credits that are spent, with status 403", 403, `{"title":"CreditsDepleted"}`, provider.ErrRefused, provider.ReasonCredits, ""},
	{"too many calls", 429, tooMany, provider.ErrRateLimited, "", ""},
	{"too many calls in old words", 429, `{"errors":[{"code":88,"message":"Rate limit exceeded"}]}`, provider.ErrRateLimited, "", "88"},
	{"too many calls at the edge", 429, page, provider.ErrRateLimited, "", ""},
	{"a page with status 403", 403, page, provider.ErrUnavailable, "", ""},
	{"a page with status 401", 401, page, provider.ErrUnavailable, "", ""},
	{"a page with status 400", 400, "<html>no", provider.ErrUnavailable, "", ""},
	{"a page with status 200", 200, page, provider.ErrUnavailable, "", ""},
	{"an outage", 503, `{"title":"Service Unavailable"}`, provider.ErrUnavailable, "", ""},
	{"an outage that repeats invalid_grant", 500, `{"error":"invalid_grant"}`, provider.ErrUnavailable, "", "invalid_grant"},
	{"an outage that repeats X's text", 503, spent, provider.ErrUnavailable, "", "invalid_request"},
	{"a page with status 502", 502, page, provider.ErrUnavailable, "", ""},
	{"a request that took too long", 408, ``, provider.ErrUnavailable, "", ""},
	{"a redirect", 307, ``, provider.ErrUnavailable, "", ""},
	{"trouble at X with status 401", 401, "This feature is temporarily unavailable", provider.ErrUnavailable, "", ""},
	{"a suspended user by the text alone", 403, `{"title":"Forbidden","detail":"User has been suspended.","type":"about:blank"}`, provider.ErrAccountRefused, "", ""},
	{"a suspended developer account", 403, `{"title":"Forbidden","detail":"Your developer account has been suspended."}`, provider.ErrRefused, provider.ReasonAccess, ""},
	{"plain text with status 403", 403, "error code: 1020", provider.ErrUnavailable, "", ""},
	{"nothing with status 400", 400, "", provider.ErrUnavailable, "", ""},
	{"a JSON array", 400, "[]", provider.ErrUnavailable, "", ""},
	{"cut JSON", 400, `{"error":"invalid_gr`, provider.ErrUnavailable, "", ""},
	{"nothing with status 200", 200, "", provider.ErrUnavailable, "", ""},
	{"cut JSON with status 200", 200, tokenBody[:60], provider.ErrUnavailable, "", ""},
	{"a form with status 200", 200, "access_token=" + accessToken, provider.ErrUnavailable, "", ""},
	{"an error with status 200", 200, `{"error":"invalid_grant"}`, provider.ErrUnavailable, "", ""},
	{"no access token", 200, `{"token_type":"bearer"}`, provider.ErrUnavailable, "", ""},
	{"an access token in other case", 200, `{"ACCESS_TOKEN":"x"}`, provider.ErrUnavailable, "", ""},
	{"an access token of another type", 200, `{"access_token":1}`, provider.ErrUnavailable, "", ""},
	{"an access token with a line end", 200, `{"access_token":"a\nb"}`, provider.ErrUnavailable, "", ""},
	{"a token of another type", 200, `{"access_token":"a","token_type":"mac"}`, provider.ErrUnavailable, "", ""},
}

func TestEveryAnswerToARefreshHasOneMeaning(t *testing.T) {
	for _, c := range append([]refusal{
		{"X's word for a spent token", 400, spent, provider.ErrTokenRefused, "", "invalid_request"},
		{"X's word inside errors", 400, `{"error":"invalid_request","errors":[{"message":"Value passed for the token was invalid."}]}`, provider.ErrTokenRefused, "", "invalid_request"},
		{"X's word in X's other form", 400, `{"errors":[{"message":"Value passed for the token was invalid."}],"title":"Invalid Request","detail":"One or more parameters to your request was invalid.","type":"https://api.x.com/2/problems/invalid-request"}`, provider.ErrTokenRefused, "", "invalid-request"},
		{"another parameter in X's other form", 400, `{"errors":[{"message":"Value passed for the client id was invalid."}],"title":"Invalid Request","type":"https://api.x.com/2/problems/invalid-request"}`, provider.ErrRefused, provider.ReasonOther, "invalid-request"},
		{"the RFC's word for a spent token", 400, `{"error":"invalid_grant"}`, provider.ErrTokenRefused, "", "invalid_grant"},
		{"the RFC's word with 401", 401, `{"error":"invalid_grant"}`, provider.ErrTokenRefused, "", "invalid_grant"},
		{"the RFC's word with 403", 403, `{"error":"invalid_grant"}`, provider.ErrTokenRefused, "", "invalid_grant"},
		{"X's text under another error", 400, `{"error":"unauthorized_client","error_description":"Value passed for the token was invalid."}`, provider.ErrRefused, provider.ReasonCredentials, "unauthorized_client"},
		{"another server's word for a spent token", 400, `{"error":"invalid_token"}`, provider.ErrTokenRefused, "", "invalid_token"},
		{"the same with 401", 401, `{"error":"invalid_token"}`, provider.ErrTokenRefused, "", "invalid_token"},
		{"X's word with another name of the parameter", 400, `{"error":"invalid_request","error_description":"Value passed for the refresh_token was invalid."}`, provider.ErrTokenRefused, "", "invalid_request"},
		{"another server's word for a token that was taken back", 400, `{"error":"invalid_request","error_description":"The refresh token has been revoked"}`, provider.ErrTokenRefused, "", "invalid_request"},
		{"a token endpoint that is overloaded", 400, `{"error":"invalid_request","error_description":"The token endpoint is overloaded, try later"}`, provider.ErrRefused, provider.ReasonOther, "invalid_request"},
		{"invalid_request without a word", 400, `{"error":"invalid_request"}`, provider.ErrTokenRefused, "", "invalid_request"},
		{"a header that the token endpoint misses", 400, `{"error":"invalid_request","error_description":"Missing token header"}`, provider.ErrRefused, provider.ReasonOther, "invalid_request"},
		{"a limit that repeats invalid_grant", 429, `{"error":"invalid_grant"}`, provider.ErrRateLimited, "", "invalid_grant"},
	}, anywhere...) {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.reply("/2/oauth2/token", c.status, c.body)
			got, err := s.x(t).Refresh(ctx, stored())
			c.check(t, err, "refresh")
			if c.kind != provider.ErrTokenRefused {
				notTokenRefused(t, err)
			}
			if got.AccessToken != "" || len(s.requests()) != 1 {
				t.Errorf("token %v after %d requests", got, len(s.requests()))
			}
		})
	}
}

func TestEveryAnswerToACodeHasOneMeaning(t *testing.T) {
	for _, c := range append([]refusal{
		{"X's word for a bad code", 400, badCode, provider.ErrExpired, "", "invalid_request"},
		{"a suspended user", 403, `{"title":"Forbidden","type":"https://api.x.com/2/problems/user-suspended"}`, provider.ErrAccountRefused, "", "user-suspended"},
		{"another verifier", 400, badVerifier, provider.ErrExpired, "", "invalid_request"},
		{"the RFC's word for a bad code", 400, `{"error":"invalid_grant"}`, provider.ErrExpired, "", "invalid_grant"},
		{"another redirect_uri", 400, `{"error":"invalid_request","error_description":"Value passed for the redirect uri did not match."}`, provider.ErrRefused, provider.ReasonCallback, "invalid_request"},
	}, anywhere...) {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.reply("/2/oauth2/token", c.status, c.body)
			user, token, err := signIn(t, s.x(t), provider.Options{})
			c.check(t, err, "token")
			notTokenRefused(t, err)
			if user != (provider.User{}) || token.AccessToken != "" || len(s.requests()) != 1 {
				t.Errorf("%v and %v after %d requests", user, token, len(s.requests()))
			}
		})
	}
}

func (c refusal) check(t *testing.T, err error, op string) {
	t.Helper()
	e := failed(t, err, c.kind)
	if e.Reason != c.reason || e.Code != c.code || e.Status != c.status || e.Op != op {
		t.Errorf("error is %v: reason %q, code %q, status %d, step %s; want %q, %q, %d, %s", err, e.Reason, e.Code, e.Status, e.Op, c.reason, c.code, c.status, op)
	}
}

func notTokenRefused(t *testing.T, err error) {
	t.Helper()
	if e := failed(t, err, err.(*provider.Error).Kind); e.Kind == provider.ErrTokenRefused {
		t.Errorf("%v would end the user's access", err)
	}
}

func TestALifetimeIsReadSanely(t *testing.T) {
	tenYears := 10 * 365 * 24 * time.Hour
	for raw, want := range map[string]time.Duration{
		"7200": 2 * time.Hour, `"7200"`: 2 * time.Hour, "99999999999": tenYears, "null": -1, "0": 0, "-5": 0,
		// A refresh that X granted must not be lost. What is no integer is taken for expired.
		`" 60 "`: 0, "1.5": 0, `"-1e400"`: 0, "-1e400": 0, "1e20": 0, "1e400": 0, `"inf"`: 0,
		`"soon"`: 0, `"nan"`: 0, "{}": 0, "true": 0, `""`: 0,
	} {
		t.Run(raw, func(t *testing.T) {
			s := newServer(t)
			s.reply("/2/oauth2/token", 200, `{"access_token":"a","refresh_token":"`+newRefresh+`","expires_in":`+raw+`}`)
			got, err := s.x(t, func(c *provider.OAuth2Config) { c.Now = fixed }).Refresh(ctx, stored())
			if err != nil {
				t.Fatal(err)
			}
			if want < 0 && !got.Expiry.IsZero() || want >= 0 && !got.Expiry.Equal(fixed().Add(want)) {
				t.Errorf("the expiry is %v, want %v after now", got.Expiry, want)
			}
			if got.RefreshToken != newRefresh {
				t.Error("the refresh token is lost")
			}
		})
	}
}

func TestScopesAreASetHoweverTheyAreWritten(t *testing.T) {
	for raw, want := range map[string][]string{
		`"b a"`:           {"b", "a"},
		`"a,b, c"`:        {"a", "b", "c"},
		`["a","b","a",1]`: {"a", "b"},
		`["a b"]`:         {"a", "b"},
		`" a  a "`:        {"a"},
		`""`:              stored().Scopes,
		`null`:            stored().Scopes,
		`7`:               stored().Scopes,
		`[]`:              stored().Scopes,
	} {
		t.Run(raw, func(t *testing.T) {
			s := newServer(t)
			s.reply("/2/oauth2/token", 200, `{"access_token":"a","scope":`+raw+`}`)
			got, err := s.x(t).Refresh(ctx, stored())
			if err != nil || !slices.Equal(got.Scopes, want) {
				t.Errorf("scopes are %v (%v), want %v", got.Scopes, err, want)
			}
		})
	}
}

func TestRevokeTakesBothHalvesBack(t *testing.T) {
	for name, public := range map[string]bool{"as a confidential app": false, "as a public app": true} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			x := s.x(t, func(c *provider.OAuth2Config) {
				if public {
					c.ClientSecret = ""
				}
			})
			if err := x.Revoke(ctx, stored()); err != nil {
				t.Fatal(err)
			}
			all := s.requests()
			if len(all) != 2 {
				t.Fatalf("%d requests, want 2", len(all))
			}
			for i, want := range []url.Values{
				{"token": {refreshToken}, "token_type_hint": {"refresh_token"}},
				{"token": {accessToken}, "token_type_hint": {"access_token"}},
			} {
				user, password, basic := (&http.Request{Header: all[i].header}).BasicAuth()
				if public {
					want.Set("client_id", clientID)
				}
				if basic == public || basic && (user != clientID || password != clientSecret) {
					t.Errorf("request %d authenticated by %q", i, all[i].header.Get("Authorization"))
				}
				if all[i].method != "POST" || all[i].path != "/2/oauth2/revoke" || all[i].form().Encode() != want.Encode() {
					t.Errorf("request %d was %s %s with %v, want %v", i, all[i].method, all[i].path, all[i].form(), want)
				}
			}
			if err := x.Revoke(ctx, tokenstore.Token{}); err != nil || len(s.requests()) != 2 {
				t.Errorf("revoking nothing: %v after %d requests", err, len(s.requests()))
			}
		})
	}
}

func TestEveryAnswerToARevocationHasOneMeaning(t *testing.T) {
	for _, c := range []refusal{
		{"a body that nobody has documented", 200, `{"revoked":true}`, nil, "", ""},
		{"nothing", 200, ``, nil, "", ""},
		{"X's word for a token that is gone", 400, spent, nil, "", ""},
		{"another word for a token that is gone", 400, `{"error":"invalid_token"}`, nil, "", ""},
		{"a page with status 200", 200, page, provider.ErrUnavailable, "", ""},
		{"the Basic header missing", 401, noHeader, provider.ErrRefused, provider.ReasonCredentials, "unauthorized_client"},
		{"the hint missing", 400, `{"error":"invalid_request","error_description":"Missing required parameter [token_type_hint]."}`, provider.ErrRefused, provider.ReasonCredentials, "invalid_request"},
		{"a type that is not taken back", 400, `{"error":"unsupported_token_type"}`, provider.ErrRefused, provider.ReasonOther, "unsupported_token_type"},
		{"an outage that says it is gone", 503, spent, provider.ErrUnavailable, "", "invalid_request"},
		{"a limit", 429, tooMany, provider.ErrRateLimited, "", ""},
		{"a redirect", 302, "", provider.ErrUnavailable, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.reply("/2/oauth2/revoke", c.status, c.body)
			err := s.x(t).Revoke(ctx, stored())
			if c.kind == nil && err != nil {
				t.Fatal(err)
			}
			if c.kind != nil {
				c.check(t, err, "revoke")
			}
			if len(s.requests()) != 2 {
				t.Errorf("%d requests, want one for each half", len(s.requests()))
			}
		})
	}
}

func TestRevokeTriesTheSecondHalfWhereTheFirstFails(t *testing.T) {
	s := newServer(t)
	s.serve("/2/oauth2/revoke", func(w http.ResponseWriter, _ *http.Request) {
		if strings.Contains(s.last(t).body, "hint=refresh_token") {
			w.WriteHeader(500)
		}
	})
	failed(t, s.x(t).Revoke(ctx, stored()), provider.ErrUnavailable)
	if len(s.requests()) != 2 {
		t.Errorf("%d requests, want 2", len(s.requests()))
	}
}

func TestTokensOfTheOtherProtocolAreNotSent(t *testing.T) {
	s := newServer(t)
	one := tokenstore.Token{AccessToken: accessToken, TokenSecret: tokenSecret}
	failed(t, s.x(t).Revoke(ctx, one), provider.ErrRefused)
	_, err := s.x(t).Profile(ctx, one)
	if e := failed(t, err, provider.ErrRefused); e.Op != "users/me" {
		t.Errorf("step is %s", e.Op)
	}
	failed(t, s.xoauth1(t).Revoke(ctx, stored()), provider.ErrRefused)
	_, err = s.xoauth1(t).Profile(ctx, stored())
	failed(t, err, provider.ErrRefused)
	if len(s.requests()) != 0 {
		t.Error("something was sent")
	}
}

// TestAChallengeAtARefreshIsNotAboutTheRefreshToken: a server in front of X may send it.
func TestAChallengeAtARefreshIsNotAboutTheRefreshToken(t *testing.T) {
	s := newServer(t)
	s.replyHeader("/2/oauth2/token", reply{401, map[string]string{"WWW-Authenticate": `Bearer error="invalid_token"`}, ""})
	_, err := s.x(t).Refresh(ctx, stored())
	failed(t, err, provider.ErrRefused)
}
