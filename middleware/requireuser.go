package middleware

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/internal/answer"
	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/page"
)

// RequireUser passes requests of signed-in users to next, with the user and a client in the
// request's context. It answers all other requests as [Middleware.Require] describes.
//
// RequireUser must not protect the login and the callback ([Config].SignInPath): no user
// could sign in. It answers status 500 there, and logs that once.
//
// A WebSocket handshake passes only from a page of the same origin. Browsers send cookies
// with handshakes from every page.
//
// The response gets Cache-Control: no-store, so that neither the back button after a
// sign-out nor a shared cache shows it to another visitor. A handler may set another value.
func (m *Middleware) RequireUser(next http.Handler) http.Handler { return m.RequireScopes()(next) }

// Require is the decision of [Middleware.RequireUser] and [Middleware.RequireScopes], for
// programs that decide within a handler or reply in another way. It returns r with the user in
// its context, or a nil request and the refusal, which is a handler that answers r.
// Require sets headers on w and does not write.
//
// The request decides how it is refused:
//
//   - A page load is redirected to the login with its path as return_to (303).
//   - A form, and a page in a frame, get a page with a link to the login (401 or 403).
//   - htmx gets HX-Redirect (401 or 403).
//   - All others get a problem document (RFC 9457) that names the login: scripts, JSON, event
//     streams, WebSockets, and every method but GET and HEAD (401 or 403).
//
// While a store fails, all requests get status 503.
//
// A user must sign in again if this process knows that X refused the token for good.
// Without scopes, Require does not read the token: the first use of the client does.
func (m *Middleware) Require(w http.ResponseWriter, r *http.Request, scopes ...string) (*http.Request, http.Handler) {
	h := w.Header()
	// One slice for both headers: two calls of Set would take the signed-in request to 6
	// allocations, and the limit is 5 (internal/bench).
	values := []string{"no-store", "Cookie"}
	answer.SetCacheControl(h, values[0:1:1]...)
	if _, ok := h["Vary"]; !ok {
		h["Vary"] = values[1:2:2] // as the session would
	}
	loaded, err := m.load(w, r)
	if err != nil {
		m.logStoreError(r, "session not read", err)
		return nil, m.refuse(r, page.ProblemFor(page.Kind("temporary")))
	}
	req := requestctx.From(loaded.Context())
	if !req.SignedIn() {
		return nil, m.signIn(r, page.ProblemFor(notSignedIn), m.cfg.LoginPath, scopes)
	}
	if m.isForeignSocket(r) {
		return nil, m.refuse(r, page.ProblemFor(page.Kind("foreign_socket")))
	}
	if req.Sessions == nil {
		return loaded, nil // a test's request, without a stored token
	}
	missing, err := m.cfg.Clients.MissingScopes(r.Context(), req.User, scopes...)
	switch {
	case errors.Is(err, client.ErrReauthRequired):
		return nil, m.signIn(r, m.problemAt(req.User.Provider, "sign_in_again"), m.cfg.LoginPathOf(req.User.Provider), scopes)
	case err != nil:
		m.logStoreError(r, "token not read", err)
		return nil, m.refuse(r, page.ProblemFor(page.Kind("temporary")))
	case len(missing) > 0:
		return nil, m.insufficient(r, missing, req.User.Provider, scopes)
	}
	return loaded, nil
}

// isForeignSocket reports whether a page of another origin sent the WebSocket handshake r.
func (m *Middleware) isForeignSocket(r *http.Request) bool {
	if !requestkind.IsWebSocket(r) {
		return false
	}
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	if site != "" || origin == "" { // with neither it is not a browser
		return site != "same-origin" && site != "none" && site != ""
	}
	u, err := url.Parse(origin)
	return err != nil || !m.isSameOrigin(r, u)
}

// isSameOrigin reports whether u is on the site.
func (m *Middleware) isSameOrigin(r *http.Request, u *url.URL) bool {
	return u.Host != "" && (strings.EqualFold(u.Host, r.Host) || strings.EqualFold(u.Scheme+"://"+u.Host, m.cfg.Origin))
}
