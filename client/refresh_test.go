package client

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

func TestStoreReadOnce(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		_ = w.pool.Client(context.Background(), user)
		if n := w.store.count("get"); n != 0 {
			w.Errorf("%d reads before the first request", n)
		}
		for range 100 {
			w.wantToken("access-1")
		}
		if n := w.store.count("get"); n != 1 {
			w.Errorf("%d reads for 100 requests, want 1", n)
		}
		w.wantAsked(0)
		w.wantEvents("")
	})
}

func TestManyRequestsOneRefresh(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.x.during = func(context.Context) error { time.Sleep(time.Second); return nil }
		time.Sleep(3 * time.Hour)
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() { w.wantToken("access-2") })
		}
		all.Wait()
		w.wantAsked(1)
		w.wantEvents("refreshed")
		if gets, leases := w.store.count("get"), w.store.count("lease"); gets != 1 || leases != 1 {
			w.Errorf("%d reads and %d leases, want one each", gets, leases)
		}
		if got := w.stored().RefreshToken; got != "refresh-2" {
			w.Errorf("stored %q", got)
		}
		if w.events[0].Duration != time.Second {
			w.Errorf("Duration = %v, want 1s", w.events[0].Duration)
		}
	})
}

func TestCallerLeavesRefreshGoesOn(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.x.during = func(context.Context) error { time.Sleep(5 * time.Second); return nil }
		time.Sleep(3 * time.Hour)
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := w.doContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("request: %v", err)
		}
		if took := time.Since(began); took != time.Second {
			w.Errorf("the caller left after %v", took)
		}
		time.Sleep(5 * time.Second)
		if got := w.stored().AccessToken; got != "access-2" {
			w.Errorf("stored %q", got)
		}
		w.wantToken("access-2")
		w.wantAsked(1)
		if _, err := w.doContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("with an ended context: %v", err)
		}
	})
}

// Two pools over one store are two replicas.
func TestTwoReplicasOneRefresh(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		other := newWorld(w.T, w.x, w.store.Store)
		w.x.during = func(context.Context) error { time.Sleep(3 * time.Second); return nil }
		time.Sleep(3 * time.Hour)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { w.wantToken("access-2") })
			all.Go(func() { other.wantToken("access-2") })
		}
		all.Wait()
		w.wantAsked(1)
		if told := w.told() + other.told(); told != "refreshed" {
			w.Errorf("events %q", told)
		}
		if n := max(w.store.count("lease"), other.store.count("lease")); n > 31 {
			w.Errorf("the waiting replica asked for the lease %d times", n)
		}
	})
}

// Who waits for another process has the token soon after it.
func TestWaitingForAnotherProcess(t *testing.T) {
	for _, x := range []time.Duration{100, 200, 400, 800, 1000, 4000} {
		bubble(t, func(w *world) {
			w.signIn()
			other := newWorld(w.T, w.x, w.store.Store)
			x := x * time.Millisecond
			w.x.during = func(context.Context) error { time.Sleep(x); return nil }
			time.Sleep(3 * time.Hour)
			began := time.Now()
			var all sync.WaitGroup
			all.Go(func() { w.wantToken("access-2") })
			all.Go(func() { other.wantToken("access-2") })
			all.Wait()
			if late := time.Since(began) - x; late > max(100*time.Millisecond, x/3) {
				w.Errorf("X takes %v, and who waits has the token %v later", x, late)
			}
			w.wantAsked(1)
		})
	}
}

func TestHolderDies(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		v := newVault(w.T, w.store.Store)
		_, version, _ := v.Get(w.Context(), user)
		if _, err := v.Lease(w.Context(), user, version, 30*time.Second); err != nil {
			w.Fatal(err)
		}
		began := time.Now()
		w.wantToken("access-2")
		if took := time.Since(began); took != 30*time.Second {
			w.Errorf("went on after %v, want when the lease had ended", took)
		}
	})
}

// TestHolderDiesAndAnotherIsQuick: a replica that waited long for the dead holder does not
// wait a second for the next one.
func TestHolderDiesAndAnotherIsQuick(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		replicas := []*world{w, newWorld(w.T, w.x, w.store.Store), newWorld(w.T, w.x, w.store.Store)}
		w.x.during = func(context.Context) error { time.Sleep(10 * time.Millisecond); return nil }
		time.Sleep(3 * time.Hour)
		v := newVault(w.T, w.store.Store)
		_, version, _ := v.Get(w.Context(), user)
		if _, err := v.Lease(w.Context(), user, version, 30*time.Second); err != nil {
			w.Fatal(err)
		}
		began := time.Now()
		var all sync.WaitGroup
		for _, r := range replicas {
			all.Go(func() { r.wantToken("access-2") })
		}
		all.Wait()
		if took := time.Since(began); took > 30*time.Second+100*time.Millisecond {
			w.Errorf("all went on after %v, want soon after the end of the lease", took)
		}
		w.wantAsked(1)
	})
}

func TestOthersKeepLeasing(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.hook(func(_ context.Context, op string) error {
			if op == "lease" {
				return &tokenstore.LeasedError{Remaining: time.Hour}
			}
			return nil
		})
		began := time.Now()
		w.wantErr(ErrUnavailable)
		if took := time.Since(began); took < 90*time.Second || took > 92*time.Second {
			w.Errorf("gave up after %v", took)
		}
		w.wantAsked(0)
	})
}

func TestEntryMovesBeforeLease(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.hook(func(_ context.Context, op string) error {
			if op == "lease" {
				w.signIn()
			}
			return nil
		})
		w.wantToken("access-2")
		w.wantAsked(0)
	})
}

func TestRefusal(t *testing.T) {
	bubble(t, func(w *world) {
		token := w.signIn()
		w.x.set(func(s *service) { delete(s.refresh, token.RefreshToken) })
		time.Sleep(3 * time.Hour)
		err := w.wantErr(ErrReauthRequired)
		if !errors.Is(err, provider.ErrTokenRefused) {
			w.Errorf("the cause is not inside: %v", err)
		}
		w.wantErr(ErrReauthRequired)
		other := newWorld(w.T, w.x, w.store.Store)
		other.wantErr(ErrReauthRequired)
		w.wantAsked(1)
		w.wantEvents("sign_in_again:token_refused")
		other.wantEvents("")
		got := w.stored()
		if !got.NeedsReauth || got.AccessToken != "" || got.RefreshToken != "" || got.AccountID != "12" || len(got.Scopes) != 1 {
			w.Errorf("stored %+v with secrets %t", got, got.AccessToken+got.RefreshToken != "")
		}
		// A sign-in on another replica mends it at once.
		w.signIn()
		w.wantToken("access-2")
	})
}

func TestRefusedAfterAnotherRefreshed(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		// A replica without leases, say of an older version, spends the token first.
		w.x.during = func(context.Context) error {
			w.x.set(func(s *service) { s.during = nil; delete(s.refresh, "refresh-1") })
			w.signIn()
			return nil
		}
		w.wantToken("access-2")
		w.wantAsked(1)
		w.wantEvents("")
	})
}

func TestRefusalCannotBeStored(t *testing.T) {
	bubble(t, func(w *world) {
		token := w.signIn()
		w.x.set(func(s *service) { delete(s.refresh, token.RefreshToken) })
		time.Sleep(3 * time.Hour)
		w.store.away("replace")
		w.wantErr(ErrReauthRequired)
		w.wantErr(ErrReauthRequired)
		if err := w.needsReauth(); !errors.Is(err, ErrReauthRequired) {
			w.Errorf("MissingScopes without scopes: %v", err)
		}
		if w.stored().NeedsReauth {
			w.Fatal("the mark was stored")
		}
		w.store.hook(nil)
		w.wantErr(ErrReauthRequired)
		if !w.stored().NeedsReauth {
			w.Error("the mark was not stored when the store was back")
		}
		w.wantAsked(1)
		w.wantEvents("sign_in_again:token_refused")
	})
}

func TestRefusalOvertaken(t *testing.T) {
	bubble(t, func(w *world) {
		token := w.signIn()
		w.x.set(func(s *service) { delete(s.refresh, token.RefreshToken) })
		time.Sleep(3 * time.Hour)
		// The sign-in arrives in this process, after the mark was written.
		w.store.after = func(op string) error {
			if op == "replace" {
				w.store.mu.Lock()
				w.store.after = nil
				w.store.mu.Unlock()
				return w.pool.Put(w.Context(), user, w.x.signIn())
			}
			return nil
		}
		w.wantToken("access-2")
	})
	bubble(t, func(w *world) {
		w.signInWith(tokenstore.Token{AccessToken: "a", Expiry: time.Now()})
		w.store.away("replace")
		w.wantErr(ErrReauthRequired)
		w.store.hook(func(_ context.Context, op string) error {
			if op == "replace" {
				w.signIn()
			}
			return nil
		})
		w.wantToken("access-1")
	})
}

func TestNothingToRefreshWith(t *testing.T) {
	bubble(t, func(w *world) {
		token := w.x.signIn()
		token.RefreshToken = ""
		w.signInWith(token)
		w.wantToken("access-1")
		if err := w.pool.Refresh(w.Context(), user); !errors.Is(err, ErrNotRefreshable) {
			w.Errorf("Refresh: %v", err)
		}
		w.wantToken("access-1")
		time.Sleep(2*time.Hour - time.Second)
		w.wantToken("access-1")
		time.Sleep(time.Second)
		w.wantErr(ErrReauthRequired)
		w.wantAsked(0)
		w.wantEvents("sign_in_again:no_refresh_token")
		if !w.stored().NeedsReauth {
			w.Error("not stored")
		}
	})
}

func TestNoEntry(t *testing.T) {
	bubble(t, func(w *world) {
		if err := w.wantErr(ErrReauthRequired); !errors.Is(err, tokenstore.ErrNotFound) {
			w.Errorf("the cause is not inside: %v", err)
		}
		if err := w.pool.Refresh(w.Context(), user); !errors.Is(err, ErrReauthRequired) {
			w.Errorf("Refresh: %v", err)
		}
		w.signIn()
		w.wantToken("access-1")
	})
}

func TestUnreadableEntries(t *testing.T) {
	bubble(t, func(w *world) {
		if _, err := w.store.Store.Put(w.Context(), user, []byte("damaged")); err != nil {
			w.Fatal(err)
		}
		w.wantErr(ErrReauthRequired)
		foreign, err := tokenstore.NewVault(w.store.Store, []byte(strings.Repeat("z", 32)))
		if err != nil {
			w.Fatal(err)
		}
		if _, err := foreign.Put(w.Context(), user, w.x.signIn()); err != nil {
			w.Fatal(err)
		}
		// The operator can bring the secret back; a sign-in would overwrite the token.
		err = w.wantErr(ErrUnavailable)
		if !errors.As(err, new(*tokenstore.UnknownKeyError)) || !strings.Contains(w.logged(), "back to the end of Secrets") {
			w.Errorf("the cause is not told: %v", err)
		}
		if !strings.Contains(w.logged(), "client: a secret is missing from Secrets") || strings.Contains(w.logged(), "does not answer") {
			w.Errorf("the headline is another: %s", w.logged())
		}
	})
}

func TestRefreshBeforeExpiry(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.x.during = func(context.Context) error { time.Sleep(3 * time.Second); return nil }
		w.wantToken("access-1")
		time.Sleep(115*time.Minute - 31*time.Second)
		w.wantToken("access-1")
		synctest.Wait()
		w.wantAsked(0)
		time.Sleep(31 * time.Second)
		began := time.Now()
		for range 10 {
			w.wantToken("access-1")
		}
		if took := time.Since(began); took != 0 {
			w.Errorf("requests waited %v although the old token works", took)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		w.wantToken("access-2")
		w.wantAsked(1)
	})
}

func TestRefreshBeforeIsSpread(t *testing.T) {
	bubble(t, func(w *world) {
		now := time.Now()
		seen := map[time.Duration]bool{}
		for range 1000 {
			token := tokenstore.Token{RefreshToken: "r", ObtainedAt: now, Expiry: now.Add(2 * time.Hour)}
			ahead := token.Expiry.Sub(w.pool.remember(token, "").lookAt)
			if ahead < 5*time.Minute || ahead > 330*time.Second {
				w.Fatalf("refreshed %v before expiry", ahead)
			}
			seen[ahead] = true
		}
		if len(seen) < 900 {
			w.Errorf("only %d different times", len(seen))
		}
		for life, early := range map[time.Duration]time.Duration{
			time.Minute:                   15 * time.Second, // the middle, less the spread
			5 * time.Minute:               2 * time.Minute,
			5*time.Minute + 4*time.Second: 2 * time.Second, // as configured, and not at once
		} {
			for range 100 {
				short := tokenstore.Token{RefreshToken: "r", ObtainedAt: now, Expiry: now.Add(life)}
				at := w.pool.remember(short, "").lookAt.Sub(now)
				if latest := max(life/2, life-5*time.Minute); at < early || at > latest {
					w.Errorf("a token that lives %v is refreshed after %v", life, at)
				}
			}
		}
	})
}

func TestEarlyRefreshFindsAnothers(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.wantToken("access-1")
		time.Sleep(116 * time.Minute)
		w.signIn() // elsewhere
		w.wantToken("access-1")
		synctest.Wait()
		w.wantToken("access-2")
		w.wantAsked(0)
	})
}
