package xsignin_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// TestKit signs in, uses the client and signs out, by both protocols. The package
// internal/acceptance tests the rest.
func TestKit(t *testing.T) {
	for _, login := range []string{"/auth/login", "/auth/login/x-oauth1"} {
		t.Run(login, func(t *testing.T) {
			s := testkit.NewSite(t)
			b := s.Browser()
			if a := b.Get("/me"); a.StatusCode != http.StatusSeeOther || a.Redirect() != "/auth/login?return_to=%2Fme" {
				t.Fatalf("before the sign-in: status %d to %q", a.StatusCode, a.Redirect())
			}
			if a := b.SignIn(login+"?return_to=/me", xtest.DefaultUserID); a.Redirect() != "/me" {
				t.Errorf("the callback redirects to %q", a.Redirect())
			}
			var user provider.User
			if err := json.Unmarshal([]byte(b.Get("/me").Text), &user); err != nil || user.AccountID != xtest.DefaultUserID {
				t.Errorf("user %v, %v", user, err)
			}
			if a := b.Get("/api"); a.StatusCode != http.StatusOK {
				t.Errorf("a call to X: status %d, body %s", a.StatusCode, a.Text)
			}
			if a := b.Send(http.MethodPost, "/auth/logout", nil); a.StatusCode != http.StatusSeeOther || b.Who() != "" {
				t.Errorf("the logout: status %d, signed in as %q", a.StatusCode, b.Who())
			}
			if n := s.SessionCount() + len(s.Tokens.Keys()); n != 0 {
				t.Errorf("after the logout, %d records are left", n)
			}
		})
	}
}
