package provider

import (
	"net/http"

	"github.com/xsignin/xsignin/tokenstore"
)

// RoundTrip implements [Provider]: r's copy carries the access token as RFC 6750, 2.1 has
// it, in place of any Authorization of r's own, and goes to the host of r.URL, whatever
// r.Host says. A nil base is the provider's own transport.
func (x *X) RoundTrip(base http.RoundTripper, t tokenstore.Token, r *http.Request) (*http.Response, error) {
	return x.send(base, t, r)
}

// ask is Send for a request that nobody else has, so that it need not be copied.
func (x *X) ask(base http.RoundTripper, t tokenstore.Token, r *http.Request) (*http.Response, error) {
	if t.AccessToken == "" || t.IsOAuth1() {
		return x.send(base, t, r) // which says what is wrong
	}
	bear(r, t)
	return base.RoundTrip(r)
}

// judgeX weighs a refused users/me call.
func classifyX(c *call, f fault) verdict {
	switch {
	case c.answer.status == http.StatusUnauthorized:
		return unavailable
	case f.access():
		return refused(ReasonAccess)
	case f.form != formJSON:
		return unavailable
	case c.answer.status == http.StatusForbidden:
		// X's answer to a missing scope is a bare "Forbidden".
		return refused(ReasonScope)
	}
	return refused(ReasonOther)
}
