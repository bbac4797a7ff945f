package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
)

var errStore = errors.New("the store is away")

// call is one call of a spyStore.
type call struct{ op, key string }

// spyStore is a store with contexts and iteration that notes its calls and lets a
// test act before each of them.
type spyStore struct {
	*memstore.MemStore
	mu     sync.Mutex // guards what follows
	calls  []call
	expiry map[string]time.Time
	before func(n int, c call) error // n counts from 1
	after  func(c call)
}

func newSpy() *spyStore {
	return &spyStore{MemStore: memstore.NewWithCleanupInterval(0), expiry: map[string]time.Time{}}
}

func (s *spyStore) note(ctx context.Context, op, key string) error {
	s.mu.Lock()
	c := call{op, key}
	s.calls = append(s.calls, c)
	n, before := len(s.calls), s.before
	s.mu.Unlock()
	if before != nil {
		if err := before(n, c); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *spyStore) done(op, key string) {
	s.mu.Lock()
	after := s.after
	s.mu.Unlock()
	if after != nil {
		after(call{op, key})
	}
}

func (s *spyStore) FindCtx(ctx context.Context, key string) ([]byte, bool, error) {
	if err := s.note(ctx, "find", key); err != nil {
		return nil, false, err
	}
	defer s.done("find", key)
	return s.MemStore.Find(key)
}

func (s *spyStore) CommitCtx(ctx context.Context, key string, b []byte, expiry time.Time) error {
	if err := s.note(ctx, "commit", key); err != nil {
		return err
	}
	defer s.done("commit", key)
	s.mu.Lock()
	s.expiry[key] = expiry
	s.mu.Unlock()
	return s.MemStore.Commit(key, b, expiry)
}

func (s *spyStore) DeleteCtx(ctx context.Context, key string) error {
	if err := s.note(ctx, "delete", key); err != nil {
		return err
	}
	defer s.done("delete", key)
	return s.MemStore.Delete(key)
}

func (s *spyStore) AllCtx(ctx context.Context) (map[string][]byte, error) {
	if err := s.note(ctx, "all", ""); err != nil {
		return nil, err
	}
	return s.MemStore.All()
}

func (s *spyStore) reset(before func(n int, c call) error) {
	s.mu.Lock()
	s.calls, s.before, s.after = nil, before, nil
	s.mu.Unlock()
}

func (s *spyStore) count(ops ...string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		for _, op := range ops {
			if c.op == op {
				n++
			}
		}
	}
	return n
}

func failing(int, call) error { return errStore }

// plainStore hides everything but scs.Store.
type plainStore struct{ scs.Store }

// secrets seal what the tests store.
var secrets = [][]byte{[]byte(strings.Repeat("s", 32))}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func newManager(t testing.TB, cfg session.Config) *session.Manager {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = quiet()
	}
	m, err := session.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newOver(t testing.TB, store scs.Store) *session.Manager {
	t.Helper()
	sm := scs.New()
	sm.Store = store
	sm.HashTokenInStore = true
	sm.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusInternalServerError) }
	m, err := session.FromSCS(sm, session.FromSCSConfig{Logger: quiet(), Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// mode is one way to use a manager: whose it is, and whose middleware is mounted.
type mode struct {
	name string
	make func(t testing.TB, store scs.Store) (*session.Manager, func(http.Handler) http.Handler)
}

func bare(next http.Handler) http.Handler { return next }

var modes = []mode{
	{"New, no middleware", func(t testing.TB, s scs.Store) (*session.Manager, func(http.Handler) http.Handler) {
		return newManager(t, session.Config{Store: s}), bare
	}},
	{"New, our LoadAndSave", func(t testing.TB, s scs.Store) (*session.Manager, func(http.Handler) http.Handler) {
		m := newManager(t, session.Config{Store: s})
		return m, m.LoadAndSave
	}},
	{"New, scs's LoadAndSave", func(t testing.TB, s scs.Store) (*session.Manager, func(http.Handler) http.Handler) {
		m := newManager(t, session.Config{Store: s})
		return m, m.SCS().LoadAndSave
	}},
	{"Over, no middleware", func(t testing.TB, s scs.Store) (*session.Manager, func(http.Handler) http.Handler) {
		return newOver(t, s), bare
	}},
	{"Over, our LoadAndSave", func(t testing.TB, s scs.Store) (*session.Manager, func(http.Handler) http.Handler) {
		m := newOver(t, s)
		return m, m.LoadAndSave
	}},
	{"Over, scs's LoadAndSave", func(t testing.TB, s scs.Store) (*session.Manager, func(http.Handler) http.Handler) {
		m := newOver(t, s)
		return m, m.SCS().LoadAndSave
	}},
}

// eachMode runs a test for each of the modes.
func eachMode(t *testing.T, test func(*testing.T, mode)) {
	t.Helper()
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			test(t, mode)
		})
	}
}

func user(subject string) provider.User {
	return provider.User{
		Provider: "x", AccountID: "id-" + subject, ID: subject, Username: subject + "_at_x", Name: "Name of " + subject,
		AvatarURL: "https://pbs.example/" + subject + ".jpg", Email: subject + "@example.org",
		SignedInAt: time.Date(2026, 3, 1, 12, 0, 0, 123e6, time.UTC),
	}
}

// site is an application's handlers over m.
func site(t testing.TB, m *session.Manager) *http.ServeMux {
	mux := http.NewServeMux()
	fail := func(w http.ResponseWriter, err error) { http.Error(w, err.Error(), http.StatusInternalServerError) }
	mux.HandleFunc("/login/{subject}", func(w http.ResponseWriter, r *http.Request) {
		if err := m.SignIn(w, r, user(r.PathValue("subject"))); err != nil {
			fail(w, err)
		}
	})
	mux.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) {
		if err := m.SignOut(w, r); err != nil {
			fail(w, err)
		}
	})
	mux.HandleFunc("/me", func(w http.ResponseWriter, r *http.Request) {
		u, ok, err := m.Load(w, r)
		if err != nil {
			fail(w, err)
			return
		}
		again, okAgain, err := m.Get(r.Context(), r)
		if again != u || okAgain != ok || err != nil {
			t.Errorf("Read gives %v, %t, %v; Load gave %v, %t", again, okAgain, err, u, ok)
		}
		if ok && u != user(u.ID) {
			t.Errorf("the identity came back changed: %+v", u)
		}
		fmt.Fprintf(w, "%s %t", u.ID, ok)
	})
	mux.HandleFunc("/put/{value}", func(w http.ResponseWriter, r *http.Request) {
		m.SCS().Put(r.Context(), "value", r.PathValue("value"))
	})
	mux.HandleFunc("/value", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, m.SCS().GetString(r.Context(), "value"))
	})
	return mux
}

// browser is a client with cookies that follows no redirects.
type browser struct {
	t    testing.TB
	base string
	*http.Client
}

func serve(t testing.TB, h http.Handler) *browser {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return newBrowser(t, srv)
}

func newBrowser(t testing.TB, srv *httptest.Server) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := *srv.Client()
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{t, srv.URL, &c}
}

func (b *browser) get(path string) (*http.Response, string) {
	b.t.Helper()
	resp, err := b.Get(b.base + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(body)
}

func (b *browser) want(path, body string) *http.Response {
	b.t.Helper()
	resp, got := b.get(path)
	if resp.StatusCode != http.StatusOK || got != body {
		b.t.Fatalf("GET %s gives %d %q, want 200 %q", path, resp.StatusCode, got, body)
	}
	return resp
}

// cookie is the session cookie that the browser has.
func (b *browser) cookie() string {
	req, _ := http.NewRequest("GET", b.base, nil)
	for _, c := range b.Jar.Cookies(req.URL) {
		if strings.HasSuffix(c.Name, "xsignin") || c.Name == "session" {
			return c.Value
		}
	}
	return ""
}

// request is a request with a session cookie, and a recorder for its answer.
func request(m *session.Manager, token string) (*httptest.ResponseRecorder, *http.Request) {
	r := httptest.NewRequest("GET", "/", nil)
	if token != "" {
		r.AddCookie(&http.Cookie{Name: m.SCS().Cookie.Name, Value: token})
	}
	return httptest.NewRecorder(), r
}

// signIn signs subject in and returns the cookie.
func signIn(t testing.TB, m *session.Manager, subject string) string {
	t.Helper()
	w, r := request(m, "")
	if err := m.SignIn(w, r, user(subject)); err != nil {
		t.Fatal(err)
	}
	return sent(t, w).Value
}

// sent is the one cookie of an answer.
func sent(t testing.TB, w *httptest.ResponseRecorder) *http.Cookie {
	t.Helper()
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies sent, want 1: %v", len(cookies), cookies)
	}
	return cookies[0]
}

func wantUser(t testing.TB, m *session.Manager, token, subject string) {
	t.Helper()
	_, r := request(m, token)
	u, ok, err := m.Get(r.Context(), r)
	if err != nil || u.ID != subject || ok != (subject != "") {
		t.Fatalf("Read gives %q, %t, %v; want %q", u.ID, ok, err, subject)
	}
}
