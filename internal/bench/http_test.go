package bench

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// response is an [http.ResponseWriter] that can be reused, so that only the handler
// allocates.
type response struct {
	header http.Header
	status int
	length int
}

func newResponse() *response { return &response{header: make(http.Header, 8)} }

func (w *response) reset() {
	clear(w.header)
	w.status, w.length = 0, 0
}

// Header implements [http.ResponseWriter].
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write implements [http.ResponseWriter].
func (w *response) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.length += len(b)
	return len(b), nil
}

// WriteString implements [io.StringWriter], as net/http's own response does.
func (w *response) WriteString(s string) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.length += len(s)
	return len(s), nil
}

// cookies returns the Cookie header that a browser would send next.
func (w *response) cookies() string {
	var pairs []string
	for _, line := range w.header["Set-Cookie"] {
		pair, _, _ := strings.Cut(line, ";")
		if _, value, _ := strings.Cut(pair, "="); value != "" {
			pairs = append(pairs, pair)
		}
	}
	return strings.Join(pairs, "; ")
}

// get returns a request to the application.
func get(tb testing.TB, path, cookies string) *http.Request {
	tb.Helper()
	r, err := http.NewRequest(http.MethodGet, appURL+path, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	r.RequestURI = path
	if cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	return r
}

var errSignedOut = errors.New("the user is not signed in")

// request returns a rival that sends r to h. The response must be 200 and the username.
func request(name string, h http.Handler, r *http.Request) rival {
	w, sent := newResponse(), new(http.Request)
	return rival{name, func() error {
		w.reset()
		// gorilla/sessions keeps the session in the request that it is given.
		*sent = *r
		h.ServeHTTP(w, sent)
		if w.status != http.StatusOK || w.length != len(user.Username) {
			return fmt.Errorf("status %d, %d bytes: %w", w.status, w.length, errSignedOut)
		}
		return nil
	}}
}
