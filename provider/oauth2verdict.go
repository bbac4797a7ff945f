package provider

import (
	"net/http"
)

// judgeCode weighs a refused code exchange.
func classifyCode(c *call, f fault) verdict {
	if f.has("invalid_grant") || f.says("authorization code was invalid", "code verifier did not match") {
		return expired
	}
	if f.says("redirect_uri", "redirect uri") {
		return refused(ReasonCallback)
	}
	return classifyClient(c, f)
}

// judgeClient weighs what the token and revocation endpoints have in common.
func classifyClient(c *call, f fault) verdict {
	switch {
	case f.has("invalid_client", "unauthorized_client"),
		// Everything else that is required is always sent: what X misses is the client id.
		f.has("invalid_request") && f.says("missing required parameter"):
		return refused(ReasonCredentials)
	case f.has("server_error", "temporarily_unavailable"):
		return unavailable
	case f.has("invalid_scope"):
		return refused(ReasonScope)
	case f.access():
		return refused(ReasonAccess)
	case c.answer.status == http.StatusUnauthorized:
		return refused(ReasonCredentials)
	case f.form != formJSON:
		return unavailable
	}
	return refused(ReasonOther)
}
