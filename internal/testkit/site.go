package testkit

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// Site is an application with a kit and a local X. It does not use the network, so it also
// works in a testing/synctest bubble.
type Site struct {
	T   *testing.T
	X   *xtest.X
	Kit *xsignin.Kit
	// Mux has the kit at /auth/, and the pages of NewSite. Tests add their own.
	Mux *http.ServeMux
	// Public is the configured PublicURL.
	Public   string
	Sessions *SessionStore
	Tokens   *TokenStore
	Log      *LogBuffer
	Watch    *Watch

	transport http.RoundTripper // sends requests to the site
	closing   sync.Once
	mu        sync.Mutex
	events    []event.Event
}

// Config returns a configuration for both protocols of x. It logs nothing.
func Config(x *xtest.X) xsignin.Config {
	return xsignin.Config{
		PublicURL:    "http://127.0.0.1:8080",
		ClientID:     xtest.DefaultClientID,
		ClientSecret: xtest.DefaultClientSecret,
		OAuth1:       xsignin.OAuth1Config{ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret},
		Secrets:      []string{strings.Repeat("k", 32)},
		X:            xsignin.XEndpoints{Transport: x.Transport()},
		Logger:       slog.New(slog.DiscardHandler),
	}
}

// NewSite returns a site with the configuration of Config, edited by edit. Without sessions of
// the kit it has no pages. At the end of the
// test it closes the kit, and fails the test if a secret came out.
func NewSite(t *testing.T, edit ...func(*xsignin.Config)) *Site {
	t.Helper()
	s := &Site{
		T: t, Mux: http.NewServeMux(), Log: &LogBuffer{},
		X:        xtest.New(xtest.Config{}),
		Watch:    &Watch{secrets: make(map[string]string)},
		Sessions: &SessionStore{MemStore: memstore.NewWithCleanupInterval(0)},
		Tokens:   &TokenStore{Store: tokenstore.NewMemory(), held: make(map[tokenstore.Key][]byte)},
	}
	xapi.Mount(s.X)
	cfg := Config(s.X)
	cfg.X.Transport = WatchedTransport{RoundTripper: s.X.Transport(), Watch: s.Watch}
	cfg.Session.Store, cfg.TokenStore = s.Sessions, s.Tokens
	cfg.Logger = slog.New(slog.NewTextHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg.OnEvent = func(_ context.Context, e event.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = append(s.events, e)
	}
	for _, f := range edit {
		f(&cfg)
	}
	kit, err := xsignin.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Kit, s.Public, s.transport = kit, cfg.PublicURL, InProcess{Handler: s.Mux}
	s.X.SetCallbacks(s.Public + "/auth/callback")
	t.Cleanup(func() {
		s.Close()
		s.noSecretCameOut(cfg)
	})
	s.Mux.Handle("/auth/", kit)
	if cfg.Session.Disabled {
		return s
	}
	s.Mux.Handle("/me", kit.RequireUser(http.HandlerFunc(serveUser)))
	s.Mux.Handle("/api", kit.RequireUser(http.HandlerFunc(serveCall)))
	s.Mux.Handle("/{$}", kit.LoadUser(http.HandlerFunc(serveHello)))
	return s
}

// serveUser writes the signed-in user as JSON.
func serveUser(w http.ResponseWriter, r *http.Request) {
	u, ok := xsignin.User(r.Context())
	if !ok {
		http.Error(w, "RequireUser let nobody through", http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(u)
}

// serveCall calls X's API as the signed-in user and passes the answer on.
func serveCall(w http.ResponseWriter, r *http.Request) {
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
}

// serveHello greets the user, if there is one.
func serveHello(w http.ResponseWriter, r *http.Request) {
	u, ok := xsignin.User(r.Context())
	if ok {
		_, _ = io.WriteString(w, "hello @"+u.Username)
		return
	}
	_, _ = io.WriteString(w, "hello")
}

// Browser returns a new browser of a visitor of the site.
func (s *Site) Browser() *Browser {
	b := NewBrowser(s.T, s.X, s.Public, s.transport)
	b.watch = s.Watch
	return b
}

// Close closes the kit. Later calls do nothing, because a bubble closes the kit before the
// test ends.
func (s *Site) Close() {
	s.closing.Do(func() {
		if err := s.Kit.Close(context.Background()); err != nil {
			s.T.Errorf("Close: %v", err)
		}
	})
}

// Bubble runs f in a testing/synctest bubble, where time moves when all goroutines wait. It
// closes the kit at the end of f. Create the site outside the bubble: scs starts a goroutine
// that never ends, which no bubble allows.
func (s *Site) Bubble(f func()) {
	s.T.Helper()
	synctest.Test(s.T, func(*testing.T) {
		defer s.Close()
		f()
	})
}

// Told returns the kinds of the events so far.
func (s *Site) Told() []event.Kind {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kinds []event.Kind
	for _, e := range s.events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// LastEvent returns the latest event.
func (s *Site) LastEvent() event.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events[len(s.events)-1]
}

// SessionCount returns how many records the session store holds, without tombstones.
func (s *Site) SessionCount() int {
	all, err := s.Sessions.All()
	if err != nil {
		s.T.Fatal(err)
	}
	n := 0
	for _, b := range all {
		if len(b) > 40 {
			n++
		}
	}
	return n
}
