package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// sealedAnew checks that the newest secret opens the entry.
func (w *world) sealedAnew(key tokenstore.Key) tokenstore.Token {
	w.Helper()
	t, _, err := newVault(w.T, w.store.Store, "n").Get(context.Background(), key)
	if err != nil {
		w.Errorf("the newest secret does not open the entry of %s: %v", key.UserID, err)
	}
	return t
}

// A refresh has the lease and speaks to X while all is sealed anew. It goes on, nobody
// else asks X, and what it got is stored and then reencrypted.
func TestARefreshInFlightDuringReencrypt(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		other := newWorld(w.T, w.x, w.store.Store)
		var reencrypted tokenstore.Reencrypted
		var all sync.WaitGroup
		w.x.during = func(context.Context) error {
			w.x.set(func(s *service) { s.during = nil })
			before, err := w.store.Store.Get(w.Context(), user)
			if err != nil {
				return err
			}
			all.Go(func() {
				var err error
				if reencrypted, err = newVault(w.T, w.store.Store, "n", "k").Reencrypt(w.Context()); err != nil {
					w.Errorf("Reencrypt: %v", err)
				}
			})
			time.Sleep(3 * time.Second)
			all.Go(func() { other.wantToken("access-2") })
			time.Sleep(3 * time.Second)
			if e, err := w.store.Store.Get(w.Context(), user); err != nil || e.Version != before.Version {
				w.Errorf("the entry was written while it was leased: %v", err)
			}
			return nil
		}
		w.wantToken("access-2")
		all.Wait()
		if want := (tokenstore.Reencrypted{Reencrypted: 1}); reencrypted != want {
			w.Errorf("Reencrypt counted %+v, want %+v", reencrypted, want)
		}
		if got := w.sealedAnew(user).RefreshToken; got != "refresh-2" {
			w.Errorf("%q is stored", got)
		}
		w.wantAsked(1)
		w.wantRevoked("")
		w.wantEvents("refreshed")
	})
}

// The store was away when a new token was to be written, and the lease has run out. What
// is reencrypted then is the spent token, and it gives way to the new one.
func TestReencryptBetweenRefreshAndSave(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.away("replace")
		w.wantToken("access-2")
		time.Sleep(time.Minute)
		if got, err := newVault(w.T, w.store.Store, "n", "k").Reencrypt(w.Context()); err != nil || got.Reencrypted != 1 {
			w.Fatalf("Reencrypt: %+v, %v", got, err)
		}
		w.store.hook(nil)
		time.Sleep(2 * saveEvery)
		if got := w.stored().RefreshToken; got != "refresh-2" {
			w.Errorf("%q is stored", got)
		}
		w.wantToken("access-2")
		newWorld(w.T, w.x, w.store.Store).wantToken("access-2")
		w.wantAsked(1)
		w.wantRevoked("")
		w.wantEvents("refreshed")
	})
}

// Secrets are replaced by restarting three replicas one by one, at each step of
// tokenstore.Vault's comment, while users make requests and tokens are refreshed.
func TestRotationWhileRunning(t *testing.T) {
	bubble(t, func(w *world) {
		store := w.store.Store
		var keys []tokenstore.Key
		for i := range 12 {
			key := tokenstore.Key{Provider: "x", UserID: fmt.Sprint(100 + i), AccountID: "12"}
			if _, err := newVault(w.T, store, "k").Put(w.Context(), key, w.x.signIn()); err != nil {
				w.Fatal(err)
			}
			keys = append(keys, key)
		}
		var replicas [3]atomic.Pointer[world]
		restart := func(secrets ...string) {
			for i := range replicas {
				old := replicas[i].Swap(newWorld(w.T, w.x, store, secrets...))
				time.Sleep(17 * time.Minute)
				if old == nil {
					continue
				}
				if err := old.pool.Close(w.Context()); err != nil {
					w.Errorf("Close: %v", err)
				}
			}
		}
		restart("k")

		ctx, stop := context.WithCancel(w.Context())
		var users sync.WaitGroup
		var made atomic.Int32
		for n, key := range keys {
			users.Go(func() {
				for i := n; ctx.Err() == nil; i++ {
					token, err := replicas[i%3].Load().doFor(w.Context(), key)
					if errors.Is(err, ErrClosed) {
						continue // asked just before it was replaced
					}
					if err != nil || !strings.HasPrefix(token, "access-") {
						w.Errorf("user %s: %q, %v", key.UserID, token, err)
						return
					}
					made.Add(1)
					time.Sleep(time.Duration(1+(i+n)%7) * time.Minute)
				}
			})
		}
		time.Sleep(3 * time.Hour)
		restart("k", "n")
		restart("n", "k")
		// On all replicas at once, while refreshes take time.
		w.x.set(func(s *service) {
			s.during = func(context.Context) error { time.Sleep(2 * time.Second); return nil }
		})
		var reencrypts sync.WaitGroup
		var reencrypted atomic.Int32
		for i := range replicas {
			reencrypts.Go(func() {
				got, err := replicas[i].Load().vault.Reencrypt(w.Context())
				if err != nil || got.Reencrypted+got.Newest != len(keys) {
					w.Errorf("Reencrypt: %+v, %v", got, err)
				}
				reencrypted.Add(int32(got.Reencrypted))
			})
		}
		reencrypts.Wait()
		for _, key := range keys {
			w.sealedAnew(key)
		}
		restart("n")
		time.Sleep(3 * time.Hour)
		stop()
		users.Wait()
		asked, revoked, _ := w.x.count()
		w.Logf("%d requests, %d refreshes, %d reencrypted", made.Load(), asked, reencrypted.Load())
		if asked < len(keys) || revoked != "" || made.Load() < 100 || reencrypted.Load() == 0 {
			w.Errorf("%d requests, %d refreshes, %d reencrypted, %q was revoked", made.Load(), asked, reencrypted.Load(), revoked)
		}
	})
}

// The operator can bring a secret back, so nothing is concluded from its absence.
func TestAnEntryOfAMissingSecretStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newService(), tokenstore.NewMemory(), "n")
		w.signIn() // sealed with k
		before, err := w.store.Store.Get(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		_, tokenErr := w.pool.Token(t.Context(), user)
		_, scopesErr := w.pool.MissingScopes(t.Context(), person, "tweet.read")
		_, reencryptErr := w.vault.Reencrypt(t.Context())
		for name, err := range map[string]error{
			"a request": w.wantErr(ErrUnavailable), "Token": tokenErr, "MissingScopes": scopesErr,
			"Refresh": w.pool.Refresh(t.Context(), user), "Reencrypt": reencryptErr,
		} {
			var unknown *tokenstore.UnknownKeyError
			if !errors.As(err, &unknown) || errors.Is(err, ErrReauthRequired) || (name != "Reencrypt") != errors.Is(err, ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := w.needsReauth(); err != nil {
			t.Errorf("MissingScopes without scopes: %v", err)
		}
		after, err := w.store.Store.Get(t.Context(), user)
		if err != nil || after.Version != before.Version || !bytes.Equal(after.Value, before.Value) {
			t.Errorf("the entry was changed: %v", err)
		}
		w.wantEvents("")
		newWorld(t, w.x, w.store.Store, "n", "k").wantToken("access-1")
	})
}

// noted is a provider whose tokens a vault would take for notes.
type noted struct{ *service }

func (noted) Name() string { return ".sessions" }

func TestAProviderMayNotBeNamedLikeANote(t *testing.T) {
	_, err := New(Config{Vault: newVault(t, tokenstore.NewMemory()), Providers: []provider.Provider{noted{newService()}}})
	if err == nil || !strings.Contains(err.Error(), `".sessions"`) {
		t.Errorf("New: %v", err)
	}
}
