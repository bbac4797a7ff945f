package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

func start(t *testing.T) *visit.Site {
	t.Helper()
	return visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		return site(cfg.PublicURL, strings.Repeat("s", 32), provider.OAuth2Config{
			ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, Transport: cfg.X.Transport,
		})
	})
}

func TestAProviderAndPendingCookiesAlone(t *testing.T) {
	s := start(t)
	b, other := s.Browser(), s.Browser()
	if to := b.Redirect("/photos"); to != "/auth/login" {
		t.Errorf("a stranger is sent to %s", to)
	}
	callback, err := s.X.Approve(b.Redirect("/auth/login"), xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	other.Get(callback, http.StatusBadRequest, "not started in this browser")
	for range 2 { // a reload changes nothing
		if to := b.Redirect(callback); to != "/photos" {
			t.Errorf("the callback leads to %s", to)
		}
		b.Get("/photos", http.StatusOK, "The photos of @demo")
	}
	if n := s.X.Count(http.MethodPost, "/2/oauth2/token"); n != 1 {
		t.Errorf("X was asked %d times", n)
	}
}

func TestAVisitorWhoSaysNo(t *testing.T) {
	s := start(t)
	b := s.Browser()
	denial := b.Deny(b.Redirect("/auth/login"), xtest.DefaultUserID)
	b.Get(denial, http.StatusForbidden, "")
	b.Get(denial, http.StatusBadRequest, "")
	b.Redirect("/photos")
}

func TestWithoutASecretNoSignInBegins(t *testing.T) {
	if _, err := site("http://127.0.0.1:8080", "", provider.OAuth2Config{ClientID: "id"}); err == nil {
		t.Error("no error")
	}
}
