package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

const rounds = 1000

// replicas are Managers over one store, outside of a bubble.
func replicas(t *testing.T, x *service, store tokenstore.Store, n int) []*Manager {
	t.Helper()
	var all []*Manager
	for range n {
		m, err := New(Config{
			Vault: newVault(t, store), Providers: []provider.Provider{x}, Transport: api{x},
			OnEvent: func(context.Context, event.Event) { runtime.Gosched() },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.Close(context.Background()) })
		all = append(all, m)
	}
	return all
}

func get(m *Manager, key tokenstore.Key) error {
	resp, err := m.Client(context.Background(), key).Get("https://api.test/2/users/me")
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// TestRevokeBesideRequests: a request that comes while the revocation works must not keep
// the token in memory, even if the provider does not revoke it.
func TestRevokeBesideRequests(t *testing.T) {
	x := newService()
	x.revokeErr = errors.New("no revocation here")
	store := &hookStore{Store: tokenstore.NewMemory(), counts: map[string]int{}}
	m := replicas(t, x, store, 1)[0]
	vault := newVault(t, store.Store)
	var after int
	for i := range rounds {
		key := tokenstore.Key{Provider: "x", UserID: fmt.Sprint(i), AccountID: "12"}
		if _, err := vault.Put(t.Context(), key, x.signIn()); err != nil {
			t.Fatal(err)
		}
		var request sync.WaitGroup
		store.hook(func(_ context.Context, op string) error {
			switch {
			case op != "delete":
			case i%2 == 0:
				store.hook(nil)
				_ = get(m, key)
			default:
				store.hook(nil)
				request.Go(func() { _ = get(m, key) })
				runtime.Gosched()
			}
			return nil
		})
		if err := m.Revoke(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		request.Wait()
		if err := get(m, key); !errors.Is(err, ErrReauthRequired) {
			after++
		}
	}
	if after > 0 {
		t.Errorf("%d of %d requests used a revoked token", after, rounds)
	}
}

// TestSignInBesideSignOut: each token is either stored or revoked.
func TestSignInBesideSignOut(t *testing.T) {
	x, store := newService(), tokenstore.NewMemory()
	pools := replicas(t, x, store, 2)
	vault := newVault(t, store)
	var stored int
	for i := range rounds {
		key := tokenstore.Key{Provider: "x", UserID: fmt.Sprint(i), AccountID: "12"}
		first, second := x.signIn(), x.signIn()
		if _, err := vault.Put(t.Context(), key, first); err != nil {
			t.Fatal(err)
		}
		if err := get(pools[0], key); err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		both.Go(func() {
			if err := pools[0].SignOut(t.Context(), key, false); err != nil {
				t.Error(err)
			}
		})
		both.Go(func() {
			if _, err := pools[1].PutWithRollback(t.Context(), key, second, PutOptions{}); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		now, _, err := vault.Get(t.Context(), key)
		if err == nil {
			stored++
		}
		x.set(func(s *service) {
			for _, token := range []tokenstore.Token{first, second} {
				if s.access[token.AccessToken] && now.AccessToken != token.AccessToken {
					t.Errorf("round %d: %s is valid and not stored", i, token.AccessToken)
				}
			}
		})
	}
	t.Logf("%d of %d sign-ins came last", stored, rounds)
}

// TestShortLivedTokens: whatever lifetime X gives, it is not asked at each request, and no
// request waits for ever.
func TestShortLivedTokens(t *testing.T) {
	for _, tt := range []struct {
		life           time.Duration
		fewest, atMost int // refreshes in a minute of one request in a second
	}{
		{-time.Hour, 2, 7}, {0, 2, 7}, {time.Millisecond, 2, 7}, {time.Second, 2, 7}, {10 * time.Second, 2, 12},
		{30 * time.Second, 1, 5}, {time.Minute, 0, 3}, {4 * time.Minute, 0, 1}, {2 * time.Hour, 0, 0},
	} {
		bubble(t, func(w *world) {
			w.x.life = tt.life
			w.signIn()
			if tt.life <= time.Second {
				time.Sleep(time.Hour)
			}
			for range 1000 {
				if _, err := w.do(); err != nil {
					w.Errorf("%v: %v", tt.life, err)
				}
			}
			synctest.Wait()
			before, _, _ := w.x.count()
			if before > 1 {
				w.Errorf("%v: %d refreshes at once", tt.life, before)
			}
			for range 60 {
				time.Sleep(time.Second)
				if _, err := w.do(); err != nil {
					w.Errorf("%v: %v", tt.life, err)
				}
			}
			synctest.Wait()
			if asked, _, _ := w.x.count(); asked-before < tt.fewest || asked-before > tt.atMost {
				w.Errorf("%v: %d refreshes in a minute, want %d to %d", tt.life, asked-before, tt.fewest, tt.atMost)
			}
		})
	}
}
