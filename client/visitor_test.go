package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/internal/transport"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// silent is a server behind an [http.Transport] that takes requests. It answers with
// headers if head is set, and never with a whole body.
func silent(head string) *http.Transport {
	return &http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer func() { _ = there.Close() }()
			b := bufio.NewReader(there)
			if _, err := http.ReadRequest(b); err == nil {
				_, _ = io.WriteString(there, head)
				_, _ = io.Copy(io.Discard, b) // until the client closes the connection
			}
		}()
		return here, nil
	}}
}

func silentManager(t *testing.T, head string) *Manager {
	t.Helper()
	x := newService()
	m, err := New(Config{
		Vault: newVault(t, tokenstore.NewMemory()), Providers: []provider.Provider{x}, Transport: silent(head),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) })
	if err := m.Put(t.Context(), user, x.signIn()); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestASilentServerIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := silentManager(t, "")
		began := time.Now()
		_, err := m.Client(context.Background(), user).Get("https://api.test/2/users/me")
		if took := time.Since(began); err == nil || took != transport.HeaderTimeout {
			t.Errorf("Get: %v after %v, want %v", err, took, transport.HeaderTimeout)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a 401 whose body never comes
		m := silentManager(t, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 10\r\n\r\n")
		token := newService().signIn()
		token.RefreshToken = ""
		if err := m.Put(t.Context(), user, token); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		resp, err := m.Client(context.Background(), user).Get("https://api.test/2/users/me")
		if took := time.Since(began); err != nil || resp.StatusCode != http.StatusUnauthorized || took != transport.HeaderTimeout {
			t.Fatalf("Get: %v after %v, want %v", err, took, transport.HeaderTimeout)
		}
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Error("the body was read to its end")
		}
		_ = resp.Body.Close()
	})
}

func TestTheVisitorsContextEndsARequest(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
	get := func(ctx context.Context, c *http.Client) error {
		r, err := http.NewRequestWithContext(ctx, "GET", "https://api.test/2/users/me", nil)
		if err != nil {
			return err
		}
		resp, err := c.Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		_, err = io.ReadAll(resp.Body)
		return err
	}
	for _, head := range []string{"", head} {
		for name, own := range map[string]func(context.Context) (context.Context, context.CancelFunc){
			"a request without a context": func(context.Context) (context.Context, context.CancelFunc) {
				return context.Background(), func() {}
			},
			"a request with its own": func(context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(context.Background(), time.Hour)
			},
			"a request with the visitor's": func(visitor context.Context) (context.Context, context.CancelFunc) {
				return visitor, func() {}
			},
		} {
			synctest.Test(t, func(t *testing.T) {
				m := silentManager(t, head)
				visitor, leave := context.WithTimeout(t.Context(), 5*time.Second)
				defer leave()
				ctx, cancel := own(visitor)
				defer cancel()
				began := time.Now()
				err := get(ctx, m.Client(visitor, user))
				if took := time.Since(began); err == nil || took != 5*time.Second {
					t.Errorf("%s: %v after %v", name, err, took)
				}
			})
		}
	}
	synctest.Test(t, func(t *testing.T) { // a context that does not end
		m := silentManager(t, head)
		visitor, leave := context.WithTimeout(t.Context(), 5*time.Second)
		defer leave()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := get(ctx, m.Client(context.WithoutCancel(visitor), user)); !errors.Is(err, context.DeadlineExceeded) || visitor.Err() == nil {
			t.Errorf("a request that outlives the visitor's: %v", err)
		}
	})
}

// TestAnAnswerIsReadAfterItsRequest: the context of an answer ends with its body.
func TestAnAnswerIsReadAfterItsRequest(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		visitor, leave := context.WithCancel(w.Context())
		defer leave()
		var sent context.Context
		w.x.answer = func(r *http.Request) *http.Response { sent = r.Context(); return nil }
		own, cancel := context.WithCancel(w.Context())
		defer cancel()
		r, _ := http.NewRequestWithContext(own, "GET", "https://api.test/p", nil)
		resp, err := w.pool.Client(visitor, user).Do(r)
		if err != nil {
			w.Fatal(err)
		}
		if sent.Err() != nil {
			w.Error("the context has ended before the body was read")
		}
		if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "Bearer access-1" {
			w.Errorf("body %q, %v", b, err)
		}
		_ = resp.Body.Close()
		if sent.Err() == nil {
			w.Error("the context is not released")
		}
	})
}

// below is service with an API below a path.
type below struct {
	*service
	path string
}

func (b below) APIURL() *url.URL { return &url.URL{Scheme: "https", Host: "api.test", Path: b.path} }

func TestRelativeURLs(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		if _, err := w.pool.Client(context.Background(), user).Get("/2/users/me"); err == nil || !strings.Contains(err.Error(), "no API address") {
			w.Errorf("a provider without an address: %v", err)
		}
		var urls []string
		w.x.answer = func(r *http.Request) *http.Response {
			urls = append(urls, "https://"+r.URL.Host+r.URL.RequestURI())
			return nil
		}
		for _, path := range []string{"", "/api"} {
			w.pool.providers["x"] = below{w.x, path}
			for _, to := range []string{"/2/users/me?user.fields=a%2Fb", "2/users/me", "/2/a%2Fb/../me"} {
				resp, err := w.pool.Client(context.Background(), user).Get(to)
				if err != nil || resp.StatusCode != 200 || resp.Request.URL.String() != to {
					w.Errorf("Get(%q): %v, %v", to, resp, err)
				}
			}
		}
		const api = "https://api.test"
		want := []string{
			api + "/2/users/me?user.fields=a%2Fb", api + "/2/users/me", api + "/2/me",
			api + "/api/2/users/me?user.fields=a%2Fb", api + "/api/2/users/me", api + "/api/2/me",
		}
		if got := strings.Join(urls, "\n"); got != strings.Join(want, "\n") {
			w.Errorf("sent to\n%s", got)
		}
		for _, to := range []string{"//evil.test/p", "https:2/users/me"} {
			if _, err := w.pool.Client(context.Background(), user).Get(to); err == nil {
				w.Errorf("Get(%q) was sent", to)
			}
		}
	})
}

func TestAnAuthorizationHeaderInAnyCaseIsReplaced(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.x.answer = func(r *http.Request) *http.Response {
			for name, values := range r.Header {
				if strings.EqualFold(name, "Authorization") && (len(values) != 1 || values[0] != "Bearer access-1") {
					w.Errorf("%s: %q was sent", name, values)
				}
			}
			return nil
		}
		for _, name := range []string{"authorization", "AUTHORIZATION", "Authorization", "aUTHORIZATION", "authorizatioN"} {
			r, _ := http.NewRequestWithContext(w.Context(), "GET", "https://api.test/p", nil)
			r.Header[name] = []string{"Basic own"}
			if _, err := w.pool.Client(context.Background(), user).Do(r); err != nil {
				w.Fatal(err)
			}
			if r.Header[name][0] != "Basic own" {
				w.Error("the caller's request was changed")
			}
		}
	})
}

// TestTheVisitorsContextEndsEveryMethod: helpers of http.Client take no context.
func TestTheVisitorsContextEndsEveryMethod(t *testing.T) {
	const url = "https://api.test/2/users/me"
	read := func(resp *http.Response, err error) error {
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		_, err = io.ReadAll(resp.Body)
		return err
	}
	for _, head := range []string{"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nX-"} {
		for name, call := range map[string]func(c *http.Client) error{
			"Get":      func(c *http.Client) error { return read(c.Get(url)) },
			"Post":     func(c *http.Client) error { return read(c.Post(url, "text/plain", strings.NewReader("body"))) },
			"PostForm": func(c *http.Client) error { return read(c.PostForm(url, map[string][]string{"a": {"b"}})) },
			"a copy of the client": func(c *http.Client) error {
				other := &http.Client{Transport: c.Transport}
				return read(other.Get(url))
			},
			"RoundTrip": func(c *http.Client) error {
				r, err := http.NewRequestWithContext(context.Background(), http.MethodDelete, url, http.NoBody)
				if err != nil {
					return err
				}
				return read(c.Transport.RoundTrip(r))
			},
		} {
			synctest.Test(t, func(t *testing.T) {
				m := silentManager(t, head)
				visitor, leave := context.WithTimeout(t.Context(), 5*time.Second)
				defer leave()
				began := time.Now()
				err := call(m.Client(visitor, user))
				if took := time.Since(began); err == nil || took != 5*time.Second {
					t.Errorf("%s after %.20q: %v after %v", name, head, err, took)
				}
			})
		}
	}
}
