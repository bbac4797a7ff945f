package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

// balancer is a load balancer without sticky sessions: it sends each request to a random
// replica. It carries the requests of all visitors, and adds each of them to the tally.
type balancer struct {
	base     *http.Transport
	replicas atomic.Pointer[[]string]
	tally    *tally
}

func newBalancer(t *tally) *balancer {
	d := &balancer{tally: t, base: &http.Transport{
		MaxIdleConns: 2000, MaxIdleConnsPerHost: 1000, IdleConnTimeout: time.Minute,
	}}
	d.replicas.Store(&[]string{})
	return d
}

// setReplicas sets the replicas that get requests from now on.
func (d *balancer) setReplicas(replicas ...*process) {
	var addrs []string
	for _, r := range replicas {
		addrs = append(addrs, r.addr)
	}
	d.replicas.Store(&addrs)
}

// RoundTrip implements [http.RoundTripper]. It reads the whole response, so that the latency
// includes the body.
func (d *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	replicas := *d.replicas.Load()
	out := r.Clone(r.Context())
	out.Host = r.URL.Host
	out.URL.Host = replicas[rand.IntN(len(replicas))]
	request := d.tally.begin(r)
	resp, err := d.base.RoundTrip(out)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	if err != nil {
		d.tally.failed(request, err)
		return nil, err
	}
	d.tally.answered(request, resp.StatusCode, len(body))
	resp.Body, resp.Request = io.NopCloser(bytes.NewReader(body)), r
	return resp, nil
}
