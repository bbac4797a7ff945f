package main

import (
	"net/http"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

func TestSignIn(t *testing.T) {
	var saved [3]string
	s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		return site(cfg, func(id, token, secret string) error {
			saved = [3]string{id, token, secret}
			return nil
		})
	})
	b := s.Browser()
	b.SignIn("/auth/login/x-oauth1?return_to=/photos?page=2", xtest.DefaultUserID, "/photos?page=2")
	if saved[0] != xtest.DefaultUserID || saved[1] == "" || saved[2] == "" {
		t.Errorf("the application has got %q, a token %t, a secret %t", saved[0], saved[1] != "", saved[2] != "")
	}
	b.Get("/photos", http.StatusOK, "Hello @demo")
	b.Get("/auth/callback?denied=x", http.StatusForbidden, "You are not signed in.")
}
