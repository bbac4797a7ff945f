package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

// authFile writes a file for -auth.
func (l *lab) authFile(parameters map[string]any) string {
	l.Helper()
	b, err := json.Marshal(parameters)
	if err != nil {
		l.Fatal(err)
	}
	return place(l.T, "auth.json", b)
}

// issued are tokens of the demo account from another program.
func (l *lab) issued() (oauth2, oauth1 map[string]any) {
	l.Helper()
	other := newLab(l.T)
	other.x, other.url = l.x, l.url
	other.env["X_API_URL"], other.env["X_AUTHORIZE_URL"] = l.url, l.url+"/i/oauth2/authorize"
	seen := len(l.issues)
	other.signIn(byOAuth2, xtest.DefaultUserID).want(0)
	other.signIn(byOAuth1, xtest.DefaultUserID).want(0)
	if len(l.issues) != seen+2 {
		l.Fatalf("%d tokens were issued", len(l.issues)-seen)
	}
	return l.issues[seen], l.issues[seen+1]
}

func TestTokensFromAFile(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	two, one := l.issued()
	file := l.authFile(two)
	l.run("-auth", file, "text", "By the file's token").want(0, "as @demo")
	if got := l.newest().Text; got != "By the file's token" {
		t.Errorf("posted %q", got)
	}
	// X is asked once for the token's user.
	l.x.ResetRequests()
	l.run("-auth", file, "whoami").want(0, "@demo", "OAuth 2.0", "and is then refreshed")
	l.run("whoami").want(0, "@demo")
	if n := len(l.x.Requests()); n != 0 {
		t.Errorf("X was asked %d times", n)
	}
	l.run("-auth", l.authFile(one), "whoami").want(0, "@demo (", "OAuth 1.0a")
	// X replaces the refresh token, and the file still has the old one.
	for range 2 {
		l.x.Advance(3 * time.Hour)
		l.run("-auth", file, "refresh").want(0, "is valid until")
	}
	l.run("-auth", file, "text", "After refreshes").want(0)

	l.signIn(byOAuth2, xtest.SecondUserID).want(0)
	l.run("-auth", file, "whoami").want(0, "@demo (")
	l.run("-auth", file, "logout").want(0, "revoked at X")
	l.run("-auth", file, "whoami").want(1, "does not accept the OAuth 2.0 token from outside")
	l.run("whoami").want(0, "@demo_two")
}

// The access token of a file has often expired.
func TestAFileWithAnOldToken(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	two, _ := l.issued()
	l.x.Advance(3 * time.Hour)
	// X fails after the refresh. The new refresh token is saved nevertheless.
	l.x.Fail(xtest.Fault{Path: "/2/users/me", Status: 401, Times: 1})
	l.x.Fail(xtest.Fault{Path: "/2/users/me", Status: 503, Times: 1})
	file := l.authFile(two)
	l.run("-auth", file, "login").want(1, "internal error")
	l.run("-auth", file, "login").want(0, "Signed in as @demo", "and is then refreshed")
	l.run("refresh").want(0)

	m := newLab(t)
	two, _ = m.issued()
	delete(two, "access_token")
	m.run("-auth", m.authFile(two), "text", "By a refresh token alone").want(0, "as @demo")
}

func TestTokensOfTheConsole(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	_, one := l.issued()
	l.env["X_ACCESS_TOKEN"], l.env["X_ACCESS_TOKEN_SECRET"] = one["oauth_token"].(string), one["oauth_token_secret"].(string)
	l.run("text", "By the console's token").want(0, "as @demo")
	l.run("whoami").want(0, "@demo (", "OAuth 1.0a", "does not expire")
	delete(l.env, "X_ACCESS_TOKEN_SECRET")
	l.run("whoami").want(2, "X_ACCESS_TOKEN", "one of them is missing")
	l.env["X_ACCESS_TOKEN_SECRET"] = "wrong"
	l.run("whoami").want(1, "does not accept")
	delete(l.env, "X_CONSUMER_KEY")
	delete(l.env, "X_CONSUMER_SECRET")
	l.run("whoami").want(2, "X_CONSUMER_KEY is missing")
}

func TestAuthFilesThatDoNotDo(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	open := l.authFile(map[string]any{"scope": "x"})
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ file, want string }{
		{filepath.Join(t.TempDir(), "none.json"), "cannot be read"},
		{place(t, "auth.json", []byte("access_token=secret")), "is not JSON"},
		{place(t, "auth.json", []byte(`{"access_token":7}`)), "access_token is not a string"},
		{`{"access_token":"secret"}`, "takes the name of a file"},
		{open, "chmod 600 " + open},
		{l.authFile(map[string]any{"client_secret": "secret"}), "X_CLIENT_ID is missing"},
		{l.authFile(map[string]any{"oauth_token": "secret"}), "oauth_token and oauth_token_secret"},
	} {
		if runtime.GOOS == "windows" && c.file == open {
			continue
		}
		a := l.run("-auth", c.file, "whoami").want(2, c.want)
		if strings.Contains(a.stderr, "secret\"") || strings.Contains(a.stderr, "=secret") {
			t.Errorf("a secret was printed: %s", a.stderr)
		}
	}
	if n := l.x.Count("", "*"); n != 0 {
		t.Errorf("X was asked %d times", n)
	}
}

// login waits for a browser on this machine only.
func TestARedirectAddressElsewhere(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	file := l.authFile(map[string]any{"redirect_uri": "https://example.com/back"})
	l.x.SetCallbacks("https://example.com/back")
	l.run("-auth", file, "login", "-json=false").want(2, "run xpost link and xpost code")
	address := l.begin("-auth", file)
	l.run("-auth", file, "code", l.approve(address, xtest.DefaultUserID)).want(0, "Signed in as @demo")
	for _, r := range l.x.Requests() {
		if r.Path == "/2/oauth2/token" && r.Form.Get("redirect_uri") != "https://example.com/back" {
			t.Errorf("%v", r.Form.Get("redirect_uri"))
		}
	}
	if n := l.x.Count(http.MethodPost, "/2/oauth2/token"); n != 1 {
		t.Errorf("%d calls to the token endpoint", n)
	}
}
