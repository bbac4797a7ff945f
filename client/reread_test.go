package client

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

func (w *world) wantReads(want int) {
	w.Helper()
	synctest.Wait()
	if got := w.store.count("get"); got != want {
		w.Errorf("the store was read %d times, want %d", got, want)
	}
}

// eternal is a world with a token that does not expire, in memory.
func eternal(t *testing.T, test func(w *world)) {
	t.Helper()
	bubble(t, func(w *world) {
		w.signInWith(oauth1)
		w.x.set(func(s *service) { s.access["access-0"] = true })
		w.wantToken("access-0")
		w.wantReads(1)
		test(w)
	})
}

func TestATokenWithoutExpiryIsReadAgain(t *testing.T) {
	eternal(t, func(w *world) {
		for range 60 {
			time.Sleep(time.Minute)
			w.wantToken("access-0")
			w.wantToken("access-0")
		}
		w.wantReads(1 + 12)
		w.wantAsked(0)
	})
}

// Another replica has signed the user out, and X, which was away, still takes the
// token.
func TestASignOutElsewhereEndsATokenWithoutExpiry(t *testing.T) {
	eternal(t, func(w *world) {
		w.delete()
		time.Sleep(5*time.Minute - 1)
		w.wantToken("access-0")
		time.Sleep(time.Nanosecond)
		_, _, before := w.x.count()
		for range 3 {
			w.wantErr(ErrReauthRequired)
		}
		if _, _, calls := w.x.count(); calls != before {
			w.Errorf("a request was sent:\n%s", calls)
		}
	})
}

func TestASignInElsewhereReplacesATokenWithoutExpiry(t *testing.T) {
	eternal(t, func(w *world) {
		w.signInWith(tokenstore.Token{AccessToken: "access-9", TokenSecret: "s"})
		w.x.set(func(s *service) { s.access["access-9"] = true })
		time.Sleep(5 * time.Minute)
		done := make(chan bool)
		for range 100 {
			go func() { w.wantToken("access-9"); done <- true }()
		}
		for range 100 {
			<-done
		}
		w.wantReads(2)
	})
}

func TestATokenWithoutExpiryServesWhileTheStoreIsAway(t *testing.T) {
	eternal(t, func(w *world) {
		w.store.hook(func(ctx context.Context, _ string) error { <-ctx.Done(); return errAway })
		time.Sleep(5 * time.Minute)
		began := time.Now()
		w.wantToken("access-0")
		if took := time.Since(began); took != storeTimeout {
			w.Errorf("the first request took %v", took)
		}
		for range 10 {
			time.Sleep(time.Minute)
			began := time.Now()
			w.wantToken("access-0")
			w.wantToken("access-0")
			if took := time.Since(began); took != 0 {
				w.Errorf("a request took %v", took)
			}
		}
		w.wantReads(2 + 10)
		// It is back, without the entry.
		w.store.hook(nil)
		time.Sleep(time.Minute)
		w.delete()
		w.wantToken("access-0")
		synctest.Wait()
		w.wantErr(ErrReauthRequired)
	})
	eternal(t, func(w *world) { // it is back, and all is as before: requests wait for the reading again
		w.store.away()
		time.Sleep(5 * time.Minute)
		w.wantToken("access-0")
		w.store.hook(nil)
		time.Sleep(time.Minute)
		w.wantToken("access-0")
		w.wantReads(3)
		time.Sleep(5*time.Minute - 1)
		w.wantToken("access-0")
		w.wantReads(3)
		w.delete()
		time.Sleep(time.Nanosecond)
		w.wantErr(ErrReauthRequired)
	})
	eternal(t, func(w *world) { // the caller leaves
		w.store.hook(func(ctx context.Context, _ string) error { <-ctx.Done(); return errAway })
		time.Sleep(5 * time.Minute)
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		if got, err := w.doContext(ctx); err == nil {
			w.Errorf("request made with %q", got)
		}
		time.Sleep(storeTimeout)
	})
}

// TestALateCallerDoesNotReadAgain: it found the token wanting, and comes to the call
// that mended that when it has ended.
func TestALateCallerDoesNotReadAgain(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.wantToken("access-1")
		s := w.pool.users.get(user)
		old := s.cur.Load()
		for name, g := range map[string]refreshRequest{"no token": {}, "a stale one": {old: old}, "a bad one": {bad: "access-1"}} {
			w.pool.drop(user)
			w.signIn()
			w.wantToken(fmt.Sprintf("access-%d", w.x.issued))
			reads := w.store.count("get")
			if c, call, err := w.pool.join(s, g); c != s.cur.Load() || call != nil || err != nil {
				t.Errorf("%s: another refresh began, %v", name, err)
			}
			if c, err := w.pool.acquire(w.Context(), w.pool.users.get(user), g); err != nil || c != s.cur.Load() {
				t.Errorf("%s: %v, %v", name, c, err)
			}
			if n := w.store.count("get") - reads; n != 0 {
				t.Errorf("%s: %d reads", name, n)
			}
		}
		if _, call, _ := w.pool.join(s, refreshRequest{old: s.cur.Load()}); call == nil {
			t.Error("what memory holds now was taken for the store's")
		}
	})
}
