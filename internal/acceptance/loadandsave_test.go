package acceptance_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/xtest"
)

// refusingStore is a session store that refuses a commit.
type refusingStore struct {
	*memstore.MemStore
	// in is the number of session commits before one fails. Below zero none fails.
	in atomic.Int64
}

func (s *refusingStore) Commit(token string, b []byte, expiry time.Time) error {
	// Tombstones are short.
	if len(b) > 40 && s.in.Add(-1) == -1 {
		return errors.New("the disk is full")
	}
	return s.MemStore.Commit(token, b, expiry)
}

// wrapped returns a site that is wrapped in LoadAndSave.
func wrapped(t *testing.T, edit ...func(*xsignin.Config)) (*site, *browser) {
	t.Helper()
	s := newSite(t, edit...)
	b := s.browser()
	b.Client.Transport = testkit.InProcess{Handler: s.Kit.Sessions().LoadAndSave(s.Mux)}
	return s, b
}

// TestNothingRemainsBehindLoadAndSave: the sign-in saves the session, and the middleware saves
// it again. If either of them fails, neither a session nor a token remains.
func TestNothingRemainsBehindLoadAndSave(t *testing.T) {
	for _, p := range flows {
		for name, after := range map[string]int64{"the sign-in's commit": 0, "the middleware's commit": 1} {
			t.Run(p.name+", "+name, func(t *testing.T) {
				store := &refusingStore{MemStore: memstore.NewWithCleanupInterval(0)}
				store.in.Store(-1)
				s, b := wrapped(t, func(c *xsignin.Config) { c.Session.Store = store })
				callback := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
				store.in.Store(after)
				if a := b.Get(callback); a.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("status %d to %q", a.StatusCode, a.Redirect())
				}
				if store.in.Load() >= 0 {
					t.Fatal("no commit failed")
				}
				if slices.ContainsFunc(b.Cookies(), func(name string) bool { return name == "xsignin" }) || b.Who() != "" {
					t.Error("the browser has a session")
				}
				all, err := store.All()
				if err != nil {
					t.Fatal(err)
				}
				for _, record := range all {
					if len(record) > 40 {
						t.Error("a session is stored")
					}
				}
				if keys := s.Tokens.Keys(); len(keys) != 0 {
					t.Errorf("tokens are stored: %v", keys)
				}
				told := s.Told()
				if !slices.Contains(told, event.SignInFailed) || slices.Contains(told, event.SignInDone) {
					t.Errorf("told %v", told)
				}
				if b.SignIn(p.login, xtest.DefaultUserID); b.Who() != xtest.DefaultUserID {
					t.Error("the next sign-in does not work")
				}
			})
		}
	}
}

// mayBeReused reports whether a shared cache may reuse the cookie of a response: RFC 9111,
// sections 3 and 5.2.2, and RFC 9213.
func mayBeReused(h http.Header) bool {
	for _, name := range cacheHeaders {
		if h.Get(name) != "" {
			return true
		}
	}
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		switch strings.ToLower(strings.TrimSpace(directive)) {
		case "no-store", "private", "no-cache", `no-cache="set-cookie"`, `private="set-cookie"`:
			return false
		}
	}
	return true
}

// cacheHeaders are headers that shared caches obey before Cache-Control.
var cacheHeaders = []string{"Cdn-Cache-Control", "Cloudflare-Cdn-Cache-Control", "Surrogate-Control", "Edge-Control", "X-Accel-Expires", "Expires"}

// public is a handler that lets every cache store its response.
func public(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=3600")
	for _, name := range cacheHeaders {
		w.Header().Set(name, "max-age=600")
	}
	_, _ = w.Write([]byte("news"))
}

// TestALiveCookieIsInNoAnswerThatMayBeCached: handlers set Cache-Control after the kit.
func TestALiveCookieIsInNoAnswerThatMayBeCached(t *testing.T) {
	own := scs.New()
	own.HashTokenInStore, own.IdleTimeout = true, time.Hour
	for name, edit := range map[string]func(*xsignin.Config){
		"the kit's sessions":         func(*xsignin.Config) {},
		"with an idle timeout":       func(c *xsignin.Config) { c.Session.IdleTimeout = time.Hour },
		"the application's sessions": func(c *xsignin.Config) { c.Session.Store, c.Session.Manager = nil, own },
	} {
		t.Run(name, func(t *testing.T) {
			s, b := wrapped(t, edit)
			values := s.Kit.Sessions().SCS()
			put := func(w http.ResponseWriter, r *http.Request) {
				values.Put(r.Context(), "seen", time.Now().UnixNano())
				public(w, r)
			}
			renew := func(w http.ResponseWriter, r *http.Request) {
				if err := values.RenewToken(r.Context()); err != nil {
					t.Error(err)
				}
				public(w, r)
			}
			for path, h := range map[string]http.HandlerFunc{"/public": public, "/put": put, "/renew": renew} {
				s.Mux.Handle(path, h)
				s.Mux.Handle("/load"+path, s.Kit.LoadUser(h))
				s.Mux.Handle("/require"+path, s.Kit.RequireUser(h))
			}
			visit := func(who string) (cookies int) {
				for _, group := range []string{"", "/load", "/require"} {
					for _, path := range []string{"/public", "/put", "/renew"} {
						a := b.Get(group + path)
						cookies += len(a.Cookies())
						if len(a.Cookies()) > 0 && mayBeReused(a.Header) {
							t.Errorf("%s, %s%s: a cookie with Cache-Control %q", who, group, path, a.Header.Values("Cache-Control"))
						}
					}
				}
				return cookies
			}
			if visit("nobody") == 0 {
				t.Error("no answer had a cookie: this tests nothing")
			}
			b.SignIn("/auth/login", xtest.DefaultUserID)
			if visit("a user") == 0 {
				t.Error("no answer had a cookie: this tests nothing")
			}
		})
	}
}

// TestASuccessHandlerCannotMakeTheCookieCacheable: the response to a callback has the cookie of
// the new session.
func TestASuccessHandlerCannotMakeTheCookieCacheable(t *testing.T) {
	for _, around := range []bool{false, true} {
		var b *browser
		edit := func(c *xsignin.Config) { c.Success = http.HandlerFunc(public) }
		if around {
			_, b = wrapped(t, edit)
		} else {
			b = newSite(t, edit).browser()
		}
		a := b.Get(b.Approve(b.Begin("/auth/login?"+url.Values{"return_to": {"/me"}}.Encode()), xtest.DefaultUserID))
		if a.Text != "news" || b.Who() == "" {
			t.Fatalf("status %d, %s", a.StatusCode, a.Text)
		}
		if len(a.Cookies()) == 0 || mayBeReused(a.Header) {
			t.Errorf("LoadAndSave %t: %d cookies with Cache-Control %q", around, len(a.Cookies()), a.Header.Values("Cache-Control"))
		}
	}
}

// TestNoHeaderOfASuccessHandlerMakesTheCookieCacheable: some headers are for shared caches
// only, and handlers begin an answer in several ways.
func TestNoHeaderOfASuccessHandlerMakesTheCookieCacheable(t *testing.T) {
	long := http.Header{
		"Cache-Control": {"public, max-age=60", "s-maxage=600"}, "Cdn-Cache-Control": {"max-age=600"}, "Expires": {"Thu, 31 Dec 2099 00:00:00 GMT"},
		"Surrogate-Control": {"max-age=600"}, "X-Accel-Expires": {"600"}, "Cloudflare-Cdn-Cache-Control": {"max-age=600"}, "Vary": {"Accept"},
		"X-Dns-Prefetch-Control": {"off"}, "Edge-Control": {"!no-store, max-age=600"},
	}
	for name, begin := range map[string]func(w http.ResponseWriter){
		"a status":            func(w http.ResponseWriter) { w.WriteHeader(http.StatusCreated) },
		"a body":              func(w http.ResponseWriter) { _, _ = w.Write([]byte("news")) },
		"nothing":             func(http.ResponseWriter) {},
		"a flush":             func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() },
		"early hints":         func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints); w.WriteHeader(http.StatusOK) },
		"a copy":              func(w http.ResponseWriter) { _, _ = io.Copy(w, strings.NewReader("news")) },
		"a redirect":          func(w http.ResponseWriter) { w.Header().Set("Location", "/"); w.WriteHeader(http.StatusSeeOther) },
		"an answer not found": func(w http.ResponseWriter) { http.Error(w, "none", http.StatusNotFound) },
	} {
		s := newSite(t, func(c *xsignin.Config) {
			c.Success = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				maps.Copy(w.Header(), long)
				begin(w)
			})
			c.Failure = c.Success
		})
		b := s.browser()
		a := b.Get(b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID))
		failed := b.Get(testkit.Edited(t, b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID), "code", "made-up"))
		if len(failed.Cookies()) == 0 || mayBeReused(failed.Header) {
			t.Errorf("%s: a failure: %d cookies with %v", name, len(failed.Cookies()), failed.Header)
		}
		if len(a.Cookies()) == 0 || a.Header.Get("Cache-Control") != "no-store" || len(a.Header.Values("Cache-Control")) != 1 {
			t.Errorf("%s: %d cookies with Cache-Control %q", name, len(a.Cookies()), a.Header.Values("Cache-Control"))
		}
		for _, header := range cacheHeaders {
			if got := a.Header.Get(header); got != "" && name != "an answer not found" {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
		if a.Header.Get("X-DNS-Prefetch-Control") != "off" {
			t.Errorf("%s: a header of the handler is missing", name)
		}
	}
}

// TestNoHeaderOfAMiddlewareMakesAnAnswerCacheable: a middleware in front may set headers for all
// answers, and shared caches obey some of them before the kit's Cache-Control.
func TestNoHeaderOfAMiddlewareMakesAnAnswerCacheable(t *testing.T) {
	for _, own := range []string{"", "public, max-age=600"} {
		s := newSite(t, func(c *xsignin.Config) { c.Session.IdleTimeout = time.Hour })
		b := s.browser()
		s.Mux.Handle("/scopes", s.Kit.RequireScopes("tweet.write")(http.HandlerFunc(serveHello)))
		b.Client.Transport = testkit.InProcess{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, name := range cacheHeaders {
				w.Header().Set(name, "max-age=600")
			}
			if own != "" {
				w.Header().Set("Cache-Control", own)
			}
			s.Mux.ServeHTTP(w, r)
		})}
		see := func(a answer) answer {
			if path := a.Request.URL.Path; mayBeReused(a.Header) && !(path == "/" && own != "") {
				t.Errorf("%s: status %d, %v", path, a.StatusCode, a.Header)
			}
			return a
		}
		see(b.Get("/me"))
		begun := see(b.Get("/auth/login"))
		see(b.Get("/auth/callback?state=x"))
		see(b.Get(b.Approve(begun.Redirect(), xtest.DefaultUserID)))
		for _, path := range []string{"/me", "/", "/scopes", "/auth/session", "/auth/logout", "/auth/nothing", "/auth/login?cookie_test=1"} {
			see(b.Get(path))
		}
		s.Sessions.SetFail(errors.New("away"))
		see(b.Get("/me"))
		see(b.Get("/auth/session"))
		s.Sessions.SetFail(nil)
		if see(b.Send(http.MethodPost, "/auth/logout", nil)); b.Who() != "" {
			t.Error("still signed in")
		}
	}
}
