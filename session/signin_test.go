package session_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
)

func TestAVisitorIsSignedInUntilSigningOut(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode mode) {
		spy := newSpy()
		m, wrap := mode.make(t, spy)
		b := serve(t, wrap(site(t, m)))
		b.want("/me", " false")
		b.want("/login/ann", "")
		b.want("/me", "ann true")
		old := b.cookie()
		b.want("/login/bob", "")
		b.want("/me", "bob true")
		wantUser(t, m, old, "")
		last := b.cookie()
		b.want("/logout", "")
		if b.cookie() != "" {
			t.Error("the cookie is still there")
		}
		b.want("/me", " false")
		wantUser(t, m, last, "")
	})
}

func TestTheCookieIsAsTightAsItsSchemeAllows(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{true, false} {
		m := newManager(t, session.Config{Secure: secure})
		w, r := request(m, "")
		if err := m.SignIn(w, r, user("ann")); err != nil {
			t.Fatal(err)
		}
		c := sent(t, w)
		name := map[bool]string{true: "__Host-xsignin", false: "xsignin"}[secure]
		if c.Name != name || c.Path != "/" || c.Domain != "" || !c.HttpOnly || c.Secure != secure ||
			c.SameSite != http.SameSiteLaxMode || c.MaxAge < 14*86400 || c.MaxAge > 14*86400+1 ||
			time.Until(c.Expires) < 14*24*time.Hour-time.Minute {
			t.Errorf("secure %t: %s", secure, c)
		}
		if got := w.Header().Get("Cache-Control"); got != `no-cache="Set-Cookie"` {
			t.Errorf("Cache-Control %q", got)
		}
	}
}

func TestSignedInOverTLS(t *testing.T) {
	t.Parallel()
	m := newManager(t, session.Config{Secure: true})
	srv := httptest.NewTLSServer(site(t, m))
	t.Cleanup(srv.Close)
	b := newBrowser(t, srv)
	b.want("/login/ann", "")
	b.want("/me", "ann true")
	b.want("/logout", "")
	b.want("/me", " false")
}

func TestAPlantedSessionIDDoesNotGetTheSignIn(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode mode) {
		m, wrap := mode.make(t, newSpy())
		h := wrap(site(t, m))
		// The attacker has a session of his own, and plants its id.
		w, r := request(m, "")
		m.LoadAndSave(site(t, m)).ServeHTTP(w, withPath(r, "/put/planted"))
		planted := sent(t, w).Value
		w, r = request(m, planted)
		h.ServeHTTP(w, withPath(r, "/login/ann"))
		if c := sent(t, w); c.Value == planted {
			t.Error("the id was not renewed")
		}
		wantUser(t, m, planted, "")
		// An id that nobody has given out is not taken over either.
		made := strings.Repeat("A", 43)
		w, r = request(m, made)
		h.ServeHTTP(w, withPath(r, "/login/ann"))
		if c := sent(t, w); c.Value == made {
			t.Error("a made-up id was taken")
		}
	})
}

func withPath(r *http.Request, path string) *http.Request {
	r.URL.Path, r.RequestURI = path, path
	return r
}

func TestValuesStayUnlessSomebodyElseWasSignedIn(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		if !strings.Contains(mode.name, "LoadAndSave") {
			continue
		}
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			m, wrap := mode.make(t, newSpy())
			mux := http.NewServeMux()
			mux.Handle("/", wrap(site(t, m)))
			// The kit's own pages need not be behind the application's middleware.
			mux.Handle("/bare/", http.StripPrefix("/bare", site(t, m)))
			for _, login := range []string{"/login/", "/bare/login/"} {
				b := serve(t, mux)
				b.want("/put/basket", "")
				b.want(login+"ann", "")
				b.want("/value", "basket")
				b.want(login+"ann", "")
				b.want("/value", "basket")
				b.want(login+"bob", "")
				b.want("/me", "bob true")
				b.want("/value", "")
				b.want("/put/second", "")
				b.want("/me", "bob true")
			}
		})
	}
}

func TestNothingRemainsOfASignInThatFails(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		for _, before := range []string{"", "ann"} {
			t.Run(mode.name+", before "+before, func(t *testing.T) {
				t.Parallel()
				failures := 0
				for k := 1; ; k++ {
					spy := newSpy()
					m, wrap := mode.make(t, spy)
					token := ""
					if before != "" {
						token = signIn(t, m, before)
					}
					spy.reset(func(n int, _ call) error {
						if n == k {
							return errStore
						}
						return nil
					})
					var err error
					called := false
					w, r := request(m, token)
					wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						called = true
						if err = m.SignIn(w, r, user("bob")); err != nil {
							w.WriteHeader(http.StatusTeapot)
						}
					})).ServeHTTP(w, r)
					ran := spy.count("find", "commit", "delete") >= k
					spy.reset(nil)
					if !ran {
						break
					}
					if called && err == nil {
						continue // the middleware's own second write failed; its page says so
					}
					failures++
					if called && !errors.Is(err, errStore) {
						t.Fatalf("call %d: %v", k, err)
					}
					for _, c := range w.Result().Cookies() {
						wantUser(t, m, c.Value, "")
					}
					all, err := m.SCS().Store.(interface {
						All() (map[string][]byte, error)
					}).All()
					if err != nil {
						t.Fatal(err)
					}
					for _, b := range all {
						if strings.Contains(string(b), "bob_at_x") {
							t.Errorf("call %d: the store has a session of bob: %q", k, b)
						}
						_, values, err := m.SCS().Codec.Decode(b)
						if err != nil {
							t.Fatal(err)
						}
						w, r := request(m, "")
						_ = w
						ctx, _ := m.SCS().Load(r.Context(), "")
						for key, v := range values {
							m.SCS().Put(ctx, key, v)
						}
						if u, _, _ := m.Get(ctx, r); u.ID == "bob" {
							t.Errorf("call %d: the store has a session of bob", k)
						}
					}
				}
				if failures < 3 {
					t.Errorf("only %d of the store's calls were made to fail", failures)
				}
			})
		}
	}
}

func TestAStoreThatStaysAwayFailsTheSignIn(t *testing.T) {
	t.Parallel()
	for k := 1; k < 4; k++ {
		spy := newSpy()
		m := newManager(t, session.Config{Store: spy})
		spy.reset(func(n int, _ call) error {
			if n >= k {
				return errStore
			}
			return nil
		})
		w, r := request(m, "")
		if err := m.SignIn(w, r, user("ann")); !errors.Is(err, errStore) {
			t.Errorf("%v", err)
		}
		if len(w.Result().Cookies()) != 0 {
			t.Error("a cookie was sent")
		}
	}
}

func TestASessionOfNobodyIsRefused(t *testing.T) {
	t.Parallel()
	m := newManager(t, session.Config{})
	for _, u := range []provider.User{{}, {Provider: "x", AccountID: "1"}, {ID: "1"}} {
		w, r := request(m, "")
		if err := m.SignIn(w, r, u); err == nil || len(w.Result().Cookies()) != 0 {
			t.Errorf("%+v: %v", u, err)
		}
	}
}

func TestSigningOutWithoutASessionOnlyClearsACookieThatWasSent(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode mode) {
		for cookie, cleared := range map[string]bool{
			"": false, "garbage": true, strings.Repeat("A", 43): true,
		} {
			spy := newSpy()
			m, wrap := mode.make(t, spy)
			w, r := request(m, cookie)
			wrap(site(t, m)).ServeHTTP(w, withPath(r, "/logout"))
			for _, c := range w.Result().Cookies() {
				if c.Value != "" || c.MaxAge >= 0 {
					t.Errorf("%q: %s", cookie, c)
				}
			}
			if got := len(w.Result().Cookies()) > 0; got != cleared {
				t.Errorf("cookie %q: cleared %t, want %t", cookie, got, cleared)
			}
			if n := spy.count("commit"); n != 0 {
				t.Errorf("cookie %q: %d writes", cookie, n)
			}
		}
	})
}

func TestASignOutThatFailsCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode mode) {
		spy := newSpy()
		m, wrap := mode.make(t, spy)
		token := signIn(t, m, "ann")
		w, r := request(m, token)
		var err error
		wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			spy.reset(failing)
			err = m.SignOut(w, r)
			spy.reset(nil)
			if u, _, _ := m.Get(r.Context(), r); u != user("ann") {
				t.Errorf("this request is not ann's any more, but %q's", u.ID)
			}
		})).ServeHTTP(w, r)
		if !errors.Is(err, errStore) {
			t.Errorf("%v", err)
		}
		if strings.Contains(err.Error(), token) {
			t.Error("the error shows the session id")
		}
		if c := w.Result().Cookies(); len(c) != 0 {
			t.Errorf("the browser was told %v", c)
		}
		wantUser(t, m, token, "ann")

		w, r = request(m, token)
		wrap(site(t, m)).ServeHTTP(w, withPath(r, "/logout"))
		cleared := w.Result().Cookies()
		if w.Code != http.StatusOK || len(cleared) == 0 {
			t.Errorf("trying again: %d, %v", w.Code, cleared)
		}
		for _, c := range cleared {
			if c.Value != "" || c.MaxAge >= 0 {
				t.Errorf("trying again: %s", c)
			}
		}
		wantUser(t, m, token, "")
	})
}

// TestTheFormerSessionStaysIfTheSignInIsUndone: the request ends while the new session is saved.
func TestTheFormerSessionStaysIfTheSignInIsUndone(t *testing.T) {
	t.Parallel()
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy})
	token := signIn(t, m, "ann")
	ctx, leave := context.WithCancel(t.Context())
	spy.reset(func(_ int, c call) error {
		if c.op == "commit" {
			leave()
		}
		return nil
	})
	w, r := request(m, token)
	if err := m.SignIn(w, r.WithContext(ctx), user("bob")); !errors.Is(err, context.Canceled) {
		t.Errorf("the sign-in: %v", err)
	}
	leave()
	wantUser(t, m, token, "ann")
}
