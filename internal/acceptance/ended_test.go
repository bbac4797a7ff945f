package acceptance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

var errAway = errors.New("away")

// slowly has two stores whose next call may be slow, and may then fail.
type slowly struct {
	reads, gets, commits slowStore
	skip                 atomic.Int64 // commits that are not slow
	fails                atomic.Bool
}

type slowSessionStore struct {
	scs.Store
	*slowly
}

func (s slowSessionStore) Find(key string) ([]byte, bool, error) {
	s.reads.wait()
	if s.fails.Load() {
		return nil, false, errAway
	}
	return s.Store.Find(key)
}

func (s slowSessionStore) Commit(key string, b []byte, expiry time.Time) error {
	if s.skip.Add(-1) < 0 {
		s.commits.wait()
	}
	if s.fails.Load() {
		return errAway
	}
	return s.Store.Commit(key, b, expiry)
}

type slowTokenStore struct {
	tokenstore.Store
	*slowly
}

func (s slowTokenStore) Get(ctx context.Context, key tokenstore.Key) (tokenstore.Entry, error) {
	if !strings.HasPrefix(key.Provider, ".") {
		s.gets.wait()
	}
	if s.fails.Load() {
		return tokenstore.Entry{}, errAway
	}
	return s.Store.Get(ctx, key)
}

// TestNothingIsWrittenAfterARequest ends requests to each handler and middleware while a store
// or X is slow. A middleware in front may then have given the writer to another request.
func TestNothingIsWrittenAfterARequest(t *testing.T) {
	for _, tt := range []struct{ name, method, path, body, slow string }{
		{"the login, by its session", "GET", "/auth/login", "", "reads"},
		{"the login with scopes", "GET", "/auth/login?scope=tweet.read", "", "gets"},
		{"the login, at X", "GET", "/auth/login/x-oauth1", "", "/oauth/request_token"},
		{"a callback, at X", "GET", "approved", "", "/2/oauth2/token"},
		{"a callback, by its session", "GET", "approved", "", "reads"},
		{"a callback behind LoadAndSave", "GET", "approved", "", "commits"},
		{"a denial", "GET", "denied", "", "reads"},
		{"the session", "GET", "/auth/session", "", "reads"},
		{"the page before a sign-out", "GET", "/auth/logout", "", "reads"},
		{"a sign-out", "POST", "/auth/logout", "", "reads"},
		{"a sign-out at X", "POST", "/auth/logout", "", "/2/oauth2/revoke"},
		{"a sign-out everywhere", "POST", "/auth/logout?everywhere=1", "", "reads"},
		{"a sign-out behind LoadAndSave", "POST", "/auth/logout", "", "commits"},
		{"the application's logout", "POST", "/bye", "", "reads"},
		{"a program's code", "POST", "/auth/native", "code", "/2/oauth2/token"},
		{"a program's token pair", "POST", "/auth/native", "pair", "/2/users/me"},
		{"a user's page", "GET", "/user", "", "reads"},
		{"a page with scopes", "GET", "/scopes", "", "gets"},
		{"a page for all", "GET", "/all", "", "reads"},
		{"a change of the session", "GET", "/note", "", "commits"},
		{"a page that changes the session", "GET", "/note?text=1", "", "commits"},
	} {
		for _, fails := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, fails %t", tt.name, fails), func(t *testing.T) {
				endedRequest(t, fails, tt.method, tt.path, tt.body, tt.slow)
			})
		}
	}
}

func endedRequest(t *testing.T, fails bool, method, path, body, slow string) {
	stores := &slowly{}
	s := newSite(t, func(c *xsignin.Config) {
		c.Session.Store, c.TokenStore = slowSessionStore{c.Session.Store, stores}, slowTokenStore{c.TokenStore, stores}
		c.OnSignIn = func(context.Context, *xsignin.SignIn) error { return nil }
		c.Advanced.Native.RedirectURIs, c.Advanced.Native.TokenPairs = []string{nativeURI}, true
	})
	s.X.SetCallbacks(s.Public+"/auth/callback", nativeURI)
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	s.Mux.HandleFunc("POST /bye", func(w http.ResponseWriter, r *http.Request) { _ = s.Kit.SignOut(w, r) })
	s.Mux.Handle("/user", s.Kit.RequireUser(nothing))
	s.Mux.Handle("/all", s.Kit.LoadUser(nothing))
	s.Mux.Handle("/scopes", s.Kit.RequireScopes("tweet.read")(nothing))
	s.Mux.HandleFunc("/note", func(w http.ResponseWriter, r *http.Request) {
		s.Kit.Sessions().SCS().Put(r.Context(), "note", "text")
		_, _ = io.WriteString(w, r.FormValue("text"))
	})
	var h http.Handler = s.Mux
	if slow == "commits" {
		h = s.Kit.Sessions().LoadAndSave(s.Mux)
	}
	s.Bubble(func() {
		b := s.browser()
		if slow != "commits" || path != "approved" {
			b.SignIn("/auth/login", xtest.DefaultUserID)
		}
		begun, sessions := b.Begin("/auth/login"), s.SessionCount()
		var sent []byte
		switch {
		case body == "code":
			sent, _ = json.Marshal(s.code(xtest.DefaultUserID))
		case body == "pair":
			sent, _ = json.Marshal(s.pair(xtest.DefaultUserID))
		case path == "approved":
			path = strings.TrimPrefix(b.Approve(begun, xtest.DefaultUserID), s.Public)
		case path == "denied":
			path = "/auth/callback?error=access_denied&state=" + testkit.Param(t, begun, "state")
		}
		r := httptest.NewRequest(method, s.Public+path, strings.NewReader(string(sent)))
		r.Header.Set("Content-Type", "application/json")
		if method == http.MethodPost && body == "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for _, c := range b.Jar.Cookies(r.URL) {
			r.AddCookie(c)
		}
		switch slow {
		case "reads":
			stores.reads.set(time.Second)
		case "gets":
			stores.gets.set(time.Second)
		case "commits": // a sign-in commits once, and LoadAndSave again
			stores.commits.set(time.Second)
			if strings.HasPrefix(path, "/auth/callback") {
				stores.skip.Store(1)
			}
		default:
			s.X.Fail(xtest.Fault{Path: slow, Delay: time.Second, Times: 1})
		}
		ctx, leave := context.WithCancel(context.Background())
		c := &callback{leave: leave, answer: httptest.NewRecorder(), done: make(chan struct{})}
		c.w = &recycled{ResponseWriter: c.answer}
		go func() {
			defer close(c.done)
			h.ServeHTTP(c.w, r.WithContext(ctx))
		}()
		synctest.Wait()
		select {
		case <-c.done:
			t.Errorf("the request was not slow: %d", c.answer.Code)
		default:
		}
		if fails {
			stores.fails.Store(true)
		}
		c.end()
		time.Sleep(2 * time.Minute)
		<-c.done
		if c.w.late != 0 {
			t.Errorf("the writer was used %d times after the request: %d %v", c.w.late, c.answer.Code, c.answer.Header())
		}
		if n := s.SessionCount(); !fails && n > sessions {
			t.Errorf("%d sessions, and %d before", n, sessions)
		}
		if e := s.LastEvent(); e.Kind == event.SignInDone && e.Time.After(time.Now().Add(-90*time.Second)) {
			t.Error("a sign-in was reported")
		}
	})
}
