package main

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/examples/internal/keyfile"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// X rotates refresh tokens: the second refresh works only with the token that the first one
// saved.
func TestARotatedRefreshTokenWorksInTheNextCommand(t *testing.T) {
	t.Parallel()
	l := signedIn(t, byOAuth2)
	for i := range 3 {
		l.run("refresh").want(0, "is valid until")
		if n := l.x.Count(http.MethodPost, "/2/oauth2/token"); n != i+2 {
			t.Fatalf("%d calls to the token endpoint after %d refreshes and a sign-in", n, i+1)
		}
	}
	l.run("text", "After refreshes").want(0)
	// This refresh happens automatically, because the token has expired.
	l.x.Advance(3 * time.Hour)
	l.run("text", "After three hours").want(0)
	if n := l.x.Count(http.MethodPost, "/2/oauth2/token"); n != 5 {
		t.Errorf("%d calls to the token endpoint, not 5", n)
	}
	var d described
	l.run("refresh", "-json").want(0).json(&d)
	if !d.Refreshable || d.Expires.IsZero() || !d.Current {
		t.Errorf("%+v", d)
	}
}

func TestRefreshIsNotForEveryToken(t *testing.T) {
	t.Parallel()
	signedIn(t, byOAuth1).run("refresh").want(1, "OAuth 1.0a tokens do not expire")
	l := signedIn(t, byOAuth2)
	l.x.RevokeApp(xtest.DefaultUserID)
	l.run("refresh").want(1, "run xpost login")
	l.run("text", "Gone").want(1, "no longer accepts this sign-in")
	l.run("accounts").want(0, "no longer accepts this sign-in")
}

func TestRevoke(t *testing.T) {
	everyProtocol(t, func(t *testing.T, l *lab) {
		var tokens []string
		for value, what := range l.known() {
			if l.x.Live(value) {
				tokens = append(tokens, what)
			}
		}
		if len(tokens) == 0 {
			t.Fatal("no token is alive")
		}
		l.run("revoke").want(0, "revoked at X")
		for value, what := range l.known() {
			if l.x.Live(value) {
				t.Errorf("%s is alive", what)
			}
		}
		l.run("whoami").want(1, "nobody is signed in")
		l.run("revoke").want(1, "nobody is signed in")
	})
}

func TestRevokeWhenXIsAway(t *testing.T) {
	t.Parallel()
	l := signedIn(t, byOAuth2)
	l.x.Fail(xtest.Fault{Path: "/2/oauth2/revoke", Status: 503})
	var done struct{ Deleted, Revoked bool }
	a := l.run("revoke", "-json").want(0)
	a.json(&done)
	if !done.Deleted || done.Revoked {
		t.Errorf("%s", a.stdout)
	}
	l.run("whoami").want(1, "nobody is signed in")
}

// A reader of the file, or of a copy, cannot use any token.
func TestTokensAreSealed(t *testing.T) {
	t.Parallel()
	l := signedIn(t, byOAuth2)
	l.signIn(byOAuth1, xtest.DefaultUserID).want(0)
	l.run("-account", "demo", "text", "Written").want(0)
	found := false
	err := filepath.WalkDir(filepath.Dir(l.file), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", path, info.Mode())
		}
		if d.IsDir() {
			return nil
		}
		content, err := os.ReadFile(path)
		found = found || bytes.Contains(content, []byte("demo"))
		for value, what := range l.known() {
			if what != "the form's code" && bytes.Contains(content, []byte(value)) {
				t.Errorf("%s holds %s", filepath.Base(path), what)
			}
		}
		return err
	})
	if err != nil || !found {
		t.Errorf("the account is not in the files at all, %v", err)
	}
}

func TestTheKeyFileIsLost(t *testing.T) {
	t.Parallel()
	l := signedIn(t, byOAuth2)
	keys := l.file + keyfile.Suffix
	old, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(keys); err != nil {
		t.Fatal(err)
	}
	id := sealedBy(t, l.file)
	for _, args := range []string{"whoami", "text x", "timeline", "refresh", "custom GET /2/users/me"} {
		var failed struct{ Error problem }
		a := l.run(append([]string{"-json"}, strings.Fields(args)...)...).want(1, "the secret of id "+id+",", "run xpost login")
		a.json(&failed)
		if failed.Error.Code != "key_missing" {
			t.Errorf("%s: %+v", args, failed)
		}
	}
	// If the old key is added after the new one, its tokens open.
	made, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keys, append(made, old...), 0o600); err != nil {
		t.Fatal(err)
	}
	l.run("text", "Found again").want(0)
}

func TestKeyFilesThatDoNotDo(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.run("accounts").want(0)
	keys := l.file + keyfile.Suffix
	for _, c := range []struct{ content, want string }{{"", "is empty"}, {"short\n", "shorter than 32 bytes"}} {
		if err := os.WriteFile(keys, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		l.run("accounts").want(1, c.want)
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(keys, 0o644); err != nil {
			t.Fatal(err)
		}
		l.run("accounts").want(1, "chmod 600 "+keys)
	}
	l.env["XPOST_DB"] = filepath.Dir(l.file)
	l.run("accounts").want(1, "Set XPOST_DB to another")
	l.env["XPOST_DB"] = keys
	l.run("accounts").want(1, "cannot be used as a database")
}

// sealedBy is the id of the secret that sealed the single token in a file.
func sealedBy(t *testing.T, file string) string {
	t.Helper()
	s, err := openStorage(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer s.db.Close()
	_, _, err = s.vault.Get(t.Context(), tokenstore.Key{Provider: oauth2Name, UserID: xtest.DefaultUserID, AccountID: xtest.DefaultUserID})
	var unknown *tokenstore.UnknownKeyError
	if !errors.As(err, &unknown) || len(unknown.ID) != 8 {
		t.Fatalf("the token opens without its key: %v", err)
	}
	return unknown.ID
}
