package acceptance_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// recycled is a ResponseWriter that must not be used after its request has ended.
type recycled struct {
	http.ResponseWriter
	mu    sync.Mutex // guards all below
	ended bool
	late  int
}

func (w *recycled) use() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		w.late++
	}
}

func (w *recycled) Header() http.Header         { w.use(); return w.ResponseWriter.Header() }
func (w *recycled) Write(b []byte) (int, error) { w.use(); return w.ResponseWriter.Write(b) }
func (w *recycled) WriteHeader(code int)        { w.use(); w.ResponseWriter.WriteHeader(code) }

// callback is a running request to the callback.
type callback struct {
	leave  context.CancelFunc
	w      *recycled
	answer *httptest.ResponseRecorder
	done   chan struct{}
}

// callback requests the callback as b, and returns when all goroutines wait. leave ends
// r.Context.
func (s *site) callback(b *browser, address string) *callback {
	r := httptest.NewRequest(http.MethodGet, address, http.NoBody)
	for _, c := range b.Client.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	ctx, leave := context.WithCancel(context.Background())
	c := &callback{leave: leave, answer: httptest.NewRecorder(), done: make(chan struct{})}
	c.w = &recycled{ResponseWriter: c.answer}
	go func() {
		defer close(c.done)
		s.Mux.ServeHTTP(c.w, r.WithContext(ctx))
	}()
	synctest.Wait()
	return c
}

// end ends the request, like a middleware that answers itself and recycles the writer.
func (c *callback) end() {
	c.w.mu.Lock()
	c.w.ended = true
	c.w.mu.Unlock()
	c.leave()
	synctest.Wait()
}

func TestASecondCallbackTakesTheResultOver(t *testing.T) {
	for _, p := range flows {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t)
			s.Bubble(func() {
				b := s.browser()
				address := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
				s.X.Fail(xtest.Fault{Path: p.last, Delay: time.Second, Times: 1})
				first := s.callback(b, address)
				second, third := s.callback(b, address), s.callback(b, address)
				first.end()
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if first.w.late != 0 {
					t.Errorf("the callback used a writer %d times after its request", first.w.late)
				}
				sessions := 0
				for _, c := range []*callback{second, third} {
					<-c.done
					if c.answer.Code != http.StatusSeeOther {
						t.Errorf("status %d: %s", c.answer.Code, c.answer.Body)
					}
					for _, line := range c.answer.Header()["Set-Cookie"] {
						if strings.HasPrefix(line, "xsignin=") {
							sessions++
						}
					}
				}
				if n := s.SessionCount(); sessions != 1 || n != 1 {
					t.Errorf("%d session cookies and %d sessions, want 1", sessions, n)
				}
				if n := s.X.Count(http.MethodPost, p.last); n != 1 {
					t.Errorf("X was asked %d times", n)
				}
			})
		})
	}
}

// TestNothingIsSavedForAVisitorWhoLeft: behind a timeout middleware the request may end at any
// moment of the callback. Afterwards nothing is written, and nothing is kept.
func TestNothingIsSavedForAVisitorWhoLeft(t *testing.T) {
	for _, p := range flows {
		for _, late := range []string{"X", "the token store", "the session store"} {
			t.Run(p.name+", "+late, func(t *testing.T) {
				plan, s := slowSite(t, late)
				s.Bubble(func() {
					b := s.browser()
					address := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
					plan(s, p.last)
					c := s.callback(b, address)
					c.end()
					time.Sleep(2 * time.Minute)
					<-c.done
					if c.w.late != 0 || len(c.answer.Header()["Set-Cookie"]) != 0 {
						t.Errorf("the writer was used %d times: %v", c.w.late, c.answer.Header())
					}
					if n := s.SessionCount(); n != 0 || len(s.Tokens.Keys()) != 0 {
						t.Errorf("%d sessions, tokens %v", n, s.Tokens.Keys())
					}
				})
			})
		}
	}
}

// slowStore delays the writes of a store.
type slowStore struct {
	mu    sync.Mutex // guards delay
	delay time.Duration
}

func (s *slowStore) set(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

func (s *slowStore) wait() {
	s.mu.Lock()
	d := s.delay
	s.delay = 0
	s.mu.Unlock()
	time.Sleep(d)
}

type slowTokens struct {
	tokenstore.Store
	*slowStore
}

func (s slowTokens) Replace(ctx context.Context, key tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
	if !strings.HasPrefix(key.Provider, ".") {
		s.wait()
	}
	return s.Store.Replace(ctx, key, v, value)
}

type slowSessions struct {
	scs.Store
	*slowStore
}

func (s slowSessions) Commit(key string, b []byte, expiry time.Time) error {
	s.wait()
	return s.Store.Commit(key, b, expiry)
}

// slowSite returns a site, and a function that delays one of its parts once.
func slowSite(t *testing.T, part string) (func(s *site, path string), *site) {
	tokens, sessions := &slowStore{}, &slowStore{}
	s := newSite(t, func(c *xsignin.Config) {
		c.TokenStore, c.Session.Store = slowTokens{c.TokenStore, tokens}, slowSessions{c.Session.Store, sessions}
	})
	return func(s *site, path string) {
		switch part {
		case "X":
			s.X.Fail(xtest.Fault{Path: path, Delay: time.Second, Times: 1})
		case "the token store":
			tokens.set(time.Second)
		default:
			sessions.set(time.Second)
		}
	}, s
}

// TestBehindATimeoutHandler checks that the visitor gets only the timeout's answer.
func TestBehindATimeoutHandler(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) {
		c.OnSignIn = func(context.Context, *xsignin.SignIn) error {
			time.Sleep(10 * time.Second)
			return nil
		}
	})
	s.Bubble(func() {
		b := s.browser()
		address := b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID)
		r := httptest.NewRequest(http.MethodGet, address, http.NoBody)
		for _, c := range b.Client.Jar.Cookies(r.URL) {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		http.TimeoutHandler(s.Mux, 5*time.Second, "late").ServeHTTP(w, r)
		time.Sleep(time.Minute)
		if w.Code != http.StatusServiceUnavailable || w.Body.String() != "late" || len(w.Header()["Set-Cookie"]) != 0 {
			t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
		}
		if !strings.Contains(s.Log.String(), context.DeadlineExceeded.Error()) {
			t.Errorf("the log does not tell why the request ended: %s", s.Log)
		}
		if n := s.SessionCount(); n != 0 || len(s.Tokens.Keys()) != 0 {
			t.Errorf("%d sessions, tokens %v", n, s.Tokens.Keys())
		}
	})
}

// TestABareEscapeInADenialIsADenial: error_description is not needed.
func TestABareEscapeInADenialIsADenial(t *testing.T) {
	for _, description := range []string{"50% off", "a;b", "%zz", "100%"} {
		s := newSite(t)
		b := s.browser()
		address := b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID)
		state := strings.SplitN(strings.SplitN(address, "state=", 2)[1], "&", 2)[0]
		denial := s.Public + "/auth/callback?error=access_denied&error_description=" + strings.ReplaceAll(description, " ", "+") + "&state=" + state
		for range 2 { // a reload shows the same page
			s.isFailurePage(b.Get(denial), http.StatusForbidden, "denied")
		}
	}
}

// TestNothingIsSavedThatTheServerCannotAnswer: after its WriteTimeout an http.Server sends
// nothing, and the kit sends nothing after the deadline of a middleware.
func TestNothingIsSavedThatTheServerCannotAnswer(t *testing.T) {
	for _, p := range flows {
		for _, step := range []string{p.first, p.last, p.first + "!", p.last + "!"} {
			step, deadline := strings.CutSuffix(step, "!")
			for limit, inTime := range map[time.Duration]bool{0: true, 2 * time.Second: false, 5 * time.Second: false, 15 * time.Second: true} {
				if step == "" {
					continue // the login of OAuth 2.0 asks nobody
				}
				s := newSite(t)
				s.Bubble(func() {
					b := s.browser()
					b.Client.Transport = served{b.Client.Transport, limit, deadline}
					s.X.Fail(xtest.Fault{Path: step, Delay: 4 * time.Second, Times: 1})
					began := time.Now()
					a := b.Get(p.login)
					if step == p.last {
						a = b.Get(b.Approve(a.Redirect(), xtest.DefaultUserID))
					}
					if inTime != (a.StatusCode == http.StatusSeeOther) {
						t.Errorf("%s, limit %v: status %d", step, limit, a.StatusCode)
					}
					if took := time.Since(began); !inTime && (took >= limit || !strings.Contains(a.Text, "<code>unavailable</code>")) {
						t.Errorf("%s, limit %v: an answer after %v: %s", step, limit, took, a.Text)
					}
					time.Sleep(time.Minute)
					if n := s.SessionCount(); !inTime && (n != 0 || len(s.Tokens.Keys()) != 0) {
						t.Errorf("%s, limit %v: %d sessions, tokens %v", step, limit, n, s.Tokens.Keys())
					}
				})
			}
		}
	}
}

// served gives requests a deadline, or the context of a server with a WriteTimeout.
type served struct {
	http.RoundTripper
	limit    time.Duration
	deadline bool
}

func (s served) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.deadline && s.limit > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), s.limit)
		defer cancel()
		return s.RoundTripper.RoundTrip(r.WithContext(ctx))
	}
	ctx := context.WithValue(r.Context(), http.ServerContextKey, &http.Server{WriteTimeout: s.limit})
	return s.RoundTripper.RoundTrip(r.WithContext(ctx))
}
