package streams_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
)

// patience is how long a test waits for something that should come at once.
const patience = time.Minute

// TestServerSentEvents: each event arrives while the handler still runs, and the handler notices
// when the visitor leaves.
func TestServerSentEvents(t *testing.T) {
	more, left := make(chan struct{}), make(chan struct{}, 1)
	stream := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for n := 1; ; n++ {
			_, _ = fmt.Fprintf(w, "data: %d for %s\n\n", n, user(r))
			if err := flush(w, n%2 == 0); err != nil {
				t.Errorf("flush: %v", err)
				return
			}
			select {
			case <-more:
			case <-r.Context().Done():
				left <- struct{}{}
				return
			case <-time.After(patience):
				t.Error("the client did not get the event")
				return
			}
		}
	}
	inEach(t, stream, func(s *site) {
		ctx, cancel := context.WithCancel(s.Context())
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/stream", nil)
		if err != nil {
			s.Fatal(err)
		}
		r.Header.Set("Accept", "text/event-stream")
		resp, err := s.signedIn().Do(r)
		if err != nil {
			s.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
			s.Fatalf("%s %v", resp.Status, resp.Header)
		}
		events := bufio.NewReader(resp.Body)
		for n := 1; n <= 4; n++ {
			line, err := events.ReadString('\n')
			if want := fmt.Sprintf("data: %d for demo\n", n); err != nil || line != want {
				s.Fatalf("%q, want %q: %v", line, want, err)
			}
			if _, err := events.ReadString('\n'); err != nil {
				s.Fatal(err)
			}
			if n < 4 {
				more <- struct{}{}
			}
		}
		cancel()
		select {
		case <-left:
		case <-time.After(patience):
			s.Error("the handler did not learn that the visitor has left")
		}
		refused(s, "Accept", "text/event-stream")
	})
}

// flush flushes with http.Flusher or with http.ResponseController.
func flush(w http.ResponseWriter, old bool) error {
	if !old {
		return http.NewResponseController(w).Flush()
	}
	f, ok := w.(http.Flusher)
	if !ok {
		return errors.New("the writer is no http.Flusher")
	}
	f.Flush()
	return nil
}

// refused checks that a stranger's request gets 401 and a problem document.
func refused(s *site, headers ...string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.url+"/stream", nil)
	if err != nil {
		s.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.stranger().Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	isProblem(s, resp)
}

func isProblem(s *site, resp *http.Response) {
	s.Helper()
	if resp == nil {
		s.Fatal("no answer")
	}
	var problem struct{ Code string }
	if err := json.NewDecoder(resp.Body).Decode(&problem); err != nil || problem.Code != "not_signed_in" ||
		resp.StatusCode != 401 || resp.Header.Get("Content-Type") != "application/problem+json" {
		s.Errorf("%s %v %v %v", resp.Status, resp.Header, problem, err)
	}
}

func TestWebsocketsOfCoder(t *testing.T) {
	stream := func(w http.ResponseWriter, r *http.Request) {
		c, err := coder.Accept(w, r, nil)
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer func() { _ = c.CloseNow() }()
		kind, message, err := c.Read(r.Context())
		if err != nil {
			t.Errorf("read: %v", err)
			return
		}
		if err := c.Write(r.Context(), kind, append(message, " from "+user(r)...)); err != nil {
			t.Errorf("write: %v", err)
		}
		_ = c.Close(coder.StatusNormalClosure, "done")
	}
	inEach(t, stream, func(s *site) {
		ctx, cancel := context.WithTimeout(s.Context(), patience)
		defer cancel()
		c, _, err := coder.Dial(ctx, s.url+"/stream", &coder.DialOptions{HTTPClient: s.signedIn()})
		if err != nil {
			s.Fatal(err)
		}
		defer func() { _ = c.CloseNow() }()
		if err := c.Write(ctx, coder.MessageText, []byte("hello")); err != nil {
			s.Fatal(err)
		}
		if _, got, err := c.Read(ctx); err != nil || string(got) != "hello from demo" {
			s.Errorf("%q %v", got, err)
		}
		if _, _, err := c.Read(ctx); coder.CloseStatus(err) != coder.StatusNormalClosure {
			s.Errorf("the end: %v", err)
		}

		_, resp, err := coder.Dial(ctx, s.url+"/stream", &coder.DialOptions{HTTPClient: s.stranger()})
		if err == nil {
			s.Fatal("a stranger has a websocket")
		}
		isProblem(s, resp)
	})
}

func TestWebsocketsOfGorilla(t *testing.T) {
	stream := func(w http.ResponseWriter, r *http.Request) {
		var up gorilla.Upgrader
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			t.Errorf("upgrade: %v", err)
			return
		}
		defer func() { _ = c.Close() }()
		kind, message, err := c.ReadMessage()
		if err != nil {
			t.Errorf("read: %v", err)
			return
		}
		if err := c.WriteMessage(kind, append(message, " from "+user(r)...)); err != nil {
			t.Errorf("write: %v", err)
		}
	}
	inEach(t, stream, func(s *site) {
		dialer := gorilla.Dialer{HandshakeTimeout: patience}
		address := "ws" + strings.TrimPrefix(s.url, "http") + "/stream"
		c, resp, err := dialer.DialContext(s.Context(), address, s.cookies())
		if err != nil {
			s.Fatal(err)
		}
		resp.Body.Close()
		defer func() { _ = c.Close() }()
		if err := c.WriteMessage(gorilla.TextMessage, []byte("hello")); err != nil {
			s.Fatal(err)
		}
		if _, got, err := c.ReadMessage(); err != nil || string(got) != "hello from demo" {
			s.Errorf("%q %v", got, err)
		}

		_, resp, err = dialer.DialContext(s.Context(), address, nil)
		if !errors.Is(err, gorilla.ErrBadHandshake) {
			s.Fatalf("a stranger: %v", err)
		}
		isProblem(s, resp)
	})
}

// TestResponseController: every method works, and the write deadline has an effect.
func TestResponseController(t *testing.T) {
	late := make(chan error, 1)
	stream := func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		switch r.URL.Query().Get("try") {
		case "duplex":
			// The response begins before the body has arrived, and continues with it.
			if err := errors.Join(c.EnableFullDuplex(), c.SetReadDeadline(time.Now().Add(patience)), c.SetWriteDeadline(time.Now().Add(patience))); err != nil {
				t.Errorf("%v", err)
			}
			_, _ = io.WriteString(w, "first\n")
			if err := c.Flush(); err != nil {
				t.Errorf("flush: %v", err)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Errorf("body: %v", err)
			}
			_, _ = w.Write(body)
		case "late":
			err := c.SetWriteDeadline(time.Now().Add(-time.Second))
			_, _ = io.WriteString(w, "too late")
			_ = c.Flush() // the writers of echo and gin return no error here
			late <- err
		case "hijack":
			conn, buf, err := c.Hijack()
			if err != nil {
				t.Errorf("hijack: %v", err)
				return
			}
			defer func() { _ = conn.Close() }()
			_, _ = buf.WriteString("HTTP/1.1 204 No Content\r\nBy-Hand: yes\r\n\r\n")
			_ = buf.Flush()
		}
	}
	inEach(t, stream, func(s *site) {
		pr, pw := io.Pipe()
		r, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+"/stream?try=duplex", pr)
		if err != nil {
			s.Fatal(err)
		}
		resp, err := s.signedIn().Do(r)
		if err != nil {
			s.Fatal(err)
		}
		defer resp.Body.Close()
		answer := bufio.NewReader(resp.Body)
		if line, err := answer.ReadString('\n'); err != nil || line != "first\n" {
			s.Fatalf("%q %v", line, err)
		}
		_, _ = io.WriteString(pw, "second")
		_ = pw.Close()
		if rest, err := io.ReadAll(answer); err != nil || string(rest) != "second" {
			s.Errorf("%q %v", rest, err)
		}

		// A POST, which clients do not repeat.
		if resp, err := s.signedIn().Post(s.url+"/stream?try=late", "text/plain", nil); err == nil {
			resp.Body.Close()
			s.Errorf("an answer after the deadline: %s", resp.Status)
		}
		if err := <-late; err != nil {
			s.Errorf("the deadline: %v", err)
		}

		resp, err = s.signedIn().Get(s.url + "/stream?try=hijack")
		if err != nil {
			s.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 204 || resp.Header.Get("By-Hand") != "yes" {
			s.Errorf("%s %v", resp.Status, resp.Header)
		}
	})
}

// abilities are the optional interfaces of a writer.
type abilities struct{ readerFrom, flusher, hijacker, stringWriter bool }

func abilitiesOf(w http.ResponseWriter) (a abilities) {
	_, a.readerFrom = w.(io.ReaderFrom)
	_, a.flusher = w.(http.Flusher)
	_, a.hijacker = w.(http.Hijacker)
	_, a.stringWriter = w.(io.StringWriter)
	return a
}

// bare is the abilities of the framework's writer without the kit.
func bare(t *testing.T, serve func(http.HandlerFunc) http.Handler) abilities {
	t.Helper()
	var found abilities
	srv := httptest.NewServer(serve(func(w http.ResponseWriter, _ *http.Request) { found = abilitiesOf(w) }))
	defer srv.Close()
	resp, err := srv.Client().Get(srv.URL + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return found
}

// TestTheWriterCanDoWhatItCouldBefore: no ability of the bare framework's writer is lost.
func TestTheWriterCanDoWhatItCouldBefore(t *testing.T) {
	want := make(map[string]abilities)
	for _, f := range frameworks {
		want[f.name] = bare(t, func(stream http.HandlerFunc) http.Handler { return f.serve(nil, stream) })
	}
	// Sendfile behind RequireUser matters only if the bare framework supports it.
	if !want["stdlib"].readerFrom || !want["chi"].readerFrom {
		t.Errorf("the bare frameworks: %+v", want)
	}
	var found abilities
	inEach(t, func(w http.ResponseWriter, _ *http.Request) { found = abilitiesOf(w) }, func(s *site) {
		resp, err := s.signedIn().Get(s.url + "/stream")
		if err != nil {
			s.Fatal(err)
		}
		resp.Body.Close()
		name := s.Name()[strings.LastIndex(s.Name(), "/")+1:]
		name, _, _ = strings.Cut(name, "_")
		w, ok := want[name]
		if strings.HasSuffix(s.Name(), "LoadAndSave") {
			// scs's writer has Unwrap, through which http.ResponseController works.
			w.readerFrom, w.stringWriter = found.readerFrom, found.stringWriter
		}
		if !ok || found != w {
			s.Errorf("%+v, and %+v without the kit", found, w)
		}
	})
}

// TestLargeDownloads: a file arrives whole by io.Copy (which uses io.ReaderFrom if there is
// one), by http.ServeContent, and with a range.
func TestLargeDownloads(t *testing.T) {
	const size = 8 << 20
	name := filepath.Join(t.TempDir(), "large")
	content := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	stream := func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(name)
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		defer func() { _ = f.Close() }()
		switch r.URL.Query().Get("by") {
		case "copy":
			if n, err := io.Copy(w, f); n != size || err != nil {
				t.Errorf("%d bytes copied: %v", n, err)
			}
		default:
			http.ServeContent(w, r, "large.bin", time.Time{}, f)
		}
	}
	inEach(t, stream, func(s *site) {
		get := func(query string, headers ...string) []byte {
			r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.url+"/stream?"+query, nil)
			if err != nil {
				s.Fatal(err)
			}
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
			resp, err := s.signedIn().Do(r)
			if err != nil {
				s.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				s.Fatalf("%s: %v", query, err)
			}
			return body
		}
		for _, query := range []string{"by=copy", "by=servecontent"} {
			if got := get(query); !bytes.Equal(got, content) {
				s.Errorf("%s: %d bytes, want %d", query, len(got), size)
			}
		}
		if got := get("by=servecontent", "Range", "bytes=1000000-1999999"); !bytes.Equal(got, content[1_000_000:2_000_000]) {
			s.Errorf("a range: %d bytes", len(got))
		}
		refused(s, "Accept", "application/octet-stream")
	})
}
