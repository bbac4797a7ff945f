package acceptance_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// rewrite replaces the value of the entry under key and returns the old value.
func (s *site) rewrite(key tokenstore.Key, value func(before tokenstore.Token) []byte) []byte {
	s.T.Helper()
	ctx := context.Background()
	before, err := s.Tokens.Store.Get(ctx, key)
	if err != nil {
		s.T.Fatal(err)
	}
	t, _, err := vaultOf(s.T, s.Tokens.Store, "k").Get(ctx, key)
	if err != nil {
		s.T.Fatal(err)
	}
	if _, err := s.Tokens.Store.Put(ctx, key, value(t)); err != nil {
		s.T.Fatal(err)
	}
	return before.Value
}

// vaultOf returns a vault with one secret, the letter 32 times.
func vaultOf(t *testing.T, store tokenstore.Store, letter string) *tokenstore.Vault {
	t.Helper()
	v, err := tokenstore.NewVault(store, bytes.Repeat([]byte(letter), 32))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestATokenOfAMissingKeyIsNoSignOut(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	key := tokenstore.Key{Provider: "x", UserID: xtest.DefaultUserID, AccountID: xtest.DefaultUserID}
	var sealed []byte
	good := s.rewrite(key, func(token tokenstore.Token) []byte {
		m := tokenstore.NewMemory()
		if _, err := vaultOf(t, m, "z").Put(t.Context(), key, token); err != nil {
			t.Fatal(err)
		}
		e, err := m.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		sealed = e.Value
		return sealed
	})
	for range 2 {
		if a := b.Get("/api"); a.StatusCode != http.StatusBadGateway || !strings.Contains(a.Text, "temporarily unavailable") || !strings.Contains(a.Text, "Secrets") {
			t.Errorf("a call to X: status %d, %s", a.StatusCode, a.Text)
		}
		if a := b.Get("/me"); a.StatusCode != http.StatusOK || b.Who() == "" {
			t.Errorf("the user is signed out: status %d, %s", a.StatusCode, a.Text)
		}
	}
	if e, err := s.Tokens.Store.Get(t.Context(), key); err != nil || !bytes.Equal(e.Value, sealed) {
		t.Errorf("the entry was changed: %v", err)
	}
	if _, err := s.Tokens.Store.Put(t.Context(), key, good); err != nil {
		t.Fatal(err)
	}
	if a := b.Get("/api"); a.StatusCode != http.StatusOK {
		t.Errorf("with a key that is known: status %d, %s", a.StatusCode, a.Text)
	}
}

// A person who can write to the store cannot make one user act for another. The user has to sign
// in again.
func TestARowOfAnotherUserLeadsToTheLogin(t *testing.T) {
	s := newSite(t)
	s.X.AddUser(xtest.User{ID: "7", Username: "seven"})
	theirs := tokenstore.Key{Provider: "x", UserID: xtest.DefaultUserID, AccountID: xtest.DefaultUserID}
	s.browser().SignIn("/auth/login", theirs.UserID)
	b := s.browser()
	b.SignIn("/auth/login", "7")
	e, err := s.Tokens.Store.Get(t.Context(), theirs)
	if err != nil {
		t.Fatal(err)
	}
	s.rewrite(tokenstore.Key{Provider: "x", UserID: "7", AccountID: "7"}, func(tokenstore.Token) []byte { return e.Value })
	if a := b.Get("/api"); a.StatusCode != http.StatusBadGateway || !strings.Contains(a.Text, "sign in again") {
		t.Errorf("a call to X: status %d, %s", a.StatusCode, a.Text)
	}
	if a := b.Get("/api"); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Redirect(), "/auth/login?") {
		t.Errorf("the next page: status %d to %q", a.StatusCode, a.Redirect())
	}
	b.SignIn("/auth/login", "7")
	if a := b.Get("/api"); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, "seven") {
		t.Errorf("after a sign-in: status %d, %s", a.StatusCode, a.Text)
	}
}

func TestKitReencrypts(t *testing.T) {
	store := tokenstore.NewMemory()
	with := func(letters ...string) *site {
		return newSite(t, func(c *xsignin.Config) {
			c.TokenStore, c.Secrets = store, nil
			for _, letter := range letters {
				c.Secrets = append(c.Secrets, strings.Repeat(letter, 32))
			}
		})
	}
	with("k").browser().SignIn("/auth/login", xtest.DefaultUserID)
	if got, err := with("n", "k").Kit.ReencryptTokens(t.Context()); err != nil || got != (tokenstore.Reencrypted{Reencrypted: 2}) { // the token and the list of sessions
		t.Errorf("Reencrypt = %+v, %v", got, err)
	}
	if all, err := with("n").Kit.Accounts(t.Context(), xtest.DefaultUserID); err != nil || len(all) != 1 {
		t.Errorf("with the new key alone: %v, %v", all, err)
	}
}
