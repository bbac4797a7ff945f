package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
)

const idle = time.Hour

// agingStore makes each session look unused for a while, so that the next page load records its
// use.
type agingStore struct {
	scs.Store
	writes atomic.Int64 // applies to sessions, not to the marks that end them
}

// ownRecord reports whether a record is a session in the kit's codec: see package session.
func ownRecord(b []byte) bool { return len(b) > 17 && b[0] > 0xb0 && b[0] <= 0xbf }

func (s *agingStore) CommitCtx(ctx context.Context, key string, b []byte, expiry time.Time) error {
	if ownRecord(b) {
		s.writes.Add(1)
		b = append([]byte(nil), b...)
		used := uint64(time.Now().Add(-idle / 8).UnixMilli())
		for i := range 8 {
			b[9+i] = byte(used >> (56 - 8*i))
		}
	}
	if store, ok := s.Store.(scs.CtxStore); ok {
		return store.CommitCtx(ctx, key, b, expiry)
	}
	return s.Commit(key, b, expiry)
}

func (s *agingStore) FindCtx(ctx context.Context, key string) ([]byte, bool, error) {
	if store, ok := s.Store.(scs.CtxStore); ok {
		return store.FindCtx(ctx, key)
	}
	return s.Find(key)
}

func (s *agingStore) DeleteCtx(ctx context.Context, key string) error {
	if store, ok := s.Store.(scs.CtxStore); ok {
		return store.DeleteCtx(ctx, key)
	}
	return s.Delete(key)
}

// replica is a manager with the store of a test and the handlers of an application.
type replica struct {
	*session.Manager
	store *agingStore
	// writes are the ways to change a session: with the kit's middleware and with scs's.
	writes []http.Handler
}

func newReplica(t *testing.T, store scs.Store, vault *tokenstore.Vault) *replica {
	t.Helper()
	r := &replica{store: &agingStore{Store: store}}
	var err error
	r.Manager, err = session.New(session.Config{Store: r.store, IdleTimeout: idle, Vault: vault, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	put := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.SCS().Put(req.Context(), "note", rand.Uint64())
		runtime.Gosched()
		w.WriteHeader(http.StatusNoContent)
	})
	r.writes = []http.Handler{r.LoadAndSave(put), r.SCS().LoadAndSave(put)}
	return r
}

func request(cookie *http.Cookie) *http.Request {
	r := httptest.NewRequest(http.MethodGet, publicURL+"/", http.NoBody)
	if cookie != nil {
		r.AddCookie(cookie)
	}
	return r
}

func (r *replica) signIn(user string) (*http.Cookie, error) {
	w := httptest.NewRecorder()
	err := r.SignIn(w, request(nil), provider.User{Provider: "x", AccountID: user, ID: "x:" + user, Username: user, SignedInAt: time.Now()})
	if err != nil {
		return nil, err
	}
	for _, c := range w.Result().Cookies() {
		return c, nil
	}
	return nil, fmt.Errorf("a sign-in without a cookie")
}

// TestLogoutIsFinal: requests in progress on two replicas do not restore a session, on any of
// the stores. The requests are page loads, changes, and records of use. The replicas are
// managers in this process. The application's sessions have no idle timeout, so a page load is a
// write only behind a store that makes records look old. In runs of the command, visitors of the
// application sign out during other requests.
func TestLogoutIsFinal(t *testing.T) {
	const rounds, atOnce = 1000, 8
	eachStore(t, allStores(), func(t *testing.T, p place) {
		var replicas []*replica
		var raw scs.Store
		for range 2 {
			if raw == nil || p.Kind != inMemory {
				opened, err := p.open(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = opened.close() })
				raw = opened.sessions
			}
			replicas = append(replicas, newReplica(t, raw, nil))
		}
		var signIns, back atomic.Int64
		var wg sync.WaitGroup
		for worker := range atOnce {
			wg.Go(func() {
				for i := range rounds / atOnce {
					one, two := replicas[i%2], replicas[(i+1)%2]
					cookie, err := one.signIn(fmt.Sprintf("%d-%d", worker, i))
					if err != nil {
						t.Error(err)
						return
					}
					signIns.Add(1)
					oneLogout(t, one, two, cookie)
					for _, r := range replicas {
						_, ok, err := r.Get(t.Context(), request(cookie))
						if err != nil {
							t.Error(err)
						}
						if ok {
							back.Add(1)
						}
					}
				}
			})
		}
		wg.Wait()
		if n := back.Load(); n > 0 {
			t.Errorf("%d sessions of %d came back", n, signIns.Load())
		}
		writes := replicas[0].store.writes.Load() + replicas[1].store.writes.Load()
		t.Logf("%d rounds, %d writes of sessions besides the sign-ins", signIns.Load(), writes-signIns.Load())
		if signIns.Load() != rounds || writes < 2*rounds {
			t.Errorf("%d rounds and %d writes: too few to tell", signIns.Load(), writes)
		}
		for key, b := range allRecords(t, raw) {
			// The byte after both times is the length of the identity.
			if ownRecord(b) && b[17] != 0 {
				t.Errorf("the record %s is left, of somebody who has signed out", key)
			}
		}
	})
}

// oneLogout signs out on one of two replicas while requests run on both.
func oneLogout(t *testing.T, one, two *replica, cookie *http.Cookie) {
	t.Helper()
	begin := make(chan struct{})
	var wg sync.WaitGroup
	do := func(f func(w http.ResponseWriter, r *http.Request)) {
		wg.Go(func() {
			w, r := httptest.NewRecorder(), request(cookie)
			<-begin
			f(w, r)
			if w.Code >= http.StatusInternalServerError {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
	for _, r := range []*replica{one, two} {
		for _, h := range r.writes {
			do(h.ServeHTTP)
		}
		do(func(w http.ResponseWriter, req *http.Request) {
			if _, _, err := r.Load(w, req); err != nil {
				t.Error(err)
			}
		})
	}
	late := time.Duration(rand.IntN(1000)) * time.Microsecond
	do(func(w http.ResponseWriter, r *http.Request) {
		// The sign-out comes at a different point of the other requests each time.
		for began := time.Now(); time.Since(began) < late; {
			runtime.Gosched()
		}
		if err := one.SignOut(w, r); err != nil {
			t.Error(err)
		}
	})
	close(begin)
	wg.Wait()
}

func allRecords(t *testing.T, store scs.Store) map[string][]byte {
	t.Helper()
	var all map[string][]byte
	var err error
	switch store := store.(type) {
	case scs.IterableCtxStore:
		all, err = store.AllCtx(t.Context())
	case scs.IterableStore:
		all, err = store.All()
	default:
		t.Fatalf("%T does not list its records", store)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Error("the store lists no records")
	}
	return all
}
