package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gorilla/csrf"
	"github.com/justinas/nosurf"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

var hidden = regexp.MustCompile(`name="csrf_token" value="([^"]+)"`)

// token is the form with the token of a page.
func token(t *testing.T, page string) url.Values {
	t.Helper()
	found := hidden.FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("no token in %s", page)
	}
	return url.Values{"csrf_token": {strings.ReplaceAll(found[1], "&#43;", "+")}}
}

// TestEveryFormHasItsToken signs in by both protocols, and sends both forms and the kit's.
func TestEveryFormHasItsToken(t *testing.T) {
	s := visit.Start(t, site)
	for _, login := range []string{"/auth/login", "/auth/login/x-oauth1"} {
		b := s.Browser()
		for _, from := range []string{"/notes", "/auth/logout"} {
			b.SignIn(login+"?return_to=/notes", xtest.DefaultUserID, "/notes")
			note := token(t, b.Text("/notes"))
			note.Set("note", "<milk>")
			b.Post("/notes", note, http.StatusOK)
			b.Post("/notes", url.Values{"note": {"milk"}}, http.StatusBadRequest)
			b.Post("/auth/logout", nil, http.StatusBadRequest)
			b.Post("/auth/logout", token(t, b.Text(from)), http.StatusSeeOther)
			b.Redirect("/notes")
		}
	}
}

// TestTheKitsPathsCanBeExempt checks the page's other way: the kit's forms then need no token,
// and the application's still do.
func TestTheKitsPathsCanBeExempt(t *testing.T) {
	for name, c := range map[string]struct {
		wrap    func(http.Handler) http.Handler
		refused int
	}{
		"nosurf": {func(next http.Handler) http.Handler {
			csrf := nosurf.New(next)
			csrf.ExemptGlob("/auth/*")
			return csrf
		}, http.StatusBadRequest},
		"gorilla/csrf": {func(next http.Handler) http.Handler {
			protected := csrf.Protect([]byte(strings.Repeat("s", 32)), csrf.Secure(false))(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r = csrf.PlaintextHTTPRequest(r)
				if strings.HasPrefix(r.URL.Path, "/auth/") {
					r = csrf.UnsafeSkipCheck(r)
				}
				protected.ServeHTTP(w, r)
			})
		}, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
				kit, err := xsignin.New(cfg)
				mux := http.NewServeMux()
				mux.Handle("/auth/", kit)
				mux.HandleFunc("POST /notes", add)
				return c.wrap(mux), err
			})
			b := s.Browser()
			b.SignIn("/auth/login", xtest.DefaultUserID, "/photos")
			b.Get("/auth/logout", http.StatusOK, "Sign out")
			b.Post("/notes", nil, c.refused)
			b.Post("/auth/logout", nil, http.StatusSeeOther)
		})
	}
}

// TestProgramsHaveNoForm: a request without a token reaches the kit, which answers 415 to a
// request that is not JSON.
func TestProgramsHaveNoForm(t *testing.T) {
	h, err := site(xsignin.Config{
		PublicURL: "https://site.example", ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
		Secrets:  []string{strings.Repeat("s", 32)},
		Advanced: xsignin.Advanced{Native: handlers.NativeClients{RedirectURIs: []string{"com.example.app:/callback"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "https://site.example/auth/native", http.NoBody))
	c := w.Result().Cookies()
	if w.Code != http.StatusUnsupportedMediaType || len(c) != 1 || !c[0].Secure || !c[0].HttpOnly || c[0].Path != "/" {
		t.Errorf("status %d, cookies %s", w.Code, w.Header()["Set-Cookie"])
	}
}
