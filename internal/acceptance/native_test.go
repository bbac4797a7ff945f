package acceptance_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

const nativeURI = "com.example.app:/callback"

// nativeSite is a site to which programs may sign in, in both ways.
func nativeSite(t *testing.T, edit ...func(*xsignin.Config)) *site {
	s := newSite(t, append([]func(*xsignin.Config){func(c *xsignin.Config) {
		c.Advanced.Native = handlers.NativeClients{RedirectURIs: []string{nativeURI, "http://127.0.0.1:8765/cb"}, TokenPairs: true}
	}}, edit...)...)
	s.X.SetCallbacks(s.Public+"/auth/callback", nativeURI, "http://127.0.0.1:8765/cb")
	return s
}

// fields are the JSON fields that a program sends.
type fields map[string]string

func (f fields) with(pairs ...string) fields {
	g := fields{}
	for k, v := range f {
		g[k] = v
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if g[pairs[i]] = pairs[i+1]; pairs[i+1] == "" {
			delete(g, pairs[i])
		}
	}
	return g
}

// code returns the code for a program that userID has allowed at X. The program creates state
// and verifier itself, and has not called the site before.
func (s *site) code(userID string, verifiers ...string) fields {
	s.T.Helper()
	verifier := cmp.Or(append(verifiers, oauth2.GenerateVerifier())...)
	cfg := oauth2.Config{
		ClientID: xtest.DefaultClientID, RedirectURL: nativeURI, Scopes: []string{"tweet.read", "users.read", "offline.access"},
		Endpoint: oauth2.Endpoint{AuthURL: "https://x.com/i/oauth2/authorize"},
	}
	callback, err := s.X.Approve(cfg.AuthCodeURL("made-by-the-program", oauth2.S256ChallengeOption(verifier)), userID)
	if err != nil {
		s.T.Fatal(err)
	}
	f := fields{"provider": "x", "code": testkit.Param(s.T, callback, "code"), "code_verifier": verifier, "redirect_uri": nativeURI}
	s.Watch.Secret("a code", f["code"])
	s.Watch.Secret("a code_verifier", verifier)
	return f
}

// pairAt returns the token pair for a program that userID has allowed at x, for the application
// with this consumer key.
func pairAt(t *testing.T, x *xtest.X, key, secret, userID string) fields {
	t.Helper()
	p, err := provider.NewXOAuth1(provider.OAuth1Config{ConsumerKey: key, ConsumerSecret: secret, CallbackURL: "oob", Transport: x.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context()) // which is not part of a bubble
	redirect, pending, err := p.Begin(ctx, provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pin, err := x.Approve(redirect, userID)
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := p.Finish(ctx, pending, url.Values{"oauth_token": {pending.State}, "oauth_verifier": {pin}})
	if err != nil {
		t.Fatal(err)
	}
	return fields{"provider": "x-oauth1", "oauth_token": token.AccessToken, "oauth_token_secret": token.TokenSecret}
}

func (s *site) pair(userID string) fields {
	s.T.Helper()
	f := pairAt(s.T, s.X, xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret, userID)
	s.Watch.Secret("an oauth_token", f["oauth_token"])
	s.Watch.Secret("an oauth_token_secret", f["oauth_token_secret"])
	return f
}

// post sends body like a program, without browser headers.
func (b *browser) post(body string, headers ...string) answer {
	b.s.T.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, b.s.Public+"/auth/native", strings.NewReader(body))
	if err != nil {
		b.s.T.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return b.Do(req)
}

func (b *browser) native(f fields, headers ...string) answer {
	b.s.T.Helper()
	body, err := json.Marshal(f)
	if err != nil {
		b.s.T.Fatal(err)
	}
	return b.post(string(body), headers...)
}

// upstreamCalls are the calls to X for sign-ins by programs.
func (s *site) upstreamCalls() int {
	return s.X.Count(http.MethodPost, "/2/oauth2/token") + s.X.Count(http.MethodGet, "/2/users/me")
}

func TestAProgramSignsInCallsXAndSignsOut(t *testing.T) {
	for name, tt := range map[string]struct {
		grant func(*site) fields
		calls int
	}{
		"by a code":       {func(s *site) fields { return s.code(xtest.SecondUserID) }, 2},
		"by a token pair": {func(s *site) fields { return s.pair(xtest.SecondUserID) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			asked, returnTo := provider.User{}, "nothing"
			s := nativeSite(t, func(c *xsignin.Config) {
				c.OnSignIn = func(_ context.Context, in *xsignin.SignIn) error {
					asked, returnTo = in.User, in.ReturnTo
					in.User.ID = "row-7"
					return nil
				}
			})
			b := s.browser() // a client with a cookie jar
			f := tt.grant(s)
			before := s.upstreamCalls()
			a := b.native(f)
			var doc struct {
				SignedIn  bool `json:"signed_in"`
				User      provider.User
				LogoutURL string `json:"logout_url"`
			}
			if err := json.Unmarshal([]byte(a.Text), &doc); err != nil {
				t.Fatalf("status %d: %s", a.StatusCode, a.Text)
			}
			if a.StatusCode != http.StatusOK || !doc.SignedIn || doc.User.AccountID != xtest.SecondUserID || doc.User.ID != "row-7" ||
				doc.User.Username != xtest.SecondUserName || doc.User.Provider != f["provider"] || doc.LogoutURL != "/auth/logout" {
				t.Errorf("status %d, %s", a.StatusCode, a.Text)
			}
			if a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%v", a.Header)
			}
			if session := b.Get("/auth/session", "Accept", "application/json"); session.Text != a.Text {
				t.Errorf("the session is told in another way:\n%s%s", session.Text, a.Text)
			}
			if n := s.upstreamCalls() - before; n != tt.calls {
				t.Errorf("X was asked %d times, want %d", n, tt.calls)
			}
			if asked.AccountID != xtest.SecondUserID || returnTo != "" {
				t.Errorf("OnSignIn was asked about %+v, who goes to %q", asked, returnTo)
			}
			if kinds := s.Told(); len(kinds) != 1 || kinds[0] != event.SignInDone {
				t.Errorf("events: %v", kinds)
			}
			if log := s.Log.String(); !strings.Contains(log, "user_id=row-7 native=true") {
				t.Errorf("the log does not say that a program has signed in:\n%s", log)
			}
			if call := b.Get("/api", "Accept", "application/json"); call.StatusCode != http.StatusOK || !strings.Contains(call.Text, xtest.SecondUserID) {
				t.Errorf("calling X: status %d, %s", call.StatusCode, call.Text)
			}
			if out := b.Send(http.MethodPost, "/auth/logout", nil, "Accept", "application/json"); out.StatusCode != http.StatusNoContent {
				t.Errorf("sign-out: status %d", out.StatusCode)
			}
			s.nothingIsLeft(b)
		})
	}
}

// TestTheTokenOfAProgramIsRefreshedAsAnyOther: a token is an ordinary one, even if its code was
// exchanged with another redirect URI.
func TestTheTokenOfAProgramIsRefreshedAsAnyOther(t *testing.T) {
	s := nativeSite(t)
	b := s.browser()
	if a := b.native(s.code(xtest.DefaultUserID)); a.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %s", a.StatusCode, a.Text)
	}
	key := xsignin.Key{Provider: "x", UserID: xtest.DefaultUserID, AccountID: xtest.DefaultUserID}
	if err := s.Kit.RefreshToken(t.Context(), key); err != nil {
		t.Error(err)
	}
	accounts, err := s.Kit.Accounts(t.Context(), xtest.DefaultUserID)
	if err != nil || len(accounts) != 1 || !accounts[0].Token.HasScopes("tweet.read", "users.read", "offline.access") {
		t.Errorf("%v, %v", accounts, err)
	}
}

// isProblem checks the whole refusal, and that nothing of the sign-in remains.
func (s *site) isProblem(b *browser, a answer, status int, code string) {
	s.T.Helper()
	var doc struct {
		Type, Title, Detail, Code string
		Status                    int
	}
	if err := json.Unmarshal([]byte(a.Text), &doc); err != nil {
		s.T.Fatalf("status %d: %s", a.StatusCode, a.Text)
	}
	if a.StatusCode != status || doc.Status != status || doc.Code != code || doc.Type != "about:blank" || doc.Title == "" || doc.Detail == "" {
		s.T.Errorf("want %d %s: status %d, %s", status, code, a.StatusCode, a.Text)
	}
	if a.Header.Get("Content-Type") != "application/problem+json" || a.Header.Get("Cache-Control") != "no-store" || len(a.Cookies()) != 0 {
		s.T.Errorf("%v", a.Header)
	}
	if wait := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable; wait != (a.Header.Get("Retry-After") != "") {
		s.T.Errorf("status %d with Retry-After %q", status, a.Header.Get("Retry-After"))
	}
	s.nothingIsLeft(b)
	if e := s.LastEvent(); e.Kind != event.SignInFailed || e.Cause != code || e.Err == nil {
		s.T.Errorf("the event is %v", e)
	}
}

// TestWhatAProgramMustNotSend expects a refusal before any call to X.
func TestWhatAProgramMustNotSend(t *testing.T) {
	s := nativeSite(t)
	good, pair := s.code(xtest.DefaultUserID), s.pair(xtest.DefaultUserID)
	asked := len(s.X.Requests())
	text := func(f fields) string { b, _ := json.Marshal(f); return string(b) }
	quoted := func(f fields, name string) string { return fmt.Sprintf("%q:%q", name, f[name]) }
	for _, tt := range []struct {
		name, body string
		headers    []string
		status     int
		code       string
	}{
		{"a page elsewhere, by fetch", text(good), []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403, "not_native"},
		{"a page elsewhere, in an old browser", text(good), []string{"Origin", "https://evil.example"}, 403, "not_native"},
		{"a page in a sandbox", text(good), []string{"Origin", "null"}, 403, "not_native"},
		{"a page of a neighbour", text(good), []string{"Sec-Fetch-Site", "same-site"}, 403, "not_native"},
		{"a page of the site itself", text(good), []string{"Sec-Fetch-Site", "same-origin"}, 403, "not_native"},
		{"a page of the site itself, in an old browser", text(good), []string{"Origin", "http://127.0.0.1:8080"}, 403, "not_native"},
		{"a form", text(good), []string{"Content-Type", "text/plain"}, 415, "not_json"},
		{"a form's encoding", url.Values{"provider": {"x"}}.Encode(), []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "not_json"},
		{"no type", text(good), []string{"Content-Type", ""}, 415, "not_json"},
		{"a type that begins alike", text(good), []string{"Content-Type", "application/jsonp"}, 415, "not_json"},
		{"a megabyte", text(good.with("code", strings.Repeat("a", 1<<20))), nil, 413, "too_large"},
		{"a byte too much", strings.Repeat(" ", 16<<10) + "{", nil, 413, "too_large"},
		{"nothing", "", nil, 400, "bad_request"},
		{"a list", "[" + text(good) + "]", nil, 400, "bad_request"},
		{"a string", `"x"`, nil, 400, "bad_request"},
		{"null", `null`, nil, 400, "bad_request"},
		{"an object that breaks off", strings.TrimSuffix(text(good), "}"), nil, 400, "bad_request"},
		{"a field that breaks off", `{"provider"`, nil, 400, "bad_request"},
		{"two objects", text(good) + text(good), nil, 400, "bad_request"},
		{"something behind", text(good) + "x", nil, 400, "bad_request"},
		{"a field twice", strings.Replace(text(good), "{", `{"provider":"x-oauth1",`, 1), nil, 400, "bad_request"},
		{"a field more", text(good.with("user_id", xtest.SecondUserID)), nil, 400, "bad_request"},
		{"a field in capitals", strings.Replace(text(good), `"code"`, `"Code"`, 1), nil, 400, "bad_request"},
		{"a number", `{"provider":1}`, nil, 400, "bad_request"},
		{"an object inside", `{"provider":{}}`, nil, 400, "bad_request"},
		{"a null inside", strings.Replace(text(good), quoted(good, "code"), `"code":null`, 1), nil, 400, "bad_request"},
		{"an empty field", text(good)[:len(text(good))-1] + `,"oauth_token":""}`, nil, 400, "bad_request"},
		{"no provider", text(good.with("provider", "")), nil, 400, "bad_request"},
		{"only the provider", `{"provider":"x"}`, nil, 400, "bad_request"},
		{"no verifier", text(good.with("code_verifier", "")), nil, 400, "bad_request"},
		{"a short verifier", text(good.with("code_verifier", strings.Repeat("a", 42))), nil, 400, "bad_request"},
		{"a verifier with another character", text(good.with("code_verifier", strings.Repeat("a", 43)+"+")), nil, 400, "bad_request"},
		{"a verifier with a line break behind", text(good.with("code_verifier", strings.Repeat("a", 43)+"\n")), nil, 400, "bad_request"},
		{"no code", text(good.with("code", "")), nil, 400, "bad_request"},
		{"a code of five kilobytes", text(good.with("code", strings.Repeat("a", 5000))), nil, 400, "bad_request"},
		{"a code with a blank", text(good.with("code", "a b")), nil, 400, "bad_request"},
		{"no redirect URI", text(good.with("redirect_uri", "")), nil, 400, "bad_request"},
		{"a redirect URI that is not listed", text(good.with("redirect_uri", "com.example.app:/callback/")), nil, 400, "unknown_redirect_uri"},
		{"the site's own callback", text(good.with("redirect_uri", "http://127.0.0.1:8080/auth/callback")), nil, 400, "unknown_redirect_uri"},
		{"a provider that is not", text(good.with("provider", "y")), nil, 400, "unknown_provider"},
		{"a code for a provider of pairs", text(good.with("provider", "x-oauth1")), nil, 400, "unsupported"},
		{"a pair for a provider of codes", text(pair.with("provider", "x")), nil, 400, "unsupported"},
		{"a pair and a code", text(good.with("oauth_token", pair["oauth_token"], "oauth_token_secret", pair["oauth_token_secret"])), nil, 400, "bad_request"},
		{"half a pair", text(pair.with("oauth_token_secret", "")), nil, 400, "bad_request"},
		{"the other half", text(pair.with("oauth_token", "")), nil, 400, "bad_request"},
		{"a token with a quote and a line break", text(pair.with("oauth_token", "a\"\r\nb")), nil, 400, "bad_request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := s.browser()
			s.isProblem(b, b.post(tt.body, tt.headers...), tt.status, tt.code)
		})
	}
	if n := len(s.X.Requests()) - asked; n != 0 {
		t.Errorf("X was asked %d times", n)
	}
	// Each request is right except for one thing.
	for _, f := range []fields{good, pair} {
		b := s.browser()
		if a := b.native(f, "Sec-Fetch-Site", "none", "Content-Type", "application/json; charset=utf-8"); a.StatusCode != http.StatusOK {
			t.Errorf("status %d, %s", a.StatusCode, a.Text)
		}
	}
}

// TestVerifiersThatXTakes: RFC 7636 has a maximum of 128 characters, which X and its own SDK
// ignore.
func TestVerifiersThatXTakes(t *testing.T) {
	s := nativeSite(t)
	for name, verifier := range map[string]string{
		"the shortest":          strings.Repeat("v", 43),
		"of golang.org/x":       oauth2.GenerateVerifier(),
		"the longest":           strings.Repeat("v", 128),
		"one more":              strings.Repeat("v", 129),
		"of X's SDK":            strings.Repeat("v", 171),
		"of 96 bytes in base64": strings.Repeat("aB3-_", 26)[:128],
		"four kilobytes":        strings.Repeat("v", 4<<10),
		"all characters":        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~",
	} {
		b := s.browser()
		if a := b.native(s.code(xtest.DefaultUserID, verifier), "Content-Type", "Application/JSON; charset=utf-8"); a.StatusCode != http.StatusOK || b.Who() != xtest.DefaultUserID {
			t.Errorf("%s: status %d, %s", name, a.StatusCode, a.Text)
		}
	}
}

func TestOnlyAPostSignsAProgramIn(t *testing.T) {
	s := nativeSite(t)
	b := s.browser()
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodOptions} {
		a := b.Send(method, "/auth/native", nil)
		s.isProblem(b, a, http.StatusMethodNotAllowed, "method_not_allowed")
		if a.Header.Get("Allow") != "POST" || a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", method, a.Header)
		}
	}
}

func TestWithoutConfigurationNoProgramSignsIn(t *testing.T) {
	s := newSite(t)
	s.X.SetCallbacks(nativeURI)
	b := s.browser()
	if a := b.native(s.code(xtest.DefaultUserID), "Accept", "application/json"); a.StatusCode != http.StatusNotFound {
		t.Errorf("status %d, %s", a.StatusCode, a.Text)
	}
	t.Run("codes alone", func(t *testing.T) {
		s := nativeSite(t, func(c *xsignin.Config) { c.Advanced.Native.TokenPairs = false })
		b := s.browser()
		s.isProblem(b, b.native(s.pair(xtest.DefaultUserID)), http.StatusBadRequest, "unsupported")
	})
	t.Run("pairs alone", func(t *testing.T) {
		s := nativeSite(t, func(c *xsignin.Config) { c.Advanced.Native.RedirectURIs = nil })
		b := s.browser()
		s.isProblem(b, b.native(s.code(xtest.DefaultUserID)), http.StatusBadRequest, "unsupported")
	})
}

func TestXsWordIsWhatCounts(t *testing.T) {
	code := func(s *site) fields { return s.code(xtest.DefaultUserID) }
	pair := func(s *site) fields { return s.pair(xtest.DefaultUserID) }
	fails := func(grant func(*site) fields, f xtest.Fault) func(*site) fields {
		return func(s *site) fields {
			g := grant(s)
			s.X.Fail(f)
			return g
		}
	}
	for _, tt := range []struct {
		name   string
		grant  func(*site) fields
		status int
		code   string
	}{
		{"a code that is made up", func(s *site) fields { return code(s).with("code", "made-up") }, 400, "expired"},
		{"the code of somebody else's program", func(s *site) fields {
			return code(s).with("code", s.code(xtest.SecondUserID)["code"])
		}, 400, "expired"},
		{"a code after its thirty seconds", func(s *site) fields {
			g := code(s)
			s.X.Advance(31 * time.Second)
			return g
		}, 400, "expired"},
		{"a code that was given for another listed address", func(s *site) fields {
			return code(s).with("redirect_uri", "http://127.0.0.1:8765/cb")
		}, 502, "refused"},
		{"a code of the browser's sign-in", func(s *site) fields {
			b := s.browser()
			c := b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID)
			return code(s).with("code", testkit.Param(s.T, c, "code"))
		}, 502, "refused"},
		{"a pair that is made up", func(s *site) fields { return pair(s).with("oauth_token", "6253282-made-up-0000") }, 400, "token_refused"},
		{"the secret of another pair", func(s *site) fields {
			return pair(s).with("oauth_token_secret", s.pair(xtest.SecondUserID)["oauth_token_secret"])
		}, 400, "token_refused"},
		{"a pair of another application", func(s *site) fields {
			other := xtest.New(xtest.Config{ConsumerKey: "another-key-of-25-letters", ConsumerSecret: strings.Repeat("o", 50)})
			return pairAt(s.T, other, "another-key-of-25-letters", strings.Repeat("o", 50), xtest.DefaultUserID)
		}, 400, "token_refused"},
		{"a pair whose user has revoked the application", func(s *site) fields {
			g := pair(s)
			s.X.RevokeApp(xtest.DefaultUserID)
			return g
		}, 400, "token_refused"},
		{"a 401 of X without a word", fails(pair, xtest.Fault{Path: "/2/users/me", Status: 401, Body: `{"title":"Unauthorized","status":401}`}), 400, "token_refused"},
		{"X limits codes", fails(code, xtest.Fault{Path: "/2/oauth2/token", Status: 429}), 429, "rate_limited"},
		{"X limits identities", fails(code, xtest.Fault{Path: "/2/users/me", Status: 429}), 429, "rate_limited"},
		{"X limits pairs", fails(pair, xtest.Fault{Path: "/2/users/me", Status: 429}), 429, "rate_limited"},
		{"X is down for codes", fails(code, xtest.Fault{Path: "/2/oauth2/token", Status: 503}), 503, "unavailable"},
		{"X is down for identities", fails(code, xtest.Fault{Path: "/2/users/me", Status: 500}), 503, "unavailable"},
		{"X is down for pairs", fails(pair, xtest.Fault{Path: "/2/users/me", Status: 500}), 503, "unavailable"},
		{"X breaks the connection", fails(pair, xtest.Fault{Path: "/2/users/me", CutAfter: -1}), 503, "unavailable"},
		{"X is not itself", fails(pair, xtest.Fault{Path: "/2/users/me", Status: 401, Body: "This feature is temporarily unavailable"}), 503, "unavailable"},
		{"no credits", fails(code, xtest.Fault{Path: "/2/users/me", Status: 402, Body: `{"title":"CreditsDepleted"}`}), 502, "refused"},
		{"the clock", fails(pair, xtest.Fault{Path: "/2/users/me", Status: 401, Body: `{"errors":[{"code":135,"message":"Timestamp out of bounds."}]}`}), 502, "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := nativeSite(t)
			b := s.browser()
			a := b.native(tt.grant(s))
			s.isProblem(b, a, tt.status, tt.code)
		})
	}
}

func TestACodeOfAProgramWorksOnce(t *testing.T) {
	s := nativeSite(t)
	f := s.code(xtest.DefaultUserID)
	if a := s.browser().native(f); a.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %s", a.StatusCode, a.Text)
	}
	thief := s.browser()
	if a := thief.native(f); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.Text, `"code":"expired"`) || thief.Who() != "" {
		t.Errorf("status %d, %s", a.StatusCode, a.Text)
	}
}

// TestASignInOfAProgramThatFailsHereLeavesNothing: no token and no session are stored, and the
// user who was signed in before still is.
func TestASignInOfAProgramThatFailsHereLeavesNothing(t *testing.T) {
	for name, grant := range map[string]func(*site) fields{
		"code": func(s *site) fields { return s.code(xtest.DefaultUserID) },
		"pair": func(s *site) fields { return s.pair(xtest.DefaultUserID) },
	} {
		t.Run(name+", the token store is away", func(t *testing.T) {
			s := nativeSite(t)
			b := s.browser()
			f := grant(s)
			s.Tokens.SetFail(errors.New("away"))
			a := b.native(f)
			s.Tokens.SetFail(nil)
			s.isProblem(b, a, http.StatusServiceUnavailable, "internal")
		})
		t.Run(name+", the session store is away", func(t *testing.T) {
			s := nativeSite(t)
			b := s.browser()
			f := grant(s)
			s.Sessions.SetFail(errors.New("away"))
			a := b.native(f)
			s.Sessions.SetFail(nil)
			s.isProblem(b, a, http.StatusServiceUnavailable, "internal")
		})
		t.Run(name+", the application refuses", func(t *testing.T) {
			s := nativeSite(t, func(c *xsignin.Config) {
				c.OnSignIn = func(context.Context, *xsignin.SignIn) error { return provider.ErrNotAllowed }
			})
			b := s.browser()
			s.isProblem(b, b.native(grant(s)), http.StatusForbidden, "not_allowed")
		})
	}
}

// TestAProgramGetsASessionOfItsOwn: a planted session id is invalid afterwards.
func TestAProgramGetsASessionOfItsOwn(t *testing.T) {
	s := nativeSite(t)
	b := s.browser()
	if a := b.native(s.code(xtest.SecondUserID)); a.StatusCode != http.StatusOK {
		t.Fatalf("status %d", a.StatusCode)
	}
	u, err := url.Parse(s.Public)
	if err != nil {
		t.Fatal(err)
	}
	planted := b.Jar.Cookies(u)
	if a := b.native(s.code(xtest.DefaultUserID)); a.StatusCode != http.StatusOK || b.Who() != xtest.DefaultUserID {
		t.Fatalf("status %d, %s", a.StatusCode, a.Text)
	}
	attacker := s.browser()
	attacker.Jar.SetCookies(u, planted)
	if got := attacker.Who(); got != "" {
		t.Errorf("the old id is signed in as %q", got)
	}
}

func TestNativeConfigurationIsChecked(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(*xsignin.Config)
		want string
	}{
		"a path":         {func(c *xsignin.Config) { c.Advanced.Native.RedirectURIs = []string{"/callback"} }, "Config.Advanced.Native.RedirectURIs[0]"},
		"a scheme alone": {func(c *xsignin.Config) { c.Advanced.Native.RedirectURIs = []string{nativeURI, "com.example:"} }, "Config.Advanced.Native.RedirectURIs[1]"},
		"a fragment":     {func(c *xsignin.Config) { c.Advanced.Native.RedirectURIs = []string{"a:/b#"} }, "Config.Advanced.Native.RedirectURIs[0]"},
		"the site's own callback": {func(c *xsignin.Config) {
			c.Advanced.Native.RedirectURIs = []string{"HTTP://127.0.0.1:8080/auth/callback"}
		}, "own callback"},
		"the site's own callback for one provider": {func(c *xsignin.Config) {
			c.Advanced.Native.RedirectURIs = []string{"http://127.0.0.1:8080/auth/callback/x"}
		}, "own callback"},
		"codes that nobody can check": {func(c *xsignin.Config) {
			c.ClientID, c.ClientSecret, c.Advanced.Native.RedirectURIs = "", "", []string{nativeURI}
		}, "provider.CodeExchanger"},
		"pairs that nobody can prove": {func(c *xsignin.Config) {
			c.OAuth1.ConsumerKey, c.OAuth1.ConsumerSecret, c.Advanced.Native.TokenPairs = "", "", true
		}, "provider.TokenVerifier"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := xsignin.Config{
				PublicURL: "http://127.0.0.1:8080", ClientID: "a", ClientSecret: "b", OAuth1: xsignin.OAuth1Config{ConsumerKey: "c", ConsumerSecret: "d"}, Logger: slog.New(slog.DiscardHandler),
			}
			tt.edit(&cfg)
			if _, err := xsignin.New(cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// FuzzNative: no input signs a user in or breaks the handler.
func FuzzNative(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"provider":"x"}`, `{"provider":"x","code":"c","code_verifier":"` + strings.Repeat("v", 43) + `","redirect_uri":"` + nativeURI + `"}`,
		`{"provider":"x-oauth1","oauth_token":"t","oauth_token_secret":"s"}`, `{"provider":"x","provider":"x"}`, `{"a":[1,{"b":null}]}`, "{\"\xff\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	x := xtest.New(xtest.Config{})
	cfg := testkit.Config(x)
	cfg.Advanced.Native.RedirectURIs = []string{nativeURI}
	kit, err := xsignin.New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:8080/auth/native", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := (testkit.InProcess{Handler: kit}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode < 400 || resp.StatusCode >= 500 || len(resp.Cookies()) != 0 {
			t.Errorf("status %d", resp.StatusCode)
		}
	})
}
