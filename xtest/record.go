package xtest

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	maxRecord = 10_000
	maxForm   = 1 << 20
)

// Request is a request that reached an X. It holds what was sent, secrets included: it is for tests, not for logs.
type Request struct {
	At     time.Time // by the clock of the X
	Method string
	Host   string
	Path   string
	URL    *url.URL // with scheme and host
	Header http.Header
	Form   url.Values // the fields of a form-encoded body
	Status int        // of the answer; 0 before the answer, and when the connection was broken before it
	Said   string     // X's words, if it refused
	Reason string     // why it refused and what to send, which X does not tell
}

type recordKey struct{}

type record struct {
	mu       sync.Mutex
	requests []*Request // a ring once it is full
	next     int
}

// add notes a request and returns it with its entry in the context, and a function that notes the status.
func (rec *record) add(r *http.Request, at time.Time, base string, form url.Values) (*http.Request, func(status int)) {
	u := *r.URL
	u.Scheme, u.Host, _ = strings.Cut(base, "://")
	u.Host, _, _ = strings.Cut(u.Host, "/")
	q := &Request{
		At: at, Method: r.Method, Host: r.Host, Path: r.URL.Path, URL: &u, Header: r.Header.Clone(), Form: form,
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.requests) < maxRecord {
		rec.requests = append(rec.requests, q)
	} else {
		rec.requests[rec.next] = q
		rec.next = (rec.next + 1) % maxRecord
	}
	return r.WithContext(context.WithValue(r.Context(), recordKey{}, q)), func(status int) {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		q.Status = status
	}
}

// note notes why a request was refused.
func (rec *record) note(r *http.Request, said, reason string) {
	if q, ok := r.Context().Value(recordKey{}).(*Request); ok {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		q.Said, q.Reason = said, reason
	}
}

// Requests gives copies of the requests that reached this X, the oldest first; of more than 10,000 the newest ones.
// A request is in it from its arrival, faults or not. What [X.Approve] and [X.Deny] do is not.
func (x *X) Requests() []Request {
	rec := &x.record
	rec.mu.Lock()
	defer rec.mu.Unlock()
	all := make([]Request, 0, len(rec.requests))
	for i := range rec.requests {
		q := *rec.requests[(rec.next+i)%len(rec.requests)]
		u := *q.URL
		q.URL, q.Header, q.Form = &u, q.Header.Clone(), url.Values(http.Header(q.Form).Clone())
		all = append(all, q)
	}
	return all
}

// Count counts the requests of [X.Requests] with this method and path. An empty method or path means any; a path that
// ends in * means all that begin so.
func (x *X) Count(method, path string) int {
	rec := &x.record
	rec.mu.Lock()
	defer rec.mu.Unlock()
	n := 0
	for _, q := range rec.requests {
		if matches(method, path, q.Method, q.Path) {
			n++
		}
	}
	return n
}

// ResetRequests forgets the requests so far.
func (x *X) ResetRequests() {
	x.record.mu.Lock()
	defer x.record.mu.Unlock()
	x.record.requests, x.record.next = nil, 0
}

func matches(wantMethod, wantPath, method, path string) bool {
	if wantMethod != "" && wantMethod != method {
		return false
	}
	if prefix, ok := strings.CutSuffix(wantPath, "*"); ok {
		return strings.HasPrefix(path, prefix)
	}
	return wantPath == "" || wantPath == path
}

// bufferForm reads a form-encoded body and puts it back, so that the record, the signature and the endpoint can each
// read it. Other bodies are left alone and give nil. A form above 1 MiB is reported as too large.
func bufferForm(r *http.Request) (form url.Values, tooLarge bool) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Body == nil || kind != "application/x-www-form-urlencoded" {
		return nil, false
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if len(b) > maxForm {
		return nil, true
	}
	if err == nil {
		_ = r.Body.Close()
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	if form, err = url.ParseQuery(string(b)); err != nil {
		form = nil
	}
	return form, false
}

// recordingWriter notes the status before the answer leaves, so that whoever has the answer finds it in the record.
type recordingWriter struct {
	http.ResponseWriter
	done  func(status int)
	wrote bool
}

func (w *recordingWriter) WriteHeader(status int) {
	if !w.wrote && status >= 200 {
		w.wrote = true
		w.done(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recordingWriter) Write(b []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

func (w *recordingWriter) Flush() {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap is for [http.ResponseController].
func (w *recordingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
