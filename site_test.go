package xsignin_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// site is an application with the kit in it and a local X behind it. Nothing of it uses
// the network, so that it also works in a testing/synctest bubble.
type site struct {
	t        *testing.T
	x        *xtest.X
	kit      *xsignin.Kit
	mux      *http.ServeMux
	public   string
	sessions *sessionStore
	tokens   *spyStore
	log      *lockedBuffer
	watch    *watch

	closing sync.Once
	mu      sync.Mutex
	events  []event.Event
}

func newSite(t *testing.T, edit ...func(*xsignin.Config)) *site {
	t.Helper()
	s := &site{
		t: t, mux: http.NewServeMux(), log: &lockedBuffer{},
		x:        xtest.New(xtest.Config{}),
		watch:    &watch{secrets: make(map[string]string)},
		sessions: &sessionStore{MemStore: memstore.NewWithCleanupInterval(0)},
		tokens:   &spyStore{Store: tokenstore.NewMemory(), held: make(map[tokenstore.Key][]byte)},
	}
	cfg := xsignin.Config{
		PublicURL: "http://127.0.0.1:8080",
		ClientID:  xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
		ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret,
		Keys:      []string{strings.Repeat("k", 32)},
		Transport: transport{s.x.Transport(), s.watch}, SessionStore: s.sessions, Tokens: s.tokens,
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Events: func(_ context.Context, e event.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
		},
	}
	for _, f := range edit {
		f(&cfg)
	}
	kit, err := xsignin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.kit, s.public = kit, cfg.PublicURL
	s.x.SetCallbacks(s.public + "/auth/callback")
	t.Cleanup(func() {
		s.close()
		s.noSecretCameOut(cfg)
	})
	s.mux.Handle("/auth/", kit)
	s.mux.Handle("/me", kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, ok := xsignin.User(r.Context())
		if !ok {
			http.Error(w, "RequireUser let nobody through", http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(u)
	})))
	s.mux.Handle("/api", kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "https://api.x.com/2/users/me", http.NoBody)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		resp, err := xsignin.Client(r.Context()).Do(req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	})))
	s.mux.Handle("/{$}", kit.LoadUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, ok := xsignin.User(r.Context())
		if ok {
			_, _ = io.WriteString(w, "hello @"+u.Username)
			return
		}
		_, _ = io.WriteString(w, "hello")
	})))
	return s
}

// close closes the kit, once: a bubble closes what ran in it.
func (s *site) close() {
	s.closing.Do(func() {
		if err := s.kit.Close(context.Background()); err != nil {
			s.t.Errorf("Close: %v", err)
		}
	})
}

// bubble runs f in a testing/synctest bubble, where time moves when all wait. The site is
// made before: scs starts a goroutine that never ends, which no bubble allows.
func (s *site) bubble(f func()) {
	s.t.Helper()
	synctest.Test(s.t, func(*testing.T) {
		defer s.close()
		f()
	})
}

// told returns the kinds of event so far.
func (s *site) told() []event.Kind {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kinds []event.Kind
	for _, e := range s.events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// sessionCount is how many records the session store holds, tombstones aside.
func (s *site) sessionCount() int {
	all, err := s.sessions.All()
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, b := range all {
		if len(b) > 40 {
			n++
		}
	}
	return n
}

// browser keeps cookies and follows no redirect by itself.
type browser struct {
	s      *site
	client *http.Client
	jar    http.CookieJar
}

func (s *site) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &browser{s: s, jar: jar, client: &http.Client{
		Jar: jar, Transport: inProcess{s.mux},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is a response that was read to its end.
type answer struct {
	*http.Response
	body string
}

// location is where the answer sends the browser.
func (a answer) location() string { return a.Header.Get("Location") }

var followed = regexp.MustCompile(`id="follow" href="([^"]*)"`)

// onward is where a page on the way to X leads, or "".
func (a answer) onward() string {
	if m := followed.FindStringSubmatch(a.body); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}

// send sends a request as a browser's page load. Headers come in pairs.
func (b *browser) send(method, target string, body url.Values, headers ...string) answer {
	b.s.t.Helper()
	if strings.HasPrefix(target, "/") {
		u, err := url.Parse(b.s.public)
		if err != nil {
			b.s.t.Fatal(err)
		}
		target = u.Scheme + "://" + u.Host + target
	}
	var r io.Reader = http.NoBody
	if body != nil {
		r = strings.NewReader(body.Encode())
	}
	req, err := http.NewRequestWithContext(context.Background(), method, target, r)
	if err != nil {
		b.s.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.s.t.Fatal(err)
	}
	a := answer{resp, string(text)}
	b.s.watch.answered(a)
	return a
}

func (b *browser) get(target string, headers ...string) answer {
	b.s.t.Helper()
	return b.send(http.MethodGet, target, nil, headers...)
}

// begin goes to the login and returns the address at X that it leads to.
func (b *browser) begin(login string) string {
	b.s.t.Helper()
	a := b.get(login)
	if a.StatusCode != http.StatusSeeOther {
		b.s.t.Fatalf("%s: status %d, body %s", login, a.StatusCode, a.body)
	}
	return a.location()
}

// approve is what X sends the browser back to when userID says yes at consent.
func (b *browser) approve(consent, userID string) string {
	b.s.t.Helper()
	callback, err := b.s.x.Approve(consent, userID)
	if err != nil {
		b.s.t.Fatal(err)
	}
	return callback
}

// signIn goes through a whole sign-in and returns the callback's answer.
func (b *browser) signIn(login, userID string) answer {
	b.s.t.Helper()
	a := b.get(b.approve(b.begin(login), userID))
	if a.StatusCode != http.StatusSeeOther {
		b.s.t.Fatalf("callback: status %d, body %s", a.StatusCode, a.body)
	}
	return a
}

// who is the id of the user who is signed in, or "".
func (b *browser) who() string {
	b.s.t.Helper()
	var doc struct {
		SignedIn bool           `json:"signed_in"`
		User     *provider.User `json:"user"`
	}
	a := b.get("/auth/session", "Accept", "application/json")
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		b.s.t.Fatalf("/auth/session: status %d: %v", a.StatusCode, err)
	}
	if doc.SignedIn != (doc.User != nil) {
		b.s.t.Fatalf("/auth/session contradicts itself: %s", a.body)
	}
	if doc.User == nil {
		return ""
	}
	return doc.User.ID
}

// cookies are the names of the cookies that the browser would send to the site.
func (b *browser) cookies() []string {
	u, err := url.Parse(b.s.public + "/")
	if err != nil {
		b.s.t.Fatal(err)
	}
	var names []string
	for _, c := range b.jar.Cookies(u) {
		names = append(names, c.Name)
	}
	return names
}

// inProcess is a RoundTripper that calls a handler.
type inProcess struct{ h http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.Host, in.RemoteAddr = r.URL.RequestURI(), r.URL.Host, "192.0.2.1:1234"
	if r.URL.Scheme == "https" {
		in.TLS = &tls.ConnectionState{}
	}
	in.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	p.h.ServeHTTP(w, in)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// spyStore knows what a token store holds and can fail.
type spyStore struct {
	tokenstore.Store
	mu   sync.Mutex
	held map[tokenstore.Key][]byte
	// fail is the error of every call; nil for none.
	fail error
	gets int
}

func (s *spyStore) failing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail
}

func (s *spyStore) setFail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *spyStore) keys() []tokenstore.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []tokenstore.Key
	for k := range s.held {
		keys = append(keys, k)
	}
	return keys
}

func (s *spyStore) Get(ctx context.Context, key tokenstore.Key) (tokenstore.Entry, error) {
	s.mu.Lock()
	s.gets++
	s.mu.Unlock()
	if err := s.failing(); err != nil {
		return tokenstore.Entry{}, err
	}
	return s.Store.Get(ctx, key)
}

func (s *spyStore) Put(ctx context.Context, key tokenstore.Key, value []byte) (tokenstore.Version, error) {
	if err := s.failing(); err != nil {
		return "", err
	}
	v, err := s.Store.Put(ctx, key, value)
	if err == nil {
		s.mu.Lock()
		s.held[key] = bytes.Clone(value)
		s.mu.Unlock()
	}
	return v, err
}

func (s *spyStore) Delete(ctx context.Context, key tokenstore.Key) error {
	if err := s.failing(); err != nil {
		return err
	}
	err := s.Store.Delete(ctx, key)
	if err == nil {
		s.mu.Lock()
		delete(s.held, key)
		s.mu.Unlock()
	}
	return err
}

// sessionStore is a session store that can fail.
type sessionStore struct {
	*memstore.MemStore
	mu   sync.Mutex
	fail error
}

func (s *sessionStore) failing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail
}

func (s *sessionStore) setFail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *sessionStore) Find(token string) ([]byte, bool, error) {
	if err := s.failing(); err != nil {
		return nil, false, err
	}
	return s.MemStore.Find(token)
}

func (s *sessionStore) Commit(token string, b []byte, expiry time.Time) error {
	if err := s.failing(); err != nil {
		return err
	}
	return s.MemStore.Commit(token, b, expiry)
}

func (s *sessionStore) Delete(token string) error {
	if err := s.failing(); err != nil {
		return err
	}
	return s.MemStore.Delete(token)
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
