package middleware

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/page"
)

// RequireUser lets only signed-in users through to next, with the user and a client
// in the request's context. Anybody else gets the [Refusal] that fits who asks.
//
// It must not stand around the login and the callback ([Config].SignInPath), nor may they
// be missing from where they should be: nobody could sign in. Who comes there by RequireUser
// gets status 500, and the log tells, once.
//
// The answer gets Cache-Control: no-store, so that neither the back button after a
// sign-out nor a cache on the way shows it to somebody else. A handler that knows
// better sets the header itself.
func (m *Middleware) RequireUser(next http.Handler) http.Handler {
	return Decision(m.Require).handler(next)
}

// Require is the decision of [Middleware.RequireUser]: either r with the user in its
// context, or the refusal to answer with. It sets headers on w and never writes.
//
// A user whose token X has refused for good, as far as this process knows, must sign
// in again. The token is not read for this: the first use of the client does that.
func (m *Middleware) Require(w http.ResponseWriter, r *http.Request) (*http.Request, *Refusal) {
	return m.require(w, r, nil)
}

// require is Require, with the scopes that a sign-in is to ask for.
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
		m.log.ErrorContext(r.Context(), "xsignin: session not read", "err", err)
		return nil, m.temporary(r)
	}
	req := requestctx.From(loaded.Context())
	if !req.SignedIn() {
		return nil, m.refuse(r, notSignedIn("Sign in to continue."), m.loginPath, scopes)
	}
	switch err := m.clients.NeedsReauth(r.Context(), req.User.Key()); {
	case errors.Is(err, client.ErrReauthRequired):
		return nil, m.again(r, req, scopes)
	case err != nil:
		m.log.ErrorContext(r.Context(), "xsignin: token not read", "err", err)
		return nil, m.temporary(r)
	}
	return loaded, nil
}

// Decision says whether a request may go on: it returns the request to go on with, or the
// refusal to answer with. [Middleware.Require] is one, and [Middleware.RequireWith] makes
// others, so that an adapter joins one piece of code to either.
type Decision func(w http.ResponseWriter, r *http.Request) (*http.Request, *Refusal)

// handler answers with the refusals of d, and passes what it lets through to next.
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

// Refusal is the answer to a request that needs a signed-in user and has none, or one
// whose token lacks a scope. A page load is redirected to the login with the way back.
// Everything else - fetch, XMLHttpRequest, JSON, event streams, websockets, any method but
// GET - gets status 401, or 403 for a scope, and a problem document (RFC 9457) that names
// the login, and htmx also HX-Redirect. The problem is a page where a person reads it:
// after a form that a browser says it navigated with. While a store cannot answer,
// everybody gets 503.
//
// An adapter either lets it answer ([Refusal.ServeHTTP]) or answers in its framework's way
// with Status, Header and Problem.
type Refusal struct {
	// Status is 303, 401, 403, 500 or 503.
	Status int
	// Header holds Location, HX-Redirect, WWW-Authenticate or Retry-After, and
	// Cache-Control.
	Header http.Header
	// Problem is the document for clients that are not browsers' page loads.
	Problem Problem

	// kind is set where a person reads the answer, as a page that show shows.
	kind page.Kind
	show page.Func
	// title is the page's, where it is not the problem's. label is what its link to the
	// login says; it is "" where signing in does not help.
	title, label string
}

// ServeHTTP writes the refusal.
func (f *Refusal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, values := range f.Header {
		w.Header()[name] = values
	}
	switch {
	case f.Status == http.StatusSeeOther:
		w.WriteHeader(f.Status)
	case f.kind != "":
		p := page.Page{Kind: f.kind, Status: f.Status, Title: cmp.Or(f.title, f.Problem.Title), Text: f.Problem.Detail, Code: f.Problem.Code}
		switch {
		case f.label != "":
			p.Label, p.Link = f.label, f.Problem.LoginURL
		case r.Method == http.MethodGet:
			p.Label = "Try again" // an empty link is the same page again
		}
		f.show.Show(w, r, p)
	default:
		f.Problem.Write(w)
	}
}

// notSignedIn is the refusal of somebody whom a sign-in helps.
func notSignedIn(detail string) *Refusal {
	const status = http.StatusUnauthorized
	return &Refusal{
		Status: status, title: "You are not signed in", label: "Sign in",
		Problem: Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: "not_signed_in"},
	}
}

// again is the refusal of a user whose token is of no more use.
func (m *Middleware) again(r *http.Request, req *requestctx.Request, scopes []string) *Refusal {
	f := notSignedIn("X no longer accepts this sign-in. Sign in again.")
	f.Problem.Code = "sign_in_again"
	return m.refuse(r, f, m.pathOf(req.User.Provider), scopes)
}

// refuse fits f to who asks. login is where the visitor is sent.
func (m *Middleware) refuse(r *http.Request, f *Refusal, login string, scopes []string) *Refusal {
	if m.signIn(requestPath(r)) {
		return m.loginLoop(r)
	}
	if f.Header == nil {
		f.Header = make(http.Header)
	}
	f.Header.Set("Cache-Control", "no-store")
	f.Problem.LoginURL = loginURL(login, "", scopes)
	switch {
	case requestkind.Page(r):
		f.Problem.LoginURL = loginURL(login, requestURI(r), scopes)
		f.Status = http.StatusSeeOther
		f.Header.Set("Location", f.Problem.LoginURL)
		f.Header.Del("WWW-Authenticate")
	case requestkind.HTMX(r):
		// The fragment that htmx asked for is no page to come back to; the page that
		// it is on is.
		if on, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil && on.Path != "" {
			f.Problem.LoginURL = loginURL(login, on.RequestURI(), scopes)
		}
		f.Header.Set("HX-Redirect", f.Problem.LoginURL)
	case requestkind.Form(r):
		f.kind, f.show = page.Kind(f.Problem.Code), m.pages
		f.Problem.Detail += " What you sent was not saved."
	}
	return f
}

// noWayIn is the refusal at the login itself, where a redirect would lead around for ever.
func (m *Middleware) loginLoop(r *http.Request) *Refusal {
	m.misplaced.Do(func() {
		m.log.ErrorContext(r.Context(), "xsignin: nobody can sign in: RequireUser stands around the login, or the login is not mounted", "login", m.loginPath,
			"fix", "mount the kit at its own path, outside RequireUser and RequireScopes")
	})
	const status = http.StatusInternalServerError
	f := &Refusal{Status: status, Header: http.Header{"Cache-Control": {"no-store"}}, Problem: Problem{
		Type: "about:blank", Title: "Nobody can sign in here at the moment", Status: status,
		Detail: "You are not at fault. This is for the people who run the site to mend; they will find the reason in its log.",
		Code:   "internal",
	}}
	if requestkind.Page(r) || requestkind.Form(r) {
		f.kind, f.show = page.Internal, m.pages
	}
	return f
}

func (m *Middleware) temporary(r *http.Request) *Refusal {
	const status = http.StatusServiceUnavailable
	f := &Refusal{Status: status, Header: http.Header{"Cache-Control": {"no-store"}}, Problem: Problem{
		Type: "about:blank", Title: "This page cannot be shown at the moment", Status: status,
		Detail: "Who is signed in cannot be told right now. Nobody is signed out by that; try again in a few seconds.",
		Code:   "internal", RetryAfter: 5 * time.Second,
	}}
	f.Problem.SetRetryAfter(f.Header, time.Time{})
	if requestkind.Page(r) || requestkind.Form(r) {
		f.kind, f.show = page.Temporary, m.pages
	}
	return f
}
