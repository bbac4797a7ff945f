package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin/session"
)

// inFlight starts a request that changes its session when told to.
func inFlight(h func(http.Handler) http.Handler, m *session.Manager, token string) (loaded, goOn, done chan struct{}, answer *httptest.ResponseRecorder) {
	loaded, goOn, done = make(chan struct{}), make(chan struct{}), make(chan struct{})
	w, r := request(m, token)
	go func() {
		defer close(done)
		h(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.SCS().Put(r.Context(), "value", "late")
			close(loaded)
			<-goOn
		})).ServeHTTP(w, r)
	}()
	return loaded, goOn, done, w
}

func TestARequestInFlightDoesNotBringTheSessionBack(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		if !strings.Contains(mode.name, "LoadAndSave") {
			continue
		}
		for _, end := range []string{"/logout", "/login/ann"} {
			t.Run(mode.name+", "+end, func(t *testing.T) {
				t.Parallel()
				for _, store := range []scs.Store{newSpy(), plainStore{newSpy()}, memstore.NewWithCleanupInterval(0)} {
					m, wrap := mode.make(t, store)
					token := signIn(t, m, "ann")
					loaded, goOn, done, answer := inFlight(wrap, m, token)
					<-loaded
					w, r := request(m, token)
					wrap(site(t, m)).ServeHTTP(w, withPath(r, end))
					close(goOn)
					<-done
					if answer.Code != http.StatusOK {
						t.Errorf("the request in flight got %d", answer.Code)
					}
					wantUser(t, m, token, "")
					if strings.Contains(mode.name, "our") && len(answer.Result().Cookies()) != 0 {
						t.Errorf("the request in flight sent %v", answer.Result().Cookies())
					}
				}
			})
		}
	}
}

func TestASignOutWinsEveryRaceWithARequestInFlight(t *testing.T) {
	t.Parallel()
	const rounds = 1000
	race := func(t *testing.T, m *session.Manager, store *memstore.MemStore, h http.Handler) {
		for range rounds {
			token := signIn(t, m, "ann")
			var wg sync.WaitGroup
			start := make(chan struct{})
			for _, path := range []string{"/put/late", "/logout", "/put/later"} {
				wg.Go(func() {
					w, r := request(m, token)
					<-start
					h.ServeHTTP(w, withPath(r, path))
				})
			}
			close(start)
			wg.Wait()
			wantUser(t, m, token, "")
		}
		all, err := m.SCS().Store.(scs.IterableStore).All()
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range all {
			_, values, err := m.SCS().Codec.Decode(b)
			if err != nil || values["xsignin"] != nil {
				t.Fatalf("a session came back: %v, %v", values, err)
			}
		}
	}
	for _, mode := range modes {
		if !strings.Contains(mode.name, "LoadAndSave") {
			continue
		}
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			store := memstore.NewWithCleanupInterval(0)
			m, wrap := mode.make(t, store)
			race(t, m, store, wrap(site(t, m)))
		})
	}
	t.Run("touching", func(t *testing.T) {
		t.Parallel()
		store := memstore.NewWithCleanupInterval(0)
		// Shorter than any request, so that each of them touches; the record's own
		// expiry must not do the sign-out's work, so the check is on the store.
		m := newManager(t, session.Config{Store: store, IdleTimeout: time.Hour})
		mux := http.NewServeMux()
		mux.Handle("/logout", site(t, m))
		mux.HandleFunc("/put/", func(w http.ResponseWriter, r *http.Request) { m.Load(w, r) })
		token := ""
		for range rounds {
			token = signIn(t, m, "ann")
			age(t, m, store, time.Hour/8)
			var wg sync.WaitGroup
			for _, path := range []string{"/put/", "/logout", "/put/"} {
				wg.Go(func() {
					w, r := request(m, token)
					mux.ServeHTTP(w, withPath(r, path))
				})
			}
			wg.Wait()
			wantUser(t, m, token, "")
		}
		all, _ := m.SCS().Store.(scs.IterableStore).All()
		if len(all) != 0 {
			t.Fatalf("%d sessions came back", len(all))
		}
	})
}

// age makes all records of store look as if they had last been used d ago.
func age(t testing.TB, m *session.Manager, store *memstore.MemStore, d time.Duration) {
	t.Helper()
	all, err := store.All()
	if err != nil {
		t.Fatal(err)
	}
	aged := 0
	for key, b := range all {
		if b = session.Aged(b, time.Now().Add(-d)); b != nil {
			aged++
			if err := store.Commit(key, b, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if aged == 0 {
		t.Fatal("no record of our codec was found to be aged: nothing will be touched")
	}
}

func TestASignOutInTheMiddleOfAWriteWins(t *testing.T) {
	t.Parallel()
	// The sign-out comes between the writer's look and its write, or between its
	// write and its second look. The writer's request may be gone when it has written.
	for _, point := range []string{"before the write", "after the write"} {
		for _, cancelled := range []bool{false, true} {
			t.Run(point, func(t *testing.T) {
				t.Parallel()
				spy := newSpy()
				m := newManager(t, session.Config{Store: spy})
				token := signIn(t, m, "ann")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				act := func(c call) {
					if c.op != "commit" {
						return
					}
					spy.reset(nil)
					w, r := request(m, token)
					if err := m.SignOut(w, r); err != nil {
						t.Error(err)
					}
					if cancelled {
						spy.after = func(c call) {
							if c.op == "commit" {
								cancel()
							}
						}
					}
				}
				spy.reset(func(_ int, c call) error {
					if point == "before the write" {
						act(c)
					}
					return nil
				})
				if point == "after the write" {
					spy.after = func(c call) {
						act(c)
						if c.op == "commit" && cancelled {
							cancel()
						}
					}
				}
				w, r := request(m, token)
				m.LoadAndSave(site(t, m)).ServeHTTP(w, withPath(r.WithContext(ctx), "/put/late"))
				wantUser(t, m, token, "")
				all, err := spy.MemStore.All()
				if err != nil || len(all) != 1 {
					t.Errorf("%d records, want the tombstone alone", len(all))
				}
			})
		}
	}
}

func TestASignOutIsFinishedThoughTheBrowserHasGone(t *testing.T) {
	t.Parallel()
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy})
	token := signIn(t, m, "ann")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w, r := request(m, token)
	if err := m.SignOut(w, r.WithContext(ctx)); err != nil {
		t.Fatal(err)
	}
	wantUser(t, m, token, "")
}
