package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"testing"
)

// balancer is a reverse proxy that gives each request to the next replica, whoever asks.
// What a replica did not take, because it has ended, it gives to another.
type balancer struct {
	*httptest.Server
	transport *http.Transport

	mu       sync.Mutex // guards what follows
	replicas []string
	next     int
	// served is the replicas by the path that they answered.
	served map[string][]string
}

func newBalancer(t *testing.T) *balancer {
	// Without kept connections: one that a replica closes while it ends is told apart from
	// a refusal only by trying.
	b := &balancer{transport: &http.Transport{DisableKeepAlives: true}, served: map[string][]string{}}
	b.Server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http"
			r.Out.Host = r.In.Host
		},
		Transport: b,
	})
	t.Cleanup(b.Close)
	return b
}

// put makes a replica the one at a place.
func (b *balancer) put(place int, at string) {
	u, err := url.Parse(at)
	if err != nil {
		panic(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.replicas) <= place {
		b.replicas = append(b.replicas, "")
	}
	b.replicas[place] = u.Host
}

// turn is the next replica.
func (b *balancer) turn() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next++
	return b.replicas[b.next%len(b.replicas)]
}

// by is the replicas that answered a path, in order.
func (b *balancer) by(path string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.served[path])
}

// RoundTrip implements http.RoundTripper.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	var err error
	for range 6 {
		at := b.turn()
		try := r.Clone(r.Context())
		try.URL.Host = at
		try.Body = io.NopCloser(bytes.NewReader(body))
		var resp *http.Response
		if resp, err = b.transport.RoundTrip(try); err == nil {
			b.mu.Lock()
			b.served[r.URL.Path] = append(b.served[r.URL.Path], at)
			b.mu.Unlock()
			return resp, nil
		}
		// A connection that waited to be accepted when the listener closed is reset.
		if !errors.Is(err, syscall.ECONNREFUSED) && r.Method != http.MethodGet {
			break
		}
	}
	return nil, err
}
