package middleware

import (
	"net/http"
	"net/url"
	"strings"
)

// isForeignSocket reports whether a page of another origin sent the WebSocket handshake r.
func (m *Middleware) isForeignSocket(r *http.Request) bool {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site != "same-origin" && site != "none"
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false // not a browser
	}
	u, err := url.Parse(origin)
	return err != nil || !m.isSameOrigin(r, u)
}

// isSameOrigin reports whether u is on the site.
func (m *Middleware) isSameOrigin(r *http.Request, u *url.URL) bool {
	return u.Host != "" && (strings.EqualFold(u.Host, r.Host) || strings.EqualFold(u.Scheme+"://"+u.Host, m.cfg.Origin))
}
