package main

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

func start(t *testing.T) (*visit.Site, *app) {
	t.Helper()
	var a *app
	s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		cfg.ClientID, cfg.ClientSecret, cfg.Paths = "", "", xsignin.Paths{} // as in the program
		var err error
		a, err = site(cfg)
		return a, err
	})
	return s, a
}

func TestThreeSteps(t *testing.T) {
	s, a := start(t)
	b := s.Browser()
	b.SignIn("/auth/login", xtest.DefaultUserID, "/")
	b.Get("/", http.StatusOK, "Hello user-1, you are @demo")
	if n := s.X.Count(http.MethodPost, "/oauth/*"); n != 2 {
		t.Errorf("%d calls for the two tokens", n)
	}

	// The user has left. The application acts with the stored token.
	b.Post("/auth/logout", nil, http.StatusSeeOther)
	s.API.AddPost(xtest.DefaultUserID, "Written before")
	s.API.Follow(xtest.SecondUserID, xtest.DefaultUserID)
	timeline, followers, err := a.later(xtest.DefaultUserID, "Written by the application")
	if err != nil || !slices.Contains(timeline, "Written before") || !slices.Contains(followers, "demo_two") {
		t.Errorf("%q, %q, %v", timeline, followers, err)
	}
	if got := s.API.Posts(xtest.DefaultUserID)[0].Text; got != "Written by the application" {
		t.Errorf("posted %q", got)
	}
	// The same account is the same user. Another account is another user.
	b.SignIn("/auth/login", xtest.DefaultUserID, "/")
	b.Get("/", http.StatusOK, "Hello user-1,")
	s.Browser().SignIn("/auth/login", xtest.SecondUserID, "/")
	if len(a.profiles) != 2 || a.profiles[xtest.SecondUserID].id != "user-2" {
		t.Errorf("%+v", a.profiles)
	}
}

func TestMessages(t *testing.T) {
	s, _ := start(t)
	b := s.Browser()
	b.Follow("/auth/callback?oauth_token=unknown&oauth_verifier=v", "Request token not found.")
	b.Follow("/auth/callback", "Request token not found.")
	consent, err := url.Parse(b.Redirect("/auth/login"))
	if err != nil {
		t.Fatal(err)
	}
	b.Follow("/auth/callback?oauth_token="+consent.Query().Get("oauth_token"), "OAuth verifier not found.")
}
