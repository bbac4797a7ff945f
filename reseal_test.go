package xsignin_test

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

// rewrite puts another value into the entry under key and returns the one before.
func (s *site) rewrite(key tokenstore.Key, value func(before tokenstore.Token) []byte) []byte {
	s.t.Helper()
	ctx := context.Background()
	before, err := s.tokens.Store.Get(ctx, key)
	if err != nil {
		s.t.Fatal(err)
	}
	t, _, err := vaultOf(s.t, s.tokens.Store, "k").Get(ctx, key)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.tokens.Store.Put(ctx, key, value(t)); err != nil {
		s.t.Fatal(err)
	}
	return before.Value
}

// vaultOf has one secret, 32 times the letter.
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
	b.signIn("/auth/login", xtest.DefaultUserID)
	key := tokenstore.Key{Provider: "x", UserID: xtest.DefaultUserID}
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
		if a := b.get("/api"); a.StatusCode != http.StatusBadGateway || !strings.Contains(a.body, "try again later") || !strings.Contains(a.body, "Keys") {
			t.Errorf("a call to X: status %d, %s", a.StatusCode, a.body)
		}
		if a := b.get("/me"); a.StatusCode != http.StatusOK || b.who() == "" {
			t.Errorf("the user is signed out: status %d, %s", a.StatusCode, a.body)
		}
	}
	if e, err := s.tokens.Store.Get(t.Context(), key); err != nil || !bytes.Equal(e.Value, sealed) {
		t.Errorf("the entry was changed: %v", err)
	}
	if _, err := s.tokens.Store.Put(t.Context(), key, good); err != nil {
		t.Fatal(err)
	}
	if a := b.get("/api"); a.StatusCode != http.StatusOK {
		t.Errorf("with a key that is known: status %d, %s", a.StatusCode, a.body)
	}
}

// Whoever can write to the store cannot make one user act for another. The user, whom
// nothing else helps, is sent to sign in.
func TestARowOfAnotherUserLeadsToTheLogin(t *testing.T) {
	s := newSite(t)
	s.x.AddUser(xtest.User{ID: "7", Username: "seven"})
	theirs := tokenstore.Key{Provider: "x", UserID: xtest.DefaultUserID}
	s.browser().signIn("/auth/login", theirs.UserID)
	b := s.browser()
	b.signIn("/auth/login", "7")
	e, err := s.tokens.Store.Get(t.Context(), theirs)
	if err != nil {
		t.Fatal(err)
	}
	s.rewrite(tokenstore.Key{Provider: "x", UserID: "7"}, func(tokenstore.Token) []byte { return e.Value })
	if a := b.get("/api"); a.StatusCode != http.StatusBadGateway || !strings.Contains(a.body, "sign in again") {
		t.Errorf("a call to X: status %d, %s", a.StatusCode, a.body)
	}
	if a := b.get("/api"); a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.location(), "/auth/login?") {
		t.Errorf("the next page: status %d to %q", a.StatusCode, a.location())
	}
	b.signIn("/auth/login", "7")
	if a := b.get("/api"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "seven") {
		t.Errorf("after a sign-in: status %d, %s", a.StatusCode, a.body)
	}
}

func TestKitReseals(t *testing.T) {
	store := tokenstore.NewMemory()
	with := func(letters ...string) *site {
		return newSite(t, func(c *xsignin.Config) {
			c.Tokens, c.Keys = store, nil
			for _, letter := range letters {
				c.Keys = append(c.Keys, strings.Repeat(letter, 32))
			}
		})
	}
	with("k").browser().signIn("/auth/login", xtest.DefaultUserID)
	if got, err := with("n", "k").kit.Reseal(t.Context()); err != nil || got != (tokenstore.Resealed{Resealed: 1}) {
		t.Errorf("Reseal = %+v, %v", got, err)
	}
	if all, err := with("n").kit.Accounts(t.Context(), xtest.DefaultUserID); err != nil || len(all) != 1 {
		t.Errorf("with the new key alone: %v, %v", all, err)
	}
}
