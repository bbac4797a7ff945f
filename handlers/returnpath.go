package handlers

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xsignin/xsignin/session"
)

// maxReturnPath bounds a return path, which travels in a cookie.
const maxReturnPath = session.MaxReturnTo

// localPath returns raw as a path on this site, parsed and encoded again, or def if
// it is anything else. auth is the path under which the handlers are mounted: to come
// back there would sign in once more, or out.
//
// Browsers read more as a host than RFC 3986 does: they take a backslash for a slash
// and drop tabs and line breaks. Servers and proxies on the way may decode once more
// than they should. So the path must not contain them in any encoding. The
// query is data, and stays.
func localPath(raw, auth, def string) string {
	if raw == def {
		return def
	}
	if len(raw) > maxReturnPath || !strings.HasPrefix(raw, "/") || !utf8.ValidString(raw) || hasControl(raw) {
		return def
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "" || u.Opaque != "" || u.User != nil || u.Host != "" {
		return def
	}
	// An application's success handler may send the path on by http.Redirect, which takes a
	// fragment for a part of it and cleans both.
	if !plainPath(u.EscapedPath()) || hasDotSegment(u.EscapedFragment()) {
		return def
	}
	if auth != "" && (u.Path == auth || strings.HasPrefix(u.Path, auth+"/")) {
		return def
	}
	local := url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: encodeQuery(u.RawQuery), Fragment: u.Fragment, RawFragment: u.RawFragment}
	return local.String()
}

// plainPath reports whether p, however often it is decoded, is an absolute path
// without an empty first segment, a backslash, a control character or a dot segment.
func plainPath(p string) bool {
	for {
		if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.Contains(p, `\`) || hasControl(p) {
			return false
		}
		if hasDotSegment(p) {
			return false
		}
		decoded := percentDecode(p)
		if decoded == p {
			return true
		}
		p = decoded
	}
}

func hasDotSegment(p string) bool {
	for segment := range strings.SplitSeq(p, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// percentDecode decodes what is an encoding, and leaves a stray percent sign as it is:
// behind one, another decoder would go on.
func percentDecode(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if i+2 < len(s) && s[i] == '%' {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// hasControl reports whether s holds a control character, of ASCII or of Latin 1.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || (r >= 0x7f && r < 0xa0) })
}

// encodeQuery encodes the characters that a query must not contain, and leaves the rest
// alone: an application may care about the order and the form of its parameters.
func encodeQuery(q string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	done := 0 // of q
	for i := range len(q) {
		if c := q[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}#", c) >= 0 {
			b.WriteString(q[done:i])
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
			done = i + 1
		}
	}
	if done == 0 {
		return q
	}
	b.WriteString(q[done:])
	return b.String()
}

// withReturn adds return_to and scope to a login path.
func (h *Handlers) withReturn(login, returnTo string, scopes []string) string {
	q := url.Values{}
	if returnTo != "" && returnTo != h.cfg.DefaultReturnTo {
		q.Set("return_to", returnTo)
	}
	if len(scopes) > 0 {
		q.Set("scope", strings.Join(scopes, " "))
	}
	if len(q) == 0 {
		return login
	}
	return login + "?" + q.Encode()
}
