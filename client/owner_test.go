package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// keyFor is the key of one account with another user of the application.
func keyFor(userID string) tokenstore.Key {
	return tokenstore.Key{Provider: user.Provider, UserID: userID, AccountID: user.AccountID}
}

// quiet is a world whose events are not checked: they are of several users.
func quiet(t *testing.T, test func(w *world)) {
	t.Helper()
	bubble(t, func(w *world) {
		test(w)
		w.mu.Lock()
		w.events = nil
		w.mu.Unlock()
	})
}

func (w *world) own(userID string, opt PutOptions) (*Stored, error) {
	opt.Own = true
	return w.pool.PutWithRollback(w.Context(), keyFor(userID), w.x.signIn(), opt)
}

func (w *world) wantOwn(userID string) *Stored {
	w.Helper()
	stored, err := w.own(userID, PutOptions{})
	if err != nil || stored.FormerOwner() != "" {
		w.Fatalf("sign-in of %s: %v", userID, err)
	}
	return stored
}

func (w *world) wantTaken(userID string) {
	w.Helper()
	if _, err := w.own(userID, PutOptions{}); !errors.Is(err, ErrAccountTaken) {
		w.Errorf("sign-in of %s: %v, want %v", userID, err, ErrAccountTaken)
	}
	if _, _, err := newVault(w.T, w.store.Store).Get(w.Context(), keyFor(userID)); !errors.Is(err, tokenstore.ErrNotFound) {
		w.Errorf("%s has a token: %v", userID, err)
	}
}

func (w *world) wantOwner(want string) {
	w.Helper()
	got, _, err := newVault(w.T, w.store.Store).Owner(w.Context(), user.Provider, user.AccountID)
	if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
		w.Error(err)
	}
	if got != want {
		w.Errorf("the owner is %q, want %q", got, want)
	}
}

func TestAnAccountHasOneOwner(t *testing.T) {
	quiet(t, func(w *world) {
		w.wantOwn("a")
		w.wantOwn("a")
		w.wantTaken("b")
		w.wantOwner("a")
		// A sign-out keeps the owner, and unlinking does not.
		if err := w.pool.RevokeAccount(w.Context(), keyFor("a")); err != nil {
			w.Error(err)
		}
		w.wantTaken("b")
		w.wantOwn("a")
		if err := w.pool.RevokeAll(w.Context(), "a"); err != nil {
			w.Error(err)
		}
		w.wantOwner("a")
		w.wantOwn("a")
		if err := w.pool.Revoke(w.Context(), keyFor("a")); err != nil {
			w.Error(err)
		}
		w.wantOwner("")
		w.wantOwn("b")
		w.wantTaken("a")
	})
}

// byOAuth1 is another provider for the accounts of service.
type byOAuth1 struct{ *service }

func (byOAuth1) Name() string { return "x-oauth1" }

func TestTheLastTokenOfAnAccountEndsItsOwner(t *testing.T) {
	quiet(t, func(w *world) {
		w.pool.providers["x-oauth1"] = byOAuth1{w.x}
		other := keyFor("a")
		other.Provider = "x-oauth1"
		w.wantOwn("a")
		if _, err := w.pool.PutWithRollback(w.Context(), other, w.x.signIn(), PutOptions{Own: true}); err != nil {
			w.Fatal(err)
		}
		if err := w.pool.Revoke(w.Context(), keyFor("a")); err != nil {
			w.Error(err)
		}
		w.wantOwner("a")
		if err := w.pool.Revoke(w.Context(), other); err != nil {
			w.Error(err)
		}
		w.wantOwner("")
	})
}

func TestRevokeAccount(t *testing.T) {
	quiet(t, func(w *world) {
		w.pool.providers["x-oauth1"] = byOAuth1{w.x}
		vault := newVault(w.T, w.store.Store)
		stored := func() (n int) {
			keys, err := vault.List(w.Context(), user.UserID)
			if err != nil {
				w.Error(err)
			}
			return len(keys)
		}
		for _, key := range []tokenstore.Key{
			user, {Provider: "x-oauth1", UserID: "12", AccountID: "12"}, // the account
			keyOf("34"), {Provider: "y", UserID: "12", AccountID: "12"},
		} {
			if _, err := vault.Put(w.Context(), key, w.of(key.AccountID)); err != nil {
				w.Fatal(err)
			}
		}
		if err := w.pool.RevokeAccount(w.Context(), user); err != nil {
			w.Error(err)
		}
		if n := stored(); n != 2 {
			w.Errorf("%d tokens, want those of the other account and of the other provider", n)
		}
		if err := w.pool.RevokeAll(w.Context(), user.UserID); err != nil {
			w.Error(err)
		}
		if n := stored(); n != 1 {
			w.Errorf("%d tokens, want that of the provider that the Manager does not have", n)
		}
		if _, revoked, _ := w.x.count(); len(w.x.revoked) != 3 {
			w.Errorf("revoked %q", revoked)
		}
		w.store.away("list")
		if err := w.pool.RevokeAll(w.Context(), user.UserID); !errors.Is(err, ErrUnavailable) {
			w.Errorf("store away: %v", err)
		}
	})
}

func TestAnAccountIsTakenOver(t *testing.T) {
	quiet(t, func(w *world) {
		w.pool.providers["x-oauth1"] = byOAuth1{w.x}
		w.wantOwn("a")
		// X's OAuth 1.0a gives the new user the same token.
		second := keyFor("a")
		second.Provider = "x-oauth1"
		if _, err := w.pool.PutWithRollback(w.Context(), second, w.x.signIn(), PutOptions{Own: true}); err != nil {
			w.Fatal(err)
		}
		same, _, err := newVault(w.T, w.store.Store).Get(w.Context(), second)
		if err != nil {
			w.Fatal(err)
		}
		second.UserID = "b"
		stored, err := w.pool.PutWithRollback(w.Context(), second, same, PutOptions{Own: true, AllowTransfer: true})
		if err != nil || stored.FormerOwner() != "a" {
			w.Fatalf("taken over from another user: %v", err)
		}
		w.wantOwner("b")
		if keys, err := newVault(w.T, w.store.Store).List(w.Context(), "a"); err != nil || len(keys) != 0 {
			w.Errorf("the former owner has %v, %v", keys, err)
		}
		w.wantRevoked("access-1")
		if got, err := w.doFor(w.Context(), second); err != nil || got != "access-2" {
			w.Errorf("request made with %q, %v", got, err)
		}
	})
}

func TestAFailedSignInTakesNoAccount(t *testing.T) {
	quiet(t, func(w *world) { // the session fails
		if err := w.wantOwn("a").Rollback(w.Context()); err != nil {
			w.Error(err)
		}
		w.wantOwner("")
		w.wantOwn("b")
	})
	quiet(t, func(w *world) { // of the owner
		w.wantOwn("a")
		if err := w.wantOwn("a").Rollback(w.Context()); err != nil {
			w.Error(err)
		}
		w.wantOwner("a")
	})
	quiet(t, func(w *world) { // after a transfer
		w.wantOwn("a")
		stored, err := w.own("b", PutOptions{AllowTransfer: true})
		if err != nil {
			w.Fatal(err)
		}
		if err := stored.Rollback(w.Context()); err != nil {
			w.Error(err)
		}
		w.wantOwner("a")
	})
	for _, lost := range []bool{false, true} {
		quiet(t, func(w *world) { // the store fails at the token, before or after it
			fail := func(op string) error {
				if op == "put" {
					return errAway
				}
				return nil
			}
			if lost {
				w.store.after = fail
			} else {
				w.store.before = func(_ context.Context, op string) error { return fail(op) }
			}
			if _, err := w.own("a", PutOptions{}); !errors.Is(err, ErrUnavailable) {
				w.Errorf("sign-in: %v", err)
			}
			w.wantOwner("")
			w.wantGone()
		})
	}
}

// TestUnlinkBesideSignIn: whichever comes first, a stored token has its owner.
func TestUnlinkBesideSignIn(t *testing.T) {
	x, store := newService(), tokenstore.NewMemory()
	vault := newVault(t, store)
	var pools []*Manager
	for range 2 {
		m, err := New(Config{Vault: vault, Providers: []provider.Provider{x}, Transport: api{x}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = m.Close(t.Context()) }()
		pools = append(pools, m)
	}
	var kept int
	for i := range 1000 {
		key := tokenstore.Key{Provider: "x", UserID: "u", AccountID: fmt.Sprint(i)}
		token := func() tokenstore.Token { t := x.signIn(); t.AccountID = key.AccountID; return t }
		if _, err := pools[0].PutWithRollback(t.Context(), key, token(), PutOptions{Own: true}); err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		both.Go(func() {
			if err := pools[0].Revoke(t.Context(), key); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			if _, err := pools[1].PutWithRollback(t.Context(), key, token(), PutOptions{Own: true}); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		_, _, err := vault.Get(t.Context(), key)
		owner, _, _ := vault.Owner(t.Context(), key.Provider, key.AccountID)
		if err == nil {
			kept++
			if owner != "u" {
				t.Fatalf("round %d: a token is stored, and the owner is %q", i, owner)
			}
		}
	}
	t.Logf("%d of 1,000 sign-ins came last", kept)
}

// TestASignInStoresItsTokenDuringAnUnlink: the unlinking has looked for tokens before.
func TestASignInStoresItsTokenDuringAnUnlink(t *testing.T) {
	quiet(t, func(w *world) {
		w.wantOwn("a")
		claimed, listed, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		w.store.hook(func(_ context.Context, op string) error {
			if op == "put" {
				close(claimed)
				<-listed
			}
			return nil
		})
		w.store.after = func(op string) error {
			if op == "list" {
				close(listed)
				<-done
			}
			return nil
		}
		go func() {
			defer close(done)
			if _, err := w.own("a", PutOptions{}); err != nil {
				w.Error(err)
			}
		}()
		<-claimed
		if err := w.pool.Revoke(w.Context(), keyFor("a")); err != nil {
			w.Error(err)
		}
		w.wantOwner("a")
	})
}

func TestTheReplacedTokenIsRevoked(t *testing.T) {
	quiet(t, func(w *world) {
		w.signIn()
		stored, err := w.pool.PutWithRollback(w.Context(), user, w.x.signIn(), PutOptions{})
		if err != nil {
			w.Fatal(err)
		}
		w.wantRevoked("")
		stored.RevokeReplaced()
		w.wantRevoked("access-1")
		w.wantToken("access-2")
	})
	quiet(t, func(w *world) { // a first sign-in replaces nothing
		stored, err := w.pool.PutWithRollback(w.Context(), user, w.x.signIn(), PutOptions{})
		if err != nil {
			w.Fatal(err)
		}
		stored.RevokeReplaced()
		w.wantRevoked("")
	})
}
