// Package transport makes the kit's HTTP transports.
package transport

import (
	"net"
	"net/http"
	"time"
)

// HeaderTimeout bounds the wait for the headers of an answer.
const HeaderTimeout = 30 * time.Second

// New returns a transport that shares nothing with [http.DefaultTransport], whose settings
// any package of the program may change.
func New() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    100, // all requests go to few hosts
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  HeaderTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}
