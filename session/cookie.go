package session

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

const (
	// tokenLength is the length of scs's session ids: 32 bytes in base64url.
	tokenLength = 43
	// maxToken bounds what is looked up for a manager of the application, whose ids
	// need not be scs's.
	maxToken = 256
	// maxTokens is how many cookies of the session's name are tried.
	maxTokens = 8
	// maxCleared bounds how many paths, and how many domains, one answer clears.
	maxCleared = 4

	// defaultName is the name of the session's cookie, and the beginning of those of pending
	// sign-ins, where the configuration has no name.
	defaultName = "xsignin"
	// pendingInfix is only in the names of pending sign-ins.
	pendingInfix = "-pending-"
	// hostPrefix makes browsers hold a cookie to this host, to https and to the path "/",
	// and securePrefix to https.
	hostPrefix   = "__Host-"
	securePrefix = "__Secure-"
)

// eachCookie calls yield with the name and value of each cookie in the request, in
// the order sent, until it returns false. It allocates nothing, because it runs at every
// request.
func eachCookie(r *http.Request, yield func(name, value string) bool) {
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var part string
			part, line, _ = strings.Cut(line, ";")
			name, value, ok := strings.Cut(strings.Trim(part, " \t"), "=")
			if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			if ok && !yield(name, value) {
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
		if value == "" || len(value) > maxToken || m.store.box == nil && len(value) != tokenLength {
			return true
		}
		tried++
		return yield(value) && tried < maxTokens
	})
	return sent
}

// token returns the session id of r: the first whose record has a user, or else the first
// whose record opens, or else "". It reads no record if there is one id.
func (m *Manager) token(ctx context.Context, r *http.Request) (string, error) {
	n, only := 0, ""
	m.eachToken(r, func(token string) bool { n++; only = token; return true })
	if n < 2 {
		return only, nil
	}
	token, _, err := m.find(ctx, r)
	return token, err
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
	replaceCookie(w.Header(), c)
}

// clearCookies makes the browser forget the session's id. Where the browser sent several, it
// clears the paths above the request's own and the domains above the host, too.
func (m *Manager) clearCookies(w http.ResponseWriter, r *http.Request) {
	c := m.cookie("")
	c.Expires, c.MaxAge = time.Unix(1, 0), -1
	replaceCookie(w.Header(), c)
	n := 0
	m.eachToken(r, func(string) bool { n++; return true })
	if n < 2 {
		return
	}
	other := *c
	other.Path = r.URL.Path
	for i := 0; i < maxCleared && len(other.Path) > 1; i++ {
		http.SetCookie(w, &other)
		other.Path = path.Dir(other.Path)
	}
	other = *c
	other.Domain = (&url.URL{Host: r.Host}).Hostname()
	for i := 0; i < maxCleared && strings.Contains(other.Domain, "."); i++ {
		http.SetCookie(w, &other)
		_, other.Domain, _ = strings.Cut(other.Domain, ".")
	}
}

func (m *Manager) cookie(value string) *http.Cookie {
	k := m.sm.Cookie
	return &http.Cookie{
		Name: k.Name, Value: value, Domain: k.Domain, Path: k.Path,
		Secure: k.Secure, HttpOnly: k.HttpOnly, SameSite: k.SameSite, Partitioned: k.Partitioned,
	}
}

// replaceCookie sets c, and removes an earlier one of the same name from the answer: RFC
// 6265 section 4.1.1 allows one.
func replaceCookie(h http.Header, c *http.Cookie) {
	others := slices.DeleteFunc(h["Set-Cookie"], func(other string) bool {
		return strings.HasPrefix(other, c.Name+"=")
	})
	h["Set-Cookie"] = append(others, c.String())
	// A cache that ignores Vary must still not hand one visitor's id to the next.
	const noCache = `no-cache="Set-Cookie"`
	if !slices.Contains(h["Cache-Control"], noCache) && !slices.Contains(h["Cache-Control"], "no-store") {
		h.Add("Cache-Control", noCache)
	}
}
