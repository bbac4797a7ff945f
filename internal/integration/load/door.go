package main

import (
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

// door is a load balancer without sticky sessions: it sends each request to any of the replicas.
// It carries the requests of all visitors and measures them.
type door struct {
	base     *http.Transport
	replicas atomic.Pointer[[]string]
	tally    *tally
}

func newDoor(t *tally) *door {
	d := &door{tally: t, base: &http.Transport{MaxIdleConns: 2000, MaxIdleConnsPerHost: 1000, IdleConnTimeout: time.Minute}}
	d.replicas.Store(&[]string{})
	return d
}

// open lets visitors reach the replicas.
func (d *door) open(replicas ...*process) {
	var addrs []string
	for _, r := range replicas {
		addrs = append(addrs, r.addr)
	}
	d.replicas.Store(&addrs)
}

// RoundTrip implements [http.RoundTripper].
func (d *door) RoundTrip(r *http.Request) (*http.Response, error) {
	replicas := *d.replicas.Load()
	out := r.Clone(r.Context())
	out.Host = r.URL.Host
	out.URL.Host = replicas[rand.IntN(len(replicas))]
	began := time.Now()
	resp, err := d.base.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	d.tally.answered(r.Method+" "+r.URL.Path, time.Since(began))
	resp.Request = r
	return resp, nil
}
