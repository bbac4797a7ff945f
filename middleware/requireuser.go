package middleware

import (
	"errors"
	"net/http"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/page"
)

// RequireUser passes requests of signed-in users to next, with the user and a client in the
// request's context. It answers all other requests with a [Refusal].
//
// RequireUser must not protect the login and the callback ([Config].SignInPath): no user
// could sign in. It answers status 500 there, and logs that once.
//
// A WebSocket handshake passes only from a page of the same origin. Browsers send cookies
// with handshakes from every page.
//
// The response gets Cache-Control: no-store, so that neither the back button after a
// sign-out nor a shared cache shows it to another visitor. A handler may set another value.
func (m *Middleware) RequireUser(next http.Handler) http.Handler {
	return Decision(m.Require).handler(next)
}

// Require is the decision of [Middleware.RequireUser]. It returns r with the user in its
// context, or the refusal to answer with. It sets headers on w and does not write.
//
// A user whose token X refused for good must sign in again, as far as this process knows.
// Require does not read the token: the first use of the client does.
func (m *Middleware) Require(w http.ResponseWriter, r *http.Request) (*http.Request, *Refusal) {
	return m.require(w, r, nil)
}

// require is Require. A sign-in requests the scopes.
func (m *Middleware) require(w http.ResponseWriter, r *http.Request, scopes []string) (*http.Request, *Refusal) {
	h := w.Header()
	// One slice for both headers: two calls of Set would take the signed-in request to 6
	// allocations, and the limit is 5 (internal/bench).
	values := []string{"no-store", "Cookie"}
	h["Cache-Control"] = values[0:1:1]
	if _, ok := h["Vary"]; !ok {
		h["Vary"] = values[1:2:2] // as the session would
	}
	loaded, err := m.Load(w, r)
	if err != nil {
		m.logStoreError(r, "session not read", err)
		return nil, m.answer(r, page.ProblemOf(page.Temporary))
	}
	req := requestctx.From(loaded.Context())
	if !req.SignedIn() {
		return nil, m.signIn(r, page.ProblemOf(page.NotSignedIn), m.cfg.LoginPath, scopes)
	}
	if m.isForeignSocket(r) {
		return nil, m.answer(r, page.ProblemOf(page.ForeignSocket))
	}
	switch err := m.cfg.Clients.NeedsReauth(r.Context(), req.User.Key()); {
	case errors.Is(err, client.ErrReauthRequired):
		return nil, m.reauth(r, req, scopes)
	case err != nil:
		m.logStoreError(r, "token not read", err)
		return nil, m.answer(r, page.ProblemOf(page.Temporary))
	}
	return loaded, nil
}

// reauth is the refusal of a user whose token X does not accept.
func (m *Middleware) reauth(r *http.Request, req *requestctx.Request, scopes []string) *Refusal {
	return m.signIn(r, page.ProblemOf(page.NeedsReauth), m.cfg.LoginPathOf(req.User.Provider), scopes)
}

// Decision returns the request to go on with, or the refusal to answer with.
// [Middleware.Require] is a Decision, and [Middleware.RequireWith] makes others, so that an
// adapter needs code for one type only.
type Decision func(w http.ResponseWriter, r *http.Request) (*http.Request, *Refusal)

// handler answers with the refusals of d, and passes other requests to next.
func (d Decision) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		loaded, refusal := d(w, r)
		if refusal != nil {
			refusal.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, loaded)
	})
}
