package acceptance_test

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
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// The two protocols, by the path that begins each.
var protocols = []struct{ name, login string }{
	{"x", "/auth/login"},
	{"x-oauth1", "/auth/login/x-oauth1"},
}

func TestAVisitorSignsInCallsXAndSignsOut(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t)
			s.X.SetSwitches(xtest.Switches{Strict: true}) // the kit sends what the RFCs ask for
			b := s.browser()

			a := b.Get("/me?tab=posts")
			if want := "/auth/login?return_to=%2Fme%3Ftab%3Dposts"; a.StatusCode != http.StatusSeeOther || a.Redirect() != want {
				t.Fatalf("a stranger at /me: status %d to %q, want 303 to %q", a.StatusCode, a.Redirect(), want)
			}
			_, query, _ := strings.Cut(a.Redirect(), "?")
			a = b.SignIn(p.login+"?"+query, xtest.SecondUserID)
			if a.Redirect() != "/me?tab=posts" {
				t.Errorf("after the sign-in the browser is sent to %q", a.Redirect())
			}
			if got := b.Who(); got != xtest.SecondUserID {
				t.Fatalf("signed in as %q", got)
			}
			if a := b.Get("/me"); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, xtest.SecondUserName) || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("/me: status %d, Cache-Control %q, body %s", a.StatusCode, a.Header.Get("Cache-Control"), a.Text)
			}
			if a := b.Get("/"); a.Text != "hello @"+xtest.SecondUserName {
				t.Errorf("/: %s", a.Text)
			}
			if a := b.Get("/api"); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, xtest.SecondUserID) {
				t.Errorf("/api: status %d, body %s", a.StatusCode, a.Text)
			}

			a = b.Send(http.MethodPost, "/auth/logout", url.Values{}, "Sec-Fetch-Site", "same-origin")
			if a.StatusCode != http.StatusSeeOther || a.Redirect() != "/" {
				t.Errorf("logout: status %d to %q", a.StatusCode, a.Redirect())
			}
			if b.Who() != "" || b.Get("/me").StatusCode != http.StatusSeeOther || b.Get("/").Text != "hello" {
				t.Error("still signed in")
			}
			if got := s.Tokens.Keys(); len(got) != 0 {
				t.Errorf("tokens are left: %v", got)
			}
			if got := b.Cookies(); len(got) != 0 {
				t.Errorf("cookies are left: %v", got)
			}
			if n := s.SessionCount(); n != 0 {
				t.Errorf("%d sessions are left", n)
			}
			want := []event.Kind{event.SignInBegun, event.SignInDone, event.Revoked, event.SignedOut}
			if got := s.Told(); !slices.Equal(got, want) {
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
		s.browser().SignIn(login, xtest.DefaultUserID)
		var got []string
		for _, r := range s.X.Requests() {
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
		b.SignIn(p.login, xtest.DefaultUserID)
	}
	accounts, err := s.Kit.Accounts(t.Context(), xtest.DefaultUserID)
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
		resp, err := s.Kit.ClientFor(a.Key).Get("https://api.x.com/2/users/me")
		if err != nil {
			t.Errorf("%v: %v", a.Key, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%v: status %d", a.Key, resp.StatusCode)
		}
	}
	if err := s.Kit.RevokeToken(t.Context(), accounts[0].Key); err != nil {
		t.Fatal(err)
	}
	if accounts, _ = s.Kit.Accounts(t.Context(), xtest.DefaultUserID); len(accounts) != 1 {
		t.Errorf("after one was disconnected: %v", accounts)
	}
	s.Tokens.SetFail(errors.New("away"))
	if _, err := s.Kit.Accounts(t.Context(), xtest.DefaultUserID); err == nil {
		t.Error("a store that fails is no user without tokens")
	}
}

// TestSevenTabs: of the sign-ins that were begun in seven tabs, the newest five complete, in any
// order.
func TestSevenTabs(t *testing.T) {
	for _, p := range protocols {
		for _, order := range [][]int{{0, 1, 2, 3, 4, 5, 6}, {6, 5, 4, 3, 2, 1, 0}, {3, 6, 0, 4, 1, 5, 2}} {
			t.Run(fmt.Sprint(p.name, order), func(t *testing.T) {
				s := newSite(t)
				s.Bubble(func() {
					b := s.browser()
					var callbacks []string
					for tab := range 7 {
						callbacks = append(callbacks, b.Approve(b.Begin(fmt.Sprintf("%s?return_to=/tab/%d", p.login, tab)), xtest.DefaultUserID))
						time.Sleep(time.Second)
					}
					for _, tab := range order {
						a := b.Get(callbacks[tab])
						switch {
						case tab < 2 && a.StatusCode != http.StatusBadRequest:
							t.Errorf("tab %d, one of the two oldest: status %d", tab, a.StatusCode)
						case tab >= 2 && (a.StatusCode != http.StatusSeeOther || a.Redirect() != fmt.Sprintf("/tab/%d", tab)):
							t.Errorf("tab %d: status %d to %q", tab, a.StatusCode, a.Redirect())
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
				s.User.ID = "account-7"
				s.User.AccountID = "1"
				return nil
			}
		})
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		if got := s.Tokens.Keys(); len(got) != 1 || got[0] != (xsignin.Key{Provider: "x", UserID: "account-7", AccountID: xtest.DefaultUserID}) {
			t.Errorf("the token is under %v", got)
		}
		if got := b.Who(); got != xtest.DefaultUserID {
			t.Errorf("the hook changed whom X vouched for: %q", got)
		}
		if a := b.Get("/api"); a.StatusCode != http.StatusOK {
			t.Errorf("/api: status %d, body %s", a.StatusCode, a.Text)
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
			callback, err := s.X.Approve(b.Get("/auth/login?return_to="+url.QueryEscape(path)).Header.Get("Location"), xtest.DefaultUserID)
			if err != nil {
				t.Fatal(err)
			}
			callbacks = append(callbacks, callback)
		}
		want := []string{"/photos?wish=1", "/photos?wish=2", "/", "/"}
		for i, callback := range callbacks {
			if a := b.Get(callback + "&return_to=/made-up"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != want[i] {
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
			a := b.Get(b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID))
			if a.StatusCode != tt.status || !strings.Contains(a.Text, "<code>"+tt.code+"</code>") {
				t.Errorf("status %d, body %s", a.StatusCode, a.Text)
			}
			s.nothingIsLeft(b)
		})
	}
	t.Run("a subject is needed", func(t *testing.T) {
		s := newSite(t, func(c *xsignin.Config) {
			c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error { s.User.ID = ""; return nil }
		})
		b := s.browser()
		if a := b.Get(b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID)); a.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("status %d", a.StatusCode)
		}
		s.nothingIsLeft(b)
	})
}

// nothingIsLeft checks that a failed sign-in left no session, no token and no cookie.
func (s *site) nothingIsLeft(b *browser) {
	s.T.Helper()
	for _, name := range b.Cookies() {
		// The sealed outcome answers a reload.
		if !strings.HasPrefix(name, "xsignin-pending-") {
			s.T.Errorf("a cookie is left: %s", name)
		}
	}
	if got := b.Who(); got != "" {
		s.T.Errorf("signed in as %q", got)
	}
	if got := s.Tokens.Keys(); len(got) != 0 {
		s.T.Errorf("tokens are left: %v", got)
	}
	if n := s.SessionCount(); n != 0 {
		s.T.Errorf("%d sessions are left", n)
	}
}

// TestTheApplicationsOwnSessions: the kit uses an existing scs manager.
func TestTheApplicationsOwnSessions(t *testing.T) {
	for _, mounted := range []bool{true, false} {
		t.Run(fmt.Sprintf("its own middleware is mounted: %t", mounted), func(t *testing.T) {
			own := scs.New()
			own.HashTokenInStore = true
			own.Store = memstore.NewWithCleanupInterval(0)
			s := newSite(t, func(c *xsignin.Config) { c.Session.Store, c.Session.Manager = nil, own })
			if s.Kit.Sessions().SCS() != own {
				t.Error("it is another manager")
			}
			s.Mux.Handle("/cart", own.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				own.Put(r.Context(), "cart", own.GetInt(r.Context(), "cart")+1)
				_, _ = fmt.Fprint(w, own.GetInt(r.Context(), "cart"))
			})))
			b := s.browser()
			if mounted {
				inner := b.Client.Transport.(testkit.InProcess).Handler
				b.Client.Transport = testkit.InProcess{Handler: own.LoadAndSave(inner)}
			}
			b.Get("/cart")
			before := b.cookieValue(own.Cookie.Name)
			b.SignIn("/auth/login", xtest.DefaultUserID)
			if after := b.cookieValue(own.Cookie.Name); after == before || after == "" {
				t.Error("the session kept its id through the sign-in")
			}
			if got := b.Who(); got != xtest.DefaultUserID {
				t.Errorf("signed in as %q", got)
			}
			if a := b.Get("/cart"); a.Text != "2" {
				t.Errorf("the visitor's own values are lost: %s", a.Text)
			}
			if a := b.Get("/api"); a.StatusCode != http.StatusOK {
				t.Errorf("/api: status %d, body %s", a.StatusCode, a.Text)
			}
			b.Send(http.MethodPost, "/auth/logout", url.Values{})
			if got := b.Who(); got != "" {
				t.Errorf("still signed in as %q", got)
			}
		})
	}
}

func (b *browser) cookieValue(name string) string {
	u, err := url.Parse(b.s.Public + "/")
	if err != nil {
		b.s.T.Fatal(err)
	}
	for _, c := range b.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func TestASiteByHttpsBelowAPath(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.PublicURL = "https://site.example/app/" })
	s.Mux.Handle("/app/auth/", s.Kit)
	s.X.SetCallbacks("https://site.example/app/auth/callback")
	s.Public = "https://site.example/app"
	b := s.browser()
	a := b.Get(b.Approve(b.Begin("https://site.example/app/auth/login"), xtest.DefaultUserID))
	if a.StatusCode != http.StatusSeeOther || a.Redirect() != "/app/" {
		t.Errorf("status %d to %q, body %s", a.StatusCode, a.Redirect(), a.Text)
	}
	for _, line := range a.Header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil || !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("Set-Cookie: %s", strings.ReplaceAll(line, c.Value, "…"))
		}
	}
	if a := b.Get("https://site.example/app/auth/session", "Accept", "application/json"); !strings.Contains(a.Text, `"logout_url":"/app/auth/logout"`) {
		t.Errorf("session: %s", a.Text)
	}
}

func TestLoginURL(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.PublicURL = "https://site.example/app" })
	for _, tt := range [][3]string{
		{"x", "", "/app/auth/login"},
		{"x-oauth1", "", "/app/auth/login/x-oauth1"},
		{"x-oauth1", "/a?b=c", "/app/auth/login/x-oauth1?return_to=%2Fa%3Fb%3Dc"},
	} {
		if got := s.Kit.LoginURL(tt[0], tt[1]); got != tt[2] {
			t.Errorf("LoginURL(%q, %q) = %q, want %q", tt[0], tt[1], got, tt[2])
		}
	}
}

// TestTwoKitsDoNotKnowEachOthersVisitors has an application for customers and one for staff. One
// is mounted in the other.
func TestTwoKitsDoNotKnowEachOthersVisitors(t *testing.T) {
	staff := newSite(t, func(c *xsignin.Config) {
		c.Session.CookieName = "staff"
		c.OnSignIn = func(context.Context, *xsignin.SignIn) error { return provider.ErrNotAllowed }
	})
	s := newSite(t)
	s.Mux.Handle("/staff", s.Kit.LoadUser(staff.Kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("for the staff"))
	}))))
	s.Mux.Handle("/both", staff.Kit.LoadUser(s.Kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := xsignin.User(r.Context())
		_, _ = w.Write([]byte(u.AccountID))
	}))))
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	if a := b.Get("/staff"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a customer in the staff's room: status %d, body %s", a.StatusCode, a.Text)
	}
	if a := b.Get("/both"); a.Text != xtest.DefaultUserID {
		t.Errorf("the innermost kit counts: status %d, body %s", a.StatusCode, a.Text)
	}
}

// TestASessionActsForItsOwnAccount: the application links three accounts to one of its users,
// the second by OAuth 1.0a. Each account has its token.
func TestASessionActsForItsOwnAccount(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) {
		c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error { s.User.ID = "one"; return nil }
	})
	s.X.AddUser(xtest.User{ID: "7", Username: "seven"})
	ids := []string{xtest.DefaultUserID, xtest.SecondUserID, "7"}
	var browsers []*browser
	for i, id := range ids {
		b := s.browser()
		b.SignIn(protocols[i%2].login, id)
		browsers = append(browsers, b)
	}
	check := func() {
		t.Helper()
		for i, b := range browsers {
			if a := b.Get("/api"); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, `"`+ids[i]+`"`) {
				t.Errorf("the session of %s: status %d, body %s", ids[i], a.StatusCode, a.Text)
			}
		}
	}
	check()
	accounts, err := s.Kit.Accounts(t.Context(), "one")
	if err != nil || len(accounts) != len(ids) {
		t.Fatalf("accounts %v, %v", accounts, err)
	}
	before := s.X.Count(http.MethodPost, "/2/oauth2/token")
	for _, a := range accounts {
		err := s.Kit.RefreshToken(t.Context(), a.Key)
		if (err == nil) != (a.Key.Provider == "x") {
			t.Errorf("%v: %v", a.Key, err)
		}
	}
	if n := s.X.Count(http.MethodPost, "/2/oauth2/token") - before; n != 2 {
		t.Errorf("%d refreshes at X, want one for each account by OAuth 2.0", n)
	}
	check()
}

// stranger is a provider of another service, with the same ids as X.
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
	u.Provider, u.ID = "other", ""
	return u, token, err
}

// nobody is a provider that returns an empty account id.
type nobody struct{ stranger }

func (p nobody) Finish(ctx context.Context, pending provider.Pending, q url.Values) (provider.User, tokenstore.Token, error) {
	u, token, err := p.stranger.Finish(ctx, pending, q)
	u.AccountID = ""
	return u, token, err
}

func TestNobodySignsInWithoutAnID(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) {
		x, err := provider.NewX(provider.OAuth2Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret, CallbackURL: c.PublicURL + "/auth/callback", Transport: c.X.Transport,
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Providers = []provider.Provider{nobody{stranger{x}}}
	})
	b := s.browser()
	a := b.Get(b.Approve(b.Begin("/auth/login/other"), xtest.DefaultUserID))
	s.isFailurePage(a, http.StatusServiceUnavailable, "internal")
	s.nothingIsLeft(b)
}

// TestTwoKitsOnOneHost: with different cookie names, no kit changes the other's pending
// sign-ins.
func TestTwoKitsOnOneHost(t *testing.T) {
	first := newSite(t)
	second := newSite(t, func(c *xsignin.Config) {
		c.Session.CookieName, c.Paths.Base, c.Secrets = "second", "/second", []string{strings.Repeat("2", 32)}
	})
	first.Mux.Handle("/second/", second.Kit)
	b := first.browser()
	underWay := b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID)
	b.Get("/second/login")
	b.Send(http.MethodPost, "/second/logout", nil)
	if a := b.Get(underWay); a.StatusCode != http.StatusSeeOther {
		t.Errorf("status %d, body %s", a.StatusCode, a.Text)
	}
}

func TestIDsAreUniqueWithTheirProviderOnly(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) {
		x, err := provider.NewX(provider.OAuth2Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret, CallbackURL: c.PublicURL + "/auth/callback", Transport: c.X.Transport,
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Providers = []provider.Provider{stranger{x}}
	})
	s.browser().SignIn("/auth/login", xtest.DefaultUserID)
	b := s.browser()
	b.SignIn("/auth/login/other", xtest.DefaultUserID)
	want := xsignin.Key{Provider: "other", UserID: "other:" + xtest.DefaultUserID, AccountID: xtest.DefaultUserID}
	if !slices.Contains(s.Tokens.Keys(), want) {
		t.Errorf("tokens are under %v", s.Tokens.Keys())
	}
	b.Send(http.MethodPost, "/auth/logout", nil)
	if got := s.Tokens.Keys(); len(got) != 1 || got[0].Provider != "x" {
		t.Errorf("a sign-out took another's token: left are %v", got)
	}
}

func TestKeepTokensOnLogout(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.Advanced.KeepTokensOnLogout = true })
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	b.Send(http.MethodPost, "/auth/logout", url.Values{})
	if b.Who() != "" {
		t.Error("still signed in")
	}
	if got := s.Tokens.Keys(); len(got) != 1 {
		t.Fatalf("the token is gone: %v", got)
	}
	resp, err := s.Kit.ClientFor(s.Tokens.Keys()[0]).Get("https://api.x.com/2/users/me")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("the client of a user who is away: %v", err)
	}
}

func TestATokenThatXRefusesSendsTheUserToTheLogin(t *testing.T) {
	for _, p := range flows {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t)
			s.Bubble(func() {
				b := s.browser()
				b.SignIn(p.login, xtest.DefaultUserID)
				s.X.RevokeApp(xtest.DefaultUserID)
				time.Sleep(3 * time.Hour)
				if a := b.Get("/api"); a.StatusCode != http.StatusBadGateway || !strings.Contains(a.Text, client.ErrReauthRequired.Error()) {
					t.Errorf("the first use: status %d, body %s", a.StatusCode, a.Text)
				}
				asked := len(s.X.Requests())
				a := b.Get("/api?page=2")
				if a.StatusCode != http.StatusSeeOther || a.Redirect() != p.login+"?return_to=%2Fapi%3Fpage%3D2" {
					t.Errorf("the next page load: status %d to %q", a.StatusCode, a.Redirect())
				}
				if a := b.Get("/api", "Accept", "application/json"); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.Text, `"code":"sign_in_again"`) {
					t.Errorf("a script: status %d, body %s", a.StatusCode, a.Text)
				}
				if got := len(s.X.Requests()); got != asked {
					t.Errorf("X was asked again, %d times", got-asked)
				}
				b.SignIn(p.login, xtest.DefaultUserID)
				if a := b.Get("/api"); a.StatusCode != http.StatusOK {
					t.Errorf("after signing in again: status %d, body %s", a.StatusCode, a.Text)
				}
			})
		})
	}
}

func TestATokenIsRefreshedWhenItsTwoHoursAreOver(t *testing.T) {
	s := newSite(t)
	s.Bubble(func() {
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		for range 5 {
			time.Sleep(2*time.Hour + time.Minute)
			if a := b.Get("/api"); a.StatusCode != http.StatusOK {
				t.Fatalf("status %d, body %s", a.StatusCode, a.Text)
			}
		}
		if n := s.X.Count(http.MethodPost, "/2/oauth2/token"); n != 6 {
			t.Errorf("X was asked for tokens %d times, want 6", n)
		}
		key := s.Tokens.Keys()[0]
		if err := s.Kit.RefreshToken(context.Background(), key); err != nil {
			t.Errorf("Refresh: %v", err)
		}
		if n := s.X.Count(http.MethodPost, "/2/oauth2/token"); n != 7 {
			t.Errorf("Refresh did not ask X")
		}
	})
}
