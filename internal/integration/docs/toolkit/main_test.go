package main

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

func TestTokensEveryTwoHours(t *testing.T) {
	var a *app
	file := filepath.ToSlash(filepath.Join(t.TempDir(), "tokens.db"))
	s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		store, err := open(t.Context(), file)
		if err != nil {
			return nil, err
		}
		cfg.OAuth1 = xsignin.OAuth1Config{} // as in the program
		cfg.Scopes = []string{"tweet.read", "users.read", "tweet.write", "offline.access"}
		cfg.Secrets, cfg.TokenStore = []string{strings.Repeat("k", 32)}, store
		a, err = site(cfg)
		return a, err
	})
	s.Browser().SignIn("/auth/login", xtest.DefaultUserID, "/photos")
	s.Browser().SignIn("/auth/login", xtest.SecondUserID, "/photos")

	// X accepts each refresh token once, so the second round needs the tokens that the first
	// stored.
	var sent []string
	for range 3 {
		s.X.ResetRequests()
		if err := a.refreshAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, r := range s.X.Requests() {
			if r.Path == "/2/oauth2/token" && r.Form.Get("grant_type") == "refresh_token" && r.Status == http.StatusOK {
				sent = append(sent, r.Form.Get("refresh_token"))
			}
		}
	}
	slices.Sort(sent)
	if len(sent) != 6 || len(slices.Compact(sent)) != 6 {
		t.Errorf("%d refreshes with %d tokens, not 6 with 6", len(sent), len(slices.Compact(sent)))
	}
	key := xsignin.Key{Provider: "x", UserID: xtest.DefaultUserID, AccountID: xtest.DefaultUserID}
	if err := a.post(key, "For a user who is away"); err != nil {
		t.Fatal(err)
	}
	if got := s.API.Posts(xtest.DefaultUserID)[0].Text; got != "For a user who is away" {
		t.Errorf("posted %q", got)
	}
	// If a user revokes the permission at X, only that user's calls fail.
	s.X.RevokeApp(xtest.DefaultUserID)
	s.X.ResetRequests()
	if err := a.refreshAll(t.Context()); err == nil {
		t.Error("no error for a token that X refuses")
	}
	if n := s.X.Count(http.MethodPost, "/2/oauth2/token"); n != 2 {
		t.Errorf("%d refreshes were tried, not 2", n)
	}
}
