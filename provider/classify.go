package provider

import (
	"bytes"
	"cmp"
	_ "embed" // for answers.json
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/xsignin/xsignin/internal/xplatform"
)

// This file reads an answer of a provider and decides what it means, by the tables of
// answers.json. The numbers there are X's error codes. The texts are what X sends without one.

// rule is one row of a table. It matches an answer to one of Ops, with Status, one of
// Codes and one of Texts, if When is true. Conditions that are not set do not count. A row with
// Table is replaced by the rows of that table.
type rule struct {
	Ops    []string
	Status int
	Codes  []string // see fault.has
	Texts  []string // in lower case
	When   condition
	Means  verdict
	Table  string
	Why    string
}

func (r *rule) matches(c *call, f *fault) bool {
	return (r.Ops == nil || slices.Contains(r.Ops, c.op)) &&
		(r.Status == 0 || r.Status == c.status) &&
		(r.Codes == nil || f.has(r.Codes...)) &&
		(r.Texts == nil || f.says(r.Texts...)) &&
		(r.When == nil || r.When(c, f))
}

// decide returns the meaning of an answer by the first row that matches it.
func decide(c *call, f *fault, table []rule) verdict {
	for _, r := range table {
		if r.matches(c, f) {
			return r.Means
		}
	}
	return verdict{ErrRefused, ReasonOther}
}

//go:embed answers.json
var answersJSON []byte

// answers returns the tables by their names.
var answers = sync.OnceValue(func() (tables map[string][]rule) {
	d := json.NewDecoder(bytes.NewReader(answersJSON))
	d.DisallowUnknownFields()
	if err := d.Decode(&tables); err != nil {
		panic("provider: answers.json: " + err.Error())
	}
	return tables
})

// rows returns a table, with the rows of the tables inside it.
func rows(table string) (all []rule) {
	for _, r := range answers()[table] {
		if r.Table == "" {
			all = append(all, r)
		} else {
			all = append(all, rows(r.Table)...)
		}
	}
	return all
}

type words = []string

// verdict is the meaning of an answer. The zero verdict means that the call succeeded.
type verdict struct {
	kind   error
	reason Reason
}

// UnmarshalText implements [encoding.TextUnmarshaler]. Other names than kinds are reasons.
func (v *verdict) UnmarshalText(name []byte) error {
	kinds := map[string]error{
		"revoked": nil, "denied": ErrDenied, "expired": ErrExpired, "unavailable": ErrUnavailable,
		"account refused": ErrAccountRefused, "token refused": ErrTokenRefused, "rate limited": ErrRateLimited,
	}
	kind, ok := kinds[string(name)]
	if *v = (verdict{kind: kind}); !ok {
		*v = verdict{ErrRefused, Reason(name)}
	}
	return nil
}

// condition is what a row requires beyond codes and texts.
type condition func(*call, *fault) bool

// UnmarshalText implements [encoding.TextUnmarshaler].
func (w *condition) UnmarshalText(name []byte) error {
	*w = map[string]condition{
		"outage": func(c *call, f *fault) bool {
			return c.status >= 500 || c.status == http.StatusRequestTimeout || f.page
		},
		"unstructured": func(_ *call, f *fault) bool { return !f.structured },
		"says nothing": func(_ *call, f *fault) bool { return !f.structured && f.text() == "" },
		"limit is reached": func(c *call, _ *fault) bool {
			return c.header.Get("X-Ratelimit-Remaining") == "0" || c.header.Get("Retry-After") != ""
		},
		// WWW-Authenticate is not about the refresh token.
		"body says invalid_token": func(_ *call, f *fault) bool { return f.oauth == "invalid_token" },
		"says Forbidden only":     saysForbidden,
		"about the token":         aboutToken,
		"clock is off":            clockOff,
	}[string(name)]
	if *w == nil {
		return fmt.Errorf("no condition is called %q", name)
	}
	return nil
}

// saysForbidden reports whether the only text of f is "Forbidden", which X sends for a missing
// scope.
func saysForbidden(_ *call, f *fault) bool {
	return f.code() == "" && f.reason == "" && f.says("forbidden") &&
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

// failure returns the error for a call, or nil for a revocation of a token that is already
// revoked. problem, if it is set, says why a good answer cannot be used. The errors of the
// libraries quote the answer, so they are not wrapped.
func (c *call) failure(problem string) error {
	if problem != "" && c.ok() {
		return c.unusable(problem)
	}
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
	v := decide(c, &f, slices.Concat(rows("everywhere"), table))
	if v.kind == nil {
		return nil
	}
	e := c.fail(v.kind, f.text())
	e.Reason, e.Code = v.reason, codeText(f.code(), c.hidden())
	if errors.Is(v.kind, ErrRateLimited) {
		e.RetryAt = retryAt(c.header, c.now())
	}
	return e
}

// retryAt returns the end of a limit, or the zero time: X's reset times, in Unix seconds,
// or Retry-After (RFC 9110), which servers in front of X send.
func retryAt(h http.Header, now time.Time) time.Time {
	// moment parses a date, or a number of seconds after base. It returns the zero time for
	// anything implausible: X's limits are 15 minutes and 24 hours.
	moment := func(header string, base int64) time.Time {
		at, _ := http.ParseTime(h.Get(header))
		if n, err := strconv.ParseUint(h.Get(header), 10, 40); err == nil {
			at = time.Unix(base+int64(n), 0)
		}
		if at.Sub(now).Abs() > 60*24*time.Hour {
			return time.Time{}
		}
		return at.UTC()
	}
	at := moment("X-Rate-Limit-Reset", 0)
	// If a daily cap is used up, the reset of the window alone would be too early.
	for _, day := range []string{"X-App-Limit-24hour", "X-User-Limit-24hour"} {
		if reset := moment(day+"-Reset", 0); h.Get(day+"-Remaining") == "0" && reset.After(at) {
			at = reset
		}
	}
	// The last is GitHub's, in every answer. Its other limit sends Retry-After.
	return cmp.Or(at, moment("Retry-After", now.Unix()), moment("X-Ratelimit-Reset", 0))
}

// fault is the content of an error answer. X sends JSON, XML and plain text. The servers in
// front of X send HTML, and other token endpoints send forms. Content types do not distinguish
// them.
type fault struct {
	page       bool     // the body is HTML
	structured bool     // the body is JSON, XML or a form with an error
	oauth      string   // RFC 6749's error
	codes      []string // oauth and X's numbers, unchanged
	// problem is the last segment of a problem document's type. reason is that field of
	// X's "client-forbidden" documents. challenge is the error of WWW-Authenticate (RFC
	// 6750, section 3), or the oauth_problem of OAuth 1.0's Problem Reporting extension.
	problem, reason, challenge string
	texts                      []string // the messages, the most precise first
}

var challenge = regexp.MustCompile(`\b(?:error|oauth_problem)="?([a-z_]+)`)

func parseFault(h http.Header, body []byte) (f fault) {
	body = trimmed(body)
	if m := challenge.FindStringSubmatch(h.Get("WWW-Authenticate")); m != nil {
		f.challenge = m[1]
	}
	switch {
	case len(body) == 0 || body[0] == '[' || body[0] == '"':
	case body[0] == '{':
		var o object
		if json.Unmarshal(body, &o) == nil {
			f.addAll(o)
		}
	case body[0] == '<':
		f.addXML(body)
	default:
		form, err := url.ParseQuery(string(body))
		f.challenge = cmp.Or(form.Get("oauth_problem"), f.challenge)
		if err == nil && form.Has("error") {
			f.addAll(object{"error": form.Get("error"), "error_description": form.Get("error_description")})
		} else {
			f.texts = append(f.texts, string(body))
		}
	}
	return f
}

func (f *fault) has(codes ...string) bool {
	return slices.ContainsFunc(codes, func(c string) bool {
		return slices.Contains(f.codes, c) || c == f.problem || c == f.reason || c == f.challenge
	})
}

// says reports whether one of the texts contains one of parts, ignoring case.
func (f *fault) says(parts ...string) bool {
	all := strings.ToLower(strings.Join(f.texts, "\n"))
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(all, p) })
}

func (f *fault) code() string { return cmp.Or(append(f.codes, f.problem)...) }

func (f *fault) text() string { return cmp.Or(f.texts...) }

// addAll adds an answer by RFC 6749, section 5.2, and the errors inside it.
func (f *fault) addAll(answer object) {
	f.structured = true
	// X's first API sent a sentence in place of the code; other providers send a number.
	if e := scalarOf(answer["error"]); strings.Contains(e, " ") {
		f.texts = append(f.texts, e)
	} else {
		f.oauth, f.codes = e, append(f.codes, e)
	}
	f.texts = append(f.texts, stringOf(answer["error_description"]))
	f.add(answer)
	errs, ok := answer["errors"].([]any)
	if !ok {
		errs = []any{answer["errors"]}
	}
	for _, e := range errs {
		f.texts = append(f.texts, stringOf(e))
		one, _ := e.(object)
		f.add(one)
	}
}

// add adds a problem document (RFC 9457) or one of X's own errors.
func (f *fault) add(o object) {
	f.codes = append(f.codes, scalarOf(o["code"]))
	f.texts = append(f.texts, stringOf(o["detail"]), stringOf(o["message"]), stringOf(o["title"]))
	if t := stringOf(o["type"]); f.problem == "" && strings.Contains(t, "/problems/") {
		f.problem = path.Base(t)
	}
	f.reason = cmp.Or(f.reason, stringOf(o["reason"]))
}

var (
	xmlRoot  = regexp.MustCompile(`^(?:<\?[^>]*>)?\s*<(?:errors|hash|error)[\s>]`)
	xmlError = regexp.MustCompile(`<error(?:\s+code="([^"]*)")?\s*>([^<]*)`)
)

// addXML adds <errors><error code="415">text</error></errors> and
// <hash><error>text</error></hash>. Any other markup is a page.
func (f *fault) addXML(body []byte) {
	if f.structured = xmlRoot.Match(body); !f.structured {
		f.page = true
		return
	}
	for _, m := range xmlError.FindAllSubmatch(body, -1) {
		f.codes = append(f.codes, string(m[1]))
		f.texts = append(f.texts, strings.TrimSpace(html.UnescapeString(string(m[2]))))
	}
}

// trimmed returns b without a byte order mark and the white space around it.
func trimmed(b []byte) []byte { return bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\ufeff"))) }

// object is a JSON object. A struct would match field names in any case, and would reject
// a whole answer for one field of an unexpected type.
type object = map[string]any

// stringOf returns v if v is a JSON string, and "" otherwise.
func stringOf(v any) string {
	s, _ := v.(string)
	return s
}

// scalarOf is like stringOf, and also returns the digits of a JSON number.
func scalarOf(v any) string {
	if n, ok := v.(float64); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return stringOf(v)
}
