package xtest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

func TestTransportKnowsTheHostsOfX(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{BaseURL: "http://x.local:9000"})
	for _, tt := range []struct {
		url    string
		status int
	}{
		{"https://api.x.com/2/oauth2/revoke", 405},
		{"https://API.twitter.com:443/2/oauth2/revoke", 405},
		{"https://x.com/i/oauth2/authorize", 400},
		{"https://www.x.com/i/oauth2/authorize", 400},
		{"https://twitter.com/i/oauth2/authorize", 400},
		{"https://www.twitter.com/i/oauth2/authorize", 400},
		{"https://x.com/2/oauth2/token", 404},
		{"https://api.x.com/i/oauth2/authorize", 404},
		{"https://api.x.com", 404},
		{"https://upload.x.com/2/oauth2/token", 404},
		{"https://upload.twitter.com/1.1/media/upload.json", 404},
		{"https://upload.x.com/2/media/upload", 404},
		{"http://api.x.com/2/oauth2/token", 403},
		{"http://x.local:9000/2/oauth2/token", 405},
		{"http://x.local:9000/i/oauth2/authorize", 400},
		{"http://x.local:9000/nothing", 404},
	} {
		if r := s.do(newRequest(t, "GET", tt.url, nil)); r.status != tt.status {
			t.Errorf("%s: got %d, want %d", tt.url, r.status, tt.status)
		}
	}
	for _, u := range []string{"https://example.com/", "http://x.local/", "http://127.0.0.1:1/", "https://api.x.com:8443/", "https://api.x.com.evil.example/"} {
		req := newRequest(t, "POST", u, nil)
		closed := &closer{Reader: strings.NewReader("x")}
		req.Body = closed
		if _, err := s.Transport().RoundTrip(req); err == nil || !strings.HasPrefix(err.Error(), "xtest: ") {
			t.Errorf("%s: got error %v", u, err)
		}
		if !closed.closed() {
			t.Errorf("%s: the body is not closed", u)
		}
	}
	if _, err := s.Transport().RoundTrip(&http.Request{}); err == nil {
		t.Error("a request without a URL has no error")
	}
}

type closer struct {
	io.Reader
	mu   sync.Mutex
	done bool
}

func (c *closer) Close() error { c.mu.Lock(); defer c.mu.Unlock(); c.done = true; return nil }
func (c *closer) closed() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.done }

func TestTransportStreams(t *testing.T) {
	t.Parallel()
	x := xtest.New(xtest.Config{})
	x.Fail(xtest.Fault{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.(http.Flusher).Flush()
		buf := make([]byte, 1)
		for {
			n, err := r.Body.Read(buf)
			if _, werr := w.Write(bytes.ToUpper(buf[:n])); err != nil || werr != nil {
				return
			}
		}
	})})
	pr, pw := io.Pipe()
	req, _ := http.NewRequest("POST", "https://api.x.com/echo", pr)
	resp, err := x.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 1)
	for _, c := range "stream" {
		if _, err := pw.Write([]byte(string(c))); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != strings.ToUpper(string(c)) {
			t.Fatalf("got %s, %v", buf, err)
		}
	}
	pw.Close()
	if rest, err := io.ReadAll(resp.Body); len(rest) != 0 || err != nil {
		t.Errorf("the rest is %q, %v", rest, err)
	}
}

func TestTransportHonoursContexts(t *testing.T) {
	t.Parallel()
	x := xtest.New(xtest.Config{})
	x.Fail(xtest.Fault{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begin")
		<-r.Context().Done()
	})})
	ctx, cancel := context.WithCancel(context.Background())
	resp, err := x.Transport().RoundTrip(newRequest(t, "GET", "https://api.x.com/x", nil).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("reading after cancel gives %v", err)
	}
	resp.Body.Close()
	if _, err := x.Transport().RoundTrip(newRequest(t, "GET", "https://api.x.com/x", nil).WithContext(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("a request of a context that has ended gives %v", err)
	}
}

func TestTransportBehavesAsAServer(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	x := xtest.New(xtest.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	c := noRedirects(x, nil)
	x.Fail(xtest.Fault{Times: 1, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh") })})
	if _, err := c.Get("https://api.x.com/panics"); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(log.String(), "/panics") {
		t.Errorf("a panic gives %v and the log %s", err, log.String())
	}
	x.Fail(xtest.Fault{Times: 1, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})})
	if resp, err := c.Get("https://api.x.com/x"); err != nil || resp.StatusCode != 200 || resp.Status != "200 OK" {
		t.Errorf("a handler that does nothing gives %v, %v", resp, err)
	}
	x.Fail(xtest.Fault{Times: 1, Header: http.Header{"Content-Length": {"x"}}})
	if resp, err := c.Get("https://api.x.com/x"); err != nil || resp.ContentLength != -1 {
		t.Errorf("a bad length gives %v, %v", resp, err)
	}
	resp, err := c.Head("https://x.com/")
	if err != nil {
		t.Fatal(err)
	}
	if r := read(t, resp); r.status != 200 || r.body != "" || resp.ContentLength <= 0 {
		t.Errorf("HEAD: got %d, %d bytes of %d", r.status, len(r.body), resp.ContentLength)
	}
	req := &http.Request{URL: newRequest(t, "GET", "https://x.com", nil).URL}
	if resp, err := x.Transport().RoundTrip(req); err != nil || resp.StatusCode != 200 || req.Header != nil || req.Method != "" {
		t.Errorf("a bare request gives %v, %v", resp, err)
	}
}
