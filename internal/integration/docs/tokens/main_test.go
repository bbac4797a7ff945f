package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	oauth1login "github.com/dghubble/gologin/v2/oauth1"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// TestMovedTokensWork: a token that X gave before is the client's afterwards, without a
// sign-in, and a newer one stands.
func TestMovedTokensWork(t *testing.T) {
	key := strings.Repeat("k", 32)
	var kept old
	s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		cfg.Secrets = []string{key}
		cfg.Success = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, _ := xsignin.User(r.Context())
			token, secret, err := oauth1login.AccessTokenFromContext(r.Context())
			if err != nil {
				t.Error(err)
			}
			kept = old{user.AccountID, token, secret}
			http.Redirect(w, r, "/", http.StatusSeeOther)
		})
		cfg.Logger = slog.New(slog.DiscardHandler)
		return xsignin.New(cfg)
	})
	s.Browser().SignIn("/auth/login/x-oauth1", xtest.DefaultUserID, "/")

	// Another application, to which nobody has signed in.
	file := filepath.ToSlash(filepath.Join(t.TempDir(), "x.db"))
	store, db, err := open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	kit, err := xsignin.New(xsignin.Config{
		PublicURL: "http://127.0.0.1:8080", Secrets: []string{key}, TokenStore: store, X: xsignin.XEndpoints{Transport: s.X.Transport()},
		OAuth1: xsignin.OAuth1Config{ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kit.Close(context.Background()) })
	// The program has its own way into the file.
	moving := func(tokens []old) {
		t.Helper()
		store, db, err := open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(move(t.Context(), store, []string{key}, tokens), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	moving([]old{kept})
	works := func() {
		t.Helper()
		resp, err := kit.ClientFor(xsignin.Key{Provider: "x-oauth1", UserID: kept.ID, AccountID: kept.ID}).Get("https://api.x.com/2/users/me")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("X answers %s", resp.Status)
		}
	}
	works()
	moving([]old{{kept.ID, "an older", "token"}})
	works()
}

// TestRowsThatLackSomethingAreNamed: nothing of them would be found out before the token is used.
func TestRowsThatLackSomethingAreNamed(t *testing.T) {
	good := `{"ID": "1", "Token": "t", "Secret": "s"}`
	if tokens, err := read(strings.NewReader("[" + good + "," + good + "]")); err != nil || len(tokens) != 2 {
		t.Errorf("%d rows: %v", len(tokens), err)
	}
	for row, want := range map[string]string{
		`{"ID": "", "Token": "t", "Secret": "s"}`:       "row 1,",
		`{"ID": "2", "Token": "", "Secret": "s"}`:       "row 1,",
		`{"ID": "2", "Token": "t"}`:                     "row 1,",
		`{"ID": "2", "Token": "t", "TokenSecret": "s"}`: "TokenSecret",
	} {
		if _, err := read(strings.NewReader("[" + good + "," + row + "]")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", row, err)
		}
	}
}

// TestWithoutASecretNothingIsMoved: the variable may be unset.
func TestWithoutASecretNothingIsMoved(t *testing.T) {
	if err := move(t.Context(), tokenstore.NewMemory(), nil, []old{{"1", "t", "s"}}); err == nil {
		t.Error("no error")
	}
}
