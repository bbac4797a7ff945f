package session

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// tokenLength is the length of scs's session ids: 32 bytes in base64url.
	tokenLength = 43
	// keyLength is the length of a hashed id.
	keyLength = 43
	// maxForeignToken bounds what is looked up for a manager of the application, whose ids
	// need not be scs's.
	maxForeignToken = 256
	// maxTokens is how many cookies of the session's name are tried.
	maxTokens = 8
)

// defaultName is the name of the session's cookie, and the beginning of those of pending
// sign-ins, where the configuration has no name.
const defaultName = "xsignin"

// pendingInfix is only in the names of pending sign-ins.
const pendingInfix = "-pending-"

// securePrefix makes browsers hold a cookie to https.
const securePrefix = "__Secure-"

// hostPrefix is what makes browsers hold a cookie to this host, to https and to
// the path "/".
func hostPrefix(secure bool) string {
	if secure {
		return "__Host-"
	}
	return ""
}

// eachCookie calls yield with the name and value of each cookie in the request, in
// the order sent, until it returns false. It allocates nothing, because it runs at every
// request.
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

// eachToken calls yield with each session id that the browser sent, until it returns false.
// An id that scs never makes is left out, so that it costs no store read. It reports whether
// the browser sent any cookie of the name.
func (m *Manager) eachToken(r *http.Request, yield func(token string) bool) (sent bool) {
	tried := 0
	eachCookie(r, func(name, value string) bool {
		if name != m.sm.Cookie.Name {
			return true
		}
		sent = true
		if !m.plausible(value) {
			return true
		}
		tried++
		return yield(value) && tried < maxTokens
	})
	return sent
}

// token returns the session id whose record has a user, or else the first one whose record
// opens, or else "". With one cookie it reads nothing.
func (m *Manager) token(ctx context.Context, r *http.Request) (string, error) {
	var tokens []string
	m.eachToken(r, func(token string) bool {
		tokens = append(tokens, token)
		return true
	})
	if len(tokens) < 2 {
		return strings.Join(tokens, ""), nil
	}
	best := ""
	for _, token := range tokens {
		b, found, err := m.store.findOpen(ctx, m.store.key(token))
		if err != nil {
			return "", fmt.Errorf("session: reading: %w", err)
		}
		rec, ok := m.store.decode(b)
		switch {
		case found && ok && signedIn(rec.user):
			return token, nil
		case found && ok && best == "":
			best = token
		}
	}
	return best, nil
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
		// A cookie that ends a second late does no harm. A second early would sign the user
		// out.
		c.Expires = time.Unix(expiry.Unix()+1, 0)
		c.MaxAge = max(1, int(time.Until(expiry)/time.Second)+1)
	}
	replaceCookie(w.Header(), c.Name, c.String())
}

// clearCookies makes the browser forget the session's id. Where the browser sent several, it
// clears the paths above the request's own and the domains above the host, too.
func (m *Manager) clearCookies(w http.ResponseWriter, r *http.Request) {
	c := m.cookie("")
	c.Expires, c.MaxAge = time.Unix(1, 0), -1
	replaceCookie(w.Header(), c.Name, c.String())
	n := 0
	m.eachToken(r, func(string) bool { n++; return true })
	if n < 2 {
		return
	}
	for _, path := range pathsAbove(r.URL.Path) {
		other := *c
		other.Path = path
		w.Header().Add("Set-Cookie", other.String())
	}
	for _, domain := range domainsAbove(r.Host) {
		other := *c
		other.Domain = domain
		w.Header().Add("Set-Cookie", other.String())
	}
}

// maxCleared bounds how many paths, and how many domains, one answer clears.
const maxCleared = 4

// pathsAbove lists the paths at which a cookie that was sent for path may lie, except "/".
func pathsAbove(path string) []string {
	var paths []string
	for i := 1; i < len(path) && len(paths) < maxCleared; i++ {
		if path[i] == '/' {
			paths = append(paths, path[:i])
		}
	}
	return append(paths, path[:min(len(path), 100)])
}

// domainsAbove lists the domains at which a cookie that was sent to host may lie.
func domainsAbove(host string) []string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if net.ParseIP(strings.Trim(host, "[]")) != nil {
		return nil
	}
	var domains []string
	for strings.Contains(host, ".") && len(domains) < maxCleared {
		domains = append(domains, host)
		_, host, _ = strings.Cut(host, ".")
	}
	return domains
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
// one.
func replaceCookie(h http.Header, name, line string) {
	if line == "" {
		return // no browser keeps a cookie of such a name
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
