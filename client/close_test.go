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

func TestCloseSavesOnceMore(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.away("replace")
		w.wantToken("access-2")
		w.store.hook(nil)
		if err := w.pool.Close(w.Context()); err != nil {
			w.Fatal(err)
		}
		if got := w.stored().AccessToken; got != "access-2" {
			w.Errorf("stored %q", got)
		}
	})
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.away("replace")
		w.wantToken("access-2")
		if err := w.pool.Close(w.Context()); err != nil {
			w.Fatal(err)
		}
		if !strings.Contains(w.logged(), "is lost with this process") {
			w.Errorf("the loss is not logged:\n%s", w.logged())
		}
	})
}

func TestCloseWaits(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.x.during = func(context.Context) error { time.Sleep(3 * time.Second); return nil }
		go func() { _, _ = w.do() }()
		synctest.Wait()
		began := time.Now()
		if err := w.pool.Close(w.Context()); err != nil {
			w.Error(err)
		}
		if took := time.Since(began); took != 3*time.Second || w.stored().AccessToken != "access-2" {
			w.Errorf("Close returned after %v with %v stored", took, w.stored())
		}
		for name, f := range map[string]func() error{
			"Do":            func() error { _, err := w.do(); return err },
			"Put":           func() error { return w.pool.Put(w.Context(), user, tokenstore.Token{}) },
			"Token":         func() error { _, err := w.pool.Token(w.Context(), user); return err },
			"MissingScopes": func() error { _, err := w.pool.MissingScopes(w.Context(), person); return err },
			"Refresh":       func() error { return w.pool.Refresh(w.Context(), user) },
			"Revoke":        func() error { return w.pool.Revoke(w.Context(), user) },
			"acquire": func() error {
				_, err := w.pool.acquire(w.Context(), w.pool.users.get(user), refreshRequest{bad: "access-2"})
				return err
			},
		} {
			if err := f(); !errors.Is(err, ErrClosed) {
				w.Errorf("%s after Close: %v", name, err)
			}
		}
		if err := w.pool.Close(w.Context()); err != nil {
			w.Errorf("second Close: %v", err)
		}
	})
}

func TestCloseCancels(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.x.during = func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); return ctx.Err() }
		var err error
		go func() { _, err = w.do() }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := w.pool.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("Close: %v", err)
		}
		if took := time.Since(began); took != 2*time.Second {
			w.Errorf("Close returned after %v, with a refresh that ended after 2s", took)
		}
		synctest.Wait()
		if !errors.Is(err, ErrUnavailable) {
			w.Errorf("the request: %v", err)
		}
	})
}

// TestCloseWithAnEndedContext: an error means that work was cut off.
func TestCloseWithAnEndedContext(t *testing.T) {
	for _, busy := range []bool{false, true} {
		bubble(t, func(w *world) {
			w.signIn()
			w.wantToken("access-1")
			ctx, cancel := context.WithCancel(w.Context())
			cancel()
			if busy {
				time.Sleep(3 * time.Hour)
				w.x.during = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
				go w.wantErr(ErrUnavailable)
				synctest.Wait()
			}
			if err := w.pool.Close(ctx); errors.Is(err, context.Canceled) != busy || (err != nil) != busy {
				w.Errorf("with work in progress %t: %v", busy, err)
			}
		})
	}
}

func TestCloseEndsPolling(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.hook(func(_ context.Context, op string) error {
			if op == "lease" {
				return &tokenstore.LeasedError{Remaining: time.Hour}
			}
			return nil
		})
		var err error
		go func() { _, err = w.do() }()
		time.Sleep(10 * time.Second)
		began := time.Now()
		if err := w.pool.Close(w.Context()); err != nil || time.Since(began) != 0 {
			w.Errorf("Close took %v, %v", time.Since(began), err)
		}
		synctest.Wait()
		if !errors.Is(err, ErrClosed) {
			w.Errorf("the request: %v", err)
		}
	})
}
