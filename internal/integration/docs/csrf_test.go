package docs

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gorilla/csrf"
	"github.com/justinas/nosurf"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/xtest"
)

// isKits reports whether r is for the kit, which checks its own requests.
func isKits(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/auth/") }

// TestBehindCSRFMiddleware checks both ways of own-session.md. With the exemption the kit's forms
// need no token. Without it, they need the token of the middleware.
func TestBehindCSRFMiddleware(t *testing.T) {
	for _, tt := range []struct {
		name, field string
		token       func(*http.Request) string
		wrap        func(h http.Handler, exempt bool) http.Handler
	}{
		{"nosurf", nosurf.FormFieldName, nosurf.Token, func(h http.Handler, exempt bool) http.Handler {
			n := nosurf.New(h)
			n.SetBaseCookie(http.Cookie{Path: "/", HttpOnly: true, MaxAge: nosurf.MaxAge})
			if exempt {
				n.ExemptGlob("/auth/*")
			}
			return n
		}},
		{"gorilla/csrf", "gorilla.csrf.Token", csrf.Token, func(h http.Handler, exempt bool) http.Handler {
			protected := csrf.Protect([]byte(strings.Repeat("k", 32)), csrf.Secure(false), csrf.Path("/"))(h)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r = csrf.PlaintextHTTPRequest(r); exempt && isKits(r) {
					r = csrf.UnsafeSkipCheck(r)
				}
				protected.ServeHTTP(w, r)
			})
		}},
	} {
		for _, exempt := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, exempt %t", tt.name, exempt), func(t *testing.T) {
				s := testkit.NewSite(t, func(c *xsignin.Config) {
					c.Pages.Render = func(w http.ResponseWriter, r *http.Request, p xsignin.Page) {
						p.Fields = append(p.Fields, page.Field{Name: tt.field, Value: tt.token(r)})
						p.Render(w, r)
					}
				})
				s.Mux.HandleFunc("/own", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, tt.token(r)) })
				b := testkit.NewBrowser(t, s.X, s.Public, testkit.InProcess{Handler: tt.wrap(s.Mux, exempt)})
				post := func(path, token string) testkit.Answer {
					return b.Send(http.MethodPost, path, url.Values{tt.field: {token}}, "Sec-Fetch-Site", "same-origin", "Origin", s.Public)
				}
				b.SignIn("/auth/login", xtest.DefaultUserID)
				token := b.Get("/own").Text
				if a := post("/own", ""); a.StatusCode < 400 {
					t.Errorf("a form of the application without a token: %s", a.Status)
				}
				if a := post("/own", token); a.StatusCode != http.StatusOK {
					t.Errorf("a form of the application: %s %s", a.Status, a.Text)
				}
				if a := post("/auth/logout", ""); (a.StatusCode == http.StatusSeeOther) != exempt {
					t.Errorf("the sign-out without a token: %s", a.Status)
				}
				b.SignIn("/auth/login", xtest.DefaultUserID)
				if a := post("/auth/logout", token); a.StatusCode != http.StatusSeeOther || b.Who() != "" {
					t.Errorf("the sign-out on a page of the application: %s %s", a.Status, a.Text)
				}
				if exempt {
					return
				}
				b.SignIn("/auth/login", xtest.DefaultUserID)
				shown := regexp.MustCompile(`name="` + tt.field + `" value="([^"]+)"`).FindStringSubmatch(b.Get("/auth/logout").Text)
				if len(shown) < 2 {
					t.Fatal("the page before a sign-out has no token")
				}
				if a := post("/auth/logout", strings.ReplaceAll(shown[1], "&#43;", "+")); a.StatusCode != http.StatusSeeOther || b.Who() != "" {
					t.Errorf("the sign-out on the kit's page: %s %s", a.Status, a.Text)
				}
			})
		}
	}
}
