package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

func (w *world) revoke() error { return w.pool.Revoke(context.Background(), user) }

func (w *world) wantGone() {
	w.Helper()
	if _, err := w.store.Store.Get(context.Background(), user); !errors.Is(err, tokenstore.ErrNotFound) {
		w.Errorf("the entry is still there: %v", err)
	}
}

func TestRevoke(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.wantToken("access-1")
		// A page that was closed does not stop a sign-out.
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		if err := w.pool.Revoke(ctx, user); err != nil {
			w.Fatal(err)
		}
		w.wantGone()
		w.wantRevoked("access-1")
		w.wantEvents("revoked")
		w.wantErr(ErrReauthRequired)
		if err := w.revoke(); err != nil {
			w.Errorf("without an entry: %v", err)
		}
		w.wantEvents("revoked")
	})
}

func TestDeleteUserNeedsAnID(t *testing.T) {
	bubble(t, func(w *world) {
		if err := w.pool.DeleteUser(w.Context(), ""); err == nil || !strings.Contains(err.Error(), "the user has no ID") {
			w.Errorf("without an ID: %v", err)
		}
	})
}

func TestRevokeUnlessProviderHelps(t *testing.T) {
	bubble(t, func(w *world) { // never seen by this process, and X hangs
		w.signIn()
		w.pool.providers["x"] = hanging{w.x}
		began := time.Now()
		if err := w.revoke(); err != nil {
			w.Fatal(err)
		}
		if took := time.Since(began); took != revokeTimeout {
			w.Errorf("took %v", took)
		}
		w.wantGone()
		w.wantEvents("revoke_failed:unavailable")
	})
	bubble(t, func(w *world) { // a provider that is configured no longer
		w.signIn()
		delete(w.pool.providers, "x")
		if err := w.revoke(); err != nil {
			w.Fatal(err)
		}
		w.wantGone()
	})
}

type hanging struct{ *service }

func (hanging) Revoke(ctx context.Context, _ tokenstore.Token) error { <-ctx.Done(); return ctx.Err() }

func TestRevokeMarkedEntry(t *testing.T) {
	bubble(t, func(w *world) {
		w.signInWith(tokenstore.Token{NeedsReauth: true})
		w.wantErr(ErrReauthRequired)
		if err := w.revoke(); err != nil {
			w.Fatal(err)
		}
		w.wantGone()
		w.wantEvents("")
	})
}

func TestRevokeUnreadableEntry(t *testing.T) {
	bubble(t, func(w *world) {
		if _, err := w.store.Store.Put(w.Context(), user, []byte("damaged")); err != nil {
			w.Fatal(err)
		}
		if err := w.revoke(); err != nil {
			w.Fatal(err)
		}
		w.wantGone()
		w.wantEvents("revoke_failed:store")
	})
}

func TestRevokeStoreAway(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.wantToken("access-1")
		w.store.away()
		if err := w.revoke(); !errors.Is(err, ErrUnavailable) || !errors.Is(err, errAway) {
			w.Errorf("Revoke: %v", err)
		}
		w.wantRevoked("access-1")
		w.store.hook(nil)
		if err := w.revoke(); err != nil {
			w.Error(err)
		}
		w.wantGone()
	})
	bubble(t, func(w *world) { // only the deletion fails
		w.signIn()
		w.store.away("delete")
		if err := w.revoke(); !errors.Is(err, ErrUnavailable) {
			w.Errorf("Revoke: %v", err)
		}
		w.wantRevoked("access-1")
	})
}

// A refresh stored between the read and the delete must not live on at X.
func TestRevokeAgainstRefresh(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		once := true
		w.store.hook(func(_ context.Context, op string) error {
			if op == "delete" && once {
				once = false
				w.signIn()
			}
			return nil
		})
		if err := w.revoke(); err != nil {
			w.Fatal(err)
		}
		w.wantGone()
		w.wantRevoked("access-1 access-2")
	})
	bubble(t, func(w *world) { // an entry that changes all the time
		w.signIn()
		w.store.hook(func(_ context.Context, op string) error {
			if op == "delete" {
				w.signIn()
			}
			return nil
		})
		if err := w.revoke(); !errors.Is(err, ErrUnavailable) {
			w.Errorf("Revoke: %v", err)
		}
		synctest.Wait()
		last := w.stored().AccessToken
		w.x.set(func(s *service) {
			if len(s.access) != 1 || !s.access[last] {
				w.Errorf("%d tokens are valid, want the stored one", len(s.access))
			}
		})
	})
}

func TestRevokeDropsMemoryFirst(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.wantToken("access-1")
		w.store.hook(func(_ context.Context, op string) error {
			if op == "get" {
				if c := w.pool.users.get(user).cur.Load(); c != nil {
					w.Error("the token is still in memory while the entry is read")
				}
			}
			if op == "delete" {
				w.store.hook(nil)
				w.wantToken("access-1") // a request in between
			}
			return nil
		})
		if err := w.revoke(); err != nil {
			w.Fatal(err)
		}
		if c := w.pool.users.get(user).cur.Load(); c != nil {
			w.Error("the token is in memory again")
		}
		w.wantErr(ErrReauthRequired)
	})
}

func TestRevokeUnsavedToken(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.away("replace")
		w.wantToken("access-2")
		if err := w.revoke(); err != nil {
			w.Fatal(err)
		}
		w.store.hook(nil)
		time.Sleep(time.Minute)
		w.wantGone()
		w.wantRevoked("access-2 access-1")
		w.wantErr(ErrReauthRequired)
	})
	bubble(t, func(w *world) { // it is stored meanwhile
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.away("replace")
		w.wantToken("access-2")
		w.store.hook(func(_ context.Context, op string) error {
			if op == "replace" {
				time.Sleep(time.Second)
			}
			return nil
		})
		time.Sleep(saveEvery + time.Millisecond)
		if err := w.revoke(); err != nil {
			w.Fatal(err)
		}
		w.wantGone()
		w.wantRevoked("access-2 access-1")
	})
}

// Sign-out while X answers a refresh: nothing comes back, and no token lives on.
func TestRevokeDuringFlight(t *testing.T) {
	for _, away := range []bool{false, true} {
		bubble(t, func(w *world) {
			w.signIn()
			time.Sleep(3 * time.Hour)
			w.x.after = func(context.Context) error { time.Sleep(3 * time.Second); return nil }
			var err error
			go func() { _, err = w.do() }()
			time.Sleep(time.Second)
			if err := w.revoke(); err != nil {
				w.Fatal(err)
			}
			if away {
				w.store.away("replace")
			}
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if away {
				w.wantErr(ErrUnavailable)
				w.store.hook(nil)
				time.Sleep(2 * saveEvery)
			} else if !errors.Is(err, ErrReauthRequired) {
				w.Errorf("the request: %v", err)
			}
			synctest.Wait()
			w.wantGone()
			w.wantRevoked("access-1 access-2")
			w.wantErr(ErrReauthRequired)
		})
	}
}
