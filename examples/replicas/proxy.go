package main

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
)

// newProxy gives each request to the next replica, whoever asks: nobody stays with one.
func newProxy(replicas []*url.URL) http.Handler {
	var turn atomic.Uint64
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(replicas[turn.Add(1)%uint64(len(replicas))])
			// The kit takes its address from PublicURL alone. The protection against other
			// sites compares Origin with Host.
			r.Out.Host = r.In.Host
			// As it came: a query that is broken is for the replica to refuse, and not to be
			// mended on the way.
			r.Out.URL.RawQuery = r.In.URL.RawQuery
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 16},
	}
}
