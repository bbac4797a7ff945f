package session_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin/session"
)

func TestMadeUpCookiesWriteNoTombstones(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		spy := newSpy()
		m, wrap := mode.make(t, spy)
		h := wrap(site(t, m))
		for _, cookie := range []string{strings.Repeat("B", 43), "short", "with space", strings.Repeat("x", 5000)} {
			for _, path := range []string{"/logout", "/me"} {
				w, r := request(m, "")
				r.Header.Set("Cookie", m.SCS().Cookie.Name+"="+cookie)
				h.ServeHTTP(w, withPath(r, path))
			}
		}
		if all, _ := spy.MemStore.All(); len(all) != 0 {
			t.Errorf("%s: %d records", mode.name, len(all))
		}
	}
}

func TestATombstoneIsNoSession(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		spy := newSpy()
		m, wrap := mode.make(t, spy)
		h := wrap(site(t, m))
		token := signIn(t, m, "ann")
		w, r := request(m, token)
		h.ServeHTTP(w, withPath(r, "/logout"))
		all, _ := spy.MemStore.All()
		if len(all) != 1 {
			t.Fatalf("%s: %d records, want a tombstone", mode.name, len(all))
		}
		for key, b := range all {
			if len(b) > 32 || len(key) != 43 || strings.Contains(key, token) {
				t.Errorf("%s: tombstone %q at %q", mode.name, b, key)
			}
			left := time.Until(spy.expiry[key])
			if life := m.SCS().Lifetime; left > life || left < life-time.Minute {
				t.Errorf("%s: it lasts %v", mode.name, left)
			}
			// Whoever presents its key as a cookie gets and ends nothing.
			for _, path := range []string{"/me", "/logout"} {
				w, r := request(m, key)
				h.ServeHTTP(w, withPath(r, path))
				if w.Code != http.StatusOK {
					t.Errorf("%s: %s with a tombstone's key gives %d", mode.name, path, w.Code)
				}
			}
		}
		if again, _ := spy.MemStore.All(); len(again) != 1 {
			t.Errorf("%s: the tombstone was deleted", mode.name)
		}
		if err := m.SCS().Iterate(t.Context(), func(context.Context) error {
			t.Errorf("%s: Iterate shows a tombstone", mode.name)
			return nil
		}); err != nil {
			t.Errorf("%s: %v", mode.name, err)
		}
	}
}

func TestATombstoneOutlivesASessionOfLongerLife(t *testing.T) {
	t.Parallel()
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy})
	far := time.Now().Add(365 * 24 * time.Hour)
	w, r := request(m, signIn(t, m, "ann"))
	m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.SCS().SetDeadline(r.Context(), far)
	})).ServeHTTP(w, r)
	w, r = request(m, sent(t, w).Value)
	if err := m.SignOut(w, r); err != nil {
		t.Fatal(err)
	}
	all, _ := spy.MemStore.All()
	for key := range all {
		if got := spy.expiry[key]; got.Before(far.Add(-time.Second)) {
			t.Errorf("the tombstone ends at %v", got)
		}
	}
}

func TestTheStoreKeepsItsAbilities(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		store    scs.Store
		iterable bool
	}{
		{"with contexts and iteration", newSpy(), true},
		{"with iteration", memstore.NewWithCleanupInterval(0), true},
		{"plain", plainStore{newSpy()}, false},
	} {
		m := newManager(t, session.Config{Store: c.store})
		store := m.SCS().Store
		_, err := store.(scs.IterableCtxStore).AllCtx(t.Context())
		if it := err == nil; it != c.iterable {
			t.Errorf("%s: iterable %t, %v", c.name, it, err)
		}
		record, err := m.SCS().Codec.Encode(time.Now().Add(time.Hour), map[string]any{"value": 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Commit("k", record, time.Now().Add(time.Hour)); err != nil {
			t.Error(err)
		}
		if b, found, err := store.Find("k"); !bytes.Equal(b, record) || !found || err != nil {
			t.Errorf("%s: Find gives %q, %t, %v", c.name, b, found, err)
		}
		if c.iterable {
			all, err := store.(scs.IterableStore).All()
			if err != nil || !bytes.Equal(all["k"], record) {
				t.Errorf("%s: All gives %v, %v", c.name, all, err)
			}
		}
		if err := store.Delete("k"); err != nil {
			t.Error(err)
		}
		if _, found, _ := store.Find("k"); found {
			t.Errorf("%s: it is still there", c.name)
		}
		// FromSCS again, over ours: one wrapper is enough.
		if _, err := session.FromSCS(m.SCS(), session.FromSCSConfig{Logger: quiet(), Secrets: secrets}); err != nil || m.SCS().Store != store {
			t.Errorf("%s: wrapped again, %v", c.name, err)
		}
	}
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy})
	spy.reset(failing)
	if _, err := m.SCS().Store.(scs.IterableStore).All(); !errors.Is(err, errStore) {
		t.Errorf("All gives %v", err)
	}
}

func TestAFailedWriteIsLookedAfterToo(t *testing.T) {
	t.Parallel()
	// The store writes and then reports a failure, and the session ends meanwhile.
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy})
	token := signIn(t, m, "ann")
	key := spy.calls[1].key
	spy.reset(func(_ int, c call) error {
		if c.op != "commit" || c.key != key {
			return nil
		}
		b, _, _ := spy.MemStore.Find(key)
		spy.reset(nil)
		w, r := request(m, token)
		if err := m.SignOut(w, r); err != nil {
			t.Error(err)
		}
		if err := spy.MemStore.Commit(key, b, time.Now().Add(time.Hour)); err != nil {
			t.Error(err)
		}
		return errStore
	})
	w, r := request(m, token)
	m.LoadAndSave(site(t, m)).ServeHTTP(w, withPath(r, "/put/late"))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", w.Code)
	}
	wantUser(t, m, token, "")
}

func TestASessionEndsThoughAStepOfItFails(t *testing.T) {
	t.Parallel()
	for step, after := range map[int]string{
		1: "ann", // the look
		2: "",    // the tombstone
	} {
		spy := newSpy()
		m := newManager(t, session.Config{Store: spy})
		token := signIn(t, m, "ann")
		spy.reset(func(n int, _ call) error {
			if n == step || n == step+1 { // both tries
				return errStore
			}
			return nil
		})
		w, r := request(m, token)
		if err := m.SignOut(w, r); !errors.Is(err, errStore) {
			t.Errorf("step %d: %v", step, err)
		}
		if n := spy.count("find", "delete", "commit"); step > 1 && n != 4 {
			t.Errorf("%d steps: this test knows others", n)
		}
		spy.reset(nil)
		wantUser(t, m, token, after)
		w, r = request(m, token)
		if err := m.SignOut(w, r); err != nil {
			t.Errorf("step %d, again: %v", step, err)
		}
		wantUser(t, m, token, "")
	}
}

// TestNoSignOutStopsHalfWay: a process is killed in a sign-out. A second sign-out finishes
// what the first began, although a request is running.
func TestNoSignOutStopsHalfWay(t *testing.T) {
	t.Parallel()
	for steps := range 4 {
		spy := newSpy()
		m := newManager(t, session.Config{Store: spy})
		token := signIn(t, m, "ann")
		loaded, goOn, done, _ := inFlight(m.LoadAndSave, m, token)
		<-loaded
		// From there on the store hears nothing of this process any more.
		spy.reset(func(n int, _ call) error {
			if n > steps {
				return errStore
			}
			return nil
		})
		w, r := request(m, token)
		_ = m.SignOut(w, r)
		spy.reset(nil)
		w, r = request(m, token)
		if err := m.SignOut(w, r); err != nil {
			t.Fatal(err)
		}
		wantUser(t, m, token, "")
		close(goOn)
		<-done
		wantUser(t, m, token, "")
	}
}

// TestASignOutIsFinalThoughAStepOfTheFirstFailed: the first sign-out cannot read the record, or
// it deletes the record and cannot write the tombstone. A long request that runs meanwhile does
// not bring the session back after the second.
func TestASignOutIsFinalThoughAStepOfTheFirstFailed(t *testing.T) {
	for step, long := range map[string]time.Duration{"find": 0, "commit": 2 * time.Minute} {
		l := newListed(t)
		l.bubble(t, func(t *testing.T) {
			token := signIn(t, l.a, "ann")
			loaded, goOn, done, _ := inFlight(l.b.LoadAndSave, l.b, token)
			<-loaded
			l.spy.reset(func(_ int, c call) error {
				if c.op == step {
					return errStore
				}
				return nil
			})
			w, r := request(l.a, token)
			if err := l.a.SignOut(w, r); err == nil {
				t.Fatalf("%s: the first sign-out has not failed", step)
			}
			l.spy.reset(nil)
			w, r = request(l.b, token)
			if err := l.b.SignOut(w, r); err != nil {
				t.Fatal(err)
			}
			time.Sleep(long)
			close(goOn)
			<-done
			wantUser(t, l.a, token, "")
		})
	}
}

// Who is told that the sign-out has failed must not have been signed out by it, and the
// application not be left with the token.
func TestAStepOfASignOutThatFailsOnceIsTakenAgain(t *testing.T) {
	t.Parallel()
	for k := 1; k <= 4; k++ {
		spy := newSpy()
		m := newManager(t, session.Config{Store: spy})
		token := signIn(t, m, "ann")
		spy.reset(func(n int, _ call) error {
			if n == k {
				return errStore
			}
			return nil
		})
		w, r := request(m, token)
		if err := m.SignOut(w, r); err != nil {
			t.Errorf("call %d: %v", k, err)
		}
		spy.reset(nil)
		wantUser(t, m, token, "")
	}
}

// hungStore hangs from when it is told.
type hungStore struct {
	*spyStore
	hung atomic.Bool
}

func (s *hungStore) wait(ctx context.Context) error {
	if !s.hung.Load() {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Hour):
		return errStore
	}
}

func (s *hungStore) FindCtx(ctx context.Context, key string) ([]byte, bool, error) {
	if err := s.wait(ctx); err != nil {
		return nil, false, err
	}
	return s.spyStore.FindCtx(ctx, key)
}

func (s *hungStore) CommitCtx(ctx context.Context, key string, b []byte, expiry time.Time) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.spyStore.CommitCtx(ctx, key, b, expiry)
}

func (s *hungStore) DeleteCtx(ctx context.Context, key string) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.spyStore.DeleteCtx(ctx, key)
}

// A store that hangs keeps visitors for a bounded time.
func TestACallToTheStoreIsBounded(t *testing.T) {
	store := &hungStore{spyStore: newSpy()}
	m := newManager(t, session.Config{Store: store})
	token := signIn(t, m, "ann")
	store.hung.Store(true)
	synctest.Test(t, func(t *testing.T) {
		for what, f := range map[string]func(w http.ResponseWriter, r *http.Request) error{
			"Read":    func(_ http.ResponseWriter, r *http.Request) error { _, _, err := m.Get(r.Context(), r); return err },
			"Load":    func(w http.ResponseWriter, r *http.Request) error { _, _, err := m.Load(w, r); return err },
			"SignIn":  func(w http.ResponseWriter, r *http.Request) error { return m.SignIn(w, r, user("ann")) },
			"SignOut": m.SignOut,
		} {
			begun := time.Now()
			w, r := request(m, token)
			if err := f(w, r); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", what, err)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("%s took %v", what, took)
			}
		}
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
