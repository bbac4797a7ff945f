package acceptance_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/xtest"
)

// leavingStore is a session store during whose reads the visitor leaves.
type leavingStore struct {
	scs.Store
	read atomic.Pointer[func() error]
}

func (s *leavingStore) Find(key string) ([]byte, bool, error) {
	if read := s.read.Load(); read != nil {
		return nil, false, (*read)()
	}
	return s.Store.Find(key)
}

// TestAStoreSaysInItsOwnWordsThatTheVisitorLeft: drivers report a context that has ended as
// their databases do. Nothing is written afterwards.
func TestAStoreSaysInItsOwnWordsThatTheVisitorLeft(t *testing.T) {
	for _, words := range []error{
		context.Canceled,
		fmt.Errorf("reading: %w", context.Canceled),
		errors.New("pq: canceling statement due to user request"),
		errors.New("interrupted (9)"),
		errors.New("Error 1317 (70100): Query execution was interrupted"),
		driver.ErrBadConn,
		os.ErrDeadlineExceeded,
		errors.New("redis: connection pool timeout"),
	} {
		for _, target := range []string{
			"GET /me", "GET /", "GET /auth/session", "GET /auth/logout", "HEAD /auth/session",
			"GET /auth/login?scope=tweet.write", "GET /auth/login/x-oauth1?scope=tweet.write",
			"GET /me LoadAndSave", "GET / LoadAndSave", "GET /note LoadAndSave", "GET /auth/login?scope=tweet.write LoadAndSave",
		} {
			for _, leaves := range []bool{true, false} {
				store := &leavingStore{}
				s := newSite(t, func(c *xsignin.Config) {
					store.Store, c.Session.Store = c.Session.Store, store
				})
				s.Kit.RequireScopes("tweet.write")
				b := s.browser()
				b.SignIn("/auth/login", xtest.DefaultUserID)
				target, around := strings.CutSuffix(target, " LoadAndSave")
				method, path, _ := strings.Cut(target, " ")
				ctx, leave := context.WithCancel(t.Context())
				r := httptest.NewRequestWithContext(ctx, method, "http://127.0.0.1:8080"+path, http.NoBody)
				r.AddCookie(&http.Cookie{Name: "xsignin", Value: b.cookieValue("xsignin")})
				w := &recycled{ResponseWriter: httptest.NewRecorder()}
				read := func() error {
					if leaves {
						leave()
						w.mu.Lock()
						defer w.mu.Unlock()
						w.ended = path != "/" || around // behind LoadUser the application answers
					}
					return words
				}
				s.Mux.HandleFunc("/note", func(_ http.ResponseWriter, r *http.Request) {
					s.Kit.Sessions().SCS().Put(r.Context(), "note", "text")
					store.read.Store(&read) // when the session is saved
				})
				if path != "/note" {
					store.read.Store(&read)
				}
				var h http.Handler = s.Mux
				if around {
					h = s.Kit.Sessions().LoadAndSave(s.Mux)
				}
				h.ServeHTTP(w, r)
				store.read.Store(nil)
				leave()
				failed := strings.Contains(s.Log.String(), "level=ERROR") || strings.Contains(s.Log.String(), "level=WARN")
				if leaves && (failed || w.late != 0) {
					t.Errorf("%s, %v: the writer was used %d times, the log: %s", target, words, w.late, s.Log)
				}
				if !leaves && !failed && path != "/auth/logout" {
					t.Errorf("%s, %v: the log does not tell of the outage: %s", target, words, s.Log)
				}
			}
		}
	}
}

// TestASignOutThatFailsIsLoggedThoughTheVisitorLeft: the session may still be open.
func TestASignOutThatFailsIsLoggedThoughTheVisitorLeft(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	s.Sessions.SetFail(errors.New("the disk is full"))
	ctx, leave := context.WithCancel(t.Context())
	leave()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:8080/auth/logout", http.NoBody)
	r.AddCookie(&http.Cookie{Name: "xsignin", Value: b.cookieValue("xsignin")})
	s.Mux.ServeHTTP(httptest.NewRecorder(), r)
	if log := s.Log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "sign-out failed") {
		t.Errorf("the log: %s", log)
	}
}
