package xecho_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alexedwards/scs/v2/memstore"
	"github.com/labstack/echo/v4"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/xtest"
)

// site is an application in echo, with a server, a kit and a local X.
type site struct {
	t     *testing.T
	url   string
	x     *xtest.X
	kit   *xsignin.Kit
	store *store
	log   *strings.Builder
}

// newSite serves what routes registers. The kit is mounted by routes; path is that of PublicURL.
func newSite(t *testing.T, path string, routes func(e *echo.Echo, kit *xsignin.Kit)) *site {
	t.Helper()
	engine := echo.New()
	srv := httptest.NewUnstartedServer(engine)
	t.Cleanup(srv.Close)
	s := &site{t: t, url: "http://" + srv.Listener.Addr().String(), x: xtest.New(xtest.Config{}), store: &store{MemStore: memstore.New()}, log: &strings.Builder{}}
	s.x.SetCallbacks(s.url + path + "/auth/callback")
	kit, err := xsignin.New(xsignin.Config{
		PublicURL: s.url + path, ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
		Transport: s.x.Transport(), SessionStore: s.store, Logger: slog.New(slog.NewTextHandler(s.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.kit = kit
	routes(engine, kit)
	srv.Start()
	return s
}

// browser keeps cookies and does not follow redirects.
func (s *site) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// signedIn is a browser whose user has signed in by the login at path.
func (s *site) signedIn(path string) *http.Client {
	s.t.Helper()
	b := s.browser()
	resp, err := s.x.SignIn(b, s.url+path, xtest.DefaultUserID)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("the callback answers %s", resp.Status)
	}
	return b
}

type answer struct {
	*http.Response
	body string
}

func (s *site) send(b *http.Client, method, path string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := b.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp, string(body)}
}

func (s *site) get(b *http.Client, path string) answer {
	s.t.Helper()
	return s.send(b, http.MethodGet, path)
}

// login is where a stranger is sent who loads path.
func login(prefix, path string) string {
	return prefix + "/auth/login?" + url.Values{"return_to": {path}}.Encode()
}

// store is a session store that can be away.
type store struct {
	*memstore.MemStore
	away atomic.Bool
}

func (s *store) Find(token string) ([]byte, bool, error) {
	if s.away.Load() {
		return nil, false, errors.New("the store is away")
	}
	return s.MemStore.Find(token)
}
