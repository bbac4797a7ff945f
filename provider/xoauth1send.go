package provider

import (
	"net/http"

	"github.com/xsignin/xsignin/tokenstore"
)

// RoundTrip implements [Provider]: r's copy is signed (RFC 5849, 3.4, HMAC-SHA1) with the
// token, in place of any Authorization of r's own, and goes to the host of r.URL, which
// is the host that is signed, whatever r.Host says. The body of a form is part of the
// signature and is read into memory; other bodies are neither. A key that occurs twice
// in query and form is refused by X. A nil base is the provider's own transport.
func (x *XOAuth1) RoundTrip(base http.RoundTripper, t tokenstore.Token, r *http.Request) (*http.Response, error) {
	return x.send(base, t, r)
}
