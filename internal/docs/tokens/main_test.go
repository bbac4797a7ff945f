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
	"github.com/xsignin/xsignin/internal/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

// TestMovedTokensWork: a token that X gave before is the client's afterwards, without a
// sign-in, and a newer one stands.
func TestMovedTokensWork(t *testing.T) {
	key := strings.Repeat("k", 32)
	var kept old
	s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		cfg.Keys = []string{key}
		cfg.Success = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, _ := xsignin.User(r.Context())
			token, secret, err := oauth1login.AccessTokenFromContext(r.Context())
			if err != nil {
				t.Error(err)
			}
			kept = old{user.ID, token, secret}
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
		PublicURL: "http://127.0.0.1:8080", Keys: []string{key}, Tokens: store, Transport: s.X.Transport(),
		ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret,
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
		if err := errors.Join(move(t.Context(), store, key, tokens), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	moving([]old{kept})
	works := func() {
		t.Helper()
		resp, err := kit.ClientFor(xsignin.Key{Provider: "x-oauth1", UserID: kept.ID}).Get("https://api.x.com/2/users/me")
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
