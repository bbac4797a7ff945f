package middleware

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/internal/wants"
)

// RequireUser lets only signed-in users through to next, with the user and a client
// in the request's context. Anybody else gets the [Refusal] that fits who asks.
//
// The answer gets Cache-Control: no-store, so that neither the back button after a
// sign-out nor a cache on the way shows it to somebody else. A handler that knows
// better sets the header itself.
func (m *Middleware) RequireUser(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		loaded, refusal := m.Require(w, r)
		if refusal != nil {
			refusal.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, loaded)
	})
}

// Require is the decision of [Middleware.RequireUser]: either r with the user in its
// context, or the refusal to answer with. It sets headers on w and never writes.
//
// A user whose token X has refused for good, as far as this process knows, must sign
// in again. The token is not read for this: the first use of the client does that.
func (m *Middleware) Require(w http.ResponseWriter, r *http.Request) (*http.Request, *Refusal) {
	w.Header().Set("Cache-Control", "no-store")
	loaded, err := m.Load(w, r)
	if err != nil {
		m.log.ErrorContext(r.Context(), "xsignin: session not read", "err", err)
		return nil, temporary()
	}
	req := requestctx.From(loaded.Context())
	if !req.SignedIn {
		return nil, m.signIn(r, "not_signed_in", "Sign in to continue.")
	}
	switch err := m.clients.Usable(r.Context(), req.User.Key()); {
	case errors.Is(err, client.ErrSignInAgain):
		return nil, m.signIn(r, "sign_in_again", "X no longer accepts this sign-in. Sign in again.")
	case err != nil:
		m.log.ErrorContext(r.Context(), "xsignin: token not read", "err", err)
		return nil, temporary()
	}
	return loaded, nil
}

// Refusal is the answer to a request that needs a signed-in user and has none. A page
// load is redirected to the login with the way back. Everything else - fetch,
// XMLHttpRequest, JSON, event streams, websockets, any method but GET - gets status
// 401 and a problem document (RFC 9457) that names the login, and htmx also
// HX-Redirect. While the session store cannot answer, everybody gets 503.
type Refusal struct {
	// Status is 303, 401 or 503.
	Status int
	// Location is where to sign in; empty for 503.
	Location string
	// Problem is the document for clients that are not browsers' page loads.
	Problem Problem

	htmx bool
}

// Problem is a problem document of RFC 9457.
type Problem struct {
	// Type is "about:blank": Title and Status say all there is.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Code is the kit's own stable word for the problem.
	Code string `json:"code"`
	// LoginURL is where to send the user.
	LoginURL string `json:"login_url,omitempty"`
}

// ServeHTTP writes the refusal.
func (f *Refusal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	switch {
	case f.Status == http.StatusSeeOther:
		http.Redirect(w, r, f.Location, f.Status)
		return
	case f.Status == http.StatusServiceUnavailable:
		h.Set("Retry-After", "5")
	case f.htmx:
		h.Set("HX-Redirect", f.Location)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(f.Problem)
}

func (m *Middleware) signIn(r *http.Request, code, detail string) *Refusal {
	f := &Refusal{Status: http.StatusUnauthorized, Location: m.loginPath}
	switch {
	case wants.Page(r):
		f.Status, f.Location = http.StatusSeeOther, m.loginURL(requestURI(r))
	case wants.HTMX(r):
		f.htmx = true
		// The fragment that htmx asked for is no page to come back to; the page that
		// it is on is.
		if page, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil && page.Path != "" {
			f.Location = m.loginURL(page.RequestURI())
		}
	}
	f.Problem = Problem{
		Type: "about:blank", Title: http.StatusText(http.StatusUnauthorized), Status: http.StatusUnauthorized,
		Detail: detail, Code: code, LoginURL: f.Location,
	}
	return f
}

func temporary() *Refusal {
	const status = http.StatusServiceUnavailable
	return &Refusal{Status: status, Problem: Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: "Who is signed in cannot be told at the moment. Try again in a few seconds.", Code: "unavailable",
	}}
}
