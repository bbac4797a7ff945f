package client

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

func TestOutage(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.x.set(func(s *service) { s.down = &provider.Error{Kind: provider.ErrUnavailable, Status: 503} })
		w.wantToken("access-1")
		time.Sleep(116 * time.Minute)
		for range 4 * 60 {
			w.wantToken("access-1")
			time.Sleep(time.Second)
		}
		asked, _, _ := w.x.count()
		if asked < 4 || asked > 9 {
			w.Errorf("X was asked %d times in the last four minutes, want one about every minute", asked)
		}
		if err := w.wantErr(ErrUnavailable); !errors.Is(err, provider.ErrUnavailable) {
			w.Errorf("the cause is not inside: %v", err)
		}
		began, _, _ := w.x.count()
		for range 600 {
			w.wantErr(ErrUnavailable)
			time.Sleep(100 * time.Millisecond)
		}
		asked, _, _ = w.x.count()
		if asked-began > 10 {
			w.Errorf("X was asked %d times in a minute of outage", asked-began)
		}
		w.x.set(func(s *service) { s.down = nil })
		time.Sleep(askMost)
		back := time.Now()
		w.wantToken("access-2")
		if took := time.Since(back); took != 0 {
			w.Errorf("waited %v for the lease of a refresh that had failed", took)
		}
		if told := w.told(); !strings.HasPrefix(told, "refresh_failed:unavailable ") || !strings.HasSuffix(told, " refreshed") || strings.Contains(told, "again") {
			w.Errorf("events %q", told)
		}
		// No entry was marked.
		time.Sleep(3 * time.Hour)
		w.wantToken("access-3")
	})
}

func TestRateLimitedRefresh(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		until := time.Now().Add(14 * time.Minute)
		w.x.set(func(s *service) { s.down = &provider.Error{Kind: provider.ErrRateLimited, Status: 429, RetryAt: until} })
		var pe *provider.Error
		if err := w.wantErr(ErrUnavailable); !errors.As(err, &pe) || !pe.RetryAt.Equal(until) {
			w.Errorf("RetryAt is not inside: %v", err)
		}
		w.x.set(func(s *service) { s.down = nil })
		time.Sleep(14*time.Minute - time.Second)
		if err := w.wantErr(ErrUnavailable); !errors.As(err, &pe) {
			w.Errorf("RetryAt is not inside: %v", err)
		}
		w.wantAsked(1)
		time.Sleep(time.Second)
		w.wantToken("access-2")
		w.wantEvents("refresh_failed:rate_limited refreshed")
	})
}

// TestRefreshAfterAnOutage: a call of the application asks X in the pause after a failure.
func TestRefreshAfterAnOutage(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.x.set(func(s *service) { s.down = errors.New("no route") })
		w.wantErr(ErrUnavailable)
		w.x.set(func(s *service) { s.down = nil })
		w.wantErr(ErrUnavailable) // the pause
		// A request that reads the entry meanwhile does not fail the call.
		var reads atomic.Int32
		w.store.hook(func(context.Context, string) error {
			if reads.Add(1) == 1 {
				time.Sleep(2 * time.Millisecond)
			}
			time.Sleep(time.Millisecond)
			return nil
		})
		go w.wantErr(ErrUnavailable)
		synctest.Wait()
		if err := w.pool.Refresh(w.Context(), user); err != nil {
			w.Errorf("Refresh: %v", err)
		}
		w.wantToken("access-2")
	})
	bubble(t, func(w *world) { // but not while X limits the rate
		w.signIn()
		w.x.set(func(s *service) {
			s.down = &provider.Error{Kind: provider.ErrRateLimited, RetryAt: time.Now().Add(14 * time.Minute)}
		})
		for range 3 {
			if err := w.pool.Refresh(w.Context(), user); !errors.Is(err, provider.ErrRateLimited) {
				w.Errorf("Refresh: %v", err)
			}
		}
		w.wantAsked(1)
	})
}

func TestSignInEndsWaiting(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.x.set(func(s *service) {
			s.down = &provider.Error{Kind: provider.ErrRateLimited, RetryAt: time.Now().Add(14 * time.Minute)}
		})
		w.wantErr(ErrUnavailable)
		w.signIn() // elsewhere
		w.wantToken("access-2")
	})
}

func TestAppRefused(t *testing.T) {
	for _, c := range []struct {
		kind        error
		word, level string
	}{{provider.ErrRefused, "app_refused", "level=ERROR"}, {provider.ErrAccountRefused, "account_refused", "level=WARN"}} {
		bubble(t, func(w *world) {
			w.signIn()
			time.Sleep(3 * time.Hour)
			w.x.set(func(s *service) { s.down = &provider.Error{Kind: c.kind, Status: 401} })
			w.wantErr(ErrUnavailable)
			w.wantEvents("refresh_failed:" + c.word)
			if w.stored().NeedsReauth || !strings.Contains(w.logged(), c.level) {
				w.Errorf("%s was taken for a refused token, or not logged with %s", c.word, c.level)
			}
		})
	}
}

func TestSlowStoreAtLease(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		var left time.Duration
		w.x.during = func(ctx context.Context) error {
			end, _ := ctx.Deadline()
			left = time.Until(end)
			return nil
		}
		w.wantToken("access-2")
		if left != 10*time.Second {
			w.Errorf("X had %v to answer, want the default of 10s", left)
		}
		time.Sleep(3 * time.Hour)
		w.pool.cfg.Timeout, w.pool.lease = 25*time.Second, 27*time.Second
		w.store.hook(func(_ context.Context, op string) error {
			if op == "lease" {
				time.Sleep(4 * time.Second)
			}
			return nil
		})
		w.wantToken("access-3")
		if left != 22*time.Second {
			w.Errorf("X had %v to answer with a lease of 27s asked for 4s ago, want 22s", left)
		}
	})
}

// TestAskAfterLease: the store answers when the lease has almost ended.
func TestAskAfterLease(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.after = func(op string) error {
			if op == "lease" {
				time.Sleep(w.pool.lease - leaseMargin)
			}
			return nil
		}
		if err := w.wantErr(ErrUnavailable); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("the cause is not inside: %v", err)
		}
		w.wantAsked(0)
	})
}

func TestStoreAwayDuringRefresh(t *testing.T) {
	for _, op := range []string{"get", "lease"} {
		bubble(t, func(w *world) {
			w.signIn()
			time.Sleep(3 * time.Hour)
			w.store.away(op)
			if err := w.wantErr(ErrUnavailable); !errors.Is(err, errAway) {
				w.Errorf("the cause is not inside: %v", err)
			}
			w.wantAsked(0)
			w.store.hook(nil)
			w.wantToken("access-2")
		})
	}
	bubble(t, func(w *world) { // a store that hangs
		w.signIn()
		w.store.hook(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
		began := time.Now()
		w.wantErr(ErrUnavailable)
		if took := time.Since(began); took != storeTimeout {
			w.Errorf("waited %v for the store", took)
		}
	})
	bubble(t, func(w *world) { // a lease that cannot be given back runs out
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.x.set(func(s *service) { s.down = errors.New("no route") })
		w.store.away("release")
		w.wantErr(ErrUnavailable)
		w.x.set(func(s *service) { s.down = nil })
		time.Sleep(30 * time.Second)
		w.wantToken("access-2")
	})
}

// incomplete is a provider whose answer has no access token.
type incomplete struct{ *service }

func (i incomplete) Refresh(context.Context, tokenstore.Token) (tokenstore.Token, error) {
	return tokenstore.Token{RefreshToken: "r"}, nil
}

func TestIncompleteAnswers(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.pool.providers["x"] = incomplete{w.x}
		time.Sleep(3 * time.Hour)
		if err := w.wantErr(ErrUnavailable); !strings.Contains(err.Error(), "no access token") {
			w.Errorf("the cause is not inside: %v", err)
		}
		if got := w.stored(); got.AccessToken != "access-1" {
			w.Errorf("stored: %v", got)
		}
		w.wantEvents("refresh_failed:unavailable")
	})
}
