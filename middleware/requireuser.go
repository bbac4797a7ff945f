package middleware

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/internal/wants"
	"github.com/xsignin/xsignin/page"
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
		return nil, m.temporary(r)
	}
	req := requestctx.From(loaded.Context())
	if !req.SignedIn {
		return nil, m.signIn(r, m.loginPath, "not_signed_in", "Sign in to continue.")
	}
	switch err := m.clients.Usable(r.Context(), req.User.Key()); {
	case errors.Is(err, client.ErrSignInAgain):
		return nil, m.signIn(r, m.pathOf(req.User.Provider), "sign_in_again", "X no longer accepts this sign-in. Sign in again.")
	case err != nil:
		m.log.ErrorContext(r.Context(), "xsignin: token not read", "err", err)
		return nil, m.temporary(r)
	}
	return loaded, nil
}

// Refusal is the answer to a request that needs a signed-in user and has none. A page
// load is redirected to the login with the way back. Everything else - fetch,
// XMLHttpRequest, JSON, event streams, websockets, any method but GET - gets status
// 401 and a problem document (RFC 9457) that names the login, and htmx also
// HX-Redirect. The problem is a page where a person reads it: after a form that a browser
// says it navigated with. While a store cannot answer, everybody gets 503.
//
// An adapter either lets it answer ([Refusal.ServeHTTP]) or answers in its framework's way
// with Status, Header and Problem.
type Refusal struct {
	// Status is 303, 401 or 503.
	Status int
	// Header holds Location, HX-Redirect or Retry-After, and Cache-Control.
	Header http.Header
	// Problem is the document for clients that are not browsers' page loads.
	Problem Problem

	// kind is set where a person reads the answer, as a page that show shows.
	kind page.Kind
	show page.Func
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
		p := page.Page{Kind: f.kind, Status: f.Status, Title: f.Problem.Title, Text: f.Problem.Detail, Code: f.Problem.Code}
		switch {
		case f.Status == http.StatusUnauthorized:
			p.Title, p.Label, p.Link = "You are not signed in", "Sign in", f.Problem.LoginURL
		case r.Method == http.MethodGet:
			p.Label = "Try again" // an empty link is the same page again
		}
		f.show.Show(w, r, p)
	default:
		f.Problem.Write(w)
	}
}

func (m *Middleware) signIn(r *http.Request, login, code, detail string) *Refusal {
	const status = http.StatusUnauthorized
	f := &Refusal{Status: status, Header: http.Header{"Cache-Control": {"no-store"}}}
	switch {
	case wants.Page(r):
		login = loginURL(login, requestURI(r))
		f.Status = http.StatusSeeOther
		f.Header.Set("Location", login)
	case wants.HTMX(r):
		// The fragment that htmx asked for is no page to come back to; the page that
		// it is on is.
		if on, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil && on.Path != "" {
			login = loginURL(login, on.RequestURI())
		}
		f.Header.Set("HX-Redirect", login)
	case wants.Form(r):
		f.kind, f.show = page.Kind(code), m.pages
		detail += " What you sent was not saved."
	}
	f.Problem = Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code, LoginURL: login,
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
	if wants.Page(r) || wants.Form(r) {
		f.kind, f.show = page.Temporary, m.pages
	}
	return f
}
