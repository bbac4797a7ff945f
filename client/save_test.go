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

func TestStoreAwayAtSave(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.away("replace")
		w.wantToken("access-2")
		// Memory serves although the store still has the spent token.
		time.Sleep(time.Minute)
		w.wantToken("access-2")
		if got, err := w.pool.Token(w.Context(), user); err != nil || !got.Expiry.After(time.Now()) {
			w.Errorf("Token = %v, %v", got, err)
		}
		if got := w.stored().AccessToken; got != "access-1" {
			w.Fatalf("stored %q", got)
		}
		w.wantEvents("")
		w.store.hook(nil)
		time.Sleep(2 * saveEvery)
		if got := w.stored().RefreshToken; got != "refresh-2" {
			w.Errorf("stored %q after the store was back", got)
		}
		newWorld(w.T, w.x, w.store.Store).wantToken("access-2")
		w.wantAsked(1)
		w.wantEvents("refreshed")
		w.wantRevoked("")
		if !strings.Contains(w.logged(), "could not be stored") {
			w.Error("nothing is logged")
		}
	})
}

func TestUnsavedTokenExpires(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.away("replace")
		w.wantToken("access-2")
		// Forced: the store's token is spent, so X must not be asked with it.
		if err := w.pool.Refresh(w.Context(), user); !errors.Is(err, ErrUnavailable) {
			w.Errorf("Refresh: %v", err)
		}
		w.wantToken("access-2")
		time.Sleep(119 * time.Minute) // a background refresh is due
		w.wantToken("access-2")
		synctest.Wait()
		w.wantToken("access-2")
		time.Sleep(2 * time.Minute)
		if err := w.wantErr(ErrUnavailable); !errors.Is(err, errAway) {
			w.Errorf("the cause is not inside: %v", err)
		}
		w.wantAsked(1)
		w.store.hook(nil)
		time.Sleep(2 * saveEvery)
		w.wantToken("access-3")
		w.wantAsked(2)
		w.wantEvents("refreshed refreshed")
	})
}

// The answer of a save that happened may be lost.
func TestSaveWithoutAnswer(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.after = func(op string) error {
			if op == "replace" {
				w.store.mu.Lock()
				w.store.after = nil
				w.store.mu.Unlock()
				return errAway
			}
			return nil
		}
		w.wantToken("access-2")
		time.Sleep(2 * saveEvery)
		w.wantEvents("refreshed")
		w.wantRevoked("")
		w.wantToken("access-2")
	})
}

// A sign-in here in the moment after the save: the new token is not what was saved.
func TestSignInRightAfterSave(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.after = func(op string) error {
			if op == "replace" {
				w.store.mu.Lock()
				w.store.after = nil
				w.store.mu.Unlock()
				return w.pool.Put(w.Context(), user, w.x.signIn())
			}
			return nil
		}
		w.wantToken("access-3")
	})
}

// While our store is away, another replica is refused the token that we spent.
func TestRefusalOfTheSpentToken(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.away("replace")
		w.wantToken("access-2")
		time.Sleep(time.Minute)
		other := newWorld(w.T, w.x, w.store.Store)
		other.wantErr(ErrReauthRequired)
		w.store.hook(nil)
		time.Sleep(2 * saveEvery)
		other.wantToken("access-2")
		w.wantToken("access-2")
		w.wantRevoked("")
	})
}

// TestOvertakenAtSave: the new token is revoked after a sign-out only. If X takes user and
// application as one grant, a revocation after a sign-in would end the sign-in's token.
func TestOvertakenAtSave(t *testing.T) {
	for name, test := range map[string]struct {
		between func(w *world)
		check   func(w *world)
	}{
		"a sign-in elsewhere": {
			func(w *world) { w.signIn() },
			func(w *world) { w.wantToken("access-2"); w.wantRevoked("") },
		},
		"a sign-in here": {
			func(w *world) {
				if err := w.pool.Put(w.Context(), user, w.x.signIn()); err != nil {
					w.Error(err)
				}
			},
			func(w *world) { w.wantToken("access-2"); w.wantRevoked("") },
		},
		"a sign-out elsewhere": {
			func(w *world) { w.delete() },
			func(w *world) { w.wantErr(ErrReauthRequired); w.wantRevoked("access-2") },
		},
		"a sign-out here": {
			func(w *world) {
				if err := w.pool.Revoke(w.Context(), user); err != nil {
					w.Error(err)
				}
				w.x.set(func(s *service) { s.refresh["refresh-1"] = true }) // X was faster
			},
			func(w *world) { w.wantErr(ErrReauthRequired); w.wantRevoked("access-1 access-2") },
		},
		"a sign-in with other keys": {
			func(w *world) {
				other, err := tokenstore.NewVault(w.store.Store, []byte(strings.Repeat("z", 32)))
				if err == nil {
					_, err = other.Put(w.Context(), user, w.x.signIn())
				}
				if err != nil {
					w.Error(err)
				}
			},
			func(w *world) { w.wantErr(ErrUnavailable); w.wantRevoked("") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.signIn()
				time.Sleep(3 * time.Hour)
				w.x.during = func(context.Context) error {
					w.x.set(func(s *service) { s.during = nil })
					test.between(w)
					return nil
				}
				_, _ = w.do()
				synctest.Wait()
				test.check(w)
				if !strings.Contains(w.told(), "refresh_failed:superseded") {
					w.Errorf("events %q", w.told())
				}
			})
		})
	}
}

func TestOvertakenWhileStoreAway(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.away("replace")
		w.wantToken("access-2")
		w.signIn() // elsewhere
		w.store.hook(nil)
		time.Sleep(2 * saveEvery)
		w.wantRevoked("")
		w.wantToken("access-3")
	})
}

// The store says that the entry has changed, and then nothing more: it may have been
// a sign-out, so the new token must not be used before that is known.
func TestUnsureWhatChanged(t *testing.T) {
	for _, out := range []bool{true, false} {
		bubble(t, func(w *world) {
			w.signIn()
			time.Sleep(3 * time.Hour)
			w.x.during = func(context.Context) error {
				w.x.set(func(s *service) { s.during = nil })
				if out {
					w.delete()
				} else {
					w.signIn()
				}
				w.store.away("get")
				return nil
			}
			w.wantErr(ErrUnavailable)
			w.wantErr(ErrUnavailable)
			w.wantRevoked("")
			w.store.hook(nil)
			time.Sleep(2 * saveEvery)
			if out {
				w.wantErr(ErrReauthRequired)
				w.wantRevoked("access-2")
			} else {
				w.wantToken("access-2")
				w.wantRevoked("")
			}
		})
	}
}

func TestSupersededNotRevoked(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.x.set(func(s *service) { s.revokeErr = errors.New("no route") })
		w.x.during = func(context.Context) error { w.delete(); return nil }
		w.wantErr(ErrReauthRequired)
		synctest.Wait()
		w.wantEvents("refresh_failed:superseded revoke_failed:unavailable")
	})
}
