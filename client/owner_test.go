package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// formerUsers are the users of FormerOwners.
func (s *Stored) formerUsers() (users []string) {
	for _, key := range s.FormerOwners {
		if !slices.Contains(users, key.UserID) {
			users = append(users, key.UserID)
		}
	}
	return users
}

func (w *world) wantOwn(userID string) *Stored {
	w.Helper()
	stored, err := w.own(userID, PutOptions{})
	if err != nil || len(stored.FormerOwners) != 0 {
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
	if got.UserID != want {
		w.Errorf("the owner is %q, want %q", got.UserID, want)
	}
}

// wantHolders checks which of three users have a token of the account.
func (w *world) wantHolders(want ...string) {
	w.Helper()
	var got []string
	for _, id := range []string{"a", "b", "c"} {
		keys, err := newVault(w.T, w.store.Store).List(w.Context(), id)
		if err != nil {
			w.Error(err)
		}
		if len(keys) != 0 {
			got = append(got, id)
		}
	}
	if !slices.Equal(got, want) {
		w.Errorf("tokens are stored for %q, want %q", got, want)
	}
}

func (w *world) commit(s *Stored) {
	w.Helper()
	if err := s.Commit(w.Context()); err != nil {
		w.Error(err)
	}
}

func TestAnAccountHasOneOwner(t *testing.T) {
	quiet(t, func(w *world) {
		w.wantOwn("a")
		w.wantOwn("a")
		w.wantTaken("b")
		w.wantOwner("a")
		// A sign-out keeps the owner, and unlinking does not.
		if err := w.pool.SignOut(w.Context(), keyFor("a"), false); err != nil {
			w.Error(err)
		}
		w.wantTaken("b")
		w.wantOwn("a")
		if err := w.pool.SignOut(w.Context(), keyFor("a"), true); err != nil {
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

// byBoth adds the other provider.
func (w *world) byBoth() {
	w.pool.providers["x-oauth1"] = byOAuth1{w.x}
	w.pool.spaces["x-oauth1"] = "x"
}

func TestTheLastTokenOfAnAccountEndsItsOwner(t *testing.T) {
	quiet(t, func(w *world) {
		w.byBoth()
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
		w.byBoth()
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
		if err := w.pool.SignOut(w.Context(), user, false); err != nil {
			w.Error(err)
		}
		if n := stored(); n != 2 {
			w.Errorf("%d tokens, want those of the other account and of the other provider", n)
		}
		if err := w.pool.SignOut(w.Context(), user, true); err != nil {
			w.Error(err)
		}
		if n := stored(); n != 1 {
			w.Errorf("%d tokens, want that of the provider that the Manager does not have", n)
		}
		if _, revoked, _ := w.x.count(); len(w.x.revoked) != 3 {
			w.Errorf("revoked %q", revoked)
		}
		w.store.away("list")
		if err := w.pool.SignOut(w.Context(), user, true); !errors.Is(err, ErrUnavailable) {
			w.Errorf("store away: %v", err)
		}
	})
}

func TestAnAccountIsTakenOver(t *testing.T) {
	quiet(t, func(w *world) {
		w.byBoth()
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
		if err != nil || !slices.Equal(stored.formerUsers(), []string{"a"}) {
			w.Fatalf("taken over from another user: %v", err)
		}
		w.commit(stored)
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
		w.wantHolders("a")
		w.wantRevoked("access-2")
	})
	quiet(t, func(w *world) { // after a transfer by OAuth 1.0a, where X gives the same token again
		w.byBoth()
		key, token := keyFor("a"), w.x.signIn()
		key.Provider, token.TokenSecret, token.RefreshToken = "x-oauth1", "secret", ""
		if _, err := w.pool.PutWithRollback(w.Context(), key, token, PutOptions{Own: true}); err != nil {
			w.Fatal(err)
		}
		key.UserID = "b"
		stored, err := w.pool.PutWithRollback(w.Context(), key, token, PutOptions{Own: true, AllowTransfer: true})
		if err != nil {
			w.Fatal(err)
		}
		if err := stored.Rollback(w.Context()); err != nil {
			w.Error(err)
		}
		w.wantOwner("a")
		w.wantHolders("a")
		w.wantRevoked("")
	})
	for _, lost := range []bool{false, true} {
		quiet(t, func(w *world) { // the store fails at the token, before or after it
			fail := func(op string) error {
				if op == "replace" {
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

// TestUnlinkBesideSignIn: whichever comes first, there are a token and its owner, or neither.
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
		owner, _, ownerErr := vault.Owner(t.Context(), key.Provider, key.AccountID)
		switch {
		case err == nil && owner.UserID == "u":
			kept++
		case !errors.Is(err, tokenstore.ErrNotFound) || !errors.Is(ownerErr, tokenstore.ErrNotFound):
			t.Fatalf("round %d: the token: %v; the owner: %q, %v", i, err, owner, ownerErr)
		}
	}
	if kept == 0 || kept == 1000 {
		t.Errorf("%d of 1,000 sign-ins came last", kept)
	}
}

// TestASignInStoresItsTokenDuringAnUnlink: the unlinking has looked for tokens before.
func TestASignInStoresItsTokenDuringAnUnlink(t *testing.T) {
	quiet(t, func(w *world) {
		w.wantOwn("a")
		var once, write sync.Once // the sign-in looks for tokens, and writes twice
		claimed, listed, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		w.store.hook(func(_ context.Context, op string) error {
			if op == "replace" {
				write.Do(func() { close(claimed) })
				<-listed
			}
			return nil
		})
		w.store.after = func(op string) error {
			if op == "list" {
				var first bool
				once.Do(func() { first = true; close(listed) })
				if first {
					<-done
				}
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
	for _, first := range []bool{false, true} {
		quiet(t, func(w *world) {
			if !first { // a first sign-in replaces nothing
				w.signIn()
			}
			stored, err := w.pool.PutWithRollback(w.Context(), user, w.x.signIn(), PutOptions{RevokeReplaced: true})
			if err != nil {
				w.Fatal(err)
			}
			w.wantRevoked("")
			w.commit(stored)
			w.wantRevoked(map[bool]string{true: "", false: "access-1"}[first])
			w.wantToken(map[bool]string{true: "access-1", false: "access-2"}[first])
		})
	}
}

// TestAnInterruptedTransferIsCompleted: the process ends between the steps of a transfer.
func TestAnInterruptedTransferIsCompleted(t *testing.T) {
	again := func(w *world, userID string, former ...string) {
		w.Helper()
		stored, err := w.own(userID, PutOptions{AllowTransfer: true})
		if err != nil || !slices.Equal(stored.formerUsers(), former) {
			w.Fatalf("taken over: %v", err)
		}
		w.commit(stored)
		w.wantOwner(userID)
		w.wantHolders(userID)
		if now, _, err := w.pool.cfg.Vault.Owner(w.Context(), "x", keyFor(userID).AccountID); err != nil || len(now.Former) != 0 {
			w.Errorf("the entry is %q, %v", now, err)
		}
	}
	quiet(t, func(w *world) { // after the claim
		w.wantOwn("a")
		claim := &Stored{m: w.pool, key: keyFor("b"), opt: PutOptions{Own: true, AllowTransfer: true}}
		if err := claim.claim(w.Context()); err != nil {
			w.Fatal(err)
		}
		again(w, "b", "a")
	})
	quiet(t, func(w *world) { // before the last step, and a third user comes
		w.wantOwn("a")
		if _, err := w.own("b", PutOptions{AllowTransfer: true}); err != nil {
			w.Fatal(err)
		}
		w.wantHolders("a", "b")
		again(w, "c", "b", "a")
	})
	quiet(t, func(w *world) { // the new owner unlinks the account instead
		w.wantOwn("a")
		if _, err := w.own("b", PutOptions{AllowTransfer: true}); err != nil {
			w.Fatal(err)
		}
		if err := w.pool.Revoke(w.Context(), keyFor("b")); err != nil {
			w.Error(err)
		}
		w.wantOwner("")
		w.wantHolders()
	})
}

// TestThreeUsersMoveOneAccount: another user takes the account while the token is stored.
func TestThreeUsersMoveOneAccount(t *testing.T) {
	quiet(t, func(w *world) {
		w.wantOwn("a")
		var third *Stored
		var begun bool
		w.store.before = func(_ context.Context, op string) (err error) {
			if op == "replace" && !begun {
				begun = true
				third, err = w.own("c", PutOptions{AllowTransfer: true})
			}
			return err
		}
		second, err := w.own("b", PutOptions{AllowTransfer: true})
		if err != nil || !slices.Equal(second.formerUsers(), []string{"c", "a"}) {
			w.Fatalf("taken over: %v", err)
		}
		w.commit(third)
		w.wantHolders("a", "b", "c")
		w.commit(second)
		w.wantHolders("b")
		w.wantOwner("b")
	})
}

// TestALostClaimIsUndone: the answer about the owner is lost, or the write was not made.
func TestALostClaimIsUndone(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for _, before := range []string{"", "a"} {
			quiet(t, func(w *world) {
				if before != "" {
					w.wantOwn(before)
				}
				var failed bool
				fail := func(op string) error {
					if op != "owner" || failed {
						return nil
					}
					failed = true
					return errAway
				}
				if lost {
					w.store.after = fail
				} else {
					w.store.before = func(_ context.Context, op string) error { return fail(op) }
				}
				if _, err := w.own("b", PutOptions{AllowTransfer: true}); !errors.Is(err, ErrUnavailable) {
					w.Errorf("sign-in: %v", err)
				}
				w.wantOwner(before)
			})
		}
	}
}

func TestReleaseAccount(t *testing.T) {
	quiet(t, func(w *world) {
		w.byBoth()
		w.wantOwn("a")
		other := keyFor("a")
		other.Provider = "x-oauth1"
		if _, err := w.pool.PutWithRollback(w.Context(), other, w.x.signIn(), PutOptions{Own: true}); err != nil {
			w.Fatal(err)
		}
		if err := w.pool.ReleaseAccount(w.Context(), keyFor("b")); err != nil {
			w.Error(err)
		}
		w.wantOwner("a")
		w.wantHolders("a")
		if err := w.pool.ReleaseAccount(w.Context(), other); err != nil {
			w.Error(err)
		}
		w.wantOwner("")
		w.wantHolders()
		// After a sign-out no token is left.
		w.wantOwn("a")
		if err := w.pool.SignOut(w.Context(), keyFor("a"), false); err != nil {
			w.Error(err)
		}
		if err := w.pool.ReleaseAccount(w.Context(), other); err != nil {
			w.Error(err)
		}
		w.wantOwner("")
		w.wantOwn("b")
	})
}

// TestXsProvidersHaveOneSpace: whatever their names are.
func TestXsProvidersHaveOneSpace(t *testing.T) {
	two, err := provider.NewX(provider.OAuth2Config{Name: "twitter", ClientID: "i", CallbackURL: "https://app.test/a"})
	if err != nil {
		t.Fatal(err)
	}
	one, err := provider.NewXOAuth1(provider.OAuth1Config{Name: "old", ConsumerKey: "k", ConsumerSecret: "s", CallbackURL: "https://app.test/b"})
	if err != nil {
		t.Fatal(err)
	}
	x := newService()
	m, err := New(Config{Vault: newVault(t, tokenstore.NewMemory()), Providers: []provider.Provider{one, two, byOAuth1{x}}, Transport: api{x}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close(t.Context()) }()
	key := func(name string) tokenstore.Key { return tokenstore.Key{Provider: name, UserID: "a", AccountID: "7"} }
	if got := m.siblings(key("twitter"), "a"); len(got) != 2 || !slices.Contains(got, key("old")) || slices.Contains(got, key("x-oauth1")) {
		t.Errorf("the accounts of X's providers are not told by the provider: %v", got)
	}
	for _, name := range []string{"twitter", "old"} {
		if got := m.space(name); got != "x" {
			t.Errorf("the space of %s is %q", name, got)
		}
	}
}
