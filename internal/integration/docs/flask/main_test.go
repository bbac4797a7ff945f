package main

import (
	"net/http"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

func start(t *testing.T) *visit.Site {
	t.Helper()
	return visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		cfg.ClientID, cfg.ClientSecret, cfg.Paths = "", "", xsignin.Paths{} // as in the program
		return site(cfg)
	})
}

func TestIndexLoginAndLogout(t *testing.T) {
	s := start(t)
	b := s.Browser()
	b.Get("/", http.StatusOK, "Sign in with X")
	b.Get("/timeline", http.StatusSeeOther, "")
	b.SignIn(b.Redirect("/login"), xtest.DefaultUserID, "/")
	b.Get("/", http.StatusOK, "Hello demo!")
	s.API.AddPost(xtest.DefaultUserID, "Up & running")
	b.Get("/timeline", http.StatusOK, "Up & running")
	b.Referer = "/timeline?page=2"
	if to := b.PostRedirect("/auth/logout"); to != "/timeline?message=signed_out" {
		t.Errorf("the sign-out leads to %s", to)
	}
	b.Referer = "//example.com/"
	if to := b.PostRedirect("/auth/logout"); to != "/?message=signed_out" {
		t.Errorf("the sign-out leads to %s", to)
	}
	b.Referer = ""
	b.Get("/?message=signed_out", http.StatusOK, "You were signed out")
	b.Get("/timeline", http.StatusSeeOther, "")

	b.SignIn("/auth/login", xtest.DefaultUserID, "/")
	if to := b.PostRedirect("/auth/logout"); to != "/?message=signed_out" {
		t.Errorf("without a Referer the sign-out leads to %s", to)
	}
}

func TestTheWayBack(t *testing.T) {
	s := start(t)
	b := s.Browser()
	b.SignIn(b.Redirect("/login?next=/timeline"), xtest.DefaultUserID, "/timeline")
	// The return path is the page with the link, unless that page is on another site.
	b.Referer = "/timeline"
	b.SignIn(b.Redirect("/login"), xtest.DefaultUserID, "/timeline")
	b.Referer = "https://example.com/timeline"
	b.SignIn(b.Redirect("/login"), xtest.DefaultUserID, "/")
	b.SignIn(b.Redirect("/login?next=https://example.com/"), xtest.DefaultUserID, "/")
}

func TestDenied(t *testing.T) {
	s := start(t)
	for next, want := range map[string]string{"": "/?message=denied", "?next=/timeline": "/timeline?message=denied"} {
		b := s.Browser()
		if to := b.Redirect(b.Deny(b.Redirect(b.Redirect("/login"+next)), xtest.DefaultUserID)); to != want {
			t.Errorf("%q: the refusal leads to %s", next, to)
		}
		b.Get("/?message=denied", http.StatusOK, "You denied the request to sign in.")
		b.Get("/", http.StatusOK, "Sign in with X")
	}
}
