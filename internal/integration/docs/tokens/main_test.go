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
	"github.com/xsignin/xsignin/xtest"
)

// TestMovedTokensWork checks that the client uses an imported token without a sign-in, and that
// a newer token is kept.
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

	// Another application, to which no user has signed in.
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
	// The program opens the file in its own way, in another process.
	moving := func(tokens []old) {
		t.Helper()
		store, db, err := open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		other, err := xsignin.New(xsignin.Config{
			PublicURL: "http://127.0.0.1:8080", Secrets: []string{key}, TokenStore: store,
			OAuth1: xsignin.OAuth1Config{ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(move(t.Context(), other, tokens), other.Close(t.Context()), db.Close()); err != nil {
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

// TestRowsThatLackSomethingAreNamed: otherwise the fault would show only when the token is used.
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

// TestATokenOfTheWrongProtocolIsRefused checks that the error of PutToken ends the program.
func TestATokenOfTheWrongProtocolIsRefused(t *testing.T) {
	kit, err := xsignin.New(xsignin.Config{
		PublicURL: "http://127.0.0.1:8080",
		OAuth1:    xsignin.OAuth1Config{ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := move(t.Context(), kit, []old{{ID: "1", Token: "t"}}); err == nil {
		t.Error("no error")
	}
}
