package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/tokenstore"
)

// listedReplicas returns n managers that share the stores of p, with the lists of users'
// sessions.
func listedReplicas(t *testing.T, p place, n int) []*replica {
	t.Helper()
	var replicas []*replica
	var raw scs.Store
	var tokens tokenstore.Store
	for range n {
		if raw == nil || p.Kind != inMemory {
			opened, err := p.open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = opened.close() })
			raw, tokens = opened.sessions, opened.tokens
		}
		vault, err := tokenstore.NewVault(tokens, []byte(strings.Repeat("k", 32)))
		if err != nil {
			t.Fatal(err)
		}
		r := newReplica(t, raw, vault)
		t.Cleanup(func() {
			if err := r.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		replicas = append(replicas, r)
	}
	return replicas
}

// TestEverywhereIsFinal signs a user out everywhere during sign-ins, requests and renewals of
// session ids on three replicas. Afterwards no session from before opens, and every sign-in from
// after stays.
func TestEverywhereIsFinal(t *testing.T) {
	const rounds, atOnce = 1000, 8
	eachStore(t, allStores(), func(t *testing.T, p place) {
		replicas := listedReplicas(t, p, 3)
		var ended, lost, done atomic.Int64
		var wg sync.WaitGroup
		for worker := range atOnce {
			wg.Go(func() {
				for i := range rounds / atOnce {
					e, l := everywhereRound(t, replicas, fmt.Sprintf("%d-%d", worker, i), i)
					ended.Add(int64(e))
					lost.Add(int64(l))
					done.Add(1)
				}
			})
		}
		wg.Wait()
		if ended.Load() != 0 || lost.Load() != 0 || done.Load() != rounds {
			t.Errorf("%d rounds: %d ended sessions opened, %d new sign-ins were lost", done.Load(), ended.Load(), lost.Load())
		}
	})
}

// everywhereRound returns how many ended sessions opened, and how many sign-ins were lost.
func everywhereRound(t *testing.T, replicas []*replica, user string, turn int) (ended, lost int) {
	t.Helper()
	one, two, three := replicas[turn%3], replicas[(turn+1)%3], replicas[(turn+2)%3]
	must := func(c *http.Cookie, err error) *http.Cookie {
		if err != nil {
			t.Error(err)
		}
		return c
	}
	var mu sync.Mutex // guards before
	before := []*http.Cookie{must(one.signIn(user)), must(two.signIn(user))}
	first, second := before[0], before[1]
	begin := make(chan struct{})
	var wg sync.WaitGroup
	do := func(h http.Handler, c *http.Cookie) {
		wg.Go(func() {
			w, r := httptest.NewRecorder(), request(c)
			<-begin
			h.ServeHTTP(w, r)
			if w.Code >= http.StatusInternalServerError {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, c := range w.Result().Cookies() {
				if c.MaxAge > 0 {
					before = append(before, c) // the id of a renewed session
				}
			}
		})
	}
	for _, r := range replicas {
		for _, c := range []*http.Cookie{first, second} {
			do(r.writes[turn%2], c)
			do(r.SCS().LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				_ = r.SCS().RenewToken(req.Context())
			})), c)
			do(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { _, _, _ = r.Load(w, req) }), c)
		}
	}
	late := time.Duration(rand.IntN(1500)) * time.Microsecond
	wg.Go(func() {
		<-begin
		for began := time.Now(); time.Since(began) < late; {
			runtime.Gosched()
		}
		if err := three.UserSessions().EndAll(t.Context(), "x:"+user); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		<-begin
		// It may come before or after. In both cases it reports whether it succeeded.
		_, _ = two.signIn(user)
	})
	close(begin)
	wg.Wait()
	again := must(one.signIn(user))
	for _, r := range replicas {
		for _, c := range before {
			if _, ok, err := r.Get(t.Context(), request(c)); ok || err != nil {
				ended++
			}
		}
		if _, ok, err := r.Get(t.Context(), request(again)); !ok || err != nil {
			lost++
		}
	}
	return ended, lost
}

// lateStore keeps all writes, so that a test can repeat them later, like a driver whose first
// attempt was slow.
type lateStore struct {
	scs.CtxStore
	mu     sync.Mutex // guards writes
	writes map[string][]byte
}

func (s *lateStore) CommitCtx(ctx context.Context, key string, b []byte, expiry time.Time) error {
	if ownRecord(b) {
		s.mu.Lock()
		s.writes[key] = b
		s.mu.Unlock()
	}
	return s.CtxStore.CommitCtx(ctx, key, b, expiry)
}

// repeat writes everything again.
func (s *lateStore) repeat(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, b := range s.writes {
		if err := s.CtxStore.CommitCtx(ctx, key, b, time.Now().Add(time.Hour)); err != nil {
			return err
		}
	}
	return nil
}

// TestRepeatedWritesReviveNothing repeats all writes of sessions after their sessions have
// ended. After one touch none is open.
func TestRepeatedWritesReviveNothing(t *testing.T) {
	const users = 200
	eachStore(t, []string{inRedis}, func(t *testing.T, p place) {
		opened, err := p.open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = opened.close() })
		base, ok := opened.sessions.(scs.CtxStore)
		if !ok {
			t.Fatalf("%T takes no contexts", opened.sessions)
		}
		late := &lateStore{CtxStore: base, writes: make(map[string][]byte)}
		vault, err := tokenstore.NewVault(opened.tokens, []byte(strings.Repeat("k", 32)))
		if err != nil {
			t.Fatal(err)
		}
		one, two, three := newReplica(t, late, vault), newReplica(t, late, vault), newReplica(t, late, vault)
		var cookies []*http.Cookie
		for i := range users {
			user := fmt.Sprint("late-", i)
			c, err := one.signIn(user)
			if err != nil {
				t.Fatal(err)
			}
			cookies = append(cookies, c)
			if i%2 == 0 {
				err = one.UserSessions().EndAll(t.Context(), "x:"+user)
			} else {
				err = one.SignOut(httptest.NewRecorder(), request(c))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(one.Close(t.Context()), late.repeat(t.Context())); err != nil {
			t.Fatal(err)
		}
		revived, n := 0, 0
		for _, c := range cookies {
			if _, ok, _ := two.Get(t.Context(), request(c)); ok {
				revived++
			}
			// A replica skips touches while 16 run, so each batch uses a new replica.
			if n++; n%16 == 0 {
				if err := two.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				two = newReplica(t, late, vault)
			}
		}
		if revived == 0 {
			t.Error("no write came back: this tests nothing")
		}
		if err := two.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, c := range cookies {
			if u, ok, err := three.Get(t.Context(), request(c)); ok || err != nil {
				t.Errorf("%s is signed in after a touch, %v", u.ID, err)
			}
		}
		if err := three.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
