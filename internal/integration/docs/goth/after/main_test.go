package main

import (
	"net/http"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

func TestSignIn(t *testing.T) {
	s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		cfg.ClientID, cfg.ClientSecret = "", "" // as in the program
		return site(cfg)
	})
	b := s.Browser()
	b.Get("/photos", http.StatusSeeOther, "")
	b.SignIn("/auth/login", xtest.DefaultUserID, "/photos")
	b.Get("/photos", http.StatusOK, "Hello @demo, X answers 200 OK")
	b.Post("/auth/logout", nil, http.StatusSeeOther)
	b.Get("/photos", http.StatusSeeOther, "")
}
