package provider

import (
	"net/http"

	"github.com/xsignin/xsignin/internal/xplatform"
)

// xRefusal makes the error for a token call that X did not grant.
func xRefusal(f *flow1, c *call) *Error {
	e := c.failure(judgeOAuth1)
	const hint = "; the consumer key has the shape of an OAuth 2.0 client id"
	if e.Reason == ReasonCredentials && xplatform.IsClientID(f.oauth.ConsumerKey) {
		e.Detail = clip(e.Detail, maxDetail-len(hint)) + hint
	}
	return e
}

// judgeOAuth1 weighs a refused call of OAuth 1.0a's own endpoints. X's numbers are in
// its list of error codes; the texts are what it sends where it sends no number.
func judgeOAuth1(c *call, f fault) verdict {
	status := c.answer.status
	switch {
	case f.has("135"):
		return refused(ReasonClock)
	case f.has("415", "417"), f.says("only support the oauth_callback value"):
		return refused(ReasonCallback)
	case f.access():
		return refused(ReasonAccess)
	case f.says("temporarily unavailable"):
		return unavailable
	case c.op == "access_token" && (f.has("89") || f.says("oauth_verifier", "request token")):
		return expired
	case status == http.StatusUnauthorized && clockOff(c):
		return refused(ReasonClock)
	case f.has("32", "215"), f.says("validate oauth signature"):
		return refused(ReasonCredentials)
	case c.op == "request_token" && (f.has("89") ||
		status == http.StatusUnauthorized && (f.form == formNone || f.says("unauthorized", "consumer", "signature"))):
		// No token was sent, so it can only be the key.
		return refused(ReasonCredentials)
	case f.form == formText, f.form == formNone:
		// Among these is X's "temporarily unavailable" in the user's language.
		return unavailable
	}
	return refused(ReasonOther)
}

// judgeSigned weighs a refused users/me call right after a sign-in.
func classifySigned(c *call, f fault) verdict {
	switch v := judgeOAuth1(c, f); {
	case v.reason != "" && v.reason != ReasonOther:
		return v
	case c.answer.status == http.StatusForbidden && f.form == formJSON:
		// There are no scopes that could be missing.
		return refused(ReasonAccess)
	case c.answer.status == http.StatusUnauthorized:
		return unavailable
	default:
		return v
	}
}

// judgeKept weighs a refused users/me call with a token from the store.
func classifyStoredOAuth1(c *call, f fault) verdict {
	if f.has("89") {
		return tokenRefused
	}
	return classifySigned(c, f)
}

// judgeProof weighs a refused users/me call with a token that a stranger brought.
func classifyProof(c *call, f fault) verdict {
	v := classifySigned(c, f)
	switch {
	case v.reason == ReasonClock, v.reason == ReasonAccess, f.says("temporarily unavailable"):
		return v
	case f.has("89"), c.answer.status == http.StatusUnauthorized:
		return tokenRefused
	}
	return v
}

// RejectsToken implements [TokenRejecter]: an error 401 with code 89, in whichever form X writes
// it. Any other 401 is none, as X has answered so to good tokens.
func (x *XOAuth1) RejectsToken(resp *http.Response, body []byte) bool {
	return resp.StatusCode == http.StatusUnauthorized && parseFault(body).has("89")
}

// clockOff reports whether the answer's Date is far from the time that was signed.
func clockOff(c *call) bool {
	date, err := http.ParseTime(c.answer.header.Get("Date"))
	return err == nil && date.Sub(c.sent).Abs() > xplatform.MaxClockSkew
}
