package acceptance_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// brand is a second application at the same X, with its own keys.
func brand(t *testing.T, c *xsignin.Config) provider.Provider {
	t.Helper()
	x, err := provider.NewX(provider.OAuth2Config{
		Name: "x-brand", ClientID: xtest.DefaultPublicClientID, CallbackURL: c.PublicURL + "/auth/callback", Transport: c.X.Transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestTwoApplicationsAtXInOneKit(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.Providers = []provider.Provider{brand(t, c)} })
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	consent := b.Begin("/auth/login/x-brand")
	if !strings.Contains(consent, url.QueryEscape(xtest.DefaultPublicClientID)) {
		t.Errorf("the second application begins at %s", consent)
	}
	b.Get(b.Approve(consent, xtest.DefaultUserID))

	accounts, err := s.Kit.Accounts(context.Background(), xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range accounts {
		names = append(names, a.Key.Provider)
	}
	if !slices.Equal(names, []string{"x", "x-brand"}) {
		t.Fatalf("the user holds tokens of %v", names)
	}
	me := func(a client.Account) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.x.com/2/users/me", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.Kit.ClientFor(a.Key).Do(r)
		if err != nil {
			t.Errorf("%s: %v", a.Key.Provider, err)
			return 0
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	for _, a := range accounts {
		// Each refresh token works for its own application only.
		if err := s.Kit.RefreshToken(context.Background(), a.Key); err != nil {
			t.Errorf("%s: %v", a.Key.Provider, err)
		}
		if status := me(a); status != http.StatusOK {
			t.Errorf("%s: status %d", a.Key.Provider, status)
		}
	}
	if err := s.Kit.RevokeToken(context.Background(), accounts[1].Key); err != nil {
		t.Fatal(err)
	}
	if status := me(accounts[0]); status != http.StatusOK {
		t.Errorf("after the other application was disconnected: status %d", status)
	}
}

func TestTwoApplicationsAtXInTwoKits(t *testing.T) {
	first := newSite(t)
	second := newSite(t, func(c *xsignin.Config) {
		c.ClientID, c.ClientSecret, c.OAuth1.ConsumerKey, c.OAuth1.ConsumerSecret = xtest.DefaultPublicClientID, "", "", ""
		c.Session.CookieName, c.Paths.Base, c.Secrets = "second", "/second", []string{strings.Repeat("2", 32)}
	})
	second.X.SetCallbacks(second.Public + "/second/callback")
	first.Mux.Handle("/second/", second.Kit)
	first.Mux.Handle("/second-me", second.Kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := xsignin.User(r.Context())
		_, _ = io.WriteString(w, u.AccountID)
	})))
	b := first.browser()
	consent := b.Begin("/second/login")
	callback, err := second.X.Approve(consent, xtest.SecondUserID)
	if err != nil {
		t.Fatal(err)
	}
	// The first kit has no such pending sign-in, whatever the callback contains.
	_, query, _ := strings.Cut(callback, "?")
	if a := b.Get("/auth/callback?" + query); a.StatusCode != http.StatusBadRequest {
		t.Errorf("the first kit answers the second's callback with status %d", a.StatusCode)
	}
	if a := b.Get(callback); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("callback: status %d, body %s", a.StatusCode, a.Text)
	}
	b.SignIn("/auth/login", xtest.DefaultUserID)
	if got := b.Who(); got != xtest.DefaultUserID {
		t.Errorf("in the first kit the browser is %q", got)
	}
	if a := b.Get("/second-me"); a.Text != xtest.SecondUserID {
		t.Errorf("in the second kit the browser is %q, status %d", a.Text, a.StatusCode)
	}
	b.Send(http.MethodPost, "/second/logout", url.Values{}, "Sec-Fetch-Site", "same-origin")
	if got := b.Who(); got != xtest.DefaultUserID {
		t.Errorf("a sign-out of the second kit left %q in the first", got)
	}
}

// otherProvider is a provider by configuration, answered in process. It records the requests to
// its token endpoint.
func otherProvider(t *testing.T, c *xsignin.Config, name string) (provider.Provider, func() []url.Values) {
	t.Helper()
	return otherProviderAt(t, c, name, "/auth/callback")
}

func otherProviderAt(t *testing.T, c *xsignin.Config, name, callback string) (provider.Provider, func() []url.Values) {
	t.Helper()
	var mu sync.Mutex
	var forms []url.Values
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		mu.Lock()
		defer mu.Unlock()
		forms = append(forms, r.PostForm)
		_, _ = io.WriteString(w, `{"access_token":"token-of-`+name+`","token_type":"bearer"}`)
	})
	mux.HandleFunc("GET /user", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token-of-"+name {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"account_id":"7","name":"Ada"}`)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	o, err := provider.NewOAuth2(provider.OAuth2Config{
		Name: name, ClientID: "id-" + name, CallbackURL: c.PublicURL + callback,
		AuthorizeURL: s.URL + "/authorize", TokenURL: s.URL + "/token", UserURL: s.URL + "/user",
		User: func(body []byte) (u provider.User, err error) { err = json.Unmarshal(body, &u); return u, err },
	})
	if err != nil {
		t.Fatal(err)
	}
	return o, func() []url.Values { mu.Lock(); defer mu.Unlock(); return slices.Clone(forms) }
}

func TestSeveralProvidersShareOneCallback(t *testing.T) {
	var formsA, formsB func() []url.Values
	s := newSite(t, func(c *xsignin.Config) {
		a, fa := otherProvider(t, c, "a")
		b, fb := otherProvider(t, c, "b")
		formsA, formsB, c.Providers = fa, fb, []provider.Provider{a, b}
	})
	b := s.browser()
	state := func(consent string) string {
		t.Helper()
		u, err := url.Parse(consent)
		if err != nil {
			t.Fatal(err)
		}
		return u.Query().Get("state")
	}
	// Three pending sign-ins, one in each tab.
	atX := b.Begin("/auth/login")
	atA, atB := state(b.Begin("/auth/login/a")), state(b.Begin("/auth/login/b"))

	// Whatever provider issued a code, the code goes to the provider of its sign-in.
	b.Get("/auth/callback?" + url.Values{"state": {atB}, "code": {"a-code-of-a"}}.Encode())
	if got := formsB(); len(got) != 1 || got[0].Get("code") != "a-code-of-a" || len(formsA()) != 0 || b.Who() != "7" {
		t.Fatalf("b was sent %v, a %v", got, formsA())
	}
	if want := (xsignin.Key{Provider: "b", UserID: "b:7", AccountID: "7"}); !slices.Contains(s.Tokens.Keys(), want) {
		t.Errorf("tokens are under %v", s.Tokens.Keys())
	}
	b.Get("/auth/callback?" + url.Values{"state": {atA}, "code": {"another"}}.Encode())
	if got := formsA(); len(got) != 1 || got[0].Get("client_id") != "id-a" || len(formsB()) != 1 {
		t.Errorf("a was sent %v, b %v", got, formsB())
	}
	if a := b.Get(b.Approve(atX, xtest.SecondUserID)); a.StatusCode != http.StatusSeeOther || b.Who() != xtest.SecondUserID {
		t.Errorf("X's callback: status %d", a.StatusCode)
	}
}

// TestAHostileProviderGetsNoCodeOfAnother is the mix-up attack of RFC 9700, section 4.4. The
// visitor begins at a hostile provider. That provider redirects to X, with X's client id and
// callback and with its own state.
func TestAHostileProviderGetsNoCodeOfAnother(t *testing.T) {
	for _, tt := range []struct {
		callback string
		safe     bool
	}{
		{"/auth/callback/hostile", true},
		// docs/providers.md warns of this.
		{"/auth/callback", false},
	} {
		t.Run(tt.callback, func(t *testing.T) {
			var sent func() []url.Values
			s := newSite(t, func(c *xsignin.Config) {
				hostile, forms := otherProviderAt(t, c, "hostile", tt.callback)
				sent, c.Providers = forms, []provider.Provider{hostile}
			})
			b := s.browser()
			begun := b.Begin("/auth/login/hostile")
			onward := testkit.Edited(t, b.Begin("/auth/login"), "state", testkit.Param(t, begun, "state"), "code_challenge", testkit.Param(t, begun, "code_challenge"))
			a := b.Get(b.Approve(onward, xtest.DefaultUserID))
			if got := sent(); tt.safe != (len(got) == 0) {
				t.Errorf("the hostile provider was sent %d codes of X", len(got))
			}
			if tt.safe {
				s.isFailurePage(a, http.StatusBadRequest, "other_browser")
			}
		})
	}
}

func TestAProviderWithACallbackOfItsOwn(t *testing.T) {
	var sent func() []url.Values
	s := newSite(t, func(c *xsignin.Config) {
		own, forms := otherProviderAt(t, c, "own", "/auth/callback/own")
		sent, c.Providers = forms, []provider.Provider{own}
	})
	b := s.browser()
	// X's code at the provider's callback.
	atX := b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID)
	s.isFailurePage(b.Get(strings.Replace(atX, "/callback?", "/callback/own?", 1)), http.StatusBadRequest, "other_browser")
	if s.X.Count(http.MethodPost, "/2/oauth2/token") != 0 || b.Who() != "" {
		t.Error("X's code was used at another provider's callback")
	}
	begun := b.Begin("/auth/login/own")
	if got := testkit.Param(t, begun, "redirect_uri"); got != s.Public+"/auth/callback/own" {
		t.Errorf("the callback is %q", got)
	}
	query := url.Values{"state": {testkit.Param(t, begun, "state")}, "code": {"a-code-of-its-own"}}.Encode()
	if a := b.Get("/auth/callback/own?" + query); a.StatusCode != http.StatusSeeOther || b.Who() != "7" || len(sent()) != 1 {
		t.Errorf("status %d, signed in as %q", a.StatusCode, b.Who())
	}
	b.SignIn("/auth/login", xtest.DefaultUserID)
	s.isFailurePage(b.Get("/auth/callback/x?state=a"), http.StatusNotFound, "not_found")
}

// TestACodeOfAnotherApplicationSignsNobodyIn: two applications at one X share the callback. X
// keeps their codes apart, by client id and verifier.
func TestACodeOfAnotherApplicationSignsNobodyIn(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.Providers = []provider.Provider{brand(t, c)} })
	b, stranger := s.browser(), s.browser()
	for _, pair := range [][2]string{{"/auth/login", "/auth/login/x-brand"}, {"/auth/login/x-brand", "/auth/login"}} {
		// The stranger's code is of one application, and the visitor's code of the other.
		for _, from := range []*browser{stranger, b} {
			theirs := from.Approve(from.Begin(pair[1]), xtest.SecondUserID)
			ours := b.Approve(b.Begin(pair[0]), xtest.DefaultUserID)
			s.isFailurePage(b.Get(testkit.Edited(t, ours, "code", testkit.Param(t, theirs, "code"))), http.StatusBadRequest, "expired")
			if got := b.Who(); got != "" {
				t.Errorf("signed in as %q", got)
			}
		}
	}
	if got := s.Tokens.Keys(); len(got) != 0 {
		t.Errorf("tokens are kept: %v", got)
	}
}

// panicking is a provider whose last step panics, as a careless FetchUser does.
type panicking struct{ provider.Provider }

func (panicking) Finish(context.Context, provider.Pending, url.Values) (provider.User, tokenstore.Token, error) {
	panic("a value that nobody may read")
}

func TestAProviderThatPanicsFailsOneSignIn(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) {
		acme, err := provider.NewX(provider.OAuth2Config{
			Name: "acme", ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
			CallbackURL: c.PublicURL + "/auth/callback", Transport: c.X.Transport,
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Providers = append(c.Providers, panicking{acme})
	})
	b := s.browser()
	s.isFailurePage(b.Get(b.Approve(b.Begin("/auth/login/acme"), xtest.DefaultUserID)), http.StatusServiceUnavailable, "internal")
	b.SignIn("/auth/login", xtest.DefaultUserID)
}
