package transport_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/xsignin/xsignin/internal/transport"
)

// TestNewSharesNothing: what a program does to one transport must not change another.
func TestNewSharesNothing(t *testing.T) {
	a, b := transport.New(), transport.New()
	a.Proxy = func(*http.Request) (*url.URL, error) { return nil, http.ErrAbortHandler }
	if a == b || b.TLSClientConfig != nil || b.Proxy == nil || b == http.DefaultTransport {
		t.Errorf("the transport is %+v", b)
	}
	if _, err := b.Proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: "api.x.com"}}); err != nil {
		t.Errorf("the proxy of the environment: %v", err)
	}
	if b.TLSHandshakeTimeout <= 0 || b.ResponseHeaderTimeout <= 0 || b.IdleConnTimeout <= 0 || b.MaxResponseHeaderBytes <= 0 || b.DialContext == nil {
		t.Errorf("a bound is missing: %+v", b)
	}
}
