package provider

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/xsignin/xsignin/internal/xplatform"
)

// This file decides what an answer of a provider means. Fault.go reads the answer.

// verdict is the meaning of an answer.
type verdict struct {
	kind   error
	reason Reason
}

// classifier decides what the answer of c, whose body is f, means. It sees only answers
// whose meaning depends on the provider: see failure.
type classifier func(c *call, f fault) verdict

// purpose is the reason for asking who the user of a token is.
type purpose int

const (
	newToken    purpose = iota // the token was issued a moment ago
	storedToken                // the token comes from the store
	proof                      // a stranger brought the token
)

var (
	expired      = verdict{kind: ErrExpired}
	tokenRefused = verdict{kind: ErrTokenRefused}
	unavailable  = verdict{kind: ErrUnavailable}
	rateLimited  = verdict{kind: ErrRateLimited}
)

func refused(r Reason) verdict { return verdict{ErrRefused, r} }

// failure returns the error for a call that did not succeed.
func (c *call) failure() *Error {
	if c.answer == nil || c.err != nil {
		if c.answer != nil && c.answer.status == http.StatusTooManyRequests {
			return c.limited("", "")
		}
		return c.unreached()
	}
	if c.answer.status >= 300 && c.answer.status <= 399 {
		return c.unusable("the answer is a redirect, which is not followed: check the configured addresses")
	}
	f := parseFault(c.answer.body)
	code := codeText(f.code(), c.hidden())
	v := c.meaning(f)
	if v == rateLimited {
		return c.limited(code, f.text())
	}
	e := c.fail(v.kind, f.text())
	e.Reason, e.Code = v.reason, code
	return e
}

// meaning handles the answers that mean the same at every provider: by the problem's type
// first, then by the status.
func (c *call) meaning(f fault) verdict {
	status := c.answer.status
	switch {
	case status == http.StatusTooManyRequests && f.has("usage-capped"):
		// This is no rate limit: it lasts until the next month. The headers beside it are
		// those of a limit that is not reached.
		return refused(ReasonUsageCap)
	case status == http.StatusTooManyRequests || f.has("88"):
		return rateLimited
	case status >= 500, status == http.StatusRequestTimeout, f.form == formHTML:
		return unavailable
	case status == http.StatusPaymentRequired, f.has("credits", "usage-capped"):
		// With status 403 the cap is a spending limit.
		return refused(ReasonCredits)
	}
	return c.classify(c, f)
}

// limited is the error for a rate limit.
func (c *call) limited(code, text string) *Error {
	e := c.fail(ErrRateLimited, text)
	e.Code = code
	e.RetryAt = retryAt(c.answer.header, c.now())
	return e
}

// refusesAccount reports whether f says that X refuses the account: suspended, locked, or
// not permitted to do this.
func (f fault) refusesAccount() bool {
	return f.has("user-suspended", "64", "326") ||
		f.says("user has been suspended", "account is suspended", "your account is not permitted")
}

// refusesAccess reports whether f says that the application's plan, project or
// permissions do not cover the call: by X's problem types, or by X's codes for a
// suspended application (416), limited access (453), an application's token (220) and a
// read-only application (261).
func (f fault) refusesAccess() bool {
	return f.has("client-forbidden", "client-not-enrolled", "unsupported-authentication", "oauth1-permissions",
		"416", "453", "220", "261")
}

// passing reports whether f is X's "Authenticating with Unknown is forbidden". X has sent
// it for good tokens, and accepted the same tokens minutes later.
func (f fault) passing() bool {
	return f.has("unsupported-authentication") && f.says("with unknown")
}

// bareForbidden reports whether f says nothing but "Forbidden", as X does for a missing
// scope.
func (f fault) bareForbidden() bool {
	for _, t := range f.texts {
		if !strings.EqualFold(t, "Forbidden") {
			return false
		}
	}
	return f.form == formJSON && f.code() == "" && f.reason == ""
}

// classifyX classifies X's answers by OAuth 2.0.
func classifyX(c *call, f fault) verdict {
	switch c.op {
	case "token":
		return classifyCode(c, f)
	case "refresh":
		if f.has("invalid_grant", "invalid_token") || f.has("invalid_request") && tokenInvalid(f) {
			return tokenRefused
		}
		return classifyClient(c, f)
	case "revoke":
		return classifyClient(c, f)
	}
	switch {
	case f.refusesAccount():
		return verdict{kind: ErrAccountRefused}
	case c.answer.status == http.StatusUnauthorized, f.passing():
		// A 401 right after the exchange has been an outage.
		return unavailable
	case f.refusesAccess():
		return refused(ReasonAccess)
	case f.form != formJSON:
		return unavailable
	case c.answer.status == http.StatusForbidden && f.bareForbidden():
		return refused(ReasonScope)
	}
	return refused(ReasonOther)
}

// classifyCode classifies an answer to the exchange of a code.
func classifyCode(c *call, f fault) verdict {
	if f.has("invalid_grant") || f.says("authorization code was invalid", "code verifier did not match") {
		return expired
	}
	if f.says("redirect_uri", "redirect uri") {
		return refused(ReasonCallback)
	}
	return classifyClient(c, f)
}

// classifyClient classifies what the token and revocation endpoints have in common.
func classifyClient(c *call, f fault) verdict {
	switch {
	case f.has("invalid_client", "unauthorized_client"),
		// The other required parameters are always sent: X misses the client id.
		f.has("invalid_request") && f.says("missing required parameter"):
		return refused(ReasonCredentials)
	case f.has("server_error", "temporarily_unavailable"):
		return unavailable
	case f.has("invalid_scope"):
		return refused(ReasonScope)
	case f.refusesAccess():
		return refused(ReasonAccess)
	case c.answer.status == http.StatusUnauthorized:
		return refused(ReasonCredentials)
	case f.form != formJSON && f.form != formForm:
		return unavailable
	}
	return refused(ReasonOther)
}

// tokenInvalid reports whether an invalid_request is about the token. X says "Value passed
// for the token was invalid."; other servers say something similar or nothing. All other
// required parameters are always sent, so a refusal without a text is about the token.
func tokenInvalid(f fault) bool {
	if f.says("missing required parameter", "client", "header", "grant_type", "grant type") {
		return false
	}
	return f.text() == "" ||
		f.says("token") && f.says("invalid", "expired", "revoked", "not found", "unknown", "does not exist", "already used")
}

// classifyXOAuth1 classifies X's answers by OAuth 1.0a.
func classifyXOAuth1(c *call, f fault) verdict {
	if c.op != usersMe {
		return classifyXOAuth1Endpoint(c, f)
	}
	unauthorized := c.answer.status == http.StatusUnauthorized
	v := classifyXOAuth1Endpoint(c, f)
	sure := v.reason != "" && v.reason != ReasonOther
	switch {
	case f.refusesAccount():
		return verdict{kind: ErrAccountRefused}
	case f.passing():
		return unavailable
	case c.purpose == storedToken && f.has("89"):
		return tokenRefused
	case c.purpose == proof && v.reason != ReasonClock && v.reason != ReasonAccess &&
		!f.says("temporarily unavailable") && (unauthorized || f.has("89")):
		return tokenRefused
	case sure:
		return v
	case c.answer.status == http.StatusForbidden && f.form == formJSON:
		// OAuth 1.0a has no scopes.
		return refused(ReasonAccess)
	case unauthorized:
		return unavailable
	}
	return v
}

// classifyXOAuth1Endpoint classifies an answer of OAuth 1.0a's own endpoints. The numbers
// are in X's list of error codes. The texts are what X sends without a number.
func classifyXOAuth1Endpoint(c *call, f fault) verdict {
	status := c.answer.status
	switch {
	case f.has("135"):
		return refused(ReasonClock)
	case f.has("415", "417"), f.says("only support the oauth_callback value"):
		return refused(ReasonCallback)
	case f.refusesAccess():
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
		// The request has no token, so X refuses the key.
		return refused(ReasonCredentials)
	case f.form == formText, f.form == formNone:
		// X translates "temporarily unavailable" into the user's language.
		return unavailable
	}
	return refused(ReasonOther)
}

// classifyOAuth2 returns the classifier of a provider by configuration. codes has the
// provider's own codes of the token endpoint. rejects recognises a refused token.
func classifyOAuth2(codes map[string]verdict, rejects rejectFunc) classifier {
	return func(c *call, f fault) verdict {
		if c.op == userOp {
			return classifyUser(c, f, rejects)
		}
		if c.op != "revoke" {
			for _, code := range f.codes {
				if v, ok := codes[code]; ok {
					return v
				}
			}
		}
		switch {
		case c.op == "token":
			return classifyCode(c, f)
		case c.op == "refresh" && f.has("invalid_grant"):
			return tokenRefused
		}
		return classifyClient(c, f)
	}
}

// classifyUser classifies an answer to the question who signed in.
func classifyUser(c *call, f fault, rejects rejectFunc) verdict {
	h := c.answer.header
	switch {
	case c.purpose == storedToken && rejects(&http.Response{StatusCode: c.answer.status, Header: h, Body: http.NoBody}, c.answer.body):
		return tokenRefused
	case h.Get("X-Ratelimit-Remaining") == "0", h.Get("Retry-After") != "":
		// GitHub sends its limits with status 403.
		return rateLimited
	case f.has("insufficient_scope"), strings.Contains(h.Get("WWW-Authenticate"), "insufficient_scope"):
		return refused(ReasonScope) // RFC 6750, section 3.1
	case c.answer.status == http.StatusUnauthorized:
		return unavailable
	case c.answer.status == http.StatusForbidden:
		return refused(ReasonAccess)
	case f.form != formJSON:
		return unavailable
	}
	return refused(ReasonOther)
}

// classifyOAuth1 returns the classifier of an OAuth 1.0a provider by configuration.
func classifyOAuth1(rejects rejectFunc) classifier {
	return func(c *call, f fault) verdict {
		if c.op == userOp {
			return classifyUser(c, f, rejects)
		}
		switch problemIn(c.answer.header, c.answer.body) {
		case "timestamp_refused":
			return refused(ReasonClock)
		case "consumer_key_unknown", "consumer_key_rejected", "consumer_key_refused", "signature_invalid", "signature_method_rejected":
			return refused(ReasonCredentials)
		case "token_expired", "token_used", "token_rejected", "token_revoked", "verifier_invalid":
			return expired
		case "permission_denied":
			return verdict{kind: ErrDenied}
		}
		unauthorized := c.answer.status == http.StatusUnauthorized
		switch {
		case unauthorized && clockOff(c):
			return refused(ReasonClock)
		case f.says("callback"):
			return refused(ReasonCallback)
		case c.op == "request_token" && unauthorized:
			// The request has no token, so the provider refuses the key.
			return refused(ReasonCredentials)
		case c.op == "access_token" && (unauthorized || c.answer.status == http.StatusBadRequest):
			return expired
		}
		return refused(ReasonOther)
	}
}

// problemIn is the code of OAuth 1.0's Problem Reporting extension, which many providers
// follow, in the body or in WWW-Authenticate.
func problemIn(header http.Header, body []byte) string {
	form, _ := url.ParseQuery(string(body))
	if p := form.Get("oauth_problem"); p != "" {
		return p
	}
	_, rest, _ := strings.Cut(header.Get("WWW-Authenticate"), "oauth_problem=")
	rest, _, _ = strings.Cut(strings.TrimPrefix(rest, `"`), `"`)
	rest, _, _ = strings.Cut(rest, ",")
	return rest
}

// rejectFunc reports whether an answer of the API refuses the token for good: see
// [TokenRejecter].
type rejectFunc func(resp *http.Response, body []byte) bool

// rejectsNone is the rejectFunc of X by OAuth 2.0: only a refresh is proof.
func rejectsNone(*http.Response, []byte) bool { return false }

// rejectsCode89 is the rejectFunc of X by OAuth 1.0a. X has sent other 401s to good
// tokens.
func rejectsCode89(resp *http.Response, body []byte) bool {
	return resp.StatusCode == http.StatusUnauthorized && parseFault(body).has("89")
}

// rejectsInvalidToken is the rejectFunc of RFC 6750, section 3.1.
func rejectsInvalidToken(resp *http.Response, _ []byte) bool {
	return resp.StatusCode == http.StatusUnauthorized && strings.Contains(resp.Header.Get("WWW-Authenticate"), `error="invalid_token"`)
}

// rejectsProblem is the rejectFunc of OAuth 1.0's Problem Reporting extension.
func rejectsProblem(resp *http.Response, body []byte) bool {
	if resp.StatusCode != http.StatusUnauthorized {
		return false
	}
	switch problemIn(resp.Header, body) {
	case "token_revoked", "token_rejected", "token_expired":
		return true
	}
	return false
}

// clockOff reports whether the answer's Date is far from the time that was signed.
func clockOff(c *call) bool {
	date, err := http.ParseTime(c.answer.header.Get("Date"))
	return err == nil && date.Sub(c.sent).Abs() > xplatform.MaxClockSkew
}

// maxWait is the longest plausible limit. X's are 15 minutes and 24 hours.
const maxWait = 60 * 24 * time.Hour

// retryAt returns the end of a limit: X's reset times, in Unix seconds, or Retry-After
// (RFC 9110), which servers in front of X send. It is the zero time if the headers do not
// say.
func retryAt(h http.Header, now time.Time) time.Time {
	at := unixSeconds(h.Get("X-Rate-Limit-Reset"), now)
	// If a daily cap is used up, the reset of the window alone would be too early.
	for _, day := range []string{"X-App-Limit-24hour", "X-User-Limit-24hour"} {
		if strings.TrimSpace(h.Get(day+"-Remaining")) != "0" {
			continue
		}
		if reset := unixSeconds(h.Get(day+"-Reset"), now); reset.After(at) {
			at = reset
		}
	}
	if at.IsZero() {
		at = retryAfter(h.Get("Retry-After"), now)
	}
	if at.IsZero() {
		// GitHub's spelling, in every answer. Its other limit sends Retry-After.
		at = unixSeconds(h.Get("X-Ratelimit-Reset"), now)
	}
	return at
}

func unixSeconds(s string, now time.Time) time.Time {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	return plausible(time.Unix(n, 0), now)
}

func retryAfter(s string, now time.Time) time.Time {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 32); err == nil && n >= 0 {
		return plausible(now.Add(time.Duration(n)*time.Second), now)
	}
	t, err := http.ParseTime(s)
	if err != nil {
		return time.Time{}
	}
	return plausible(t, now)
}

func plausible(t, now time.Time) time.Time {
	if t.Sub(now).Abs() > maxWait {
		return time.Time{}
	}
	return t.UTC()
}
