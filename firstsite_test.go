package xsignin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/xtest"
)

// What follows is what somebody meets who tries the kit for the first time.

func TestALoginURLWithoutANameIsOfTheFirstProvider(t *testing.T) {
	s := newSite(t)
	if got := s.kit.LoginURL("", "/me?a=b"); got != "/auth/login?return_to=%2Fme%3Fa%3Db" {
		t.Errorf("LoginURL is %q", got)
	}
	b := s.browser()
	if a := b.get(b.approve(b.begin(s.kit.LoginURL("", "/me")), xtest.DefaultUserID)); a.StatusCode != http.StatusSeeOther || a.location() != "/me" {
		t.Errorf("status %d to %q", a.StatusCode, a.location())
	}
}

// isNoWayIn checks the page that says that a site is not set up right.
func (s *site) isNoWayIn(a answer) {
	s.t.Helper()
	if a.StatusCode != http.StatusInternalServerError || a.location() != "" || !strings.Contains(a.body, "Nobody can sign in here") || a.Header.Get("Cache-Control") != "no-store" {
		s.t.Errorf("status %d to %q, body %s", a.StatusCode, a.location(), a.body)
	}
}

// TestRequireUserAroundTheLogin: a redirect would lead around for ever, with a longer
// address each time.
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
			b.client.Transport = inProcess{mount(s.kit)}
			for _, path := range []string{"/auth/login?return_to=/me", "/auth/login/x-oauth1", "/auth/%6cogin", "/auth/callback?state=a&code=b", "/auth/callback/x"} {
				s.isNoWayIn(b.get(path))
				a := b.get(path, "Accept", "application/json")
				if a.StatusCode != http.StatusInternalServerError || !strings.Contains(a.body, `"code":"internal"`) || strings.Contains(a.body, "login_url") {
					t.Errorf("%s: status %d, body %s", path, a.StatusCode, a.body)
				}
				if a := b.get(path, "HX-Request", "true"); a.Header.Get("HX-Redirect") != "" {
					t.Errorf("%s: htmx is sent to %q", path, a.Header.Get("HX-Redirect"))
				}
			}
			if n := strings.Count(s.log.String(), "level=ERROR"); n != 1 || !strings.Contains(s.log.String(), "RequireUser stands around the login") {
				t.Errorf("the log has %d errors: %s", n, s.log.String())
			}
		})
	}
}

func TestRequireUserAroundTheLoginOfASiteBelowAPath(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.PublicURL = "http://127.0.0.1:8080/app" })
	for _, h := range []http.Handler{s.kit.RequireUser(s.kit), http.StripPrefix("/app", s.kit.RequireUser(s.kit))} {
		b := s.browser()
		b.client.Transport = inProcess{h}
		s.isNoWayIn(b.get("/app/auth/login"))
	}
	// A proxy may take the path away before the program sees it.
	b := s.browser()
	b.client.Transport = inProcess{s.kit.RequireUser(s.kit)}
	s.isNoWayIn(b.get("/auth/login"))
}

// TestPagesBesideTheKitKeepTheirGuard: only who wants to sign in is kept out by it.
func TestPagesBesideTheKitKeepTheirGuard(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.client.Transport = inProcess{s.kit.RequireUser(http.NotFoundHandler())}
	for _, path := range []string{"/", "/login", "/auth/settings", "/auth/logins", "/auth", "/my/auth/login"} {
		if a := b.get(path); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.location(), "/auth/login?return_to=") {
			t.Errorf("%s: status %d to %q", path, a.StatusCode, a.location())
		}
	}
	if strings.Contains(s.log.String(), "level=ERROR") {
		t.Errorf("the log: %s", s.log.String())
	}
}
