// Package answer changes an answer at the last moment before it is sent.
package answer

import (
	"cmp"
	"maps"
	"net/http"
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

// Begin sends the status, if none has been sent.
func (w *Writer) Begin() {
	if !w.begun {
		w.WriteHeader(cmp.Or(w.Status, http.StatusOK))
	}
}

// WriteHeader implements [http.ResponseWriter].
func (w *Writer) WriteHeader(status int) {
	// Informational responses come before the final response.
	w.begun = w.begun || status >= 200 || status == http.StatusSwitchingProtocols
	if h := w.Header(); w.NoStore {
		// Other headers are for shared caches, which obey them first (RFC 9213).
		maps.DeleteFunc(h, func(name string, _ []string) bool {
			return strings.HasSuffix(name, "-Cache-Control") || name == "Surrogate-Control" || name == "X-Accel-Expires" || name == "Expires"
		})
		h.Set("Cache-Control", "no-store")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *Writer) Write(b []byte) (int, error) {
	w.Begin()
	return w.ResponseWriter.Write(b)
}

// FlushError is for [http.ResponseController], which would flush with status 200.
func (w *Writer) FlushError() error {
	w.Begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}
