package client

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

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
				resp, err := w.pool.Client(context.Background(), key).Get("https://api.test/")
				if err != nil || resp.StatusCode != 200 {
					w.Fatalf("Get = %v, %v", resp, err)
				}
			}
		}
		clients(0, 1000)
		if n := len(w.pool.users.slots); n > 100 {
			w.Errorf("%d users in memory", n)
		}
	})
}

// TestSlotsAreReadWhileOthersWrite runs lookups during insertions and sweeps.
func TestSlotsAreReadWhileOthersWrite(t *testing.T) {
	t.Parallel()
	users := table{most: 100, slots: make(map[tokenstore.Key]*slot)}
	busy := users.get(user)
	busy.call = new(refresh)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				key := tokenstore.Key{Provider: fmt.Sprint(g), UserID: fmt.Sprint(i)}
				if s := users.get(key); s.key != key {
					t.Errorf("the slot of %q is that of %q", key, s.key)
				}
				if users.get(user) != busy {
					t.Error("a slot with a refresh in progress was dropped")
				}
			}
		})
	}
	wg.Wait()
	if n := len(users.slots); n > 100 {
		t.Errorf("%d slots", n)
	}
}

func TestSlotsWithWorkStay(t *testing.T) {
	other := tokenstore.Key{Provider: "x", UserID: "13", AccountID: "13"}
	users := table{most: 2, slots: make(map[tokenstore.Key]*slot)}
	working, idle := users.get(user), users.get(other)
	working.call = &refresh{}
	users.get(tokenstore.Key{})
	if users.get(user) != working || users.get(other) == idle {
		t.Error("a full table drops a slot with work, or keeps one without")
	}
}

func TestNothingPrintsSecrets(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.wantToken("access-1")
		stored, err := w.pool.PutWithRollback(w.Context(), user, w.x.signIn(), PutOptions{})
		if err != nil {
			w.Fatal(err)
		}
		c := w.pool.Client(context.Background(), user)
		for _, v := range []any{w.pool, c, *c, c.Transport, stored, *stored, struct{ v any }{stored}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
				got := fmt.Sprintf(verb, v)
				if strings.Contains(got, "access-") || strings.Contains(got, "6163636573732d") || strings.Contains(got, "kkkk") || strings.Contains(got, "6b6b") {
					w.Errorf("%s of %T prints %s", verb, v, got)
				}
			}
		}
		var out bytes.Buffer
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "pool", w.pool)
		if !strings.Contains(out.String(), "client.Manager") {
			w.Errorf("slog prints %s", out.String())
		}
	})
}

func TestErrorTexts(t *testing.T) {
	m := replicas(t, newService(), tokenstore.NewMemory(), 1)[0]
	for _, err := range []error{ErrReauthRequired, ErrUnavailable, ErrNoUser, ErrForeignHost, ErrClosed, ErrNotRefreshable, ErrAccountTaken,
		m.check(tokenstore.Key{Provider: "y"}), m.check(tokenstore.Key{}), errNoAccount,
		reauthRequired(errMarked), unavailable("", errAway)} {
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
			_ = pool.Client(context.Background(), user)
		}
	})
	b.Run("token", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := pool.token(b.Context(), pool.users.get(user)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestASlotDroppedBetweenLookAndUse: two slots of one account work like two processes.
func TestASlotDroppedBetweenLookAndUse(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.x.during = func(context.Context) error { time.Sleep(3 * time.Second); return nil }
		dropped := w.pool.users.get(user)
		if _, call, err := w.pool.join(dropped, refreshRequest{}); call == nil || err != nil {
			t.Fatal("no refresh began")
		}
		w.pool.users.mu.Lock()
		clear(w.pool.users.slots)
		w.pool.users.mu.Unlock()
		w.wantToken("access-2")
		w.wantAsked(1)
		w.wantEvents("refreshed")
	})
}
