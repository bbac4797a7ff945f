package xapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Error is an API's refusal. It holds no secret.
type Error struct {
	// Status is the HTTP status. It is 200 for answers that hold nothing but errors.
	Status int
	// Cause says what can be done:
	//
	//   - rate_limited: try again at RetryAt
	//   - unavailable: the server has a failure, or sent a page; try again later
	//   - unauthorized: the token is not accepted, not even after a refresh
	//   - forbidden: X gives no reason; the token may lack a scope
	//   - account_refused: X has suspended or locked the account, or restricts it
	//   - read_only: the application may only read by OAuth 1.0a
	//   - no_access: the application's plan or project does not include the call, or X has
	//     suspended the application
	//   - no_credits: the application's credits or its cap are used up
	//   - duplicate: this was posted already
	//   - not_found: X does not know it, or does not show it
	//   - too_large: the request is too large
	//   - refused: anything else; see Detail
	Cause string
	// Code is the end of a problem's type, such as "usage-capped", or the provider's code.
	Code string
	// Detail is the provider's message, on one line of at most 300 bytes, or empty.
	Detail string
	// RetryAt is when to try again, if the answer says so.
	RetryAt time.Time
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("xapi: status %d (%s): %q", e.Status, e.Cause, e.Detail)
}

// fault is one error of an answer: a problem document (RFC 9457), or a code with a message.
type fault struct {
	Title, Detail, Message, Type string
	Code                         json.RawMessage
}

// refusal returns the error that is in an answer, or nil.
func refusal(resp *http.Response, body []byte) *Error {
	var a struct {
		fault
		Data        json.RawMessage
		Errors      []fault
		Error       json.RawMessage // of RFC 6749 and QQ
		Description string          `json:"error_description"`
		Ret         json.RawMessage // of QQ
		Msg         string
	}
	isJSON := json.Valid(body)
	if isJSON {
		_ = json.Unmarshal(body, &a) // A field of another type stays empty.
	}
	e := &Error{Status: resp.StatusCode}
	e.add(scalar(a.Error), a.Description)
	if a.Msg != "" {
		e.add(scalar(a.Ret), a.Msg)
	}
	onlyErrors := len(a.Errors) > 0 && (len(a.Data) == 0 || string(a.Data) == "null")
	if e.Status < http.StatusMultipleChoices && (len(body) == 0 || isJSON && e.Code == "" && !onlyErrors) {
		return nil
	}
	// Errors are about a parameter, and say more than the whole answer.
	for _, f := range append(a.Errors, a.fault) {
		e.add(f.code(), cmp.Or(f.Message, f.Detail, f.Title))
	}
	if e.Cause = e.cause(resp.Header, isJSON); e.Cause == "rate_limited" || e.Cause == "unavailable" {
		e.RetryAt = retryAt(resp.Header)
	}
	return e
}

// add sets what is not known yet.
func (e *Error) add(code, text string) {
	e.Code, e.Detail = cmp.Or(e.Code, short(code)), cmp.Or(e.Detail, short(text))
}

// code returns the last segment of the fault's type, whose host varies, or its code.
func (f fault) code() string {
	if strings.Contains(f.Type, "/problems/") {
		return path.Base(f.Type)
	}
	return scalar(f.Code)
}

// scalar returns a JSON string or number, and "" for 0 and every other value.
func scalar(raw json.RawMessage) string {
	s := strings.Trim(string(raw), `"`)
	if s == "0" || s == "false" || s == "null" || strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[") {
		return ""
	}
	return s
}

// causes are the meanings of X's problem types and codes.
var causes = map[string]string{
	"usage-capped": "no_credits", "credits": "no_credits",
	"88": "rate_limited", "187": "duplicate",
	"user-suspended": "account_refused", "64": "account_refused", "326": "account_refused",
	"oauth1-permissions": "read_only", "261": "read_only",
	"client-forbidden": "no_access", "unsupported-authentication": "no_access",
	"220": "no_access", "416": "no_access", "453": "no_access",
	"resource-not-found": "not_found", "not-authorized-for-resource": "not_found",
}

// statusCauses are the meanings of statuses whose answer says no more.
var statusCauses = map[int]string{
	401: "unauthorized", 402: "no_credits", 403: "forbidden", 404: "not_found",
	408: "unavailable", 410: "not_found", 413: "too_large", 429: "rate_limited",
}

// cause classifies the error by its code and text, and then by its status.
func (e *Error) cause(h http.Header, isJSON bool) string {
	text := strings.ToLower(e.Detail)
	says := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(s string) bool { return strings.Contains(text, s) })
	}
	known := causes[e.Code]
	switch {
	case e.Status >= 500, (e.Status < 400 || e.Status == 403) && !isJSON, known == "no_access" && says("with unknown"):
		// X has sent the last one for good tokens, and accepted the same tokens minutes later.
		return "unavailable"
	case known != "":
		return known
	case says("duplicate content"):
		return "duplicate"
	case says("usagecapexceeded", "usage cap exceeded", "creditsdepleted", "not have any credits", "spendcapreached", "spend cap"):
		return "no_credits" // X has sent no type
	case says("developer account", "suspended application"):
		return "no_access"
	case says("suspended", "account is temporarily locked", "account is not permitted to perform"):
		return "account_refused"
	case e.Status == 403 && (h.Get("X-Ratelimit-Remaining") == "0" || h.Get("Retry-After") != ""):
		return "rate_limited" // as GitHub says it
	case e.Status == 403 && text != "" && text != "forbidden":
		return "refused" // for a missing scope X says only Forbidden
	}
	return cmp.Or(statusCauses[e.Status], "refused")
}

// retryAt returns when a limit ends: by X's headers, by GitHub's, or by Retry-After.
func retryAt(h http.Header) (at time.Time) {
	for _, limit := range []string{"X-Rate-Limit", "X-Ratelimit", "X-App-Limit-24hour", "X-User-Limit-24hour"} {
		n, err := strconv.ParseInt(h.Get(limit+"-Reset"), 10, 64)
		if t := time.Unix(n, 0); err == nil && strings.Trim(h.Get(limit+"-Remaining"), "0") == "" && t.After(at) {
			at = t
		}
	}
	if n, err := strconv.Atoi(h.Get("Retry-After")); err == nil && at.IsZero() {
		at = time.Now().Add(time.Duration(n) * time.Second)
	}
	return at
}

// short returns s on one line, bounded, and without characters that change a terminal.
func short(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:297], "") + "…"
	}
	return s
}
