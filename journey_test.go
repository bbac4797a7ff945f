package xsignin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// The two ways to sign in, by the path that begins each.
var protocols = []struct{ name, login string }{
	{"x", "/auth/login"},
	{"x-oauth1", "/auth/login/x-oauth1"},
}

func TestAVisitorSignsInCallsXAndSignsOut(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser()

			a := b.get("/me?tab=posts")
			if want := "/auth/login?return_to=%2Fme%3Ftab%3Dposts"; a.StatusCode != http.StatusSeeOther || a.location() != want {
				t.Fatalf("a stranger at /me: status %d to %q, want 303 to %q", a.StatusCode, a.location(), want)
			}
			_, query, _ := strings.Cut(a.location(), "?")
			a = b.signIn(p.login+"?"+query, xtest.SecondUserID)
			if a.location() != "/me?tab=posts" {
				t.Errorf("after the sign-in the browser is sent to %q", a.location())
			}
			if got := b.who(); got != xtest.SecondUserID {
				t.Fatalf("signed in as %q", got)
			}
			if a := b.get("/me"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, xtest.SecondUserName) || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("/me: status %d, Cache-Control %q, body %s", a.StatusCode, a.Header.Get("Cache-Control"), a.body)
			}
			if a := b.get("/"); a.body != "hello @"+xtest.SecondUserName {
				t.Errorf("/: %s", a.body)
			}
			if a := b.get("/api"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, xtest.SecondUserID) {
				t.Errorf("/api: status %d, body %s", a.StatusCode, a.body)
			}

			a = b.send(http.MethodPost, "/auth/logout", url.Values{}, "Sec-Fetch-Site", "same-origin")
			if a.StatusCode != http.StatusSeeOther || a.location() != "/" {
				t.Errorf("logout: status %d to %q", a.StatusCode, a.location())
			}
			if b.who() != "" || b.get("/me").StatusCode != http.StatusSeeOther || b.get("/").body != "hello" {
				t.Error("still signed in")
			}
			if got := s.tokens.keys(); len(got) != 0 {
				t.Errorf("tokens are left: %v", got)
			}
			if got := b.cookies(); len(got) != 0 {
				t.Errorf("cookies are left: %v", got)
			}
			if n := s.sessionCount(); n != 0 {
				t.Errorf("%d sessions are left", n)
			}
			want := []event.Kind{event.SignInBegun, event.SignInDone, event.Revoked, event.SignedOut}
			if got := s.told(); !slices.Equal(got, want) {
				t.Errorf("events %v, want %v", got, want)
			}
		})
	}
}

func TestASignInCostsTwoCallsToX(t *testing.T) {
	tests := map[string][]string{
		"/auth/login":          {"POST /2/oauth2/token", "GET /2/users/me"},
		"/auth/login/x-oauth1": {"POST /oauth/request_token", "POST /oauth/access_token"},
	}
	for login, want := range tests {
		s := newSite(t)
		s.browser().signIn(login, xtest.DefaultUserID)
		var got []string
		for _, r := range s.x.Requests() {
			got = append(got, r.Method+" "+r.Path)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: X was asked %v, want %v", login, got, want)
		}
	}
}

func TestBothTokensOfAUserLieSideBySide(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	for _, p := range protocols {
		b.signIn(p.login, xtest.DefaultUserID)
	}
	accounts, err := s.kit.Accounts(t.Context(), xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	if len(accounts) != 2 || accounts[0].Token.IsOAuth1() == accounts[1].Token.IsOAuth1() {
		t.Fatalf("accounts %v", accounts)
	}
	for _, a := range accounts {
		if a.Token.AccessToken != "" || a.Token.TokenSecret != "" || a.Token.RefreshToken != "" {
			t.Errorf("%v has secrets", a.Key)
		}
		resp, err := s.kit.ClientFor(a.Key).Get("https://api.x.com/2/users/me")
		if err != nil {
			t.Errorf("%v: %v", a.Key, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%v: status %d", a.Key, resp.StatusCode)
		}
	}
	if err := s.kit.Disconnect(t.Context(), accounts[0].Key); err != nil {
		t.Fatal(err)
	}
	if accounts, _ = s.kit.Accounts(t.Context(), xtest.DefaultUserID); len(accounts) != 1 {
		t.Errorf("after one was disconnected: %v", accounts)
	}
	s.tokens.setFail(errors.New("away"))
	if _, err := s.kit.Accounts(t.Context(), xtest.DefaultUserID); err == nil {
		t.Error("a store that fails is no user without tokens")
	}
}

// TestSevenTabs: of sign-ins begun in seven tabs the five newest complete, in any order.
func TestSevenTabs(t *testing.T) {
	for _, p := range protocols {
		for _, order := range [][]int{{0, 1, 2, 3, 4, 5, 6}, {6, 5, 4, 3, 2, 1, 0}, {3, 6, 0, 4, 1, 5, 2}} {
			t.Run(fmt.Sprint(p.name, order), func(t *testing.T) {
				s := newSite(t)
				s.bubble(func() {
					b := s.browser()
					var callbacks []string
					for tab := range 7 {
						callbacks = append(callbacks, b.approve(b.begin(fmt.Sprintf("%s?return_to=/tab/%d", p.login, tab)), xtest.DefaultUserID))
						time.Sleep(time.Second)
					}
					for _, tab := range order {
						a := b.get(callbacks[tab])
						switch {
						case tab < 2 && a.StatusCode != http.StatusBadRequest:
							t.Errorf("tab %d, one of the two oldest: status %d", tab, a.StatusCode)
						case tab >= 2 && (a.StatusCode != http.StatusSeeOther || a.location() != fmt.Sprintf("/tab/%d", tab)):
							t.Errorf("tab %d: status %d to %q", tab, a.StatusCode, a.location())
						}
					}
				})
			})
		}
	}
}

func TestOnSignInDecides(t *testing.T) {
	t.Run("it may choose what the application calls the user", func(t *testing.T) {
		s := newSite(t, func(c *xsignin.Config) {
			c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error {
				s.User.Subject = "account-7"
				s.User.ID = "1"
				return nil
			}
		})
		b := s.browser()
		b.signIn("/auth/login", xtest.DefaultUserID)
		if got := s.tokens.keys(); len(got) != 1 || got[0] != (xsignin.Key{Provider: "x", UserID: "account-7"}) {
			t.Errorf("the token is under %v", got)
		}
		if got := b.who(); got != xtest.DefaultUserID {
			t.Errorf("the hook changed whom X vouched for: %q", got)
		}
		if a := b.get("/api"); a.StatusCode != http.StatusOK {
			t.Errorf("/api: status %d, body %s", a.StatusCode, a.body)
		}
	})
	t.Run("it is told what this sign-in was begun for, and not another tab's", func(t *testing.T) {
		var told []string
		s := newSite(t, func(c *xsignin.Config) {
			c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error {
				told = append(told, s.ReturnTo)
				s.ReturnTo = "/elsewhere"
				return nil
			}
		})
		b := s.browser()
		var callbacks []string
		for _, path := range []string{"/photos?wish=1", "/photos?wish=2", "//evil.example/", ""} {
			callback, err := s.x.Approve(b.get("/auth/login?return_to="+url.QueryEscape(path)).Header.Get("Location"), xtest.DefaultUserID)
			if err != nil {
				t.Fatal(err)
			}
			callbacks = append(callbacks, callback)
		}
		want := []string{"/photos?wish=1", "/photos?wish=2", "/", "/"}
		for i, callback := range callbacks {
			if a := b.get(callback + "&return_to=/made-up"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != want[i] {
				t.Errorf("status %d to %q", a.StatusCode, a.Header.Get("Location"))
			}
		}
		if !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
	refusals := []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"it may refuse", fmt.Errorf("not on the list: %w", provider.ErrNotAllowed), http.StatusForbidden, "not_allowed"},
		{"it may fail", errors.New("database away"), http.StatusServiceUnavailable, "internal"},
	}
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, func(c *xsignin.Config) {
				c.OnSignIn = func(context.Context, *xsignin.SignIn) error { return tt.err }
			})
			b := s.browser()
			a := b.get(b.approve(b.begin("/auth/login"), xtest.DefaultUserID))
			if a.StatusCode != tt.status || !strings.Contains(a.body, "<code>"+tt.code+"</code>") {
				t.Errorf("status %d, body %s", a.StatusCode, a.body)
			}
			s.nothingIsLeft(b)
		})
	}
	t.Run("a subject is needed", func(t *testing.T) {
		s := newSite(t, func(c *xsignin.Config) {
			c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error { s.User.Subject = ""; return nil }
		})
		b := s.browser()
		if a := b.get(b.approve(b.begin("/auth/login"), xtest.DefaultUserID)); a.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("status %d", a.StatusCode)
		}
		s.nothingIsLeft(b)
	})
}

// nothingIsLeft checks that a sign-in that failed left no session, no token and no cookie.
func (s *site) nothingIsLeft(b *browser) {
	s.t.Helper()
	if got := b.cookies(); len(got) != 0 {
		s.t.Errorf("cookies are left: %v", got)
	}
	if got := b.who(); got != "" {
		s.t.Errorf("signed in as %q", got)
	}
	if got := s.tokens.keys(); len(got) != 0 {
		s.t.Errorf("tokens are left: %v", got)
	}
	if n := s.sessionCount(); n != 0 {
		s.t.Errorf("%d sessions are left", n)
	}
}

// TestTheApplicationsOwnSessions: the kit joins an scs manager that is there already.
func TestTheApplicationsOwnSessions(t *testing.T) {
	for _, mounted := range []bool{true, false} {
		t.Run(fmt.Sprintf("its own middleware is mounted: %t", mounted), func(t *testing.T) {
			own := scs.New()
			own.HashTokenInStore = true
			own.Store = memstore.NewWithCleanupInterval(0)
			s := newSite(t, func(c *xsignin.Config) { c.SessionStore, c.Sessions = nil, own })
			if s.kit.Sessions().SCS() != own {
				t.Error("it is another manager")
			}
			s.mux.Handle("/cart", own.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				own.Put(r.Context(), "cart", own.GetInt(r.Context(), "cart")+1)
				_, _ = fmt.Fprint(w, own.GetInt(r.Context(), "cart"))
			})))
			b := s.browser()
			if mounted {
				inner := b.client.Transport.(inProcess).h
				b.client.Transport = inProcess{own.LoadAndSave(inner)}
			}
			b.get("/cart")
			before := b.cookieValue(own.Cookie.Name)
			b.signIn("/auth/login", xtest.DefaultUserID)
			if after := b.cookieValue(own.Cookie.Name); after == before || after == "" {
				t.Error("the session kept its id through the sign-in")
			}
			if got := b.who(); got != xtest.DefaultUserID {
				t.Errorf("signed in as %q", got)
			}
			if a := b.get("/cart"); a.body != "2" {
				t.Errorf("the visitor's own values are lost: %s", a.body)
			}
			if a := b.get("/api"); a.StatusCode != http.StatusOK {
				t.Errorf("/api: status %d, body %s", a.StatusCode, a.body)
			}
			b.send(http.MethodPost, "/auth/logout", url.Values{})
			if got := b.who(); got != "" {
				t.Errorf("still signed in as %q", got)
			}
		})
	}
}

func (b *browser) cookieValue(name string) string {
	u, err := url.Parse(b.s.public + "/")
	if err != nil {
		b.s.t.Fatal(err)
	}
	for _, c := range b.jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func TestASiteByHttpsBelowAPath(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.PublicURL = "https://site.example/app/" })
	s.mux.Handle("/app/auth/", s.kit)
	s.x.SetCallbacks("https://site.example/app/auth/callback")
	s.public = "https://site.example/app"
	b := s.browser()
	a := b.get(b.approve(b.begin("https://site.example/app/auth/login"), xtest.DefaultUserID))
	if a.StatusCode != http.StatusSeeOther || a.location() != "/app/" {
		t.Errorf("status %d to %q, body %s", a.StatusCode, a.location(), a.body)
	}
	for _, line := range a.Header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil || !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("Set-Cookie: %s", strings.ReplaceAll(line, c.Value, "…"))
		}
	}
	if a := b.get("https://site.example/app/auth/session", "Accept", "application/json"); !strings.Contains(a.body, `"logout_url":"/app/auth/logout"`) {
		t.Errorf("session: %s", a.body)
	}
}

func TestLoginURL(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.PublicURL = "https://site.example/app" })
	for _, tt := range [][3]string{
		{"x", "", "/app/auth/login"},
		{"x-oauth1", "", "/app/auth/login/x-oauth1"},
		{"x-oauth1", "/a?b=c", "/app/auth/login/x-oauth1?return_to=%2Fa%3Fb%3Dc"},
	} {
		if got := s.kit.LoginURL(tt[0], tt[1]); got != tt[2] {
			t.Errorf("LoginURL(%q, %q) = %q, want %q", tt[0], tt[1], got, tt[2])
		}
	}
}

// TestTwoKitsDoNotKnowEachOthersVisitors: an application for customers and one for its
// staff, one mounted in the other.
func TestTwoKitsDoNotKnowEachOthersVisitors(t *testing.T) {
	staff := newSite(t, func(c *xsignin.Config) {
		c.CookieName = "staff"
		c.OnSignIn = func(context.Context, *xsignin.SignIn) error { return provider.ErrNotAllowed }
	})
	s := newSite(t)
	s.mux.Handle("/staff", s.kit.LoadUser(staff.kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("for the staff"))
	}))))
	s.mux.Handle("/both", staff.kit.LoadUser(s.kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := xsignin.User(r.Context())
		_, _ = w.Write([]byte(u.ID))
	}))))
	b := s.browser()
	b.signIn("/auth/login", xtest.DefaultUserID)
	if a := b.get("/staff"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a customer in the staff's room: status %d, body %s", a.StatusCode, a.body)
	}
	if a := b.get("/both"); a.body != xtest.DefaultUserID {
		t.Errorf("the innermost kit counts: status %d, body %s", a.StatusCode, a.body)
	}
}

// TestASessionActsForItsOwnAccount: the application links two accounts to one user of its
// own, and the token of the one that signed in last is stored.
func TestASessionActsForItsOwnAccount(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) {
		c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error { s.User.Subject = "one"; return nil }
	})
	first, second := s.browser(), s.browser()
	first.signIn("/auth/login", xtest.DefaultUserID)
	second.signIn("/auth/login", xtest.SecondUserID)
	if a := second.get("/api"); !strings.Contains(a.body, xtest.SecondUserID) {
		t.Errorf("the second: status %d, body %s", a.StatusCode, a.body)
	}
	if a := first.get("/api"); a.StatusCode != http.StatusBadGateway || strings.Contains(a.body, xtest.SecondUserID) {
		t.Errorf("the first acts as the second: status %d, body %s", a.StatusCode, a.body)
	}
}

// stranger is a provider of another service, whose ids are as X's.
type stranger struct{ provider.Provider }

func (stranger) Name() string { return "other" }

func (p stranger) Begin(ctx context.Context, opt provider.Options) (string, provider.Pending, error) {
	redirect, pending, err := p.Provider.Begin(ctx, opt)
	pending.Provider = "other"
	return redirect, pending, err
}

func (p stranger) Finish(ctx context.Context, pending provider.Pending, q url.Values) (provider.User, tokenstore.Token, error) {
	pending.Provider = "x"
	u, token, err := p.Provider.Finish(ctx, pending, q)
	u.Provider, u.Subject = "other", ""
	return u, token, err
}

// nobody is a provider that vouches for no one in particular.
type nobody struct{ stranger }

func (p nobody) Finish(ctx context.Context, pending provider.Pending, q url.Values) (provider.User, tokenstore.Token, error) {
	u, token, err := p.stranger.Finish(ctx, pending, q)
	u.ID = ""
	return u, token, err
}

func TestNobodySignsInWithoutAnID(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) {
		x, err := provider.NewX(provider.XConfig{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret, CallbackURL: c.PublicURL + "/auth/callback", Transport: c.Transport,
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Providers = []provider.Provider{nobody{stranger{x}}}
	})
	b := s.browser()
	a := b.get(b.approve(b.begin("/auth/login/other"), xtest.DefaultUserID))
	s.isFailurePage(a, http.StatusServiceUnavailable, "internal")
	s.nothingIsLeft(b)
}

// TestTwoKitsOnOneHost: with a cookie name each, neither touches what the other has under way.
func TestTwoKitsOnOneHost(t *testing.T) {
	first := newSite(t)
	second := newSite(t, func(c *xsignin.Config) {
		c.CookieName, c.Path, c.Keys = "second", "/second", []string{strings.Repeat("2", 32)}
	})
	first.mux.Handle("/second/", second.kit)
	b := first.browser()
	underWay := b.approve(b.begin("/auth/login"), xtest.DefaultUserID)
	b.get("/second/login")
	b.send(http.MethodPost, "/second/logout", nil)
	if a := b.get(underWay); a.StatusCode != http.StatusSeeOther {
		t.Errorf("status %d, body %s", a.StatusCode, a.body)
	}
}

func TestIDsAreUniqueWithTheirProviderOnly(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) {
		x, err := provider.NewX(provider.XConfig{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret, CallbackURL: c.PublicURL + "/auth/callback", Transport: c.Transport,
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Providers = []provider.Provider{stranger{x}}
	})
	s.browser().signIn("/auth/login", xtest.DefaultUserID)
	b := s.browser()
	b.signIn("/auth/login/other", xtest.DefaultUserID)
	want := xsignin.Key{Provider: "other", UserID: "other:" + xtest.DefaultUserID}
	if !slices.Contains(s.tokens.keys(), want) {
		t.Errorf("tokens are under %v", s.tokens.keys())
	}
	b.send(http.MethodPost, "/auth/logout", nil)
	if got := s.tokens.keys(); len(got) != 1 || got[0].Provider != "x" {
		t.Errorf("a sign-out took another's token: left are %v", got)
	}
}

func TestKeepTokens(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.KeepTokens = true })
	b := s.browser()
	b.signIn("/auth/login", xtest.DefaultUserID)
	b.send(http.MethodPost, "/auth/logout", url.Values{})
	if b.who() != "" {
		t.Error("still signed in")
	}
	if got := s.tokens.keys(); len(got) != 1 {
		t.Fatalf("the token is gone: %v", got)
	}
	resp, err := s.kit.ClientFor(s.tokens.keys()[0]).Get("https://api.x.com/2/users/me")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("the client of a user who is away: %v", err)
	}
}

func TestATokenThatXRefusesSendsTheUserToTheLogin(t *testing.T) {
	for _, p := range flows {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t)
			s.bubble(func() {
				b := s.browser()
				b.signIn(p.login, xtest.DefaultUserID)
				s.x.RevokeApp(xtest.DefaultUserID)
				time.Sleep(3 * time.Hour)
				if a := b.get("/api"); a.StatusCode != http.StatusBadGateway || !strings.Contains(a.body, client.ErrSignInAgain.Error()) {
					t.Errorf("the first use: status %d, body %s", a.StatusCode, a.body)
				}
				asked := len(s.x.Requests())
				a := b.get("/api?page=2")
				if a.StatusCode != http.StatusSeeOther || a.location() != p.login+"?return_to=%2Fapi%3Fpage%3D2" {
					t.Errorf("the next page load: status %d to %q", a.StatusCode, a.location())
				}
				if a := b.get("/api", "Accept", "application/json"); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, `"code":"sign_in_again"`) {
					t.Errorf("a script: status %d, body %s", a.StatusCode, a.body)
				}
				if got := len(s.x.Requests()); got != asked {
					t.Errorf("X was asked again, %d times", got-asked)
				}
				b.signIn(p.login, xtest.DefaultUserID)
				if a := b.get("/api"); a.StatusCode != http.StatusOK {
					t.Errorf("after signing in again: status %d, body %s", a.StatusCode, a.body)
				}
			})
		})
	}
}

func TestATokenIsRefreshedWhenItsTwoHoursAreOver(t *testing.T) {
	s := newSite(t)
	s.bubble(func() {
		b := s.browser()
		b.signIn("/auth/login", xtest.DefaultUserID)
		for range 5 {
			time.Sleep(2*time.Hour + time.Minute)
			if a := b.get("/api"); a.StatusCode != http.StatusOK {
				t.Fatalf("status %d, body %s", a.StatusCode, a.body)
			}
		}
		if n := s.x.Count(http.MethodPost, "/2/oauth2/token"); n != 6 {
			t.Errorf("X was asked for tokens %d times, want 6", n)
		}
		key := s.tokens.keys()[0]
		if err := s.kit.Refresh(context.Background(), key); err != nil {
			t.Errorf("Refresh: %v", err)
		}
		if n := s.x.Count(http.MethodPost, "/2/oauth2/token"); n != 7 {
			t.Errorf("Refresh did not ask X")
		}
	})
}
