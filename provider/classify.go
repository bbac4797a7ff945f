package provider

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xsignin/xsignin/internal/xplatform"
)

// This file decides what an answer of a provider means. Fault.go reads the answer.

// verdict is the meaning of an answer. The zero verdict is no error.
type verdict struct {
	kind   error
	reason Reason
}

// rule is one row of a table. It matches an answer to one of ops, with status, that has
// one of codes or texts, and for which when is true. Conditions that are not set do not
// count.
type rule struct {
	ops    []string
	status int
	codes  []string // see fault.has
	texts  []string // in lower case
	when   func(*call, *fault) bool
	means  verdict
}

func (r *rule) matches(c *call, f *fault) bool {
	return (r.ops == nil || slices.Contains(r.ops, c.op)) &&
		(r.status == 0 || r.status == c.status) &&
		(r.codes == nil && r.texts == nil || f.has(r.codes...) || f.says(r.texts...)) &&
		(r.when == nil || r.when(c, f))
}

func decide(c *call, f *fault, tables ...[]rule) verdict {
	for _, r := range slices.Concat(tables...) {
		if r.matches(c, f) {
			return r.means
		}
	}
	return otherwise
}

type words = []string

var (
	opToken, opRefresh, opRevoke = words{"token"}, words{"refresh"}, words{"revoke"}
	opRequest, opAccess          = words{"request_token"}, words{"access_token"}
	opCallback, opVerify         = words{"callback"}, words{verifyOp}
	opUser                       = words{usersMe, verifyOp}

	revoked       = verdict{}
	denied        = verdict{kind: ErrDenied}
	expired       = verdict{kind: ErrExpired}
	tokenRefused  = verdict{kind: ErrTokenRefused}
	unavailable   = verdict{kind: ErrUnavailable}
	limited       = verdict{kind: ErrRateLimited}
	wrongCallback = verdict{ErrRefused, ReasonCallback}
	wrongKeys     = verdict{ErrRefused, ReasonCredentials}
	wrongClock    = verdict{ErrRefused, ReasonClock}
	noAccess      = verdict{ErrRefused, ReasonAccess}
	noScope       = verdict{ErrRefused, ReasonScope}
	noCredits     = verdict{ErrRefused, ReasonCredits}
	usageCap      = verdict{ErrRefused, ReasonUsageCap}
	otherwise     = verdict{ErrRefused, ReasonOther}

	// accessCodes are X's codes for a plan, a project or permissions that do not cover the
	// call: its problem types, a suspended application (416), limited access (453), an
	// application's token (220) and a read-only application (261).
	accessCodes = words{
		"client-forbidden", "client-not-enrolled", "unsupported-authentication", "oauth1-permissions",
		"416", "453", "220", "261",
	}
	deadToken = words{"token_revoked", "token_rejected", "token_expired"}
)

// everywhere has the answers that mean the same at every provider.
var everywhere = []rule{
	// This is no rate limit: it lasts until the next month, and the headers beside it are
	// those of a limit that is not reached. With status 403 the cap is a spending limit.
	{status: 429, codes: words{"usage-capped"}, means: usageCap},
	{status: 429, means: limited},
	{codes: words{"88"}, means: limited},
	{when: outage, means: unavailable},
	{status: 402, means: noCredits},
	{codes: words{"credits", "usage-capped"}, means: noCredits},
}

// xAccount is X's refusal of an account: suspended, locked, or not permitted.
var xAccount = rule{
	codes: words{"user-suspended", "64", "326"},
	texts: words{"user has been suspended", "account is suspended", "your account is not permitted"},
	means: verdict{kind: ErrAccountRefused},
}

// xRefresh has X's own ways to say that a refresh token is refused.
var xRefresh = []rule{
	{ops: opRefresh, when: saysInvalidToken, means: tokenRefused},
	{ops: opRefresh, codes: words{"invalid_request"}, when: aboutToken, means: tokenRefused},
}

// tokenEndpoints is for the token and revocation endpoints of OAuth 2.0, and for the
// errors of callbacks (RFC 6749, section 4.1.2.1).
var tokenEndpoints = []rule{
	{ops: opToken, codes: words{"invalid_grant"}, means: expired},
	{ops: opToken, texts: words{"authorization code was invalid", "code verifier did not match"}, means: expired},
	{ops: opToken, texts: words{"redirect_uri", "redirect uri"}, means: wrongCallback},
	{ops: opRefresh, codes: words{"invalid_grant"}, means: tokenRefused},
	{ops: opRevoke, codes: words{"invalid_grant", "invalid_token"}, means: revoked},
	{ops: opRevoke, texts: words{"value passed for the token was invalid"}, means: revoked},
	// All required parameters but the client id are always sent.
	{codes: words{"invalid_client", "unauthorized_client"}, means: wrongKeys},
	{texts: words{"missing required parameter"}, means: wrongKeys},
	{codes: words{"server_error", "temporarily_unavailable"}, means: unavailable},
	{codes: words{"invalid_scope"}, means: noScope},
	{codes: accessCodes, means: noAccess},
	{ops: opCallback, codes: words{"invalid_request", "unsupported_response_type"}, means: otherwise},
	{ops: opCallback, means: denied},
	{status: 401, means: wrongKeys},
	{when: unstructured, means: unavailable},
}

// xUser is for X's users/me by OAuth 2.0.
var xUser = []rule{
	xAccount,
	// A 401 right after the exchange has been an outage. X has sent "Authenticating with
	// Unknown is forbidden" for good tokens, and accepted the same tokens minutes later.
	{status: 401, means: unavailable},
	{texts: words{"with unknown"}, means: unavailable},
	{codes: accessCodes, means: noAccess},
	{when: unstructured, means: unavailable},
	{status: 403, when: saysForbidden, means: noScope},
}

// xOAuth1 is for X by OAuth 1.0a. The numbers are in X's list of error codes. The texts
// are what X sends without a number.
var xOAuth1 = []rule{
	xAccount,
	{ops: words{"invalidate_token"}, status: 401, codes: words{"89"}, means: revoked},
	{ops: opUser, texts: words{"with unknown"}, means: unavailable},
	{codes: words{"135"}, means: wrongClock},
	{codes: words{"415", "417"}, means: wrongCallback},
	{texts: words{"only support the oauth_callback value"}, means: wrongCallback},
	{codes: accessCodes, means: noAccess},
	{texts: words{"temporarily unavailable"}, means: unavailable},
	{ops: opAccess, codes: words{"89"}, texts: words{"oauth_verifier", "request token"}, means: expired},
	{status: 401, when: clockOff, means: wrongClock},
	// X does not always name what is wrong with a stranger's token.
	{ops: opVerify, status: 401, means: tokenRefused},
	{ops: opVerify, codes: words{"89"}, means: tokenRefused},
	{codes: words{"32", "215"}, texts: words{"validate oauth signature"}, means: wrongKeys},
	// The request has no token, so X refuses the key.
	{ops: opRequest, codes: words{"89"}, means: wrongKeys},
	{ops: opRequest, status: 401, when: saysNothing, means: wrongKeys},
	{ops: opRequest, status: 401, texts: words{"unauthorized", "consumer", "signature"}, means: wrongKeys},
	{ops: opUser, status: 401, means: unavailable},
	// X translates "temporarily unavailable" into the user's language.
	{when: unstructured, means: unavailable},
	// OAuth 1.0a has no scopes.
	{ops: opUser, status: 403, means: noAccess},
}

// anyUser is for the user's address of a provider by configuration.
var anyUser = []rule{
	// GitHub sends its limits with status 403.
	{when: limitReached, means: limited},
	{codes: words{"insufficient_scope"}, means: noScope},
	{status: 401, means: unavailable},
	{status: 403, means: noAccess},
	{when: unstructured, means: unavailable},
}

// anyOAuth1 is for the endpoints of OAuth 1.0a of a provider by configuration.
var anyOAuth1 = []rule{
	{codes: words{"timestamp_refused"}, means: wrongClock},
	{codes: words{"consumer_key_unknown", "consumer_key_rejected", "consumer_key_refused"}, means: wrongKeys},
	{codes: words{"signature_invalid", "signature_method_rejected"}, means: wrongKeys},
	{codes: words{"token_used", "verifier_invalid"}, means: expired},
	{codes: deadToken, means: expired},
	{codes: words{"permission_denied"}, means: denied},
	{status: 401, when: clockOff, means: wrongClock},
	{texts: words{"callback"}, means: wrongCallback},
	// The request has no token, so the provider refuses the key.
	{ops: opRequest, status: 401, means: wrongKeys},
	{ops: opAccess, status: 401, means: expired},
	{ops: opAccess, status: 400, means: expired},
}

func outage(c *call, f *fault) bool {
	return c.status >= 500 || c.status == http.StatusRequestTimeout || f.page
}

func unstructured(_ *call, f *fault) bool { return !f.structured }
func saysNothing(_ *call, f *fault) bool  { return !f.structured && f.text() == "" }

// saysInvalidToken ignores WWW-Authenticate, which is not about the refresh token.
func saysInvalidToken(_ *call, f *fault) bool { return f.oauth == "invalid_token" }

func limitReached(c *call, _ *fault) bool {
	return c.header.Get("X-Ratelimit-Remaining") == "0" || c.header.Get("Retry-After") != ""
}

// saysForbidden reports whether f says nothing but "Forbidden", as X does for a missing
// scope.
func saysForbidden(_ *call, f *fault) bool {
	return f.code() == "" && f.reason == "" &&
		!slices.ContainsFunc(f.texts, func(t string) bool { return t != "" && !strings.EqualFold(t, "Forbidden") })
}

// aboutToken reports whether an invalid_request is about the token. X says "Value passed
// for the token was invalid."; other servers say something similar or nothing.
func aboutToken(_ *call, f *fault) bool {
	if f.says("missing required parameter", "client", "header", "grant_type", "grant type") {
		return false
	}
	return f.text() == "" || f.says("token") &&
		f.says("invalid", "expired", "revoked", "not found", "unknown", "does not exist", "already used")
}

// clockOff reports whether the answer's Date is far from the time that was signed.
func clockOff(c *call, _ *fault) bool {
	date, err := http.ParseTime(c.header.Get("Date"))
	return err == nil && date.Sub(c.sent).Abs() > xplatform.MaxClockSkew
}

type rejectFunc = func(*http.Response, []byte) bool

// rejects returns the function of [OAuth2Config] for a 401 with one of the codes.
func rejects(codes ...string) rejectFunc {
	return func(resp *http.Response, body []byte) bool {
		f := parseFault(resp.Header, body)
		return resp.StatusCode == http.StatusUnauthorized && f.has(codes...)
	}
}

// failure returns the error for a call that did not succeed, or nil for a revocation of a
// token that is already revoked.
func (c *call) failure() error {
	if c.err != nil && c.status != http.StatusTooManyRequests || c.status == 0 {
		return c.unreached()
	}
	if c.status >= 300 && c.status <= 399 {
		return c.unusable("the answer is a redirect, which is not followed: check the configured addresses")
	}
	f := parseFault(c.header, c.body)
	table := c.endpoints
	if c.op == userOp || c.op == usersMe {
		table = c.user
	}
	v := decide(c, &f, everywhere, table)
	if v == revoked {
		return nil
	}
	e := c.fail(v.kind, f.text())
	e.Reason, e.Code = v.reason, codeText(f.code(), c.hidden())
	if v == limited {
		e.RetryAt = retryAt(c.header, c.now())
	}
	return e
}

// maxWait is the longest plausible limit. X's are 15 minutes and 24 hours.
const maxWait = 60 * 24 * time.Hour

// retryAt returns the end of a limit, or the zero time: X's reset times, in Unix seconds,
// or Retry-After (RFC 9110), which servers in front of X send.
func retryAt(h http.Header, now time.Time) time.Time {
	epoch := time.Unix(0, 0)
	at := moment(h.Get("X-Rate-Limit-Reset"), epoch, now)
	// If a daily cap is used up, the reset of the window alone would be too early.
	for _, day := range []string{"X-App-Limit-24hour", "X-User-Limit-24hour"} {
		reset := moment(h.Get(day+"-Reset"), epoch, now)
		if h.Get(day+"-Remaining") == "0" && reset.After(at) {
			at = reset
		}
	}
	if at.IsZero() {
		at = moment(h.Get("Retry-After"), now, now)
	}
	if at.IsZero() {
		// GitHub's spelling, in every answer. Its other limit sends Retry-After.
		at = moment(h.Get("X-Ratelimit-Reset"), epoch, now)
	}
	return at
}

// moment parses a date, or a number of seconds after base. It returns the zero time for
// anything implausible.
func moment(s string, base, now time.Time) time.Time {
	at, _ := http.ParseTime(s)
	if n, err := strconv.ParseUint(s, 10, 40); err == nil {
		at = time.Unix(base.Unix()+int64(n), 0)
	}
	if at.Sub(now).Abs() > maxWait {
		return time.Time{}
	}
	return at.UTC()
}
