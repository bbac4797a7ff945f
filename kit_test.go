package xsignin_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// TestKit signs in, uses the client and signs out, by both protocols. The package
// internal/acceptance tests the rest.
func TestKit(t *testing.T) {
	for _, login := range []string{"/auth/login", "/auth/login/x-oauth1"} {
		t.Run(login, func(t *testing.T) {
			s := testkit.NewSite(t)
			b := s.Browser()
			if a := b.Get("/me"); a.StatusCode != http.StatusSeeOther || a.Redirect() != "/auth/login?return_to=%2Fme" {
				t.Fatalf("before the sign-in: status %d to %q", a.StatusCode, a.Redirect())
			}
			if a := b.SignIn(login+"?return_to=/me", xtest.DefaultUserID); a.Redirect() != "/me" {
				t.Errorf("the callback redirects to %q", a.Redirect())
			}
			var user provider.User
			if err := json.Unmarshal([]byte(b.Get("/me").Text), &user); err != nil || user.AccountID != xtest.DefaultUserID {
				t.Errorf("user %v, %v", user, err)
			}
			if a := b.Get("/api"); a.StatusCode != http.StatusOK {
				t.Errorf("a call to X: status %d, body %s", a.StatusCode, a.Text)
			}
			if a := b.Send(http.MethodPost, "/auth/logout", nil); a.StatusCode != http.StatusSeeOther || b.Who() != "" {
				t.Errorf("the logout: status %d, signed in as %q", a.StatusCode, b.Who())
			}
			if n := s.SessionCount() + len(s.Tokens.Keys()); n != 0 {
				t.Errorf("after the logout, %d records are left", n)
			}
		})
	}
}

// TestOAuth1Options signs in by OAuth 1.0a with each option of Config.OAuth1.
func TestOAuth1Options(t *testing.T) {
	for name, c := range map[string]struct {
		edit       func(c *xsignin.OAuth1Config)
		page       string // of the consent
		accessType string // that the request token has asked for
		calls      int    // of users/me
	}{
		"none":          {func(*xsignin.OAuth1Config) {}, "/oauth/authenticate", "", 0},
		"access type":   {func(c *xsignin.OAuth1Config) { c.AccessType = "read" }, "/oauth/authenticate", "read", 0},
		"always asking": {func(c *xsignin.OAuth1Config) { c.AlwaysAsk = true }, "/oauth/authorize", "", 0},
		"profile":       {func(c *xsignin.OAuth1Config) { c.FetchProfile = true }, "/oauth/authenticate", "", 1},
		"all": {func(c *xsignin.OAuth1Config) { c.AccessType, c.AlwaysAsk, c.FetchProfile = "write", true, true },
			"/oauth/authorize", "write", 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := testkit.NewSite(t, func(cfg *xsignin.Config) { c.edit(&cfg.OAuth1) })
			b := s.Browser()
			for range 2 { // the second time, the user has allowed the application before
				consent := b.Begin("/auth/login/x-oauth1")
				if u, err := url.Parse(consent); err != nil || u.Path != c.page {
					t.Errorf("the consent is at %s, want %s", u.Path, c.page)
				}
				s.X.ResetRequests()
				b.Get(b.Approve(consent, xtest.DefaultUserID))
				if n := s.X.Count(http.MethodGet, "/2/users/me"); n != c.calls {
					t.Errorf("%d calls of users/me, want %d", n, c.calls)
				}
			}
			s.X.ResetRequests()
			b.Begin("/auth/login/x-oauth1")
			if got := s.X.Requests()[0].URL.Query().Get("x_auth_access_type"); got != c.accessType {
				t.Errorf("x_auth_access_type is %q, want %q", got, c.accessType)
			}
			var user provider.User
			if err := json.Unmarshal([]byte(b.Get("/me").Text), &user); err != nil || (user.Name != "") != (c.calls > 0) {
				t.Errorf("user %v, %v", user, err)
			}
		})
	}
}

// sameAnswer is a client whose every request gets the text.
type sameAnswer string

func (a sameAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	_, err := io.WriteString(w, string(a))
	return w.Result(), err
}

// TestNewContext: a handler's test needs no sign-in.
func TestNewContext(t *testing.T) {
	s := testkit.NewSite(t)
	ada := provider.User{AccountID: "7", Username: "ada"}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, ok := xsignin.User(r.Context())
		if !ok {
			_, _ = io.WriteString(w, "no user")
			return
		}
		resp, err := xsignin.Client(r.Context()).Get("/2/users/me")
		if err != nil {
			if !errors.Is(err, client.ErrNoUser) {
				t.Error(err)
			}
			_, _ = io.WriteString(w, user.Provider+" "+user.ID+" no client")
			return
		}
		_, _ = io.WriteString(w, user.Provider+" "+user.ID+" ")
		_, _ = io.Copy(w, resp.Body)
		_ = resp.Body.Close()
	})
	wrapped := map[string]http.Handler{
		"the handler alone": handler,
		"LoadUser":          s.Kit.LoadUser(handler),
		"RequireUser":       s.Kit.RequireUser(handler),
		"RequireScopes":     s.Kit.RequireScopes("tweet.write")(handler),
		"all":               s.Kit.LoadUser(s.Kit.RequireUser(s.Kit.RequireScopes("tweet.write")(handler))),
	}
	fake := &http.Client{Transport: sameAnswer("from X")}
	for name, h := range wrapped {
		for want, c := range map[string]struct {
			user   provider.User
			client *http.Client
		}{
			"x 7 from X":          {ada, fake},
			"x 7 no client":       {ada, nil},
			"github ada-1 from X": {provider.User{Provider: "github", AccountID: "7", ID: "ada-1"}, fake},
		} {
			r := httptest.NewRequest(http.MethodGet, "/photos", nil)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r.WithContext(xsignin.NewContext(r.Context(), c.user, c.client)))
			if w.Code != http.StatusOK || w.Body.String() != want {
				t.Errorf("%s: status %d, %q, want %q", name, w.Code, w.Body, want)
			}
		}
		r := httptest.NewRequest(http.MethodGet, "/photos", nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(xsignin.NewContext(r.Context(), provider.User{}, fake)))
		if w.Body.String() != "no user" && w.Code != http.StatusSeeOther {
			t.Errorf("%s, the zero user: status %d, %q", name, w.Code, w.Body)
		}
	}
}

// TestNewContextOpensNothing: in a request that a server has received, the session decides,
// also if a middleware has set a context of NewContext.
func TestNewContextOpensNothing(t *testing.T) {
	var s *testkit.Site
	eve := provider.User{AccountID: "66", Username: "eve"}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, ok := xsignin.User(r.Context())
		if _, err := xsignin.Client(r.Context()).Get("/2/users/me"); !ok && !errors.Is(err, client.ErrNoUser) {
			t.Errorf("the client of no user: %v", err)
		}
		_, _ = io.WriteString(w, "user "+user.ID)
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := xsignin.NewContext(r.Context(), eve, http.DefaultClient)
		s.Mux.ServeHTTP(w, r.WithContext(ctx))
	}))
	t.Cleanup(server.Close)
	s = testkit.NewSite(t, func(c *xsignin.Config) { c.PublicURL = server.URL })
	s.Mux.Handle("/alone", handler)
	s.Mux.Handle("/load", s.Kit.LoadUser(handler))
	s.Mux.Handle("/require", s.Kit.RequireUser(handler))
	s.Mux.Handle("/scopes", s.Kit.RequireScopes("tweet.read")(handler))
	get := func(b *http.Client, path string) (status int, text string) {
		t.Helper()
		resp, err := b.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode, string(body)
	}
	stranger := testkit.NewBrowser(t, s.X, server.URL, nil).Client
	for path, want := range map[string]int{"/alone": 200, "/load": 200, "/require": 303, "/scopes": 303} {
		if status, text := get(stranger, path); status != want || status == 200 && text != "user " {
			t.Errorf("a stranger at %s: status %d, %s", path, status, text)
		}
	}
	user, err := s.X.SignedIn(http.DefaultClient, server.URL+"/auth/login", xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/alone": "user ", "/load": "user 6253282", "/require": "user 6253282", "/scopes": "user 6253282"} {
		if status, text := get(user, path); status != 200 || text != want {
			t.Errorf("a user at %s: status %d, %s", path, status, text)
		}
	}
	s.Sessions.SetFail(errors.New("away"))
	cookie := &http.Cookie{Name: "xsignin", Value: "0123456789012345678901234567890123456789012"}
	u, _ := url.Parse(server.URL)
	stranger.Jar.SetCookies(u, []*http.Cookie{cookie})
	for path, want := range map[string]int{"/load": 200, "/require": 503, "/scopes": 503} {
		if status, text := get(stranger, path); status != want || status == 200 && text != "user " {
			t.Errorf("without a session store, %s: status %d, %s", path, status, text)
		}
	}
	s.Sessions.SetFail(nil)
}
