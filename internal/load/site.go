package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/xtest"
)

const (
	// asSite in the environment makes the binary a site.
	asSite = "XSIGNIN_LOAD_SITE"
	// publicURL is what visitors ask for. A door knows the replicas behind it.
	publicURL = "http://load.localhost"
	// secret seals the tokens of every run.
	secret = "0123456789abcdef0123456789abcdef"
)

// siteConfig is the line on a site's standard input.
type siteConfig struct {
	X     string // the address of X
	Place place
}

// siteReady is the line on its standard output when visitors may come.
type siteReady struct {
	Addr string
	Err  string
}

// siteStats is what a site says of itself.
type siteStats struct {
	Goroutines int
	Heap       uint64 // bytes that are in use, where a collection was asked for
	RSS        int64  // bytes; 0 where the system does not tell
	MaxRSS     int64
	Sessions   int // records in the store, where asked for
	Tokens     int
	Events     map[string]int
}

// site is one replica of an application made with the kit.
type site struct {
	x      string
	kit    *xsignin.Kit
	stores *stores

	mu     sync.Mutex // guards events
	events map[string]int
}

// runSite is the whole life of a site's process. It ends when in does.
func runSite(in io.Reader, out io.Writer) error {
	lines := json.NewDecoder(bufio.NewReader(in))
	var cfg siteConfig
	if err := lines.Decode(&cfg); err != nil {
		return err
	}
	s, addr, err := serveSite(cfg)
	if err != nil {
		return errors.Join(err, json.NewEncoder(out).Encode(siteReady{Err: err.Error()}))
	}
	if err := json.NewEncoder(out).Encode(siteReady{Addr: addr}); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, in)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(s.kit.Close(ctx), s.stores.close())
}

func serveSite(cfg siteConfig) (*site, string, error) {
	opened, err := cfg.Place.open(context.Background())
	if err != nil {
		return nil, "", err
	}
	s := &site{x: cfg.X, stores: opened, events: map[string]int{}}
	s.kit, err = xsignin.New(xsignin.Config{
		PublicURL: publicURL, Keys: []string{secret},
		ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
		ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret,
		APIURL: cfg.X, AuthorizeURL: cfg.X + "/i/oauth2/authorize",
		SessionStore: opened.sessions, Tokens: opened.tokens, SessionIdle: time.Hour,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Events: s.tell,
	})
	if err != nil {
		return nil, "", errors.Join(err, opened.close())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	srv := &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	go func() { _ = srv.Serve(l) }()
	return s, l.Addr().String(), nil
}

func (s *site) tell(_ context.Context, e event.Event) {
	kind := string(e.Kind)
	if e.Cause != "" {
		kind += ": " + e.Cause
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events[kind]++
}

// who is what the pages say: whose they are.
type who struct {
	Session string // the id of the user of the session
	X       string `json:",omitempty"` // the id that X gives for the user's token
	Note    string `json:",omitempty"` // what the application keeps in the session
}

func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/auth/", s.kit)
	mux.Handle("GET /{$}", s.kit.LoadUser(http.HandlerFunc(s.page)))
	mux.Handle("GET /me", s.kit.RequireUser(http.HandlerFunc(s.page)))
	mux.Handle("GET /call", s.kit.RequireUser(http.HandlerFunc(s.call)))
	mux.Handle("POST /refresh", s.kit.RequireUser(http.HandlerFunc(s.refresh)))
	saved := func(h http.HandlerFunc) http.Handler { return s.kit.Sessions().LoadAndSave(s.kit.RequireUser(h)) }
	mux.Handle("GET /note", saved(s.page))
	mux.Handle("POST /note", saved(func(w http.ResponseWriter, r *http.Request) {
		s.kit.Sessions().SCS().Put(r.Context(), "note", r.FormValue("note"))
		s.page(w, r)
	}))
	mux.HandleFunc("GET /stats", s.stats)
	return mux
}

func (s *site) page(w http.ResponseWriter, r *http.Request) {
	u, _ := xsignin.User(r.Context())
	page := who{Session: u.ID}
	if r.URL.Path == "/note" {
		page.Note = s.kit.Sessions().SCS().GetString(r.Context(), "note")
	}
	writeJSON(w, page)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// call asks X who the user is, by the user's client.
func (s *site) call(w http.ResponseWriter, r *http.Request) {
	u, _ := xsignin.User(r.Context())
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, s.x+"/2/users/me", http.NoBody)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	resp, err := xsignin.Client(r.Context()).Do(req)
	if err != nil {
		fail(w, err)
		return
	}
	defer resp.Body.Close()
	var me struct{ Data struct{ ID string } }
	if err := json.NewDecoder(resp.Body).Decode(&me); err != nil || resp.StatusCode != http.StatusOK {
		http.Error(w, "X answers "+resp.Status, http.StatusBadGateway)
		return
	}
	writeJSON(w, who{Session: u.ID, X: me.Data.ID})
}

func (s *site) refresh(w http.ResponseWriter, r *http.Request) {
	u, _ := xsignin.User(r.Context())
	if err := s.kit.Refresh(r.Context(), u.Key()); err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, who{Session: u.ID})
}

// signInAgain is the body that asks for a new sign-in.
const signInAgain = "sign in again"

func fail(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, client.ErrSignInAgain):
		http.Error(w, signInAgain, http.StatusUnauthorized)
	case errors.Is(err, client.ErrUnavailable):
		w.Header().Set("Retry-After", "1")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

func (s *site) stats(w http.ResponseWriter, r *http.Request) {
	st := siteStats{Goroutines: runtime.NumGoroutine(), Events: map[string]int{}}
	if r.FormValue("gc") != "" {
		// Twice: a pool of values is emptied by the second.
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		st.Heap = m.HeapAlloc
	}
	st.RSS, st.MaxRSS = memory()
	s.mu.Lock()
	for kind, n := range s.events {
		st.Events[kind] = n
	}
	s.mu.Unlock()
	if r.FormValue("records") != "" {
		var err error
		if st.Sessions, st.Tokens, err = s.stores.counts(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	writeJSON(w, st)
}

// memory is the process's, now and at most, as Linux counts it. Elsewhere it is what the
// runtime got from the system.
func memory() (now, most int64) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.Sys), int64(m.Sys)
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			now = kib << 10
		case "VmHWM":
			most = kib << 10
		}
	}
	return now, most
}
