package provider

import (
	"bytes"
	"cmp"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// fault is the content of an error answer. X sends JSON, XML and plain text, and the
// servers in front of it HTML. Other token endpoints send forms. The content type does
// not distinguish them.
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
func trimmed(b []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\ufeff")))
}

// object is a JSON object. A struct would match field names in any case, and would reject
// a whole answer for one field of an unexpected type.
type object = map[string]any

// stringOf returns v if v is a JSON string, and "" otherwise.
func stringOf(v any) string {
	s, _ := v.(string)
	return s
}

// scalarOf returns v if v is a JSON string, the digits of v if v is a JSON number, and
// "" otherwise.
func scalarOf(v any) string {
	if n, ok := v.(float64); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return stringOf(v)
}
