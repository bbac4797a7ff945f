package handlers

import (
	"context"
	_ "embed"
	"html"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/internal/visitorpath"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
)

// ReturnPath returns the path to which a success handler sends the visitor: where the login or
// the logout was to return to, or Config.DefaultReturnTo. The path is checked. The second value
// is false outside of success handlers.
func ReturnPath(ctx context.Context) (string, bool) {
	if req := requestctx.From(ctx); req != nil && req.Callback != nil {
		return req.Callback.ReturnTo, true
	}
	return "", false
}

// forward is a document that leads to the path at LINK without a script.
//
//go:embed forward.html
var forward string

// RedirectAfterSignIn sends the visitor of a callback to a path on this site, such as that of
// [ReturnPath]. Success handlers use it in place of [http.Redirect]. It replaces an unsafe
// path by "/".
//
// A browser that loads a page gets a small document that leads to the path at once, without a
// script. Other clients get status 303. At the end of redirects from another site, browsers
// would keep the page in the back/forward cache and send no SameSite=Strict cookies.
func RedirectAfterSignIn(w http.ResponseWriter, r *http.Request, path string) {
	private(w)
	path = encode(localPath(path, "", "", "/"))
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

// seeOther redirects the browser. [http.Redirect] would clean the path after the check.
func seeOther(w http.ResponseWriter, location string) {
	w.Header().Set("Location", encode(location))
	w.WriteHeader(http.StatusSeeOther)
}

// wayBack returns where the visitor goes after this login: the parameter return_to or, without
// the parameter, the page of this site that led here. If another site
// redirects the visitor back to the login, Sec-Fetch-Site says so.
func (c *call) wayBack(query url.Values) string {
	r := c.r
	if site := r.Header.Get("Sec-Fetch-Site"); query.Has("return_to") || site != "" && site != "same-origin" {
		return query.Get("return_to")
	}
	if back := c.h.ownPath(r.Referer()); c.h.comesBack && back != r.Referer() && (requestkind.MaySignIn(r) || requestkind.IsHTMX(r)) {
		return back
	}
	return ""
}

// setReturnTo sets the path to return to, and logs if it drops raw. requested is false for a
// Referer: that one is logged only if it is too long, because it may name a page of the kit.
func (c *call) setReturnTo(raw string, requested bool) {
	raw, def := c.h.ownPath(raw), c.h.cfg.DefaultReturnTo
	c.returnTo = c.h.local(raw)
	if len(c.returnTo) > visitorpath.MaxReturnTo { // encoding makes it longer
		c.returnTo = def
	}
	if (requested || len(raw) > visitorpath.MaxReturnTo) && raw != c.returnTo && c.returnTo == def {
		c.h.cfg.Logger.InfoContext(c.r.Context(), "xsignin: a return path was dropped: it is too long, cannot be read, or leads outside of PublicURL or to the sign-in itself",
			"provider", c.provider, "bytes", len(raw), "limit", visitorpath.MaxReturnTo)
	}
}

// local returns raw as a path to return to: below Config.PublicPath and not one of the
// handlers' own. Anything else means Config.DefaultReturnTo.
func (h *Handlers) local(raw string) string {
	return localPath(h.ownPath(raw), h.cfg.PublicPath, h.cfg.Path, h.cfg.DefaultReturnTo)
}

// ownPath returns the path, query and fragment of an address on this site, and any other text
// unchanged. The caller checks the result.
func (h *Handlers) ownPath(raw string) string {
	origin := h.cfg.Origin
	if origin == "" || len(raw) < len(origin) || !strings.EqualFold(raw[:len(origin)], origin) {
		return raw
	}
	port := ":80"
	if strings.HasPrefix(origin, "https:") {
		port = ":443"
	}
	rest := strings.TrimPrefix(raw[len(origin):], port)
	if rest == "" || rest[0] == '?' || rest[0] == '#' {
		rest = "/" + rest
	}
	return rest
}

// sender returns the provider of this sign-in. If no sign-in was found, sender returns the
// only provider with this callback, or else the first provider.
func (c *call) sender() provider.Provider {
	if p, ok := c.h.byName[c.provider]; ok {
		return p
	}
	var at []provider.Provider
	for _, p := range c.h.cfg.Providers {
		u, err := url.Parse(p.CallbackURL())
		if here := c.r.URL.Path; err == nil && len(here) > 1 && strings.HasSuffix(u.Path, here) {
			at = append(at, p)
		}
	}
	if len(at) == 1 {
		return at[0]
	}
	return c.h.cfg.Providers[0]
}

// named returns err with the name of the sign-in's provider, for the texts of its page.
func (c *call) named(err error) error {
	return page.WithProvider(err, provider.DisplayName(c.sender()))
}

// loginURL returns the address that begins c's sign-in again, perhaps with a cookieTest.
func (c *call) loginURL(cookies string) string {
	returnTo := c.returnTo
	if returnTo == c.h.cfg.DefaultReturnTo {
		returnTo = ""
	}
	return visitorpath.WithQuery(c.h.LoginPath(c.sender().Name()),
		"return_to", returnTo, "scope", strings.Join(c.wanted, " "), cookieTest, cookies)
}

var (
	// unsafePath matches a path that some browser, server or proxy reads as another path or as
	// a host. Browsers take a backslash for a slash and drop tabs and line breaks.
	unsafePath = regexp.MustCompile(`^[^/]|^//|\\|\p{Cc}|[/#]\.\.?([/#]|$)`)
	// unsafeByte matches what a header or a query must not contain.
	unsafeByte = regexp.MustCompile(`[^!#-;=?-\[\]_a-z~]`)
	encoded    = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
)

// localPath returns raw as a path on this site, encoded again, or def if it is anything else.
// base is the escaped path of the site's address, or "". auth is the escaped path of the
// handlers: a return there would sign in again, or sign out.
func localPath(raw, base, auth, def string) string {
	if raw == def {
		return def
	}
	if decoded, err := url.PathUnescape(auth); err == nil {
		auth = decoded
	}
	u, err := url.Parse(raw)
	if err != nil || len(raw) > visitorpath.MaxReturnTo || !utf8.ValidString(raw) ||
		!strings.HasPrefix(raw, "/") || strings.HasPrefix(raw, "//") ||
		base != "" && !visitorpath.IsBelow(u.EscapedPath(), base) ||
		auth != "" && strings.HasPrefix(path.Clean(u.Path)+"/", auth+"/") {
		return def
	}
	// A proxy may decode the path once more than it should. An application may pass the path to
	// http.Redirect, which treats a fragment as part of the path and cleans both.
	for p, last := u.EscapedPath()+"#"+u.EscapedFragment(), ""; p != last; {
		if unsafePath.MatchString(p) {
			return def
		}
		last, p = p, encoded.ReplaceAllStringFunc(p, func(s string) string {
			b, _ := strconv.ParseUint(s[1:], 16, 8) // the expression has checked the digits
			return string([]byte{byte(b)})
		})
	}
	local := url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: encode(u.RawQuery), Fragment: u.Fragment, RawFragment: u.RawFragment}
	return local.String()
}

// encode encodes what a header or a query must not contain. It leaves the rest alone: an
// application may care about the order and the form of its parameters.
func encode(s string) string {
	if !unsafeByte.MatchString(s) {
		return s
	}
	return unsafeByte.ReplaceAllStringFunc(s, url.PathEscape)
}
