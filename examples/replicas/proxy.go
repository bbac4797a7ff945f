package main

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
)

// newProxy sends each request to the next replica. There are no sticky sessions.
func newProxy(replicas []*url.URL) http.Handler {
	var turn atomic.Uint64
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(replicas[turn.Add(1)%uint64(len(replicas))])
			// The kit takes its address from PublicURL alone. CrossOriginProtection compares
			// Origin with Host.
			r.Out.Host = r.In.Host
			// Do not change the request: the replica has to refuse a malformed query, and the
			// proxy must not repair it.
			r.Out.URL.RawQuery = r.In.URL.RawQuery
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 16},
	}
}
