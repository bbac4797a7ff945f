package handlers

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/internal/visitorpath"
)

// ReturnPath returns the path to which a success handler sends the visitor: the checked
// parameter return_to of the login, or Config.DefaultReturnTo. The second value is false
// outside of success handlers.
func ReturnPath(ctx context.Context) (string, bool) {
	req := requestctx.From(ctx)
	if req == nil || req.Callback == nil {
		return "", false
	}
	return req.Callback.ReturnTo, true
}

// forward is a document that leads to the path at LINK without a script. Text browsers show
// the link.
//
//go:embed forward.html
var forward string

// RedirectAfterSignIn sends the visitor of a callback to a path on this site, such as that of
// [ReturnPath]. Success handlers use it in place of [http.Redirect]. It replaces an unsafe
// path by "/".
//
// A browser that loads a page gets a small document that leads to the path at once, without a
// script. All other clients get status 303. The document ends the chain of redirects that
// began at X. At the end of such a chain, Chromium keeps a page in its back/forward cache
// despite no-store, and shows the page after the sign-out when the visitor goes back.
// Browsers also do not send SameSite=Strict cookies along such a chain.
func RedirectAfterSignIn(w http.ResponseWriter, r *http.Request, path string) {
	private(w)
	path = encode(localPath(path, "", "/"))
	if !requestkind.ShowsPages(r) {
		seeOther(w, path)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(strings.ReplaceAll(forward, "LINK", html.EscapeString(path))))
}

// seeOther redirects the browser. [http.Redirect] would clean the path, which has been
// checked as it is.
func seeOther(w http.ResponseWriter, location string) {
	w.Header().Set("Location", encode(location))
	w.WriteHeader(http.StatusSeeOther)
}

// loginURL returns the address that begins c's sign-in again. cookies is the value of
// cookieTest, or "".
func (c *call) loginURL(cookies string) string {
	q := url.Values{}
	if c.returnTo != "" && c.returnTo != c.h.cfg.DefaultReturnTo {
		q.Set("return_to", c.returnTo)
	}
	if len(c.wanted) > 0 {
		q.Set("scope", strings.Join(c.wanted, " "))
	}
	if cookies != "" {
		q.Set(cookieTest, cookies)
	}
	login := c.h.LoginPath(cmp.Or(c.provider, c.h.cfg.Providers[0].Name()))
	if len(q) > 0 {
		login += "?" + q.Encode()
	}
	return login
}

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
	u, err := url.Parse(raw)
	switch {
	case len(raw) > visitorpath.MaxReturnTo || !strings.HasPrefix(raw, "/") || !utf8.ValidString(raw) || hasControl(raw),
		err != nil || u.Scheme != "" || u.Opaque != "" || u.User != nil || u.Host != "",
		// An application's success handler may send the path on by http.Redirect, which takes
		// a fragment for a part of it and cleans both.
		!plainPath(u.EscapedPath()) || hasDotSegment(u.EscapedFragment()),
		auth != "" && (u.Path == auth || strings.HasPrefix(u.Path, auth+"/")):
		return def
	}
	local := url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: encode(u.RawQuery), Fragment: u.Fragment, RawFragment: u.RawFragment}
	return local.String()
}

// plainPath reports whether p, however often it is decoded, is an absolute path
// without an empty first segment, a backslash, a control character or a dot segment.
func plainPath(p string) bool {
	for {
		if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.Contains(p, `\`) || hasControl(p) || hasDotSegment(p) {
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
		c := s[i]
		if c == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				c = byte(v)
				i += 2
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

// hasControl reports whether s holds a control character, of ASCII or of Latin 1.
func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// encode encodes the characters that a header or a query must not contain. It leaves the rest
// alone: an application may care about the order and the form of its parameters.
func encode(s string) string {
	unsafe := func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", c) }
	if !strings.ContainsFunc(s, unsafe) {
		return s
	}
	var b strings.Builder
	for _, c := range []byte(s) {
		if unsafe(rune(c)) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
