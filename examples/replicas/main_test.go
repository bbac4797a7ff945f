package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/demo"
	"github.com/xsignin/xsignin/examples/internal/storage"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/xtest"
)

// TestStartsWithoutKeys runs the command's own main, without a server.
func TestStartsWithoutKeys(t *testing.T) {
	t.Parallel()
	base, _ := testkit.Start(t, nil, run)
	var by []string
	for range replicas {
		resp, err := http.Get(base)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		by = append(by, resp.Header.Get("X-Replica"))
	}
	if slices.Sort(by); !slices.Equal(by, []string{"1", "2", "3"}) {
		t.Errorf("answered by %q", by)
	}
}

func TestWrongVariables(t *testing.T) {
	t.Parallel()
	for _, env := range []map[string]string{
		{"DATABASE_URL": "memory:"}, {"DATABASE_URL": "nonsense"}, {"DATABASE_URL": "postgres://u@h/d", "SECRETS": ""},
		{"REDIS_URL": "redis://h"},
	} {
		env["ADDR"] = "127.0.0.1:0"
		if err := run(t.Context(), func(name string) string { return env[name] }, io.Discard); err == nil {
			t.Errorf("%v: no error", env)
		}
	}
}

// site is the replicas behind their proxy, with an X that a test can change.
type site struct {
	*testing.T
	x   *xtest.X
	url string

	mu sync.Mutex          // guards by
	by map[string][]string // the replica that answered, by path
}

func newSite(t *testing.T, at storage.Place) *site {
	t.Helper()
	s := &site{T: t, by: map[string][]string{}}
	srv := httptest.NewUnstartedServer(nil)
	s.url = "http://" + srv.Listener.Addr().String()
	s.x = xtest.New(xtest.Config{Callbacks: []string{s.url + "/auth/callback"}})
	demo.Mount(s.x)
	all, err := startAll(t.Context(), xsignin.Config{
		PublicURL: s.url, ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
		Secrets: []string{strings.Repeat("k", 32)}, X: xsignin.XEndpoints{Transport: s.x.Transport()}, Logger: slog.New(slog.DiscardHandler),
	}, at)
	if err != nil {
		t.Fatal(err)
	}
	var urls []*url.URL
	for _, r := range all {
		urls = append(urls, r.url)
	}
	proxy := newProxy(urls).(*httputil.ReverseProxy)
	// This runs before the browser gets the response.
	proxy.ModifyResponse = func(resp *http.Response) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		path := resp.Request.URL.Path
		s.by[path] = append(s.by[path], resp.Header.Get("X-Replica"))
		return nil
	}
	srv.Config.Handler = proxy
	srv.Start()
	t.Cleanup(func() {
		srv.Close()
		if err := endAll(context.Background(), all); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *site) answered(path string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.by[path])
}

func (s *site) signIn() *http.Client {
	s.Helper()
	jar, _ := cookiejar.New(nil)
	b := &http.Client{Jar: jar}
	resp, err := s.x.SignIn(b, s.url+"/auth/login", xtest.DefaultUserID)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		body, _ := io.ReadAll(resp.Body)
		s.Fatalf("%s\n%s", resp.Status, body)
	}
	return b
}

// signedIn sends the request to the next replica.
func (s *site) signedIn(b *http.Client) bool {
	s.Helper()
	resp, err := b.Get(s.url + "/auth/session")
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.Fatalf("%s %v", resp.Status, err)
	}
	return strings.Contains(string(body), `"signed_in":true`)
}

// refreshes is the number of token refreshes at X.
func (s *site) refreshes() (n int) {
	for _, r := range s.x.Requests() {
		if r.Path == "/2/oauth2/token" && r.Form.Get("grant_type") == "refresh_token" {
			n++
		}
	}
	return n
}

func TestReplicas(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		journey(t, storage.Place{Kind: storage.InSQLite, At: filepath.Join(t.TempDir(), "replicas.db"), Variable: "DATABASE_URL"})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		journey(t, storage.Place{Kind: storage.InPostgres, At: testservers.Postgres(t), Variable: "DATABASE_URL"})
	})
	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		journey(t, storage.Place{Kind: storage.InRedis, At: "redis://" + testservers.Redis(t) + "/0", Variable: "REDIS_URL"})
	})
}

func journey(t *testing.T, at storage.Place) {
	s := newSite(t, at)
	b := s.signIn()
	if begun, ended := s.answered("/auth/login"), s.answered("/auth/callback"); len(begun) != 1 || len(ended) != 1 || begun[0] == ended[0] {
		t.Errorf("begun on %q and ended on %q: that is no test", begun, ended)
	}
	for range replicas {
		if !s.signedIn(b) {
			t.Error("a replica does not know the session")
		}
	}

	// X's tokens live for two hours. All replicas notice the expiry at once, and have the old
	// token.
	for range replicas {
		s.page(b)
	}
	s.x.Advance(3 * time.Hour)
	var wg sync.WaitGroup
	for range 8 * replicas {
		wg.Go(func() { s.page(b) })
	}
	wg.Wait()
	if by := s.answered("/"); len(slices.Compact(slices.Sorted(slices.Values(by)))) != replicas {
		t.Errorf("answered by %q: that is no test", by)
	}
	if n := s.refreshes(); n != 1 {
		t.Errorf("%d refreshes, not 1", n)
	}

	// A sign-out everywhere at one replica applies to all of them at once.
	other := s.signIn()
	resp, err := b.PostForm(s.url+"/auth/logout", url.Values{"everywhere": {"1"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	for range replicas {
		if s.signedIn(b) || s.signedIn(other) {
			t.Error("a browser is still signed in")
		}
	}
	if b = s.signIn(); !s.signedIn(b) {
		t.Error("nobody comes in again")
	}
}

// page loads the page of the signed-in user, which calls X.
func (s *site) page(b *http.Client) {
	s.Helper()
	resp, err := b.Get(s.url + "/")
	if err != nil {
		s.Error(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "X answers this replica with") {
		s.Errorf("%s\n%s", resp.Status, body)
	}
}
