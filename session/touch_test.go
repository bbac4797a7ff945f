package session_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/session"
)

const idle = 16 * time.Minute

// idleModes are managers with an idle timeout and the middlewares that touch.
func idleModes(t *testing.T, each func(t *testing.T, m *session.Manager, wrap func(http.Handler) http.Handler, spy *spyStore)) {
	for _, over := range []bool{false, true} {
		for _, middleware := range []bool{false, true} {
			name := map[bool]string{false: "New", true: "Over"}[over] + map[bool]string{false: ", Load", true: ", LoadAndSave"}[middleware]
			t.Run(name, func(t *testing.T) {
				spy := newSpy()
				// Made outside the bubble: scs's cleaning goroutine never ends.
				var m *session.Manager
				if over {
					m = newOver(t, spy)
					m.SCS().IdleTimeout = idle
					m.SCS().Lifetime = 6 * time.Hour
				} else {
					m = newManager(t, session.Config{Store: spy, IdleTimeout: idle, Lifetime: 6 * time.Hour})
				}
				wrap := bare
				if middleware {
					wrap = m.LoadAndSave
				}
				synctest.Test(t, func(t *testing.T) { each(t, m, wrap, spy) })
			})
		}
	}
}

// visit asks who is signed in and returns the cookie that was sent.
func visit(t *testing.T, m *session.Manager, wrap func(http.Handler) http.Handler, token, want string) *http.Cookie {
	t.Helper()
	w, r := request(m, token)
	wrap(site(t, m)).ServeHTTP(w, withPath(r, "/me"))
	if got := w.Body.String(); w.Code != http.StatusOK || got != want {
		t.Fatalf("%d %q, want %q", w.Code, got, want)
	}
	cookies := w.Result().Cookies()
	if len(cookies) == 0 {
		return nil
	}
	return sent(t, w)
}

func TestUseIsWrittenAtMostOnceInASixteenthOfTheIdleTimeout(t *testing.T) {
	idleModes(t, func(t *testing.T, m *session.Manager, wrap func(http.Handler) http.Handler, spy *spyStore) {
		token := signIn(t, m, "ann")
		spy.reset(nil)
		for range 600 { // an hour
			time.Sleep(6 * time.Second)
			// The cookie lasts until the deadline, so that no cacheable answer has one.
			if c := visit(t, m, wrap, token, "ann true"); c != nil {
				t.Fatalf("a cookie was sent: %v", c)
			}
		}
		n := spy.count("commit")
		if n > 60 || n < 50 {
			t.Errorf("%d writes in 60 sixteenths", n)
		}
	})
}

func TestASessionEndsWhenItIsIdle(t *testing.T) {
	idleModes(t, func(t *testing.T, m *session.Manager, wrap func(http.Handler) http.Handler, spy *spyStore) {
		token := signIn(t, m, "ann")
		for range 5 {
			time.Sleep(idle - time.Second)
			visit(t, m, wrap, token, "ann true")
		}
		time.Sleep(idle + time.Second)
		visit(t, m, wrap, token, " false")
	})
}

func TestUseDoesNotProlongALifetime(t *testing.T) {
	idleModes(t, func(t *testing.T, m *session.Manager, wrap func(http.Handler) http.Handler, spy *spyStore) {
		token := signIn(t, m, "ann")
		end := time.Now().Add(m.SCS().Lifetime)
		for time.Until(end) > 10*time.Minute {
			time.Sleep(9 * time.Minute)
			visit(t, m, wrap, token, "ann true")
		}
		time.Sleep(time.Until(end) + time.Second)
		visit(t, m, wrap, token, " false")
	})
}

func TestTheManyRequestsOfAPageWriteOnce(t *testing.T) {
	idleModes(t, func(t *testing.T, m *session.Manager, wrap func(http.Handler) http.Handler, spy *spyStore) {
		token := signIn(t, m, "ann")
		time.Sleep(idle / 2)
		spy.reset(nil)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				w, r := request(m, token)
				wrap(site(t, m)).ServeHTTP(w, withPath(r, "/me"))
				if w.Body.String() != "ann true" {
					t.Errorf("%d %q", w.Code, w.Body)
				}
			})
		}
		wg.Wait()
		if n := spy.count("commit"); n != 1 {
			t.Errorf("%d writes", n)
		}
	})
}

func TestAReadWithLoadIsOneStoreRead(t *testing.T) {
	idleModes(t, func(t *testing.T, m *session.Manager, wrap func(http.Handler) http.Handler, spy *spyStore) {
		token := signIn(t, m, "ann")
		spy.reset(nil)
		w, r := request(m, token)
		wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.Load(w, r) })).ServeHTTP(w, r)
		if n := len(spy.calls); n != 1 {
			t.Errorf("%v", spy.calls)
		}
	})
}

func TestAUseThatCannotBeRecordedSignsNobodyOut(t *testing.T) {
	idleModes(t, func(t *testing.T, m *session.Manager, wrap func(http.Handler) http.Handler, spy *spyStore) {
		token := signIn(t, m, "ann")
		time.Sleep(idle / 2)
		before := records(t, spy)
		spy.reset(func(_ int, c call) error {
			if c.op == "commit" {
				return errStore
			}
			return nil
		})
		for range 20 {
			if c := visit(t, m, wrap, token, "ann true"); c != nil {
				t.Error("the cookie was renewed")
			}
		}
		if n := spy.count("commit"); n != 1 {
			t.Errorf("%d tries at once", n)
		}
		if after := records(t, spy); after != before {
			t.Errorf("the store's own copy was changed from %q to %q", before, after)
		}
		spy.reset(nil)
		time.Sleep(idle / 16)
		visit(t, m, wrap, token, "ann true")
		if spy.count("commit") != 1 {
			t.Error("it was not tried again")
		}
	})
}

// TestAVisitorWhoLeftIsNoWarning: the use of the session is not recorded, and nobody needs to know.
func TestAVisitorWhoLeftIsNoWarning(t *testing.T) {
	var log bytes.Buffer
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy, IdleTimeout: idle, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	synctest.Test(t, func(t *testing.T) {
		token := signIn(t, m, "ann")
		for _, leaves := range []bool{true, false} {
			time.Sleep(idle / 2)
			_, r := request(m, token)
			ctx, leave := context.WithCancel(t.Context())
			spy.reset(func(_ int, c call) error {
				if c.op != "commit" {
					return nil
				}
				if leaves {
					leave()
				}
				return errStore
			})
			if u, ok, err := m.Get(ctx, r); !ok || u.ID != "ann" || err != nil || spy.count("commit") != 1 {
				t.Errorf("leaves %t: %v, %t, %v, %d commits", leaves, u, ok, err, spy.count("commit"))
			}
			leave()
			if warned := strings.Contains(log.String(), "cannot record the use"); warned == leaves {
				t.Errorf("leaves %t: the log: %s", leaves, &log)
			}
		}
	})
}

func records(t *testing.T, spy *spyStore) string {
	all, err := spy.MemStore.All()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(all)
}

func TestASavedSessionNeedsNoTouch(t *testing.T) {
	idleModes(t, func(t *testing.T, m *session.Manager, wrap func(http.Handler) http.Handler, spy *spyStore) {
		token := signIn(t, m, "ann")
		time.Sleep(idle / 2)
		w, r := request(m, token)
		m.LoadAndSave(site(t, m)).ServeHTTP(w, withPath(r, "/put/value"))
		time.Sleep(idle / 32)
		// Another replica, which does not remember this one's touches.
		other, err := session.FromSCS(m.SCS(), session.FromSCSConfig{Logger: quiet(), Secrets: secrets})
		if err != nil {
			t.Fatal(err)
		}
		if c := visit(t, other, bare, token, "ann true"); c != nil {
			t.Errorf("touched again: %v", c)
		}
	})
}

func TestASignOutWinsOverATouch(t *testing.T) {
	idleModes(t, func(t *testing.T, m *session.Manager, wrap func(http.Handler) http.Handler, spy *spyStore) {
		for _, op := range []string{"find", "commit"} {
			token := signIn(t, m, "ann")
			time.Sleep(idle / 2)
			finds := 0
			spy.reset(nil)
			// The sign-out comes after the read and the look, or right after the write.
			spy.after = func(c call) {
				if c.op == "find" {
					finds++
				}
				if c.op != op || op == "find" && finds != 2 {
					return
				}
				spy.reset(nil)
				w, r := request(m, token)
				if err := m.SignOut(w, r); err != nil {
					t.Error(err)
				}
			}
			if c := visit(t, m, wrap, token, " false"); c != nil {
				t.Errorf("a cookie was sent: %v", c)
			}
			visit(t, m, wrap, token, " false")
		}
	})
}

func TestAnAnonymousSessionIsKeptAliveByLoadAndSave(t *testing.T) {
	idleModes(t, func(t *testing.T, m *session.Manager, _ func(http.Handler) http.Handler, spy *spyStore) {
		h := m.LoadAndSave(site(t, m))
		w, r := request(m, "")
		h.ServeHTTP(w, withPath(r, "/put/basket"))
		token := sent(t, w).Value
		spy.reset(nil)
		for range 32 {
			time.Sleep(idle / 32)
			w, r := request(m, token)
			h.ServeHTTP(w, withPath(r, "/value"))
			if w.Body.String() != "basket" {
				t.Fatalf("%q", w.Body)
			}
			visit(t, m, m.LoadAndSave, token, " false")
		}
		if n := spy.count("commit"); n > 16 || n < 15 {
			t.Errorf("%d writes", n)
		}
	})
}

func TestALongRequestThatChangesNothingUndoesNothing(t *testing.T) {
	idleModes(t, func(t *testing.T, m *session.Manager, _ func(http.Handler) http.Handler, spy *spyStore) {
		token := signIn(t, m, "ann")
		time.Sleep(idle / 2)
		w, r := request(m, token)
		m.LoadAndSave(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			w, r := request(m, token)
			m.LoadAndSave(site(t, m)).ServeHTTP(w, withPath(r, "/put/meanwhile"))
		})).ServeHTTP(w, r)
		w, r = request(m, token)
		m.LoadAndSave(site(t, m)).ServeHTTP(w, withPath(r, "/value"))
		if w.Body.String() != "meanwhile" {
			t.Errorf("%q", w.Body)
		}
	})
}
