package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

const tokenPath = "/2/oauth2/token"

// localX is the X of a run, on 127.0.0.1. It counts how often each refresh token is used.
type localX struct {
	*xtest.X
	url string
	srv *http.Server

	mu   sync.Mutex // guards used
	used map[string]int
}

// newX creates an X with users, who follow no account and have one post each. Access tokens live
// for life; 0 means two hours.
func newX(users int, life time.Duration) (*localX, error) {
	cfg := xtest.Config{
		Callbacks: []string{publicURL + "/auth/callback"},
		Switches:  xtest.Switches{AccessLifetime: life},
	}
	for i := range users {
		cfg.Users = append(cfg.Users, xtest.User{ID: userID(i), Username: handle(userID(i))})
	}
	x := &localX{X: xtest.New(cfg), used: map[string]int{}}
	for i := range users {
		x.AddPost(userID(i), "The only post on this timeline.")
	}
	for _, endpoint := range []string{"GET /2/users/me", "GET /2/users/:id/timelines/reverse_chronological"} {
		x.SetRateLimit(endpoint, 1<<30)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	x.url = "http://" + l.Addr().String()
	// Clients keep unused connections. If a server closes such a connection just when it is
	// used, the client gets no answer. So this timeout is longer than a run.
	x.srv = &http.Server{Handler: x, ReadHeaderTimeout: 2 * maxTime}
	go func() { _ = x.srv.Serve(l) }()
	return x, nil
}

func userID(i int) string { return strconv.Itoa(1_000_001 + i) }

// handle is the username of the user with an id.
func handle(id string) string { return "u" + id }

// ServeHTTP implements [http.Handler].
func (x *localX) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == tokenPath {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(b))
		if form, err := url.ParseQuery(string(b)); err == nil && form.Get("grant_type") == "refresh_token" {
			x.mu.Lock()
			x.used[form.Get("refresh_token")]++
			x.mu.Unlock()
		}
	}
	x.X.ServeHTTP(w, r)
}

// refreshes returns how many refresh tokens were used, and how many of them more than once.
func (x *localX) refreshes() (used, again int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, n := range x.used {
		if n > 1 {
			again++
		}
	}
	return len(x.used), again
}

func (x *localX) close() { _ = x.srv.Close() }
