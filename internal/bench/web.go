package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// answer is an [http.ResponseWriter] that can be used again, so that what a handler
// allocates is the handler's own.
type answer struct {
	header http.Header
	status int
	wrote  int
}

func newAnswer() *answer { return &answer{header: make(http.Header, 8)} }

func (a *answer) reset() {
	clear(a.header)
	a.status, a.wrote = 0, 0
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.wrote += len(b)
	return len(b), nil
}

// WriteString implements [io.StringWriter], as net/http's own does.
func (a *answer) WriteString(s string) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.wrote += len(s)
	return len(s), nil
}

// cookies are the answer's, as a browser would send them back.
func (a *answer) cookies() string {
	var pairs []string
	for _, line := range a.header["Set-Cookie"] {
		pair, _, _ := strings.Cut(line, ";")
		if _, value, _ := strings.Cut(pair, "="); value != "" {
			pairs = append(pairs, pair)
		}
	}
	return strings.Join(pairs, "; ")
}

// get makes a request for a path of the application.
func get(path, cookies string) *http.Request {
	r, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:8080"+path, http.NoBody)
	if err != nil {
		panic(err)
	}
	r.RequestURI = path
	if cookies != "" {
		r.Header.Set("Cookie", cookies)
	}
	return r
}

var errNobody = errors.New("nobody is signed in")

// asking is a contender that sends one request to a handler, which must answer with 200 and
// the user's name.
func asking(name string, h http.Handler, r *http.Request) contender {
	w, own := newAnswer(), new(http.Request)
	return contender{name, func() error {
		w.reset()
		// gorilla changes the request that it is given, and would find its session there.
		*own = *r
		h.ServeHTTP(w, own)
		if w.status != http.StatusOK || w.wrote != len(person.Username) {
			return fmt.Errorf("status %d, %d bytes: %w", w.status, w.wrote, errNobody)
		}
		return nil
	}}
}
