package middleware

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/internal/visitorpath"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/session"
)

// Refusal is the answer to a request without a signed-in user, or of a user whose token
// lacks a scope. The request decides which answer it is:
//
//   - A page load is redirected to the login with its path as return_to (303).
//   - A form, and a page in a frame, get a page with a link to the login (401 or 403).
//   - htmx gets HX-Redirect (401 or 403).
//   - All others get a problem document (RFC 9457) that names the login: scripts, JSON, event
//     streams, WebSockets, and every method but GET and HEAD (401 or 403).
//
// While a store fails, all requests get status 503.
//
// An adapter either calls [Refusal.ServeHTTP], or answers with Status, Header and Problem as
// its framework does.
type Refusal struct {
	// Status is 200, 303, 401, 403, 500 or 503.
	Status int
	// Header has Location, HX-Redirect, WWW-Authenticate or Retry-After, and Cache-Control.
	Header http.Header
	// Problem is the problem document.
	Problem page.Problem

	person bool // a person reads the answer, as a page
	target string
	pages  page.Pages
}

// ServeHTTP writes the refusal, unless the request has ended.
func (f *Refusal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Context().Err() != nil {
		return // w may belong to another request already
	}
	for name, values := range f.Header {
		w.Header()[name] = values
	}
	switch {
	case f.Status == http.StatusSeeOther:
		w.WriteHeader(f.Status)
	case f.person:
		p := f.Problem.Page()
		p.Status, p.Target = f.Status, f.target
		if p.Label == "" && r.Method == http.MethodGet && f.Problem.RetryAfter > 0 {
			p.Label = "Try again" // an empty link is the same page again
		}
		f.pages.Show(w, r, p)
	default:
		f.pages.Problem(r, f.Problem).Write(w)
	}
}

// answer returns the refusal of a request that a sign-in does not help.
func (m *Middleware) answer(r *http.Request, p page.Problem) *Refusal {
	f := &Refusal{Status: p.Status, Header: http.Header{"Cache-Control": {"no-store"}}, Problem: p, pages: m.cfg.Pages}
	p.SetRetryAfter(f.Header, time.Time{})
	switch requestkind.Of(r) {
	case requestkind.PageLoad, requestkind.Form, requestkind.Frame, requestkind.Office:
		f.person = true
	}
	return f
}

// signIn returns the refusal of a request that a sign-in at the path login helps.
func (m *Middleware) signIn(r *http.Request, p page.Problem, login string, scopes []string) *Refusal {
	if m.cfg.SignInPath(visitorpath.Path(r, m.cfg.PublicPath)) {
		return m.loginLoop(r)
	}
	f := m.answer(r, p)
	here := visitorpath.URI(r, m.cfg.PublicPath)
	returnTo := ""
	switch requestkind.Of(r) {
	case requestkind.PageLoad:
		returnTo = here
		f.Status = http.StatusSeeOther
		f.Header.Set("Location", loginURL(login, here, scopes))
	case requestkind.Frame:
		returnTo = m.referer(r, here)
		f.openSignIn()
		f.target = "_top"
	case requestkind.Office:
		// With any other status the program shows an error. With 200 it opens the address in
		// the browser.
		returnTo = here
		f.openSignIn()
		f.Status = http.StatusOK
	case requestkind.Form:
		returnTo = m.referer(r, "")
		f.target = "_blank"
		f.Problem.Detail += " What you sent was not saved. Sign in in the new tab, then go back in this one and send it again."
	case requestkind.HTMX:
		// The fragment is not a page to return to. The page around the fragment is.
		if on, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil && on.Path != "" {
			returnTo = on.RequestURI()
		}
		f.Header.Set("HX-Redirect", loginURL(login, returnTo, scopes))
	case requestkind.Boosted:
		returnTo = here
		f.Header.Set("HX-Redirect", loginURL(login, returnTo, scopes))
	}
	f.Problem.LoginURL = loginURL(login, returnTo, scopes)
	return f
}

// openSignIn replaces the texts of a problem that only a sign-in solves.
func (f *Refusal) openSignIn() {
	if f.Problem.Kind == page.NotSignedIn {
		f.Problem = page.ProblemOf(page.OpenSignIn)
	}
}

// referer returns the path of the page that sent r, if it is on this site, or otherwise.
func (m *Middleware) referer(r *http.Request, otherwise string) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Path == "" || !m.isSameOrigin(r, u) {
		return otherwise
	}
	return u.RequestURI()
}

// loginLoop is the refusal at the login itself, where a redirect would lead to the login
// again.
func (m *Middleware) loginLoop(r *http.Request) *Refusal {
	p := page.ProblemOf(page.LoginLoop)
	m.misplaced.Do(func() {
		m.cfg.Logger.ErrorContext(r.Context(), "xsignin: no user can sign in: RequireUser protects the login, or the login is not mounted",
			"login", m.cfg.LoginPath, "fix", p.Fix)
	})
	return m.answer(r, p)
}

// loginURL returns login with the parameters return_to and scope. The login checks returnTo,
// and drops one that is too long.
func loginURL(login, returnTo string, scopes []string) string {
	q := url.Values{}
	if returnTo != "" && len(returnTo) <= session.MaxReturnTo {
		q.Set("return_to", returnTo)
	}
	if len(scopes) > 0 {
		q.Set("scope", strings.Join(scopes, " "))
	}
	if len(q) == 0 {
		return login
	}
	return login + "?" + q.Encode()
}
