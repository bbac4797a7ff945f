package acceptance_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/xtest"
)

// below is what stands in front of a site below a path: it changes the path of a request as a
// proxy or a middleware does.
type below struct {
	handler http.Handler
	path    func(escaped string) string
}

func (b below) RoundTrip(r *http.Request) (*http.Response, error) {
	escaped := b.path(r.URL.EscapedPath())
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	in.URL.Path, in.URL.RawPath = path, escaped
	return testkit.InProcess{Handler: b.handler}.RoundTrip(in)
}

var (
	links    = regexp.MustCompile(`(?:href|action)="([^"]*)"`)
	ofTheKit = regexp.MustCompile(`/auth/+(login|callback|logout|session|nothing)`)
)

// TestEveryLinkIsTheVisitors: whatever a proxy makes of the path, each redirect and each link
// has the path that the visitor's browser shows.
func TestEveryLinkIsTheVisitors(t *testing.T) {
	for _, base := range []string{"", "/app", "/a/b", "/@acme", "/caf\u00e9", "/a,b=c", "/a+b", "/~me", "/auth"} {
		for front, change := range map[string]func(escaped string) string{
			"a proxy that keeps the path":    func(p string) string { return p },
			"a proxy that strips the path":   nil, // see below
			"a proxy that encodes the path":  func(p string) string { return strings.NewReplacer("@", "%40", "~", "%7E", "+", "%2B").Replace(p) },
			"a proxy that encodes a letter":  func(p string) string { return strings.Replace(p, "a", "%61", 1) },
			"a proxy that doubles a slash":   func(p string) string { return strings.Replace(p, "/", "//", 1) },
			"a proxy that adds a slash last": func(p string) string { return strings.TrimRight(p, "/") + "/" },
		} {
			s := newSite(t, func(c *xsignin.Config) { c.PublicURL = "https://site.example" + base })
			public := (&url.URL{Path: base}).EscapedPath()
			if change == nil {
				change = func(p string) string { return "/" + strings.TrimPrefix(strings.TrimPrefix(p, public), "/") }
			}
			protected := s.Kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("page")) }))
			app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if ofTheKit.MatchString(r.URL.Path) {
					s.Kit.ServeHTTP(w, r)
					return
				}
				protected.ServeHTTP(w, r)
			})
			s.X.SetCallbacks("https://site.example" + public + "/auth/callback")
			b := s.browser()
			b.Client.Transport = below{app, change}
			check := func(what string, a answer) {
				t.Helper()
				targets := []string{a.Redirect(), a.Header.Get("HX-Redirect")}
				for _, m := range links.FindAllStringSubmatch(a.Text, -1) {
					targets = append(targets, html.UnescapeString(m[1]))
				}
				for _, to := range targets {
					if strings.HasPrefix(to, "/") && !strings.HasPrefix(to, public+"/") {
						t.Errorf("%s at %q: %s leads to %q", front, base, what, to)
					}
				}
			}
			page := public + "/page"
			a := b.Get(page + "?a=b")
			check("RequireUser", a)
			if a.StatusCode != http.StatusSeeOther {
				t.Fatalf("%s at %q: status %d", front, base, a.StatusCode)
			}
			login := a.Redirect()
			if a = b.Get(login); !strings.HasPrefix(a.Redirect(), "https://x.com/") {
				t.Errorf("%s at %q: %s leads to %q", front, base, login, a.Redirect())
				continue
			}
			a = b.Get(b.Approve(a.Redirect(), xtest.DefaultUserID))
			want := page
			if strings.HasSuffix(front, "last") {
				want += "/"
			}
			if got, err := url.PathUnescape(a.Redirect()); err != nil || got != base+strings.TrimPrefix(want, public)+"?a=b" {
				t.Errorf("%s at %q: back to %q, want %s?a=b", front, base, a.Redirect(), want)
			}
			check("the callback", a)
			if a = b.Get(a.Redirect()); a.Text != "page" {
				t.Errorf("%s at %q: status %d", front, base, a.StatusCode)
			}
			for what, a := range map[string]answer{
				"the sign-out's page":    b.Get(public + "/auth/logout"),
				"a missing page":         b.Get(public + "/auth/nothing"),
				"a callback of a guest":  b.Get(public + "/auth/callback?state=x"),
				"a prefetch":             b.Get(public+"/auth/login", "Sec-Purpose", "prefetch"),
				"htmx at the login":      b.Get(public+"/auth/login?return_to="+page, "HX-Request", "true"),
				"the test of cookies":    b.Get(public + "/auth/login?cookie_test=1"),
				"the address of a scope": b.Get(public + "/auth/login?scope=x"),
			} {
				check(what, a)
				for _, c := range a.Cookies() {
					if c.Name == "cookie_test" && c.Path != public+"/auth/login" {
						t.Errorf("%s at %q: the path of the cookie is %q", front, base, c.Path)
					}
				}
			}
			if a = b.Get(public+"/auth/session", "Accept", "application/json"); !strings.Contains(a.Text, `"login_url":"`+public+`/auth/login"`) || !strings.Contains(a.Text, `"logout_url":"`+public+`/auth/logout"`) {
				t.Errorf("%s at %q: %s", front, base, a.Text)
			}
			stale := "__Host-xsignin=" + strings.Repeat("A", 43) // at a longer path
			a = b.Send(http.MethodPost, public+"/auth/logout", nil, "Origin", "https://site.example", "Cookie", stale)
			for _, path := range []string{public, public + "/"} {
				if cleared := func(c *http.Cookie) bool { return c.Path == path && c.MaxAge < 0 }; path != "" && !slices.ContainsFunc(a.Cookies(), cleared) {
					t.Errorf("%s at %q: the session's cookie at %s stays: %q", front, base, path, a.Header["Set-Cookie"])
				}
			}
			if check("the sign-out", a); a.StatusCode != http.StatusSeeOther {
				t.Errorf("%s at %q: sign-out: status %d", front, base, a.StatusCode)
			}
			if a = b.Get(page); a.StatusCode != http.StatusSeeOther {
				t.Errorf("%s at %q: still signed in", front, base)
			}
		}
	}
}
