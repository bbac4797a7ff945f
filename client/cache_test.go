package client

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

func TestMemoryIsBounded(t *testing.T) {
	bubble(t, func(w *world) {
		w.pool.users.most = 100
		clients := func(from, to int) {
			for i := from; i < to; i++ {
				key := tokenstore.Key{Provider: "x", UserID: fmt.Sprint("u", i), AccountID: "12"}
				if err := w.pool.Put(w.Context(), key, w.x.signIn()); err != nil {
					w.Fatal(err)
				}
				resp, err := w.pool.Client(key).Get("https://api.test/")
				if err != nil || resp.StatusCode != 200 {
					w.Fatalf("Get = %v, %v", resp, err)
				}
			}
		}
		clients(0, 1000)
		if n := w.pool.users.len(); n > 100 {
			w.Errorf("%d users in memory", n)
		}
		// Who is active stays.
		w.signIn()
		w.wantToken("access-1001")
		w.wantToken("access-1001")
		reads := w.store.count("get")
		for i := range 20 {
			clients(1000+10*i, 1010+10*i)
			w.wantToken("access-1001")
		}
		if got := w.store.count("get") - reads; got != 400 { // a sign-in reads as well
			w.Errorf("%d reads for 200 new users: the active one was dropped", got)
		}
	})
}

// remove takes a slot out of the table, as a sweep does.
func (t *table) remove(key tokenstore.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.slots, key)
}

// TestSlotsAreReadWhileOthersWrite runs lookups during insertions and sweeps.
func TestSlotsAreReadWhileOthersWrite(t *testing.T) {
	t.Parallel()
	users := table{most: 100, slots: make(map[tokenstore.Key]*slot)}
	busy := users.get(user)
	busy.call = new(refreshCall)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				key := tokenstore.Key{Provider: fmt.Sprint(g), UserID: fmt.Sprint(i)}
				if s := users.get(key); s.key != key {
					t.Errorf("the slot of %q is that of %q", key, s.key)
				}
				if users.find(user) != busy || users.get(user) != busy {
					t.Error("a slot with a refresh in progress was dropped")
				}
			}
		})
	}
	wg.Wait()
	if n := users.len(); n > 100 {
		t.Errorf("%d slots", n)
	}
}

func TestSlotsWithWorkStay(t *testing.T) {
	s := &slot{call: &refreshCall{}}
	if s.die() {
		t.Error("a slot with a refresh in progress was dropped")
	}
	s = &slot{unsaved: &unsaved{}}
	if s.die() {
		t.Error("a slot with an unsaved token was dropped")
	}
	s = &slot{}
	if !s.die() || s.die() || s.publish(&cached{}, 0) {
		t.Error("a slot does not die once")
	}
}

func TestDeadSlot(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		s := w.pool.users.get(user)
		s.die()
		if call, _, err := w.pool.join(s, refreshRequest{}); call != nil || err != nil {
			w.Errorf("join: %v, %v", call, err)
		}
		// Dropped between lookup and use: the caller looks again. They spin meanwhile, so
		// it is another goroutine that takes the slot away.
		done := make(chan error, 2)
		go func() { _, err := w.do(); done <- err }()
		go func() { done <- w.pool.Refresh(w.Context(), user) }()
		go w.pool.users.remove(user)
		for range 2 {
			if err := <-done; err != nil {
				w.Error(err)
			}
		}
	})
}

func TestRateLimit(t *testing.T) {
	if _, ok := RateLimit(nil); ok {
		t.Error("a nil response has a limit")
	}
	for _, h := range [][3]string{{"", "1", "1"}, {"1", "", "1"}, {"1", "1", ""}, {"1", "-1", "1"}, {"x", "1", "1"}} {
		r := &http.Response{Header: http.Header{}}
		r.Header.Set("x-rate-limit-limit", h[0])
		r.Header.Set("x-rate-limit-remaining", h[1])
		r.Header.Set("x-rate-limit-reset", h[2])
		if got, ok := RateLimit(r); ok || got != (Limit{}) {
			t.Errorf("%q: %v, %t", h, got, ok)
		}
	}
}

func TestNothingPrintsSecrets(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.wantToken("access-1")
		for _, v := range []any{w.pool, w.pool.Client(user), *w.pool.Client(user)} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
				got := fmt.Sprintf(verb, v)
				if strings.Contains(got, "access-") || strings.Contains(got, "kkkk") || strings.Contains(got, "6b6b") {
					w.Errorf("%s of %T prints %s", verb, v, got)
				}
			}
		}
		if got := fmt.Sprintf("%+v", w.pool.Client(user)); !strings.Contains(got, `client of "x" for user "12"`) {
			w.Errorf("a client prints as %s", got)
		}
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "pool", w.pool)
		if !strings.Contains(out.String(), "client.Manager(1 users)") {
			w.Errorf("slog prints %s", out.String())
		}
	})
}

func TestErrorTexts(t *testing.T) {
	for _, err := range []error{ErrReauthRequired, ErrUnavailable, ErrNoUser, ErrForeignHost, ErrClosed, ErrNotRefreshable, ErrAccountTaken,
		new(Manager).checkKey(user), new(Manager).checkKey(tokenstore.Key{}), errNoAccount,
		reauthRequired(errMarked), unavailable(&storeTrouble{errAway}), &ForeignHostError{Provider: "x", Origin: "https://e"}} {
		if !strings.HasPrefix(err.Error(), "client: ") {
			t.Errorf("%v", err)
		}
	}
}

func BenchmarkClient(b *testing.B) {
	x := newService()
	vault, err := tokenstore.NewVault(tokenstore.NewMemory(), bytes.Repeat([]byte("k"), 32))
	if err != nil {
		b.Fatal(err)
	}
	pool, err := New(Config{Vault: vault, Providers: []provider.Provider{x}, Transport: api{x}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = pool.Close(b.Context()) }()
	token := x.signIn()
	if err := pool.Put(b.Context(), user, token); err != nil {
		b.Fatal(err)
	}
	b.Run("make", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = pool.Client(user)
		}
	})
	b.Run("token", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := pool.token(b.Context(), user); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestASlotDroppedBetweenLookAndUse: a sweep takes it out of use at the worst moment.
func TestASlotDroppedBetweenLookAndUse(t *testing.T) {
	for name, use := range map[string]func(*world) error{
		"a request": func(w *world) error { _, err := w.pool.acquire(w.Context(), user, refreshRequest{}); return err },
		"a refresh": func(w *world) error { return w.pool.Refresh(w.Context(), user) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.signIn()
				s := w.pool.users.get(user)
				if !s.die() {
					t.Fatal("the slot is in use")
				}
				// The table lets go of it a moment after it has died.
				go w.pool.users.remove(user)
				if err := use(w); err != nil {
					t.Error(err)
				}
				if now := w.pool.users.get(user); now == s {
					t.Error("the dead slot was used")
				}
			})
		})
	}
}
