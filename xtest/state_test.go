package xtest_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

// withState is an X that keeps its state in a file.
func withState(t *testing.T, path string, cfg xtest.Config) *sim {
	t.Helper()
	s := newSim(t, cfg)
	if err := s.KeepState(path); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestARestartForgetsNoTokens(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.json")
	s := withState(t, path, xtest.Config{})
	pair := s.signIn(xtest.DefaultUserID)
	signed := s.accessToken(xtest.SecondUserID)
	if err := s.RenameUser(xtest.SecondUserID, "renamed"); err != nil {
		t.Fatal(err)
	}
	gone := s.signIn(xtest.SecondUserID)
	s.confidential("/2/oauth2/revoke", url.Values{"token": {gone.Access}, "token_type_hint": {"access_token"}})

	for range 2 {
		s = withState(t, path, xtest.Config{})
		if !s.Live(pair.Access) || !s.Live(signed.Get("oauth_token")) || s.Live(gone.Access) {
			t.Fatal("wanted: the tokens of before, without the revoked one")
		}
		if u := s.UserByName("renamed"); u == nil || u.ID != xtest.SecondUserID {
			t.Errorf("the renamed account is %v", u)
		}
		r := s.do(consumer().user(signed.Get("oauth_token"), signed.Get("oauth_token_secret")).
			request(t, "GET", s.base+"/2/users/me", nil))
		if r.status != 200 || !strings.Contains(r.body, `"renamed"`) {
			t.Errorf("users/me: %d %s", r.status, r.body)
		}
		pair = s.refresh(pair.Refresh).tokens(t)
	}
	// A grant's tokens still belong together.
	s = withState(t, path, xtest.Config{Switches: xtest.Switches{RevokeEndsGrant: true}})
	s.confidential("/2/oauth2/revoke", url.Values{"token": {pair.Refresh}, "token_type_hint": {"refresh_token"}})
	if s.Live(pair.Access) {
		t.Error("the access token of the revoked grant is alive")
	}
	s.Advance(3 * time.Hour)
}

func TestApprovalsSurviveARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.json")
	withState(t, path, xtest.Config{}).accessToken(xtest.DefaultUserID)
	b, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(b), `"Approvals": {`+"\n\t\t"+`"`+xtest.DefaultUserID+`"`) {
		t.Errorf("%s, %v", b, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestAStateThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.json")
	for _, content := range []string{"", "no JSON", `{"Tokens":{"a":{"Kind":"oauth2","User":"7","Grant":1}}}`} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := xtest.New(xtest.Config{}).KeepState(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: got %v", content, err)
		}
	}
	if err := xtest.New(xtest.Config{}).KeepState(filepath.Join(path, "below-a-file")); err == nil {
		t.Error("no error")
	}
}
