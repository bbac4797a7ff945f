package xecho_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/middleware/xecho"
	"github.com/xsignin/xsignin/xtest"
)

// TestConsentForMore: a page load goes through X and back, and the login knows the scope.
func TestConsentForMore(t *testing.T) {
	s := newSite(t, "", func(e *echo.Echo, kit *xsignin.Kit) {
		e.Any("/auth/*", echo.WrapHandler(kit))
		e.GET("/post", func(c echo.Context) error { return c.String(http.StatusOK, "posted") }, xecho.RequireScopes(kit.Middleware(), "tweet.write"))
	})
	b := s.signedIn("/auth/login")
	if a := s.send(b, "GET", "/post", "Accept", "application/json"); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, `"missing_scopes":["tweet.write"]`) {
		t.Errorf("%s %s", a.Status, a.body)
	}
	a := s.get(b, "/post")
	if want := login("", "/post") + "&scope=tweet.write"; a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != want {
		t.Fatalf("%s to %q, want %q", a.Status, a.Header.Get("Location"), want)
	}
	resp, err := s.x.SignIn(b, s.url+a.Header.Get("Location"), xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if to := resp.Header.Get("Location"); to != "/post" {
		t.Fatalf("sent to %q", to)
	}
	if a := s.get(b, "/post"); a.body != "posted" {
		t.Errorf("%s %s", a.Status, a.body)
	}
}
