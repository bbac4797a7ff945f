package session

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// tokenLength is the length of scs's session ids: 32 bytes in base64url.
const tokenLength = 43

// maxForeignToken bounds what is looked up for a manager that we did not make,
// whose ids need not be scs's.
const maxForeignToken = 256

// defaultName is the name of the session's cookie, and the beginning of those of pending
// sign-ins, where the configuration has no name.
const defaultName = "xsignin"

// pendingInfix is only in the names of pending sign-ins.
const pendingInfix = "-pending-"

// hostPrefix is what makes browsers hold a cookie to this host, to https and to
// the path "/".
func hostPrefix(secure bool) string {
	if secure {
		return "__Host-"
	}
	return ""
}

// eachCookie calls yield with the name and value of each cookie in the request, in
// the order sent, until it returns false. It allocates nothing, as this runs at
// every request, and it does not judge what it finds.
func eachCookie(r *http.Request, yield func(name, value string) bool) {
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var part string
			part, line, _ = strings.Cut(line, ";")
			name, value, ok := strings.Cut(strings.Trim(part, " \t"), "=")
			if !ok {
				continue
			}
			if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			if !yield(name, value) {
				return
			}
		}
	}
}

// token returns the session id that the browser sent, and whether it sent any
// cookie of that name. An id that cannot be one of ours is "", so that it costs no
// store read.
func (m *Manager) token(r *http.Request) (token string, sent bool) {
	eachCookie(r, func(name, value string) bool {
		if name != m.sm.Cookie.Name {
			return true
		}
		sent = true
		if m.plausible(value) {
			token = value
		}
		return token == ""
	})
	return token, sent
}

// plausible reports whether value can be a session id.
func (m *Manager) plausible(value string) bool {
	if m.strict {
		return len(value) == tokenLength && isBase64URL(value)
	}
	if value == "" || len(value) > maxForeignToken {
		return false
	}
	for i := range len(value) {
		// The octets that RFC 6265 section 4.1.1 keeps out of values, and that
		// net/http therefore does not show to scs either.
		if c := value[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func isBase64URL(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// writeCookie sends the session's id to the browser.
func (m *Manager) writeCookie(w http.ResponseWriter, token string, expiry time.Time, persist bool) {
	c := m.cookie(token)
	if persist {
		// A browser that drops the cookie a second late does no harm; a second early
		// would sign somebody out.
		c.Expires = time.Unix(expiry.Unix()+1, 0)
		c.MaxAge = max(1, int(time.Until(expiry)/time.Second)+1)
	}
	replaceCookie(w.Header(), c.Name, c.String())
}

// clearCookie makes the browser forget the session's id.
func (m *Manager) clearCookie(w http.ResponseWriter) {
	c := m.cookie("")
	c.Expires, c.MaxAge = time.Unix(1, 0), -1
	replaceCookie(w.Header(), c.Name, c.String())
}

func (m *Manager) cookie(value string) *http.Cookie {
	k := m.sm.Cookie
	return &http.Cookie{
		Name: k.Name, Value: value, Domain: k.Domain, Path: k.Path,
		Secure: k.Secure, HttpOnly: k.HttpOnly, SameSite: k.SameSite, Partitioned: k.Partitioned,
	}
}

// replaceCookie sets the named cookie, whose line is what [http.Cookie.String] gives, and
// removes an earlier one of the same name from the answer: RFC 6265 section 4.1.1 allows
// one, and what came first here is out of date.
func replaceCookie(h http.Header, name, line string) {
	if line == "" {
		return // no browser would have kept a cookie of such a name
	}
	others := slices.DeleteFunc(h["Set-Cookie"], func(other string) bool {
		rest, ok := strings.CutPrefix(other, name)
		return ok && strings.HasPrefix(rest, "=")
	})
	h["Set-Cookie"] = append(others, line)
	// A cache that ignores Vary must still not hand one visitor's id to the next.
	const noCache = `no-cache="Set-Cookie"`
	for _, v := range h["Cache-Control"] {
		if v == noCache || v == "no-store" {
			return
		}
	}
	h.Add("Cache-Control", noCache)
}

// varyByCookie says that the answer depends on the cookie, once.
func varyByCookie(h http.Header) {
	for _, v := range h["Vary"] {
		if v == "Cookie" || v == "*" {
			return
		}
	}
	h.Add("Vary", "Cookie")
}
