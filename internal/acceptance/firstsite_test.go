package acceptance_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// These tests cover the mistakes of users who try the kit for the first time.

func TestALoginURLWithoutANameIsOfTheFirstProvider(t *testing.T) {
	s := newSite(t)
	if got := s.Kit.LoginURL("", "/me?a=b"); got != "/auth/login?return_to=%2Fme%3Fa%3Db" {
		t.Errorf("LoginURL is %q", got)
	}
	b := s.browser()
	if a := b.Get(b.Approve(b.Begin(s.Kit.LoginURL("", "/me")), xtest.DefaultUserID)); a.StatusCode != http.StatusSeeOther || a.Redirect() != "/me" {
		t.Errorf("status %d to %q", a.StatusCode, a.Redirect())
	}
}

// TestTheKitBesideAHandlerForEveryPath: ServeMux panics for a GET of every path beside the kit at
// every method, and docs/adding-sign-in.md shows three other ways.
func TestTheKitBesideAHandlerForEveryPath(t *testing.T) {
	s := newSite(t)
	for name, tt := range map[string]struct {
		kit    []string
		front  string
		panics bool
	}{
		"every path":      {[]string{"/auth/"}, "GET /", true},
		"the front alone": {[]string{"/auth/"}, "GET /{$}", false},
		"two methods":     {[]string{"GET /auth/", "POST /auth/"}, "GET /", false},
		"two segments":    {[]string{"GET /auth/", "POST /auth/"}, "GET /{owner}/{repo}", true},
		"every path of the kit": {
			[]string{"GET /auth/login", "GET /auth/callback", "GET /auth/logout", "POST /auth/logout", "GET /auth/session"}, "GET /{owner}/{repo}", false,
		},
	} {
		mux := http.NewServeMux()
		mux.HandleFunc(tt.front, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("front")) })
		panicked := func() (caught any) {
			defer func() { caught = recover() }()
			for _, pattern := range tt.kit {
				mux.Handle(pattern, s.Kit)
			}
			return nil
		}()
		if (panicked != nil) != tt.panics {
			t.Errorf("%s: %v", name, panicked)
		}
		for method, want := range map[string]int{http.MethodGet: http.StatusSeeOther, http.MethodPost: http.StatusMethodNotAllowed} {
			w, r := httptest.NewRecorder(), httptest.NewRequest(method, "http://127.0.0.1:8080/auth/login", http.NoBody)
			if mux.ServeHTTP(w, r); !tt.panics && w.Code != want {
				t.Errorf("%s: %s: status %d, want %d", name, method, w.Code, want)
			}
		}
	}
}

// isNoWayIn checks the page for a site with a wrong setup.
func (s *site) isNoWayIn(a answer) {
	s.T.Helper()
	if a.StatusCode != http.StatusInternalServerError || a.Redirect() != "" || !strings.Contains(a.Text, "Sign-in does not work at the moment") || a.Header.Get("Cache-Control") != "no-store" {
		s.T.Errorf("status %d to %q, body %s", a.StatusCode, a.Redirect(), a.Text)
	}
}

// TestRequireUserAroundTheLogin: a redirect would loop forever, with a longer address each time.
func TestRequireUserAroundTheLogin(t *testing.T) {
	nothing := http.NewServeMux()
	for name, mount := range map[string]func(k *xsignin.Kit) http.Handler{
		"around the kit":              func(k *xsignin.Kit) http.Handler { return k.RequireUser(k) },
		"around a kit mounted apart":  func(k *xsignin.Kit) http.Handler { return k.RequireUser(http.StripPrefix("/elsewhere", k)) },
		"around a site without a kit": func(k *xsignin.Kit) http.Handler { return k.RequireUser(nothing) },
		"behind a prefix":             func(k *xsignin.Kit) http.Handler { return http.StripPrefix("/auth", k.RequireUser(nothing)) },
		"with scopes":                 func(k *xsignin.Kit) http.Handler { return k.RequireScopes("tweet.write")(k) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser()
			b.Client.Transport = testkit.InProcess{Handler: mount(s.Kit)}
			for _, path := range []string{"/auth/login?return_to=/me", "/auth/login/x-oauth1", "/auth/%6cogin", "/auth/callback?state=a&code=b", "/auth/callback/x"} {
				s.isNoWayIn(b.Get(path))
				a := b.Get(path, "Accept", "application/json")
				if a.StatusCode != http.StatusInternalServerError || !strings.Contains(a.Text, `"code":"internal"`) || strings.Contains(a.Text, "login_url") {
					t.Errorf("%s: status %d, body %s", path, a.StatusCode, a.Text)
				}
				if a := b.Get(path, "HX-Request", "true"); a.Header.Get("HX-Redirect") != "" {
					t.Errorf("%s: htmx is sent to %q", path, a.Header.Get("HX-Redirect"))
				}
			}
			if n := strings.Count(s.Log.String(), "level=ERROR"); n != 1 || !strings.Contains(s.Log.String(), "RequireUser protects the login") {
				t.Errorf("the log has %d errors: %s", n, s.Log.String())
			}
		})
	}
}

func TestRequireUserAroundTheLoginOfASiteBelowAPath(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.PublicURL = "http://127.0.0.1:8080/app" })
	for _, h := range []http.Handler{s.Kit.RequireUser(s.Kit), http.StripPrefix("/app", s.Kit.RequireUser(s.Kit))} {
		b := s.browser()
		b.Client.Transport = testkit.InProcess{Handler: h}
		s.isNoWayIn(b.Get("/app/auth/login"))
	}
	// A proxy may remove the path before the program sees it.
	b := s.browser()
	b.Client.Transport = testkit.InProcess{Handler: s.Kit.RequireUser(s.Kit)}
	s.isNoWayIn(b.Get("/auth/login"))
}

// TestPagesBesideTheKitKeepTheirGuard: the mistake affects only the login.
func TestPagesBesideTheKitKeepTheirGuard(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.Client.Transport = testkit.InProcess{Handler: s.Kit.RequireUser(http.NotFoundHandler())}
	for _, path := range []string{"/", "/login", "/auth/settings", "/auth/logins", "/auth", "/my/auth/login"} {
		if a := b.Get(path); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Redirect(), "/auth/login?return_to=") {
			t.Errorf("%s: status %d to %q", path, a.StatusCode, a.Redirect())
		}
	}
	if strings.Contains(s.Log.String(), "level=ERROR") {
		t.Errorf("the log: %s", s.Log.String())
	}
}

func TestASignInAtAnotherHostIsSaidAloudOnce(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	for range 3 {
		b.Begin("http://localhost:8080/auth/login")
	}
	if log := s.Log.String(); strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, "host=localhost:8080 expected_origin=http://127.0.0.1:8080") {
		t.Errorf("the log: %s", log)
	}

	// An attacker chooses the host.
	s = newSite(t)
	r := httptest.NewRequest(http.MethodGet, "/auth/login", http.NoBody)
	r.Host = "evil\nlevel=ERROR\x1b[31m\u202e" + strings.Repeat("a", 1<<20)
	s.Kit.ServeHTTP(httptest.NewRecorder(), r)
	if log := s.Log.String(); !strings.Contains(log, `evil\\nlevel=ERROR\\x1b[31m\\u202e`) || len(log) > 4<<10 {
		t.Errorf("the log has %d bytes: %.1000s", len(log), log)
	}
}

// TestASignInAtTheSitesOwnHostIsNotWarnedOf: cookies ignore ports.
func TestASignInAtTheSitesOwnHostIsNotWarnedOf(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.PublicURL = "https://Site.example" })
	b := s.browser()
	for _, host := range []string{"site.example", "SITE.example:443", "site.example:5173"} {
		b.Begin("https://" + host + "/auth/login")
	}
	if log := s.Log.String(); strings.Contains(log, "level=WARN") {
		t.Errorf("the log: %s", log)
	}
}

func TestAKitThatIsMountedElsewhereSaysSo(t *testing.T) {
	for name, mount := range map[string]struct {
		mount      func(k *xsignin.Kit) http.Handler
		path, seen string
	}{
		"behind a prefix of its own":     {func(k *xsignin.Kit) http.Handler { return http.StripPrefix("/auth", k) }, "/auth/login", "/login"},
		"with a slash at the end":        {func(k *xsignin.Kit) http.Handler { return http.StripPrefix("/auth/", k) }, "/auth/login", "login"},
		"at another path":                {func(k *xsignin.Kit) http.Handler { return k }, "/account/login", "/account/login"},
		"at a path that begins the same": {func(k *xsignin.Kit) http.Handler { return k }, "/authors/login", "/authors/login"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser()
			b.Client.Transport = testkit.InProcess{Handler: mount.mount(s.Kit)}
			for range 3 {
				a := b.Get(mount.path)
				if a.StatusCode != http.StatusNotFound || !strings.Contains(a.Text, "This page does not exist") {
					t.Errorf("status %d, body %s", a.StatusCode, a.Text)
				}
			}
			log := s.Log.String()
			if strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, "path="+mount.seen+" base_path=/auth ") || !strings.Contains(log, "StripPrefix") {
				t.Errorf("the log: %s", log)
			}
		})
	}
}

// TestAMisspeltAddressIsNotWarnedOf: any client could send such an address.
func TestAMisspeltAddressIsNotWarnedOf(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.PublicURL = "http://127.0.0.1:8080/app" })
	for _, h := range []http.Handler{s.Kit, http.StripPrefix("/app", s.Kit)} {
		b := s.browser()
		b.Client.Transport = testkit.InProcess{Handler: h}
		if a := b.Get("/app/auth/nowhere"); a.StatusCode != http.StatusNotFound {
			t.Errorf("status %d", a.StatusCode)
		}
	}
	if log := s.Log.String(); strings.Contains(log, "level=WARN") {
		t.Errorf("the log: %s", log)
	}
}

// TestAStoreThatIsMissingIsSaidOnce: it would be the same warning at every step of the sign-in.
func TestAStoreThatIsMissingIsSaidOnce(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	callback := b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID)
	s.Sessions.SetFail(errors.New("no such table: sessions"))
	s.isFailurePage(b.Get(callback), http.StatusServiceUnavailable, "internal")
	if log := s.Log.String(); strings.Count(log, "no such table: sessions") != 1 {
		t.Errorf("the log: %s", log)
	}
}

func TestTheLogNamesTheCallbackToRegister(t *testing.T) {
	s := newSite(t)
	s.X.SetCallbacks("http://127.0.0.1:8080/other")
	s.isFailurePage(s.browser().Get("/auth/login/x-oauth1"), http.StatusBadGateway, "refused")
	if log := s.Log.String(); !strings.Contains(log, `fix="register the callback at X, to the letter: http://127.0.0.1:8080/auth/callback"`) {
		t.Errorf("the log: %s", log)
	}
}

func TestTheLogSaysWhoWasSilent(t *testing.T) {
	s := newSite(t)
	s.Bubble(func() {
		b := s.browser()
		callback := b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID)
		hold := make(chan struct{})
		defer close(hold)
		s.X.Fail(xtest.Fault{Path: "/2/oauth2/token", Hold: hold})
		s.isFailurePage(b.Get(callback), http.StatusGatewayTimeout, "unavailable")
		if log := s.Log.String(); !strings.Contains(log, "no answer from api.x.com within 10s: context deadline exceeded") {
			t.Errorf("the log: %s", log)
		}
	})
}

func TestAKeyThatNamesNoProvider(t *testing.T) {
	s := newSite(t)
	for key, want := range map[xsignin.Key]string{
		{Provider: "twitter", UserID: "12"}: `no provider is named "twitter" (the names are ["x" "x-oauth1"]`,
		{}:                                  "use user.Key()",
		{Provider: "x", UserID: "12"}:       "kit.Accounts",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.x.com/2/users/me", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.Kit.ClientFor(key).Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		for _, err := range []error{err, s.Kit.RefreshToken(t.Context(), key)} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v", key, err)
			}
		}
	}
}

// TestAnotherApplicationByOAuth1HasItsOwnCallback: the same as with OAuth 2.0.
func TestAnotherApplicationByOAuth1HasItsOwnCallback(t *testing.T) {
	const callback = "http://127.0.0.1:8080/auth/callback/second"
	s := newSite(t, func(c *xsignin.Config) {
		second, err := provider.NewXOAuth1(provider.OAuth1Config{
			Name: "second", ConsumerKey: c.OAuth1.ConsumerKey, ConsumerSecret: c.OAuth1.ConsumerSecret, CallbackURL: callback, Transport: c.X.Transport,
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Providers = append(c.Providers, second)
	})
	s.X.SetCallbacks(callback)
	b := s.browser()
	b.SignIn("/auth/login/second", xtest.DefaultUserID)
	if got := b.Who(); got != xtest.DefaultUserID {
		t.Errorf("signed in as %q", got)
	}
}
