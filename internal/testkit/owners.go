package testkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// LinkOneAccount lets 64 users of the application, on four replicas over one store, link
// one account of X at the same time. One of them gets the account. The others get
// [client.ErrAccountTaken], and no token of theirs is stored. open opens the store for one
// replica.
func LinkOneAccount(t *testing.T, open func() tokenstore.Store) {
	t.Helper()
	const users, replicas = 64, 4
	x, err := provider.NewX(provider.OAuth2Config{
		ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret, CallbackURL: xtest.DefaultCallback,
	})
	if err != nil {
		t.Fatal(err)
	}
	var vault *tokenstore.Vault
	var managers []*client.Manager
	for range replicas {
		if vault, err = tokenstore.NewVault(open(), bytes.Repeat([]byte("k"), 32)); err != nil {
			t.Fatal(err)
		}
		m, err := client.New(client.Config{
			Vault: vault, Providers: []provider.Provider{x}, Transport: http.NewFileTransport(http.Dir(t.TempDir())),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.Close(context.Background()) })
		managers = append(managers, m)
	}
	key := func(i int) tokenstore.Key {
		return tokenstore.Key{Provider: x.Name(), UserID: fmt.Sprint("user-", i), AccountID: xtest.DefaultUserID}
	}
	var all sync.WaitGroup
	var winners, taken atomic.Int32
	var winner atomic.Int32
	for i := range users {
		all.Go(func() {
			token := tokenstore.Token{AccessToken: fmt.Sprint("access-", i), AccountID: xtest.DefaultUserID}
			_, err := managers[i%replicas].PutWithRollback(t.Context(), key(i), token, client.PutOptions{Own: true})
			switch {
			case err == nil:
				winners.Add(1)
				winner.Store(int32(i)) //nolint:gosec // below 64
			case errors.Is(err, client.ErrAccountTaken):
				taken.Add(1)
			default:
				t.Errorf("user %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if winners.Load() != 1 || taken.Load() != users-1 {
		t.Errorf("%d users have the account, and %d were refused", winners.Load(), taken.Load())
	}
	for i := range users {
		_, _, err := vault.Get(t.Context(), key(i))
		want := tokenstore.ErrNotFound
		if int32(i) == winner.Load() { //nolint:gosec // below 64
			want = nil
		}
		if !errors.Is(err, want) {
			t.Errorf("the token of user %d, where user %d won: %v, want %v", i, winner.Load(), err, want)
		}
	}
	owner, _, err := vault.Owner(t.Context(), x.Name(), xtest.DefaultUserID)
	if want := key(int(winner.Load())).UserID; err != nil || owner.UserID != want {
		t.Errorf("the owner is %q, %v, want %q", owner.UserID, err, want)
	}
}
