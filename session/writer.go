package session

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
)

// errNotSaved is what a handler gets that goes on writing after its session could
// not be saved.
var errNotSaved = errors.New("session: the session could not be saved, so the answer was replaced")

// responseWriter saves the session right before the answer begins.
type responseWriter struct {
	http.ResponseWriter
	m      *Manager
	r      *http.Request
	begun  bool
	failed bool
}

// begin saves the session, once. After an error the answer is not the handler's any
// more.
func (w *responseWriter) begin() error {
	if !w.begun {
		w.begun = true
		if err := w.saveAndTell(); err != nil {
			w.failed = true
			w.m.fail(w.ResponseWriter, w.r, err)
		}
	}
	if w.failed {
		return errNotSaved
	}
	return nil
}

// WriteHeader implements [http.ResponseWriter].
func (w *responseWriter) WriteHeader(code int) {
	// 101 is the last word of HTTP on its connection, the others come before the
	// answer.
	informational := code >= 100 && code < 200 && code != http.StatusSwitchingProtocols
	if !informational && w.begin() != nil {
		return
	}
	if !w.failed {
		w.ResponseWriter.WriteHeader(code)
	}
}

// Write implements [http.ResponseWriter].
func (w *responseWriter) Write(b []byte) (int, error) {
	if err := w.begin(); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(b)
}

// WriteString implements [io.StringWriter].
func (w *responseWriter) WriteString(s string) (int, error) {
	if err := w.begin(); err != nil {
		return 0, err
	}
	return io.WriteString(w.ResponseWriter, s)
}

// ReadFrom implements [io.ReaderFrom], so that net/http can still send files
// without copying them.
func (w *responseWriter) ReadFrom(src io.Reader) (int64, error) {
	if err := w.begin(); err != nil {
		return 0, err
	}
	if rf, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		return rf.ReadFrom(src)
	}
	return io.Copy(w.ResponseWriter, src)
}

// Flush implements [http.Flusher].
func (w *responseWriter) Flush() { _ = w.FlushError() }

// FlushError is what [http.ResponseController] calls.
func (w *responseWriter) FlushError() error {
	if err := w.begin(); err != nil {
		return err
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack implements [http.Hijacker].
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := w.begin(); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Unwrap lets [http.ResponseController] reach the rest.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// answerBegun reports whether w is known to have sent its headers.
func answerBegun(w http.ResponseWriter) bool {
	for {
		if rw, ok := w.(*responseWriter); ok {
			return rw.begun
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = u.Unwrap()
	}
}
