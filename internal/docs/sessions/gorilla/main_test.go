package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

func start(t *testing.T) *visit.Site {
	t.Helper()
	return visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		return site(cfg, sessions.NewCookieStore([]byte(strings.Repeat("s", 32))))
	})
}

// TestACartIsItsOwners: what somebody has gathered stays with them through a sign-in, and is
// gone when they are: signed out here, or everywhere from another browser.
func TestACartIsItsOwners(t *testing.T) {
	s := start(t)
	b, other := s.Browser(), s.Browser()
	b.Post("/cart", url.Values{"thing": {"lamp"}}, http.StatusSeeOther)
	b.Get("/cart", http.StatusOK, "nobody:  lamp")
	b.SignIn("/auth/login?return_to=/cart", xtest.DefaultUserID, "/cart")
	b.Get("/cart", http.StatusOK, "demo:  lamp")
	b.Post("/cart", url.Values{"thing": {"chair"}}, http.StatusSeeOther)
	b.Get("/cart", http.StatusOK, "demo:  lamp chair")

	b.Post("/auth/logout", nil, http.StatusSeeOther)
	b.Get("/cart", http.StatusOK, "nobody: \n")
	b.SignIn("/auth/login?return_to=/cart", xtest.DefaultUserID, "/cart")
	b.Post("/cart", url.Values{"thing": {"desk"}}, http.StatusSeeOther)
	// Nobody has looked at the cart between the two.
	b.Post("/auth/logout", nil, http.StatusSeeOther)
	b.SignIn("/auth/login?return_to=/cart", xtest.SecondUserID, "/cart")
	b.Get("/cart", http.StatusOK, xtest.SecondUserName+": \n")
	b.Post("/cart", url.Values{"thing": {"vase"}}, http.StatusSeeOther)

	other.SignIn("/auth/login?return_to=/cart", xtest.SecondUserID, "/cart")
	other.Get("/cart", http.StatusOK, xtest.SecondUserName+": \n")
	other.Post("/auth/logout", url.Values{"everywhere": {"1"}}, http.StatusSeeOther)
	b.Get("/cart", http.StatusOK, "nobody: \n")
}
