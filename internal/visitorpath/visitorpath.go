// Package visitorpath turns the path of a request into the path that the visitor's browser
// shows. The two differ behind a proxy or an [http.StripPrefix] that removes the path of the
// site's address.
package visitorpath

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// MaxReturnTo is the longest path to return to, in bytes, that a pending sign-in keeps.
const MaxReturnTo = 1500

// URI returns the path and the query that the visitor's browser shows. base is the path of
// the site's address, escaped and without a slash at the end, or "". The result begins with
// base and has exactly one slash in front.
func URI(r *http.Request, base string) string {
	raw := r.RequestURI // what arrived, before any http.StripPrefix
	if !strings.HasPrefix(raw, "/") {
		raw = r.URL.RequestURI()
	}
	escaped, query, hasQuery := strings.Cut(raw, "?")
	// Browsers read the first segment after two slashes as a host.
	escaped = "/" + strings.TrimLeft(escaped, "/")
	if rest, ok := cutBase(escaped, base); ok {
		escaped = rest
	}
	uri := base + escaped
	if hasQuery {
		uri += "?" + query
	}
	return uri
}

// Path returns the path of [URI], decoded and cleaned.
func Path(r *http.Request, base string) string {
	escaped, _, _ := strings.Cut(URI(r, base), "?")
	return path.Clean(decode(escaped))
}

// WithQuery returns path with a query of parameters, which are names and values in turn. A
// parameter without a value is left out.
func WithQuery(path string, parameters ...string) string {
	q := url.Values{}
	for p := range slices.Chunk(parameters, 2) {
		if p[1] != "" {
			q.Set(p[0], p[1])
		}
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}

// IsBelow reports whether an escaped path is base or below it, segment by segment.
func IsBelow(escaped, base string) bool {
	want, got := strings.Split(base, "/"), strings.Split(escaped, "/")
	return len(got) >= len(want) && slices.EqualFunc(want, got[:len(want)], func(a, b string) bool { return decode(a) == decode(b) })
}

// cutBase removes base from the front of an escaped path. Other spellings of base count too:
// /%40acme and /@acme are the same path.
func cutBase(escaped, base string) (rest string, ok bool) {
	rest = escaped
	if base == "" {
		return rest, true
	}
	for want := range strings.SplitSeq(strings.TrimPrefix(base, "/"), "/") {
		segment, after, more := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		if decode(segment) != decode(want) {
			return "", false
		}
		if rest = ""; more {
			rest = "/" + after
		}
	}
	return rest, true
}

func decode(segment string) string {
	if s, err := url.PathUnescape(segment); err == nil {
		return s
	}
	return segment
}
