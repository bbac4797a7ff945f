package main

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/xsignin/xsignin/internal/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

func TestTheSignInJoinsTheSession(t *testing.T) {
	s := visit.Start(t, site)
	b, other := s.Browser(), s.Browser()
	b.Post("/cart", url.Values{"thing": {"lamp"}}, http.StatusSeeOther)
	b.SignIn("/auth/login?return_to=/cart", xtest.DefaultUserID, "/cart")
	b.Get("/cart", http.StatusOK, "demo:  lamp")
	b.SignIn("/auth/login?return_to=/cart", xtest.SecondUserID, "/cart")
	b.Get("/cart", http.StatusOK, xtest.SecondUserName+": \n")
	b.Post("/cart", url.Values{"thing": {"vase"}}, http.StatusSeeOther)
	other.SignIn("/auth/login?return_to=/cart", xtest.SecondUserID, "/cart")
	other.Post("/auth/logout", url.Values{"everywhere": {"1"}}, http.StatusSeeOther)
	b.Get("/cart", http.StatusOK, "nobody: \n")
}
