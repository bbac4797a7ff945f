package acceptance_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/xtest"
)

// countedConn records when it is closed.
type countedConn struct {
	net.Conn
	once sync.Once
	open *atomic.Int64
}

func (c *countedConn) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// goroutines returns the stacks of goroutines that run this module's code or use a connection.
// It leaves out the goroutine with which scs cleans a store, because that one never ends.
func goroutines() []string {
	buf := make([]byte, 1<<20)
	for n := runtime.Stack(buf, true); n == len(buf); n = runtime.Stack(buf, true) {
		buf = make([]byte, 2*len(buf))
	}
	var found []string
	for _, stack := range strings.Split(strings.TrimRight(string(buf), "\x00"), "\n\n") {
		ours := strings.Contains(stack, "github.com/xsignin/xsignin/") || strings.Contains(stack, "net/http.")
		if ours && !strings.Contains(stack, "startCleanup") && !strings.Contains(stack, "testing.tRunner") {
			found = append(found, stack)
		}
	}
	return found
}

// TestNothingIsLeftOpen checks goroutines and connections on a real network, which bubbles do
// not have. It makes sign-ins, calls, refreshes and sign-outs, and X fails at one step of each.
// When the kit and its transport are closed, everything must have ended.
func TestNothingIsLeftOpen(t *testing.T) {
	before := len(goroutines())
	srv := xtest.NewServer(xtest.Config{})
	var open, dialled atomic.Int64
	tr := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		open.Add(1)
		dialled.Add(1)
		return &countedConn{Conn: c, open: &open}, nil
	}}
	s := newSite(t, func(c *xsignin.Config) {
		c.X.Transport, c.X.APIURL, c.X.AuthorizeURL = tr, srv.URL, srv.URL+"/i/oauth2/authorize"
	})
	s.X = srv.X
	s.X.SetCallbacks(s.Public + "/auth/callback")
	s.Mux.Handle("/here", s.Kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp, err := xsignin.Client(r.Context()).Get(srv.URL + "/2/users/me")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		_, _ = io.Copy(w, resp.Body)
	})))
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := io.WriteString(w, strings.Repeat("x", 1<<16)); err != nil {
				return
			}
		}
	})
	for _, p := range flows {
		paths := []string{"/none", "/2/oauth2/token", "/2/users/me", "/2/oauth2/revoke"}
		if p.name != "x" {
			paths = []string{"/none", "/oauth/request_token", "/oauth/access_token", "/1.1/oauth/invalidate_token.json", "/2/users/me"}
		}
		for _, path := range paths {
			for _, f := range []xtest.Fault{{Status: 503, Body: "over capacity"}, {CutAfter: -1}, {CutAfter: 5}, {Handler: endless}} {
				if f.Handler != nil && path == "/2/users/me" {
					continue // the application's own read
				}
				for skip := range 3 {
					b := s.browser()
					f.Path = path
					fault := func(step int) {
						if step == skip {
							s.X.Fail(f)
						}
					}
					fault(0)
					a := b.Get(p.login)
					if a.StatusCode == http.StatusSeeOther {
						callback := b.Approve(a.Redirect(), xtest.DefaultUserID)
						b.Get(callback)
					}
					fault(1)
					b.Get("/here")
					_ = s.Kit.RefreshToken(context.Background(), xsignin.Key{Provider: p.name, UserID: xtest.DefaultUserID, AccountID: xtest.DefaultUserID})
					fault(2)
					b.Send(http.MethodPost, "/auth/logout", url.Values{})
					s.X.ClearFaults()
				}
			}
		}
	}
	if dialled.Load() == 0 {
		t.Fatal("nobody came to X")
	}
	s.Close()
	tr.CloseIdleConnections()
	srv.Close()
	// Closed connections need a moment to end.
	for end := time.Now().Add(time.Minute); time.Now().Before(end); runtime.Gosched() {
		if open.Load() == 0 && len(goroutines()) <= before {
			return
		}
	}
	t.Errorf("%d connections are open, and goroutines are left:\n%s", open.Load(), strings.Join(goroutines(), "\n\n"))
}
