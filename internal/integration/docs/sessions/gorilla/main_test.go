package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

func start(t *testing.T) *visit.Site {
	t.Helper()
	return visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		return site(cfg, cookies(strings.Repeat("s", 32), false))
	})
}

// TestACartIsItsOwners checks that a cart stays through its visitor's sign-in. It is gone when
// the user is signed out, in this browser or everywhere from another one.
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
	// The cart is not loaded between the two.
	b.Post("/auth/logout", nil, http.StatusSeeOther)
	b.SignIn("/auth/login?return_to=/cart", xtest.SecondUserID, "/cart")
	b.Get("/cart", http.StatusOK, xtest.SecondUserName+": \n")
	b.Post("/cart", url.Values{"thing": {"vase"}}, http.StatusSeeOther)

	other.SignIn("/auth/login?return_to=/cart", xtest.SecondUserID, "/cart")
	other.Get("/cart", http.StatusOK, xtest.SecondUserName+": \n")
	other.Post("/auth/logout", url.Values{"everywhere": {"1"}}, http.StatusSeeOther)
	b.Get("/cart", http.StatusOK, "nobody: \n")
}

func TestTheCookieOfTheCart(t *testing.T) {
	for _, https := range []bool{false, true} {
		w := httptest.NewRecorder()
		session, err := cookies(strings.Repeat("s", 32), https).Get(httptest.NewRequest(http.MethodGet, "/cart", nil), "shop")
		if err != nil {
			t.Fatal(err)
		}
		if err := session.Save(httptest.NewRequest(http.MethodGet, "/cart", nil), w); err != nil {
			t.Fatal(err)
		}
		c := w.Result().Cookies()[0]
		if c.Path != "/" || !c.HttpOnly || c.Secure != https || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 14*24*60*60 {
			t.Errorf("https %t: %s", https, w.Header().Get("Set-Cookie"))
		}
	}
}
