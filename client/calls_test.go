package client

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

func TestNewRefuses(t *testing.T) {
	x := newService()
	_, err := New(Config{
		Providers:     []provider.Provider{x, nil, x},
		RefreshBefore: -1, Timeout: -1,
	})
	for _, want := range []string{"Vault is missing", "Providers[1] is nil", `Config.Providers[2] has the name "x" of another provider`, "RefreshBefore is negative", "Config.Timeout is negative"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "Providers is empty") {
		t.Errorf("no providers: %v", err)
	}
}

func TestDefaults(t *testing.T) {
	p, err := New(Config{Vault: newVault(t, tokenstore.NewMemory()), Providers: []provider.Provider{newService()}})
	if err != nil {
		t.Fatal(err)
	}
	if p.cfg.Transport == http.DefaultTransport || p.cfg.RefreshBefore != 5*time.Minute || p.lease != 30*time.Second || p.cfg.Timeout != 10*time.Second {
		t.Errorf("defaults: %v %v %v", p.cfg.RefreshBefore, p.lease, p.cfg.Timeout)
	}
	if _, err := p.Client(t.Context(), user).Get("https://api.test/"); !errors.Is(err, ErrReauthRequired) {
		t.Error(err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPut(t *testing.T) {
	bubble(t, func(w *world) {
		if err := w.pool.Put(w.Context(), user, w.x.signIn()); err != nil {
			w.Fatal(err)
		}
		w.wantToken("access-1")
		if err := w.pool.Put(w.Context(), user, w.x.signIn()); err != nil {
			w.Fatal(err)
		}
		w.wantToken("access-2")
		if err := w.pool.Put(w.Context(), tokenstore.Key{Provider: "y"}, tokenstore.Token{}); err == nil || !strings.Contains(err.Error(), `"y"`) {
			w.Errorf("unknown provider: %v", err)
		}
		w.store.away("replace")
		if err := w.pool.Put(w.Context(), user, w.x.signIn()); !errors.Is(err, ErrUnavailable) {
			w.Errorf("store away: %v", err)
		}
		w.store.hook(nil)
		w.wantToken("access-2")
		w.store.away() // nothing is written, and the token in memory still serves
		if err := w.pool.Put(w.Context(), user, w.x.signIn()); !errors.Is(err, ErrUnavailable) {
			w.Errorf("store away: %v", err)
		}
		w.wantToken("access-2")
	})
}

// What a call read before a sign-in is not kept after it.
func TestPutDuringRead(t *testing.T) {
	for _, bad := range []bool{false, true} {
		bubble(t, func(w *world) {
			if !bad {
				w.signIn()
			} else {
				w.signInWith(tokenstore.Token{NeedsReauth: true})
			}
			once := true
			w.store.after = func(op string) error {
				if op == "get" && once {
					once = false
					if err := w.pool.Put(w.Context(), user, w.x.signIn()); err != nil {
						w.Error(err)
					}
				}
				return nil
			}
			w.wantToken(map[bool]string{false: "access-2", true: "access-1"}[bad])
		})
	}
}

func TestToken(t *testing.T) {
	bubble(t, func(w *world) {
		if _, err := w.pool.Token(w.Context(), user); !errors.Is(err, ErrReauthRequired) {
			w.Errorf("no entry: %v", err)
		}
		want := w.signIn()
		w.wantToken("access-1")
		got, err := w.pool.Token(w.Context(), user)
		if err != nil || got.AccessToken+got.RefreshToken != "" || !got.Expiry.Equal(want.Expiry) || !got.HasScopes("tweet.read") || !got.Refreshable() {
			w.Errorf("Token = %v, %v", got, err)
		}
		// Another replica's sign-in is seen, and used from then on.
		w.signIn()
		w.wantToken("access-1")
		if _, err := w.pool.Token(w.Context(), user); err != nil {
			w.Error(err)
		}
		w.wantToken("access-2")
		w.store.away()
		if got, err := w.pool.Token(w.Context(), user); err != nil || !got.HasScopes("tweet.read") {
			w.Errorf("store away: %v, %v", got, err)
		}
		time.Sleep(3 * time.Hour)
		if _, err := w.pool.Token(w.Context(), user); !errors.Is(err, ErrUnavailable) {
			w.Errorf("store away and expired: %v", err)
		}
		w.wantAsked(0)
	})
}

func TestRefresh(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		if err := w.pool.Refresh(w.Context(), user); err != nil {
			w.Error(err)
		}
		w.wantToken("access-2")
		w.x.during = func(context.Context) error { time.Sleep(3 * time.Second); return nil }
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if err := w.pool.Refresh(w.Context(), user); err != nil {
					w.Error(err)
				}
			})
		}
		// Nobody else waits while the old token works.
		time.Sleep(time.Second)
		began := time.Now()
		w.wantToken("access-2")
		if took := time.Since(began); took != 0 {
			w.Errorf("a request waited %v", took)
		}
		all.Wait()
		w.wantAsked(2)
		w.wantToken("access-3")

		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		if err := w.pool.Refresh(ctx, user); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("the caller leaves: %v", err)
		}
		if err := w.pool.Refresh(ctx, user); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("with an ended context: %v", err)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		w.wantToken("access-4")

		w.x.set(func(s *service) { s.during = nil; s.down = errors.New("no route") })
		if err := w.pool.Refresh(w.Context(), user); !errors.Is(err, ErrUnavailable) {
			w.Errorf("outage: %v", err)
		}
		w.wantToken("access-4")
		if err := w.pool.Refresh(w.Context(), tokenstore.Key{Provider: "y"}); err == nil || !strings.Contains(err.Error(), `"y"`) {
			w.Errorf("unknown provider: %v", err)
		}
	})
}

// A provider may answer a refresh with the same access token and a new expiry.
func TestRefreshGivesTheSameAccessToken(t *testing.T) {
	for name, act := range map[string]func(w *world) error{
		"Refresh": func(w *world) error { return w.pool.Refresh(w.Context(), user) },
		"a 401": func(w *world) error {
			w.x.set(func(s *service) { delete(s.access, "access-1") })
			_, err := w.do()
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.x.keeps = true
				w.x.during = func(context.Context) error {
					if asked, _, _ := w.x.count(); asked > 3 {
						return errRefused // otherwise a loop would not end
					}
					return nil
				}
				w.signIn()
				if err := act(w); err != nil {
					w.Error(err)
				}
				w.wantAsked(1)
				if got := w.stored(); got.AccessToken != "access-1" || got.RefreshToken != "refresh-2" {
					w.Errorf("stored %q and %q", got.AccessToken, got.RefreshToken)
				}
			})
		})
	}
}

// A process that has not seen the user yet: the stored token works while the forced
// refresh is under way, and when it has failed.
func TestRefreshUnseen(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.x.during = func(context.Context) error { time.Sleep(3 * time.Second); return errors.New("no route") }
		go func() { _ = w.pool.Refresh(w.Context(), user) }()
		synctest.Wait()
		w.wantToken("access-1")
		w.wantAsked(1)
	})
	bubble(t, func(w *world) { // a request that came while the entry was being read
		w.signIn()
		w.x.set(func(s *service) { s.down = errors.New("no route") })
		w.store.hook(func(_ context.Context, op string) error { time.Sleep(time.Second); return nil })
		go func() { _ = w.pool.Refresh(w.Context(), user) }()
		synctest.Wait()
		w.wantToken("access-1")
		synctest.Wait()
		time.Sleep(5 * time.Second)
	})
	bubble(t, func(w *world) { // the same, with a token that cannot be refreshed
		w.signInWith(tokenstore.Token{AccessToken: "a", TokenSecret: "s"})
		w.x.set(func(s *service) { s.access["a"] = true })
		w.store.hook(func(_ context.Context, op string) error { time.Sleep(time.Second); return nil })
		go func() { _ = w.pool.Refresh(w.Context(), user) }()
		synctest.Wait()
		w.wantToken("a")
	})
	bubble(t, func(w *world) { // Refresh joins a call that only reads
		w.signIn()
		w.store.hook(func(_ context.Context, op string) error { time.Sleep(time.Second); return nil })
		go w.wantToken("access-1")
		synctest.Wait()
		if err := w.pool.Refresh(w.Context(), user); err != nil {
			w.Error(err)
		}
		w.wantAsked(1)
	})
	bubble(t, func(w *world) { // a request joins a call that fails
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.x.during = func(context.Context) error { time.Sleep(time.Second); return errors.New("no route") }
		go w.wantErr(ErrUnavailable)
		synctest.Wait()
		w.wantErr(ErrUnavailable)
		w.wantAsked(1)
	})
}

func TestNeedsReauth(t *testing.T) {
	bubble(t, func(w *world) {
		usable := func(want error) {
			w.Helper()
			if err := w.needsReauth(); !errors.Is(err, want) {
				w.Errorf("MissingScopes without scopes: %v, want %v", err, want)
			}
		}
		usable(nil)
		w.wantErr(ErrReauthRequired)
		usable(ErrReauthRequired)
		w.store.away()
		usable(ErrUnavailable)
		w.store.hook(nil)
		w.signIn()
		usable(nil)
		usable(nil)
		w.wantToken("access-1")
		reads := w.store.count("get")
		usable(nil)
		if n := w.store.count("get") - reads; n != 0 {
			w.Errorf("%d reads for a token that nothing is known against", n)
		}
		w.x.set(func(s *service) { clear(s.refresh) })
		time.Sleep(3 * time.Hour)
		w.wantErr(ErrReauthRequired)
		usable(ErrReauthRequired)
		w.signIn()
		usable(nil)
	})
}

func TestPutUndo(t *testing.T) {
	put := func(w *world) func() error {
		w.Helper()
		stored, err := w.pool.PutWithRollback(w.Context(), user, w.x.signIn(), PutOptions{})
		if err != nil {
			w.Fatal(err)
		}
		return func() error { return stored.Rollback(w.Context()) }
	}
	bubble(t, func(w *world) { // nothing was there
		undo := put(w)
		w.wantToken("access-1")
		if err := undo(); err != nil {
			w.Error(err)
		}
		w.wantGone()
		w.wantErr(ErrReauthRequired)
		w.wantRevoked("access-1")
	})
	bubble(t, func(w *world) { // an earlier sign-in
		w.signIn()
		undo := put(w)
		w.wantToken("access-2")
		if err := undo(); err != nil {
			w.Error(err)
		}
		w.wantToken("access-1")
		w.wantRevoked("")
	})
	bubble(t, func(w *world) { // somebody has written since
		undo := put(w)
		w.signIn()
		if err := undo(); err != nil {
			w.Error(err)
		}
		w.wantToken("access-2")
	})
	bubble(t, func(w *world) { // somebody has written since, and there was an earlier sign-in
		w.signIn()
		undo := put(w)
		w.signIn()
		if err := undo(); err != nil {
			w.Error(err)
		}
		w.wantToken("access-3")
	})
	bubble(t, func(w *world) { // or deleted
		undo := put(w)
		w.delete()
		if err := undo(); err != nil {
			w.Error(err)
		}
		w.wantGone()
	})
	bubble(t, func(w *world) { // in the very moment
		undo := put(w)
		w.store.hook(func(_ context.Context, op string) error {
			if op == "delete" {
				w.signIn()
			}
			return nil
		})
		if err := undo(); err != nil {
			w.Error(err)
		}
		w.wantToken("access-2")
	})
	bubble(t, func(w *world) { // the store is away
		undo := put(w)
		w.store.away()
		if err := undo(); !errors.Is(err, ErrUnavailable) {
			w.Errorf("store away: %v", err)
		}
		w.wantRevoked("access-1") // it is still stored, and not used
	})
	bubble(t, func(w *world) { // the same token, by another browser (OAuth 1.0a)
		undo := put(w)
		again := w.stored()
		again.ObtainedAt = again.ObtainedAt.Add(time.Millisecond)
		w.signInWith(again)
		if err := undo(); err != nil {
			w.Error(err)
		}
		w.wantToken("access-1")
		w.wantRevoked("")
	})
	for _, earlier := range []bool{false, true} {
		bubble(t, func(w *world) { // the secret was replaced since
			if earlier {
				w.signIn()
			}
			undo := put(w)
			if r, err := newVault(w.T, w.store, "n", "k").Reencrypt(w.Context()); err != nil || r.Reencrypted != 1 {
				w.Fatal(r, err)
			}
			if err := undo(); err != nil {
				w.Error(err)
			}
			if got, want := w.stored().AccessToken, map[bool]string{true: "access-1"}[earlier]; got != want {
				w.Errorf("stored %q, want %q", got, want)
			}
		})
	}
	bubble(t, func(w *world) { // the same token was imported twice
		token := tokenstore.Token{AccessToken: "access-0"}
		first, err := w.pool.PutWithRollback(w.Context(), user, token, PutOptions{Imported: true})
		if err != nil {
			w.Fatal(err)
		}
		if _, err := w.pool.PutWithRollback(w.Context(), user, token, PutOptions{Imported: true}); err != nil {
			w.Fatal(err)
		}
		if err := first.Rollback(w.Context()); err != nil {
			w.Error(err)
		}
		if got := w.stored().AccessToken; got != "access-0" {
			w.Errorf("stored %q", got)
		}
	})
	for _, op := range []string{"get", "replace"} {
		bubble(t, func(w *world) {
			w.store.away(op)
			if stored, err := w.pool.PutWithRollback(w.Context(), user, w.x.signIn(), PutOptions{}); stored != nil || !errors.Is(err, ErrUnavailable) {
				w.Errorf("%s away: %v", op, err)
			}
		})
	}
}

// A store may have done what it answers an error to.
func TestPutUndoAfterAnError(t *testing.T) {
	put := func(ctx context.Context, w *world) {
		w.Helper()
		if stored, err := w.pool.PutWithRollback(ctx, user, w.x.signIn(), PutOptions{}); stored != nil || !errors.Is(err, ErrUnavailable) || !errors.Is(err, errAway) {
			w.Errorf("PutWithRollback: %v", err)
		}
	}
	afterPut := func(w *world, f func()) {
		w.store.after = func(op string) error {
			if op != "replace" {
				return nil
			}
			f()
			return errAway
		}
	}
	bubble(t, func(w *world) { // nothing was there, and the visitor has left
		time.Sleep(time.Millisecond / 3) // stores keep milliseconds
		ctx, cancel := context.WithCancel(w.Context())
		afterPut(w, cancel)
		put(ctx, w)
		w.wantGone()
		w.wantRevoked("access-1")
		w.wantErr(ErrReauthRequired)
	})
	bubble(t, func(w *world) { // nothing was there, and nothing was written
		w.store.before = func(_ context.Context, op string) error {
			if op == "replace" {
				return errAway
			}
			return nil
		}
		put(w.Context(), w)
		w.wantGone()
		w.wantRevoked("access-1")
	})
	bubble(t, func(w *world) { // an earlier sign-in
		w.signIn()
		w.wantToken("access-1")
		afterPut(w, func() {})
		put(w.Context(), w)
		w.wantToken("access-1")
		w.wantRevoked("")
	})
	bubble(t, func(w *world) { // somebody has written since
		afterPut(w, func() { w.signIn() })
		put(w.Context(), w)
		w.wantToken("access-2")
	})
	bubble(t, func(w *world) { // the store hangs
		afterPut(w, func() {
			w.store.hook(func(ctx context.Context, _ string) error { <-ctx.Done(); return errAway })
		})
		began := time.Now()
		put(w.Context(), w)
		if took := time.Since(began); took != 2*time.Second {
			w.Errorf("took %v", took)
		}
		if !strings.Contains(w.logged(), "may be stored") {
			w.Errorf("logged:\n%s", w.logged())
		}
	})
}

// TestPutBesideOtherWrites: what was stored between the read and the write of a sign-in comes
// back at a rollback.
func TestPutBesideOtherWrites(t *testing.T) {
	for name, first := range map[string]bool{"a refresh elsewhere": false, "a first sign-in elsewhere": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				other := newWorld(w.T, w.x, w.store.Store)
				if !first {
					w.signIn()
				}
				var once sync.Once
				w.store.after = func(op string) (err error) {
					once.Do(func() {
						if first {
							w.signIn()
						} else {
							err = other.pool.Refresh(w.Context(), user)
						}
					})
					return err
				}
				stored, err := w.pool.PutWithRollback(w.Context(), user, w.x.signIn(), PutOptions{})
				if err != nil {
					w.Fatal(err)
				}
				w.wantToken(map[bool]string{true: "access-1", false: "access-2"}[first])
				if err := stored.Rollback(w.Context()); err != nil {
					w.Error(err)
				}
				w.wantToken(map[bool]string{true: "access-2", false: "access-3"}[first])
				w.wantRevoked("")
				time.Sleep(3 * time.Hour) // the refresh token is not spent
				w.wantToken(map[bool]string{true: "access-3", false: "access-4"}[first])
			})
		})
	}
	bubble(t, func(w *world) { // an entry that changes all the time
		w.store.after = func(op string) error {
			if op == "get" {
				w.signIn()
			}
			return nil
		}
		if err := w.pool.Put(w.Context(), user, w.x.signIn()); !errors.Is(err, ErrUnavailable) {
			w.Errorf("Put: %v", err)
		}
	})
}
