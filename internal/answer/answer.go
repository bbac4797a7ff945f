// Package answer changes an answer at the last moment before it is sent.
package answer

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
)

// Writer sends Status unless its user sends another.
type Writer struct {
	http.ResponseWriter
	Status  int  // 0 means 200
	NoStore bool // keep the answer out of caches, whatever its user sets

	begun bool
}

// Unwrap is for [http.ResponseController].
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// End sends the status, if none has been sent. After the end of the request r it does nothing:
// the ResponseWriter may belong to another request.
func (w *Writer) End(r *http.Request) {
	if r.Context().Err() == nil {
		w.begin()
	}
}

func (w *Writer) begin() {
	if !w.begun {
		w.WriteHeader(cmp.Or(w.Status, http.StatusOK))
	}
}

// WriteHeader implements [http.ResponseWriter].
func (w *Writer) WriteHeader(status int) {
	// Informational responses come before the final response.
	w.begun = w.begun || status >= 200 || status == http.StatusSwitchingProtocols
	if w.NoStore {
		SetCacheControl(w.Header(), "no-store")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *Writer) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b)
}

// FlushError is for [http.ResponseController], which would flush with status 200.
func (w *Writer) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// RequestWriter drops writes after its request has ended: the server or a middleware may
// already use the ResponseWriter for another request. It keeps an answer with a new session
// cookie out of shared caches.
type RequestWriter struct {
	http.ResponseWriter
	Begun bool            // an answer began while the request ran
	ctx   context.Context //nolint:containedctx // it lives as long as the request
}

// NewRequestWriter returns a RequestWriter for the request with the context ctx.
func NewRequestWriter(ctx context.Context, w http.ResponseWriter) *RequestWriter {
	return &RequestWriter{ResponseWriter: w, ctx: ctx}
}

// Unwrap is for [http.ResponseController].
func (w *RequestWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Header implements [http.ResponseWriter].
func (w *RequestWriter) Header() http.Header {
	if w.ctx.Err() != nil {
		return http.Header{}
	}
	return w.ResponseWriter.Header()
}

// WriteHeader implements [http.ResponseWriter].
func (w *RequestWriter) WriteHeader(status int) {
	if w.begin() == nil {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write implements [http.ResponseWriter].
func (w *RequestWriter) Write(b []byte) (int, error) {
	if err := w.begin(); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(b)
}

func (w *RequestWriter) begin() error {
	err := w.ctx.Err()
	w.Begun = w.Begun || err == nil
	// scs adds this value to an answer in which it sets or clears the session's cookie.
	if values := w.Header()["Cache-Control"]; slices.Contains(values, `no-cache="Set-Cookie"`) {
		SetCacheControl(w.Header(), values...)
	}
	return err
}

// SetCacheControl sets Cache-Control, and removes the headers that shared caches obey before it
// (RFC 9213).
func SetCacheControl(h http.Header, values ...string) {
	for name := range h {
		switch name {
		case "Expires", "Surrogate-Control", "Edge-Control", "X-Accel-Expires":
			delete(h, name)
		default:
			if strings.HasSuffix(name, "-Cache-Control") {
				delete(h, name)
			}
		}
	}
	h["Cache-Control"] = values
}
