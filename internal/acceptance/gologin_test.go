package acceptance_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/dghubble/gologin/v2"
	"github.com/dghubble/gologin/v2/oauth1"
	"github.com/dghubble/gologin/v2/oauth2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// TestHandlersAfterGologinsConvention: Config.Success answers after a success, and
// Config.Failure after a failure, at the login and at the callback.
func TestHandlersAfterGologinsConvention(t *testing.T) {
	var s *site
	s = newSite(t, func(c *xsignin.Config) {
		c.Success = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, _ := xsignin.User(r.Context())
			back, _ := handlers.ReturnPath(r.Context())
			_, secret, err1 := oauth1.AccessTokenFromContext(r.Context())
			token, err2 := oauth2.TokenFromContext(r.Context())
			if err1 == nil {
				s.Watch.Secret("a token secret", secret)
			} else if err2 == nil {
				s.Watch.Secret("an access token", token.AccessToken)
			}
			if (err1 == nil) != (user.Provider == "x-oauth1") || (err2 == nil) != (user.Provider == "x") {
				t.Errorf("%s: %v, %v", user.Provider, err1, err2)
			}
			_, _ = io.WriteString(w, user.AccountID+" "+back)
		})
		c.Failure = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := gologin.ErrorFromContext(r.Context())
			var e *provider.Error
			if !errors.As(err, &e) {
				t.Errorf("%v", err)
			}
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, page.ProblemFor(err).Code)
		})
	})
	for _, p := range protocols {
		b := s.browser()
		a := b.Get(b.Approve(b.Begin(p.login+"?return_to=/me"), xtest.SecondUserID))
		if a.StatusCode != http.StatusOK || a.Text != xtest.SecondUserID+" /me" || b.Who() != xtest.SecondUserID {
			t.Errorf("%s: status %d, %q, signed in as %q", p.name, a.StatusCode, a.Text, b.Who())
		}
		if a := b.Get("/auth/callback?state=unknown&code=x"); a.StatusCode != http.StatusTeapot || a.Text != "other_browser" {
			t.Errorf("a stranger's callback: status %d, %q", a.StatusCode, a.Text)
		}
	}
	s.X.Fail(xtest.Fault{Path: "/oauth/request_token", Status: http.StatusServiceUnavailable})
	if a := s.browser().Get("/auth/login/x-oauth1"); a.StatusCode != http.StatusTeapot || a.Text != "unavailable" {
		t.Errorf("a login while X is down: status %d, %q", a.StatusCode, a.Text)
	}
}
