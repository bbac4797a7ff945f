package acceptance_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/xtest"
)

// TestNoSecretComesOut uses every path and searches all output for secrets. All other tests of
// sites search their output too.
func TestNoSecretComesOut(t *testing.T) {
	for _, p := range flows {
		for _, f := range failures {
			if f.only != "" && f.only != p.name {
				continue
			}
			t.Run(p.name+"/"+f.name, func(t *testing.T) {
				s := newSite(t)
				s.Bubble(func() { f.run(t, s, s.browser(), p) })
			})
		}
	}
	t.Run("what X repeats of a request", func(t *testing.T) {
		// A server that repeats the request in its response.
		echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{
				"error": "invalid_request " + r.Form.Encode(), "error_description": r.Form.Encode() + r.Header.Get("Authorization"),
			})
		})
		for _, p := range flows {
			s := newSite(t)
			b := s.browser()
			c := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
			s.X.Fail(xtest.Fault{Path: p.last, Handler: echo})
			if a := b.Get(c); a.StatusCode < 400 {
				t.Errorf("status %d", a.StatusCode)
			}
		}
	})
	t.Run("refreshing, failing to, and signing out", func(t *testing.T) {
		s := newSite(t)
		s.Bubble(func() {
			b := s.browser()
			b.SignIn("/auth/login", xtest.DefaultUserID)
			time.Sleep(3 * time.Hour)
			b.Get("/api")
			time.Sleep(3 * time.Hour)
			s.X.Fail(xtest.Fault{Path: "/2/oauth2/token", Status: 500, Times: 1})
			b.Get("/api")
			b.Get("/api")
			s.X.RevokeApp(xtest.DefaultUserID)
			time.Sleep(3 * time.Hour)
			b.Get("/api")
			b.Get("/api")
			b.SignIn("/auth/login", xtest.DefaultUserID)
			b.SignIn("/auth/login/x-oauth1", xtest.DefaultUserID)
			s.X.Fail(xtest.Fault{Path: "/2/oauth2/revoke", Status: 500})
			b.Send(http.MethodPost, "/auth/logout", nil)
		})
	})
	t.Run("a watch that sees nothing proves nothing", func(t *testing.T) {
		s := newSite(t)
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		b.SignIn("/auth/login/x-oauth1", xtest.DefaultUserID)
		b.Get("/api")
		if err := s.Kit.RefreshToken(t.Context(), xsignin.Key{Provider: "x", UserID: xtest.DefaultUserID, AccountID: xtest.DefaultUserID}); err != nil {
			t.Fatal(err)
		}
		seen := s.Watch.Seen()
		for _, want := range []string{
			"a cookie", "the state", "an oauth_token", "an oauth_verifier", "an oauth_signature",
			"an Authorization header", "a code", "a code_verifier", "a refresh_token", "a oauth_token_secret", "an access_token", "an refresh_token",
		} {
			if !seen[want] && !seen[strings.Replace(want, "an ", "a ", 1)] {
				t.Errorf("no secret seen that is %s; seen: %v", want, seen)
			}
		}
	})
}
