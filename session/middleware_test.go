package session_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/session"
)

// put is a handler that changes the session and then begins the answer.
func put(m *session.Manager, begin http.HandlerFunc) http.Handler {
	return m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.SCS().Put(r.Context(), "value", "put")
		begin(w, r)
	}))
}

func TestTheCookieIsSentHoweverTheAnswerBegins(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]http.HandlerFunc{
		"nothing written": func(http.ResponseWriter, *http.Request) {},
		"Write":           func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("x")) },
		"WriteString":     func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") },
		"WriteHeader":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"redirect":        func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there", http.StatusSeeOther) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, session.Config{})
			mux := site(t, m)
			mux.Handle("/begin", put(m, begin))
			mux.Handle("/saved", m.LoadAndSave(site(t, m)))
			b := serve(t, mux)
			resp, _ := b.get("/begin")
			if len(resp.Cookies()) != 1 || resp.Header.Get("Vary") != "Cookie" {
				t.Fatalf("the answer has %v", resp.Header)
			}
			w, r := request(m, b.cookie())
			m.LoadAndSave(site(t, m)).ServeHTTP(w, withPath(r, "/value"))
			if w.Body.String() != "put" {
				t.Errorf("the session has %q", w.Body)
			}
		})
	}
}

func TestAHandlerThatPanicsSavesNothing(t *testing.T) {
	t.Parallel()
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy})
	w, r := request(m, "")
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the panic did not go on")
			}
		}()
		put(m, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }).ServeHTTP(w, r)
	}()
	if len(spy.calls) != 0 || len(w.Result().Cookies()) != 0 {
		t.Errorf("%v, %v", spy.calls, w.Result().Cookies())
	}
}

func TestAnUnchangedSessionIsNotWritten(t *testing.T) {
	t.Parallel()
	for _, idle := range []time.Duration{0, time.Hour} {
		spy := newSpy()
		m := newManager(t, session.Config{Store: spy, IdleTimeout: idle})
		token := signIn(t, m, "ann")
		spy.reset(nil)
		for range 20 {
			w, r := request(m, token)
			m.LoadAndSave(site(t, m)).ServeHTTP(w, withPath(r, "/me"))
			if w.Body.String() != "ann true" || len(w.Result().Cookies()) != 0 {
				t.Errorf("%q, %v", w.Body, w.Result().Cookies())
			}
		}
		if n := spy.count("commit"); n != 0 {
			t.Errorf("idle timeout %v: %d writes", idle, n)
		}
		if n := spy.count("find"); n != 20 {
			t.Errorf("idle timeout %v: %d reads", idle, n)
		}
	}
}

func TestOneMiddlewareIsEnough(t *testing.T) {
	t.Parallel()
	for name, outer := range map[string]func(m *session.Manager) func(http.Handler) http.Handler{
		"ours": func(m *session.Manager) func(http.Handler) http.Handler { return m.LoadAndSave },
		"scs":  func(m *session.Manager) func(http.Handler) http.Handler { return m.SCS().LoadAndSave },
	} {
		spy := newSpy()
		m := newOver(t, spy)
		w, r := request(m, "")
		outer(m)(m.LoadAndSave(site(t, m))).ServeHTTP(w, withPath(r, "/put/once"))
		sent(t, w)
		if n := spy.count("commit"); n != 1 {
			t.Errorf("%s: %d writes", name, n)
		}
		if v := w.Header().Values("Vary"); len(v) != 1 {
			t.Errorf("%s: Vary %q", name, v)
		}
	}
}

func TestTwoManagersDoNotMixTheirSessions(t *testing.T) {
	t.Parallel()
	users, admins := newManager(t, session.Config{}), newManager(t, session.Config{CookieName: "admins"})
	token := signIn(t, users, "ann")
	w, r := request(users, token)
	users.LoadAndSave(admins.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, _, _ := users.Get(r.Context(), r); u.ID != "ann" {
			t.Errorf("%q", u.ID)
		}
		if u, ok, _ := admins.Get(r.Context(), r); ok {
			t.Errorf("%q is an admin", u.ID)
		}
	}))).ServeHTTP(w, r)
}

func TestADestroyedSessionClearsTheCookie(t *testing.T) {
	t.Parallel()
	m := newManager(t, session.Config{})
	token := signIn(t, m, "ann")
	w, r := request(m, token)
	m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := m.SCS().Destroy(r.Context()); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(w, r)
	if c := sent(t, w); c.MaxAge >= 0 {
		t.Error(c)
	}
	wantUser(t, m, token, "")
}

func TestJustScsStays(t *testing.T) {
	t.Parallel()
	// FromSCS leaves the application's settings alone.
	sm := scs.New()
	sm.Cookie.Name, sm.Lifetime, sm.HashTokenInStore = "mine", time.Hour, true
	m, err := session.FromSCS(sm, session.FromSCSConfig{Logger: quiet(), Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	if m.SCS() != sm || sm.Cookie.Name != "mine" || sm.Lifetime != time.Hour || !sm.HashTokenInStore {
		t.Errorf("%+v", sm)
	}
	if _, ok := sm.Codec.(scs.GobCodec); !ok {
		t.Errorf("%T", sm.Codec)
	}
}
