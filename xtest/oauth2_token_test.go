package xtest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

func body(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

// tokens is a token answer.
type tokens struct {
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Access  string `json:"access_token"`
	Scope   string `json:"scope"`
	Refresh string `json:"refresh_token"`
}

func (r reply) tokens(t *testing.T) tokens {
	t.Helper()
	var got tokens
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.status != 200 {
		t.Fatalf("got %d %s", r.status, r.body)
	}
	return got
}

func (s *sim) signIn(userID string) tokens {
	s.t.Helper()
	return s.confidential("/2/oauth2/token", codeForm(s.code(authorizeQuery(), userID))).tokens(s.t)
}

func (s *sim) refresh(token string) reply {
	s.t.Helper()
	return s.confidential("/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

func oauthBody(code, description string) string {
	return fmt.Sprintf(`{"error":%q,"error_description":%q}`, code, description)
}

func invalid(description string) string { return oauthBody("invalid_request", description) }

const (
	spentToken    = "Value passed for the token was invalid."
	missingHeader = `{"error":"unauthorized_client","error_description":"Missing valid authorization header"}`
)

func TestTokenAnswer(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	r := s.confidential("/2/oauth2/token", codeForm(s.code(authorizeQuery(), xtest.DefaultUserID)))
	got := r.tokens(t)
	if got.Type != "bearer" || got.Expires != 7200 {
		t.Errorf("got %+v", got)
	}
	if got.Scope == "tweet.read users.read offline.access" || len(strings.Fields(got.Scope)) != 3 {
		t.Errorf("scope is %q: the same scopes in another order are wanted", got.Scope)
	}
	if strings.Contains(r.body, xtest.DefaultUserID) || strings.Contains(r.body, "id_token") {
		t.Errorf("there is an identity in %s", r.body)
	}
	for kind, token := range map[string]string{"at": got.Access, "rt": got.Refresh, "ac": s.code(authorizeQuery(), xtest.DefaultUserID)} {
		b, err := base64.RawURLEncoding.DecodeString(token)
		shape := fmt.Sprintf(`^[A-Za-z0-9]+:%d:1:[01]:%s:1$`, epoch.UnixMilli(), kind)
		if err != nil || len(token) != 91 || !regexp.MustCompile(shape).Match(b) {
			t.Errorf("%s of %d characters is %s, %v", kind, len(token), b, err)
		}
	}
	if h := r.header.Get("Cache-Control"); !strings.Contains(h, "no-store") {
		t.Errorf("Cache-Control is %q", h)
	}
	if len(r.header.Values("Set-Cookie")) != 2 || r.header.Get("x-rate-limit-limit") != "" {
		t.Errorf("headers are %v", r.header)
	}

	s.SetSwitches(xtest.Switches{ScopeOrderAsAsked: true})
	if got := s.signIn(xtest.DefaultUserID); got.Scope != "tweet.read users.read offline.access" {
		t.Errorf("ScopeOrderAsAsked: scope is %q", got.Scope)
	}
	q := authorizeQuery()
	q.Set("scope", "users.read tweet.read users.read")
	got = s.confidential("/2/oauth2/token", codeForm(s.code(q, xtest.DefaultUserID))).tokens(t)
	if got.Refresh != "" || got.Scope != "users.read tweet.read" {
		t.Errorf("without offline.access: got %+v", got)
	}
}

func TestAccessTokensLiveForTwoHours(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	got := s.signIn(xtest.DefaultUserID)
	s.Advance(2*time.Hour - time.Second)
	if !s.Live(got.Access) || !s.Live(got.Refresh) {
		t.Error("a token is dead before two hours")
	}
	s.Advance(time.Second)
	if s.Live(got.Access) || !s.Live(got.Refresh) {
		t.Error("after two hours the access token, and it alone, is dead")
	}
	if r := s.refresh(got.Refresh); r.status != 200 {
		t.Errorf("refresh: got %d %s", r.status, r.body)
	}
}

func TestCodesAreBound(t *testing.T) {
	t.Parallel()
	const badCode = "Value passed for the authorization code was invalid."
	const badVerifier = "Value passed for the code verifier did not match the code challenge."
	set := func(name, value string) func(*sim, url.Values) {
		return func(_ *sim, f url.Values) { f.Set(name, value) }
	}
	without := func(name string) func(*sim, url.Values) { return func(_ *sim, f url.Values) { f.Del(name) } }
	for _, tt := range []struct {
		name   string
		change func(*sim, url.Values)
		want   string
	}{
		{"an unknown code", set("code", "x"), badCode},
		{"a code of 30 seconds", func(s *sim, _ url.Values) { s.Advance(30 * time.Second) }, badCode},
		{"another verifier", set("code_verifier", strings.Repeat("a", 43)), badVerifier},
		{"another redirect_uri", set("redirect_uri", callback+"/"), "Value passed for the redirect uri did not match the uri of the authorization code."},
		{"no code", without("code"), "Missing required parameter [code]."},
		{"no redirect_uri", without("redirect_uri"), "Missing required parameter [redirect_uri]."},
		{"no code_verifier", without("code_verifier"), "Missing required parameter [code_verifier]."},
		{"no grant_type", without("grant_type"), "Missing required parameter [grant_type]."},
		{"another grant_type", set("grant_type", "password"), "Value passed for the grant type was invalid."},
		{"a parameter twice", func(_ *sim, f url.Values) { f.Add("code", "x") }, "Duplicate parameter [code]."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(t, xtest.Config{})
			form := codeForm(s.code(authorizeQuery(), xtest.DefaultUserID))
			tt.change(s, form)
			s.confidential("/2/oauth2/token", form).want(t, 400, typeJSON, invalid(tt.want))
			s.SetSwitches(xtest.Switches{ErrorsArray: true})
			s.confidential("/2/oauth2/token", form)
			if r := s.confidential("/2/oauth2/token", form); !strings.Contains(r.body, `"errors":[{"message":"`) {
				t.Errorf("ErrorsArray: got %s", r.body)
			}
		})
	}
	t.Run("a code of 29 seconds", func(t *testing.T) {
		s := newSim(t, xtest.Config{})
		form := codeForm(s.code(authorizeQuery(), xtest.DefaultUserID))
		s.Advance(29 * time.Second)
		s.confidential("/2/oauth2/token", form).tokens(t)
		s.confidential("/2/oauth2/token", form).want(t, 400, typeJSON, invalid(badCode))
	})
	t.Run("the first attempt spends the code, also when it fails", func(t *testing.T) {
		s := newSim(t, xtest.Config{})
		form := codeForm(s.code(authorizeQuery(), xtest.DefaultUserID))
		bad := url.Values{}
		for k, v := range form {
			bad[k] = v
		}
		bad.Set("code_verifier", strings.Repeat("a", 43))
		s.confidential("/2/oauth2/token", bad).want(t, 400, typeJSON, invalid(badVerifier))
		s.confidential("/2/oauth2/token", form).want(t, 400, typeJSON, invalid(badCode))
	})
	t.Run("another client cannot use or spend it", func(t *testing.T) {
		s := newSim(t, xtest.Config{})
		form := codeForm(s.code(authorizeQuery(), xtest.DefaultUserID))
		theirs := codeForm(form.Get("code"))
		s.public("/2/oauth2/token", theirs).want(t, 400, typeJSON, invalid(badCode))
		s.confidential("/2/oauth2/token", form).tokens(t)
	})
}

// X takes verifiers of any length. Strict holds them to RFC 7636.
func TestVerifiersHaveTheirShape(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, method, verifier string
		good                   bool
	}{
		{"S256 of 43 characters", "S256", strings.Repeat("a", 43), true},
		{"128 characters of the whole set", "S256", strings.Repeat("aZ09-._~", 16), true},
		{"plain", "plain", strings.Repeat("b", 43), true},
		{"plain by default", "", strings.Repeat("b", 43), true},
		{"42 characters", "S256", strings.Repeat("a", 42), false},
		{"129 characters", "S256", strings.Repeat("a", 129), false},
		{"a character outside the set", "S256", strings.Repeat("a", 43) + "+", false},
		{"plain of 42 characters", "plain", strings.Repeat("b", 42), false},
		{"the verifier of X's documentation", "plain", "challenge", false},
		{"the 171 characters of X's SDK", "S256", strings.Repeat("c", 171), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, strict := range []bool{false, true} {
				s := newSim(t, xtest.Config{Switches: xtest.Switches{Strict: strict}})
				q := authorizeQuery()
				q.Set("code_challenge_method", tt.method)
				q.Set("code_challenge", challenge(tt.verifier))
				if tt.method == "plain" || tt.method == "" {
					q.Set("code_challenge", tt.verifier)
				}
				form := codeForm(s.code(q, xtest.DefaultUserID))
				form.Set("code_verifier", tt.verifier)
				if r := s.confidential("/2/oauth2/token", form); (r.status == 200) != (tt.good || !strict) {
					t.Errorf("strict %v: got %d %s", strict, r.status, r.body)
				}
			}
		})
	}
}

func TestClientsAuthenticateByTheirType(t *testing.T) {
	t.Parallel()
	basic := func(id, secret string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(id, secret) }
	}
	nothing := func(*http.Request) {}
	for _, tt := range []struct {
		name   string
		client string // of the grant
		auth   func(*http.Request)
		fields map[string]string
		good   bool
		refuse string
	}{
		{"confidential by Basic", xtest.DefaultClientID, basic(xtest.DefaultClientID, xtest.DefaultClientSecret), nil, true, ""},
		{"confidential by Basic with client_id beside it", xtest.DefaultClientID, basic(xtest.DefaultClientID, xtest.DefaultClientSecret), map[string]string{"client_id": xtest.DefaultClientID}, true, ""},
		{"confidential with the secret in the body", xtest.DefaultClientID, nothing, map[string]string{"client_id": xtest.DefaultClientID, "client_secret": xtest.DefaultClientSecret}, false, ""},
		{"confidential in the style of a public app", xtest.DefaultClientID, nothing, map[string]string{"client_id": xtest.DefaultClientID}, false, ""},
		{"confidential with a wrong secret", xtest.DefaultClientID, basic(xtest.DefaultClientID, "x"), nil, false, ""},
		{"confidential with two ids", xtest.DefaultClientID, basic(xtest.DefaultClientID, xtest.DefaultClientSecret), map[string]string{"client_id": "x"}, false, ""},
		{"nobody", xtest.DefaultClientID, nothing, nil, false, ""},
		{"an unknown client", xtest.DefaultClientID, basic("x", "y"), nil, false, ""},
		{"the API key for the client id", xtest.DefaultClientID, basic(xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret), nil, false, ""},
		{"a bearer header", xtest.DefaultClientID, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, nil, false, ""},
		{"public with client_id", xtest.DefaultPublicClientID, nothing, map[string]string{"client_id": xtest.DefaultPublicClientID}, true, ""},
		{"public with client_id and Basic", xtest.DefaultPublicClientID, basic(xtest.DefaultPublicClientID, "anything"), map[string]string{"client_id": xtest.DefaultPublicClientID}, true, ""},
		{"public with Basic alone", xtest.DefaultPublicClientID, basic(xtest.DefaultPublicClientID, ""), nil, false, invalid("Missing required parameter [client_id].")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(t, xtest.Config{})
			q := authorizeQuery()
			q.Set("client_id", tt.client)
			send := func(path string, form url.Values) reply {
				for k, v := range tt.fields {
					form.Set(k, v)
				}
				req := newRequest(t, "POST", s.base+path, form)
				tt.auth(req)
				return s.do(req)
			}
			code := s.code(q, xtest.DefaultUserID)
			r := send("/2/oauth2/token", codeForm(code))
			refresh, refuseAll := "any", !tt.good
			if !refuseAll {
				refresh = r.tokens(t).Refresh
				r = send("/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
				refresh = r.tokens(t).Refresh
				send("/2/oauth2/revoke", url.Values{"token": {refresh}, "token_type_hint": {"refresh_token"}}).
					want(t, 200, typeJSON, `{"revoked":true}`)
				return
			}
			status, text := 401, missingHeader
			if tt.refuse != "" {
				status, text = 400, tt.refuse
			}
			r.want(t, status, typeJSON, text)
			send("/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}).want(t, status, typeJSON, text)
			send("/2/oauth2/revoke", url.Values{"token": {refresh}, "token_type_hint": {"refresh_token"}}).want(t, status, typeJSON, text)
		})
	}
}

func TestTokenEndpointsWantAPostedForm(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{Switches: xtest.Switches{Strict: true}})
	for _, path := range []string{"/oauth/request_token", "/oauth/access_token", "/1.1/oauth/invalidate_token.json", "/2/oauth2/token", "/2/oauth2/revoke", "/oauth2/token"} {
		if r := s.do(newRequest(t, "GET", s.base+path, nil)); r.status != 405 || r.header.Get("Allow") != "POST" {
			t.Errorf("GET %s: got %d", path, r.status)
		}
	}
	req := newRequest(t, "POST", s.base+"/2/oauth2/token?"+codeForm(s.code(authorizeQuery(), xtest.DefaultUserID)).Encode(), nil)
	req.SetBasicAuth(xtest.DefaultClientID, xtest.DefaultClientSecret)
	s.do(req).want(t, 400, typeJSON, invalid("Missing required parameter [grant_type]."))
	req = newRequest(t, "POST", s.base+"/2/oauth2/token", nil)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Body = body(strings.Repeat("a", 1<<20+1))
	if r := s.do(req); r.status != 413 {
		t.Errorf("a form above 1 MiB: got %d", r.status)
	}
	req.Body = body("%zz")
	if r := s.do(req); r.status != 401 {
		t.Errorf("a form that cannot be read: got %d", r.status)
	}
}
