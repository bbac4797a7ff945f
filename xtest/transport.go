package xtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// Transport gives a round tripper that answers in process for api.x.com, x.com, upload.x.com, their twitter.com names,
// www.x.com, www.twitter.com, the BaseURL and the address of a [Server]. Any other host is an error: nothing
// reaches the network. It follows [http.RoundTripper] in all respects, streams bodies both ways, and ends with the
// request's context.
//
// For X's own hosts the scheme must be https and the path one that X serves on that host, and OAuth 1.0a signatures are
// verified over exactly the scheme and host called.
func (x *X) Transport() http.RoundTripper { return transport{x} }

type transport struct{ x *X }

func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	fail := func(err error) (*http.Response, error) {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	if req.URL == nil {
		return fail(errors.New("xtest: request without a URL"))
	}
	host := strings.ToLower(req.URL.Hostname())
	_, isReal := realHosts[host]
	isReal = isReal && (req.URL.Port() == "" || req.URL.Port() == "443")
	if _, own := t.x.own.Load(hostPort(req.URL)); !own && !isReal {
		return fail(fmt.Errorf("xtest: request for %s, which is not a host of X", req.URL.Host))
	}
	if err := req.Context().Err(); err != nil {
		return fail(err)
	}

	// As it would be read off the wire, which is how a signature sees it.
	target, err := url.ParseRequestURI(req.URL.RequestURI())
	if err != nil {
		return fail(fmt.Errorf("xtest: %w", err))
	}
	target.Scheme, target.Host, target.User = "", "", nil

	o := origin{scheme: strings.ToLower(req.URL.Scheme), host: strings.ToLower(req.URL.Host), real: isReal}
	if req.Host != "" {
		o.host = strings.ToLower(req.Host)
	}
	ctx, cancel := context.WithCancel(withOrigin(req.Context(), o))
	r := req.Clone(ctx)
	r.Host = o.host
	r.URL = target
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.RequestURI = req.URL.RequestURI()
	r.RemoteAddr = "127.0.0.1:0"
	if r.Body == nil {
		r.Body = http.NoBody
	}

	pr, pw := io.Pipe()
	w := &pipeWriter{header: http.Header{}, body: pw, method: r.Method, ready: make(chan struct{})}
	go t.serve(w, r)

	select {
	case <-w.ready:
	case <-ctx.Done():
		err := ctx.Err()
		cancel()
		_ = pr.CloseWithError(err)
		return nil, err
	}
	if w.err != nil {
		cancel()
		return nil, w.err
	}
	resp := w.response(req)
	resp.Body = &pipeBody{PipeReader: pr, ctx: req.Context(), cancel: cancel, stop: context.AfterFunc(ctx, func() {
		_ = pw.CloseWithError(ctx.Err())
	})}
	return resp, nil
}

// serve runs the handler as net/http's server would: a panic breaks the connection.
func (t transport) serve(w *pipeWriter, r *http.Request) {
	body := r.Body
	defer func() {
		p := recover()
		_ = body.Close()
		if p == nil {
			w.WriteHeader(http.StatusOK)
			_ = w.body.Close()
			return
		}
		if p != http.ErrAbortHandler {
			t.x.cfg.Logger.Error("xtest: panic in a handler", "panic", p, "path", r.URL.Path)
		}
		err := r.Context().Err()
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		w.abort(err)
	}()
	t.x.ServeHTTP(w, r)
}

// pipeWriter makes a response of what a handler writes. status, sent and err are set before ready is closed and read
// after it.
type pipeWriter struct {
	header http.Header
	body   *io.PipeWriter
	method string

	once   sync.Once
	ready  chan struct{}
	status int
	sent   http.Header
	err    error
}

func (w *pipeWriter) Header() http.Header { return w.header }
func (w *pipeWriter) Flush()              { w.WriteHeader(http.StatusOK) }

func (w *pipeWriter) WriteHeader(status int) {
	if status < 200 {
		return
	}
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.ready)
	})
}

func (w *pipeWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.method == http.MethodHead || w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return len(b), nil
	}
	return w.body.Write(b)
}

func (w *pipeWriter) abort(err error) {
	w.once.Do(func() {
		w.err = err
		close(w.ready)
	})
	_ = w.body.CloseWithError(err)
}

func (w *pipeWriter) response(req *http.Request) *http.Response {
	length, err := strconv.ParseInt(w.sent.Get("Content-Length"), 10, 64)
	if err != nil {
		length = -1
	}
	return &http.Response{
		Status:     fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		StatusCode: w.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        w.sent,
		ContentLength: length,
		Request:       req,
	}
}

// pipeBody ends the handler's context when the client is done with the answer.
type pipeBody struct {
	*io.PipeReader
	ctx    context.Context // of the request, which the caller ends
	cancel context.CancelFunc
	stop   func() bool
}

func (b *pipeBody) Read(p []byte) (int, error) {
	n, err := b.PipeReader.Read(p)
	if err != nil {
		// The handler may end because the context has; its end is then not the end of the answer.
		if cause := b.ctx.Err(); cause != nil {
			err = cause
		}
		b.stop()
		b.cancel()
	}
	return n, err
}

func (b *pipeBody) Close() error {
	b.stop()
	err := b.PipeReader.Close()
	b.cancel()
	return err
}
