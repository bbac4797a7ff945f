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
	"sync"
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

func TestVerifiersHaveTheirShape(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, method, verifier string
		good                   bool
	}{
		{"S256 of 43 characters", "S256", strings.Repeat("a", 43), true},
		{"lower-case s256", "s256", strings.Repeat("a", 43), true},
		{"128 characters of the whole set", "S256", strings.Repeat("aZ09-._~", 16), true},
		{"plain", "plain", strings.Repeat("b", 43), true},
		{"plain by default", "", strings.Repeat("b", 43), true},
		{"42 characters", "S256", strings.Repeat("a", 42), false},
		{"129 characters", "S256", strings.Repeat("a", 129), false},
		{"a character outside the set", "S256", strings.Repeat("a", 43) + "+", false},
		{"plain of 42 characters", "plain", strings.Repeat("b", 42), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(t, xtest.Config{})
			q := authorizeQuery()
			q.Set("code_challenge_method", tt.method)
			q.Set("code_challenge", challenge(tt.verifier))
			if tt.method == "plain" || tt.method == "" {
				q.Set("code_challenge", tt.verifier)
			}
			form := codeForm(s.code(q, xtest.DefaultUserID))
			form.Set("code_verifier", tt.verifier)
			if r := s.confidential("/2/oauth2/token", form); (r.status == 200) != tt.good {
				t.Errorf("got %d %s", r.status, r.body)
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
	s := newSim(t, xtest.Config{})
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

func TestRefreshTokensRotate(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	first := s.signIn(xtest.DefaultUserID)
	second := s.refresh(first.Refresh).tokens(t)
	if second.Refresh == "" || second.Refresh == first.Refresh || second.Access == first.Access || second.Expires != 7200 {
		t.Errorf("got %+v after %+v", second, first)
	}
	if !s.Live(first.Access) || s.Live(first.Refresh) || !s.Live(second.Access) || !s.Live(second.Refresh) {
		t.Error("wanted: the old refresh token dead, all others alive")
	}
	s.refresh(first.Refresh).want(t, 400, typeJSON, invalid(spentToken))
	s.refresh("unknown").want(t, 400, typeJSON, invalid(spentToken))
	s.refresh(second.Access).want(t, 400, typeJSON, invalid(spentToken))
	s.public("/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {second.Refresh}}).
		want(t, 400, typeJSON, invalid(spentToken))
	s.confidential("/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}}).
		want(t, 400, typeJSON, invalid("Missing required parameter [refresh_token]."))
	s.refresh(second.Refresh).tokens(t)
}

func TestOfTwoRefreshesOneWins(t *testing.T) {
	t.Parallel()
	for _, family := range []bool{false, true} {
		s := newSim(t, xtest.Config{Switches: xtest.Switches{RefreshReuseRevokes: family}})
		first := s.signIn(xtest.DefaultUserID)
		const n = 8
		replies := make([]reply, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { replies[i] = s.refresh(first.Refresh) })
		}
		wg.Wait()
		var won []tokens
		for _, r := range replies {
			if r.status == 200 {
				won = append(won, r.tokens(t))
			} else if r.status != 400 || r.body != invalid(spentToken) {
				t.Errorf("a loser got %d %s", r.status, r.body)
			}
		}
		if len(won) != 1 {
			t.Fatalf("%d of %d won", len(won), n)
		}
		if s.Live(won[0].Refresh) == family || s.Live(won[0].Access) == family || s.Live(first.Access) == family {
			t.Errorf("RefreshReuseRevokes %v: the winner's pair is alive: %v", family, s.Live(won[0].Refresh))
		}
	}
}

func TestSwitchesOfRefresh(t *testing.T) {
	t.Parallel()
	t.Run("the answer is lost and the effect stays", func(t *testing.T) {
		s := newSim(t, xtest.Config{Switches: xtest.Switches{RefreshAnswerLost: true}})
		first := s.signIn(xtest.DefaultUserID)
		req := newRequest(t, "POST", s.base+"/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.Refresh}})
		req.SetBasicAuth(xtest.DefaultClientID, xtest.DefaultClientSecret)
		if resp, err := s.http.Do(req); err == nil {
			t.Fatalf("got %d", resp.StatusCode)
		}
		if s.Live(first.Refresh) {
			t.Error("the old refresh token is alive")
		}
	})
	t.Run("the old access token dies", func(t *testing.T) {
		s := newSim(t, xtest.Config{Switches: xtest.Switches{RefreshEndsAccess: true}})
		first := s.signIn(xtest.DefaultUserID)
		other := s.signIn(xtest.DefaultUserID)
		second := s.refresh(first.Refresh).tokens(t)
		if s.Live(first.Access) || !s.Live(second.Access) || !s.Live(other.Access) {
			t.Error("wanted: only the access token of the same grant dead")
		}
	})
	t.Run("refresh tokens have a lifetime", func(t *testing.T) {
		s := newSim(t, xtest.Config{Switches: xtest.Switches{RefreshLifetime: 24 * time.Hour}})
		first := s.signIn(xtest.DefaultUserID)
		s.Advance(24 * time.Hour)
		s.refresh(first.Refresh).want(t, 400, typeJSON, invalid(spentToken))
	})
	t.Run("without the switch they live for years", func(t *testing.T) {
		s := newSim(t, xtest.Config{})
		first := s.signIn(xtest.DefaultUserID)
		s.Advance(5 * 365 * 24 * time.Hour)
		s.refresh(first.Refresh).tokens(t)
	})
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	revoke := func(s *sim, token, hint string) reply {
		form := url.Values{"token": {token}}
		if hint != "" {
			form.Set("token_type_hint", hint)
		}
		return s.confidential("/2/oauth2/revoke", form)
	}
	s := newSim(t, xtest.Config{})
	got := s.signIn(xtest.DefaultUserID)
	revoke(s, got.Access, "").want(t, 400, typeJSON, invalid("Missing required parameter [token_type_hint]."))
	revoke(s, "", "access_token").want(t, 400, typeJSON, invalid("Missing required parameter [token]."))
	revoke(s, got.Access, "x").want(t, 400, typeJSON, invalid("Value passed for the token type hint was invalid."))
	s.public("/2/oauth2/revoke", url.Values{"token": {got.Access}, "token_type_hint": {"access_token"}}).
		want(t, 400, typeJSON, invalid(spentToken))
	revoke(s, got.Access, "access_token").want(t, 200, typeJSON, `{"revoked":true}`)
	if s.Live(got.Access) || !s.Live(got.Refresh) {
		t.Error("wanted: the named token dead and no other")
	}
	revoke(s, got.Access, "access_token").want(t, 200, typeJSON, `{"revoked":true}`)
	revoke(s, got.Refresh, "refresh_token").want(t, 200, typeJSON, `{"revoked":true}`)
	s.refresh(got.Refresh).want(t, 400, typeJSON, invalid(spentToken))

	s.SetSwitches(xtest.Switches{RevokeWithoutHint: true, RevokeEmptyBody: true, RevokeEndsGrant: true})
	got = s.signIn(xtest.DefaultUserID)
	revoke(s, got.Refresh, "").want(t, 200, typeJSON, "")
	if s.Live(got.Access) || s.Live(got.Refresh) {
		t.Error("RevokeEndsGrant: a token is alive")
	}
}

func TestAppOnlyTokens(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	ask := func(key, secret string, form url.Values) reply {
		req := newRequest(t, "POST", s.base+"/oauth2/token", form)
		req.SetBasicAuth(key, secret)
		return s.do(req)
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	got := ask(xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret, form).tokens(t)
	if got.Type != "bearer" || !s.Live(got.Access) {
		t.Errorf("got %+v", got)
	}
	if again := ask(xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret, form).tokens(t); again.Access != got.Access {
		t.Error("the second answer has another token")
	}
	for _, r := range []reply{
		ask(xtest.DefaultConsumerKey, "x", form),
		ask(xtest.DefaultClientID, xtest.DefaultClientSecret, form),
		s.do(newRequest(t, "POST", s.base+"/oauth2/token", form)),
	} {
		r.want(t, 403, typeJSON, `{"errors":[{"code":99,"message":"Unable to verify your credentials","label":"authenticity_token_error"}]}`)
	}
	if r := ask(xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret, url.Values{}); r.status != 403 {
		t.Errorf("no grant_type: got %d", r.status)
	}
}

func TestTokenEndpointsCanBeLimited(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{Switches: xtest.Switches{TokenRateLimit: 2}})
	ask := func() reply {
		return s.confidential("/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}})
	}
	for i, want := range []int{400, 400, 429, 429} {
		r := ask()
		if r.status != want || r.header.Get("x-rate-limit-limit") != "2" || r.header.Get("x-rate-limit-remaining") != fmt.Sprint(max(1-i, 0)) ||
			r.header.Get("x-rate-limit-reset") != fmt.Sprint(epoch.Add(15*time.Minute).Unix()) || r.header.Get("Retry-After") != "" {
			t.Errorf("request %d: got %d %v", i, r.status, r.header)
		}
		if want == 429 && r.body != codedBody(88, "Rate limit exceeded") {
			t.Errorf("got %s", r.body)
		}
	}
	s.requestToken(callback)
	s.Advance(15 * time.Minute)
	if r := ask(); r.status != 400 {
		t.Errorf("in the next window: got %d", r.status)
	}
}

func TestWhatIsOverIsForgotten(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{Switches: xtest.Switches{RefreshLifetime: time.Hour}})
	for range 5 {
		s.signIn(xtest.DefaultUserID)
		s.code(authorizeQuery(), xtest.DefaultUserID)
		s.requestToken(callback)
	}
	s.Advance(3 * time.Hour)
	s.refresh("x")
	if n, rt, c, tk := s.Kept(); n+rt+c+tk != 0 {
		t.Errorf("kept %d nonces, %d request tokens, %d codes, %d tokens", n, rt, c, tk)
	}
	s.SetSwitches(xtest.Switches{})
	r := s.signIn(xtest.DefaultUserID).Refresh
	for range xtest.MaxSpent + 10 {
		r = s.refresh(r).tokens(t).Refresh
	}
	if n := s.Spent(); n != xtest.MaxSpent {
		t.Errorf("%d spent refresh tokens are kept", n)
	}
}
