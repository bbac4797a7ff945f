package main

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// TestOneLogoutEndsBothSessions signs out by the application's logout.
func TestOneLogoutEndsBothSessions(t *testing.T) {
	tokens := tokenstore.NewMemory()
	s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		cfg.TokenStore, cfg.Secrets = tokens, []string{"01234567890123456789012345678901"}
		return site(cfg)
	})
	b := s.Browser()
	b.SignIn("/auth/login?return_to=/visits", xtest.DefaultUserID, "/visits")
	b.Get("/visits", http.StatusOK, "Visit 1 of @demo")
	b.Get("/visits", http.StatusOK, "Visit 2 of @demo")
	key := xsignin.Key{Provider: "x", UserID: xtest.DefaultUserID, AccountID: xtest.DefaultUserID}
	if _, err := tokens.Get(t.Context(), key); err != nil {
		t.Errorf("before the logout: %v", err)
	}
	if to := b.PostRedirect("/logout"); to != "/" {
		t.Errorf("the logout leads to %s", to)
	}
	if _, err := tokens.Get(t.Context(), key); err == nil {
		t.Error("the logout left the tokens")
	}
	if to := b.Redirect("/visits"); to != "/auth/login?return_to=%2Fvisits" {
		t.Errorf("after the logout: to %s", to)
	}
	b.SignIn("/auth/login?return_to=/visits", xtest.DefaultUserID, "/visits")
	b.Get("/visits", http.StatusOK, "Visit 1 of @demo")
}

// TestValuesAreOfOneUser: if the kit's session ends elsewhere, the next user sees no values of
// the last one.
func TestValuesAreOfOneUser(t *testing.T) {
	s := visit.Start(t, site)
	b, other := s.Browser(), s.Browser()
	b.SignIn("/auth/login?return_to=/visits", xtest.DefaultUserID, "/visits")
	b.Get("/visits", http.StatusOK, "Visit 1 of @demo")
	b.Get("/visits", http.StatusOK, "Visit 2 of @demo")
	other.SignIn("/auth/login?return_to=/visits", xtest.DefaultUserID, "/visits")
	other.Post("/auth/logout", url.Values{"everywhere": {"1"}}, http.StatusSeeOther)
	b.Redirect("/visits")
	b.SignIn("/auth/login?return_to=/visits", xtest.SecondUserID, "/visits")
	b.Get("/visits", http.StatusOK, "Visit 1 of @"+xtest.SecondUserName)
}
