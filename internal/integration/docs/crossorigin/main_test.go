package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

// TestTheMiddlewareAroundTheKit: sign-ins and forms of the site work.
func TestTheMiddlewareAroundTheKit(t *testing.T) {
	s := visit.Start(t, site)
	for _, login := range []string{"/auth/login", "/auth/login/x-oauth1"} {
		b := s.Browser()
		b.SignIn(login+"?return_to=/notes", xtest.DefaultUserID, "/notes")
		b.Get("/notes", http.StatusOK, `action="/auth/logout"`)
		b.Post("/notes", url.Values{"note": {"<milk>"}}, http.StatusOK)
		b.Get("/auth/logout", http.StatusOK, "Sign out")
		b.Post("/auth/logout", nil, http.StatusSeeOther)
		b.Redirect("/notes")
	}
}

// TestOnlyFormsOfTheSite: forms of other sites are refused, and programs are not.
func TestOnlyFormsOfTheSite(t *testing.T) {
	h, err := site(xsignin.Config{
		PublicURL: "http://127.0.0.1:8080", ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
		Advanced: xsignin.Advanced{Native: handlers.NativeClients{RedirectURIs: []string{"com.example.app:/callback"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, site string
		refused    bool
	}{
		{"/notes", "cross-site", true},
		{"/notes", "same-site", true},
		{"/notes", "same-origin", false},
		{"/auth/logout", "cross-site", true},
		{"/auth/logout", "same-origin", false},
		{"/auth/native", "", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8080"+c.path, http.NoBody)
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if refused := w.Code == http.StatusForbidden; refused != c.refused || w.Code == http.StatusNotFound {
			t.Errorf("%s from %q: status %d", c.path, c.site, w.Code)
		}
	}
}
