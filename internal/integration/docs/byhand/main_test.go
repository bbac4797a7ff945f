package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

func TestSignInWithoutKit(t *testing.T) {
	s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		h, end, err := site(settings{cfg.PublicURL, cfg.ClientID, cfg.ClientSecret, strings.Repeat("s", 32), cfg.X.Transport})
		t.Cleanup(func() {
			if end != nil {
				_ = end(context.Background())
			}
		})
		return h, err
	})
	b := s.Browser()
	if to := b.Redirect("/photos"); to != "/auth/login?return_to=%2Fphotos" {
		t.Errorf("a stranger is sent to %s", to)
	}
	b.SignIn("/auth/login", xtest.DefaultUserID, "/photos")
	b.Get("/photos", http.StatusOK, "The photos of @demo")
	b.Post("/auth/logout", nil, http.StatusSeeOther)
	b.Redirect("/photos")
	if n := s.X.Count(http.MethodPost, "/2/oauth2/revoke"); n == 0 {
		t.Error("the sign-out revoked no token")
	}
}

func TestEachSettingIsNeeded(t *testing.T) {
	for _, s := range []settings{
		{publicURL: "http://127.0.0.1:8080", clientID: "id"},
		{publicURL: "http://127.0.0.1:8080", clientID: "id", secret: "short"},
		{publicURL: "http://127.0.0.1:8080", secret: strings.Repeat("s", 32)},
		{clientID: "id", secret: strings.Repeat("s", 32)},
	} {
		if _, _, err := site(s); err == nil {
			t.Errorf("%+v: no error", s)
		}
	}
}
