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

// balancer is a reverse proxy that sends each request to the next replica. If a replica has
// ended and did not accept a request, another replica gets it.
type balancer struct {
	*httptest.Server
	transport *http.Transport

	mu       sync.Mutex // guards the fields below
	replicas []string
	next     int
	// served has the replicas by the path that they answered.
	served map[string][]string
}

func newBalancer(t *testing.T) *balancer {
	// Do not keep connections. If a replica closes a kept connection while it ends, the proxy
	// cannot know whether the request was executed.
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

// put sets the replica at a position.
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

// by returns the replicas that answered a path, in order.
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
		// A connection that waits to be accepted when the listener closes is reset.
		if !errors.Is(err, syscall.ECONNREFUSED) && r.Method != http.MethodGet {
			break
		}
	}
	return nil, err
}
