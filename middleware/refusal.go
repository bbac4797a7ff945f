package middleware

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/internal/troubleshooting"
	"github.com/xsignin/xsignin/internal/visitorpath"
	"github.com/xsignin/xsignin/page"
)

const notSignedIn = page.Kind("not_signed_in")

// refusal is the answer to a request that may not pass.
type refusal struct {
	status  int
	header  http.Header // Location, HX-Redirect or WWW-Authenticate, and Cache-Control
	problem page.Problem
	person  bool // a person reads the answer, as a page
	target  string
	pages   page.Pages
}

// ServeHTTP writes the refusal, unless the request has ended.
func (f *refusal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Context().Err() != nil {
		return // w may belong to another request already
	}
	for name, values := range f.header {
		w.Header()[name] = values
	}
	switch {
	case f.status == http.StatusSeeOther:
		w.WriteHeader(f.status)
	case f.person:
		p := f.problem.Page()
		p.Status, p.Target = f.status, f.target
		if p.Label == "" && r.Method == http.MethodGet && f.problem.RetryAfter > 0 {
			p.Label = "Try again" // an empty link reloads the page
		}
		f.pages.Show(w, r, p)
	default:
		f.pages.Write(w, r, f.problem)
	}
}

// problemAt returns the problem of a kind, with the name of the provider.
func (m *Middleware) problemAt(provider string, kind page.Kind) page.Problem {
	return page.ProblemFor(page.WithProvider(kind, m.cfg.ProviderName(provider)))
}

// refuse returns the refusal of a request that a sign-in would not let pass.
func (m *Middleware) refuse(r *http.Request, p page.Problem) *refusal {
	f := &refusal{status: p.Status, header: http.Header{"Cache-Control": {"no-store"}}, problem: p, pages: m.cfg.Pages}
	switch requestkind.Of(r) {
	case requestkind.PageLoad, requestkind.Frame, requestkind.Form, requestkind.Office:
		f.person = true
	}
	return f
}

// signIn returns the refusal of a request that would pass after a sign-in at the path login.
func (m *Middleware) signIn(r *http.Request, p page.Problem, login string, scopes []string) *refusal {
	if m.cfg.SignInPath(visitorpath.Path(r, m.cfg.PublicPath)) {
		return m.loginLoop(r)
	}
	kind := requestkind.Of(r)
	if p.Kind == notSignedIn && (kind == requestkind.Frame || kind == requestkind.Office) {
		p = m.problemAt("", "open_sign_in")
	}
	f := m.refuse(r, p)
	returnTo := visitorpath.URI(r, m.cfg.PublicPath)
	redirect := "" // the header for it
	switch kind {
	case requestkind.PageLoad:
		f.status = http.StatusSeeOther
		redirect = "Location"
		m.cfg.OnRedirect(r)
	case requestkind.Frame:
		returnTo = m.referer(r, returnTo)
	case requestkind.Office:
		// With any other status the program shows an error. With 200 it opens the address in
		// the browser.
		f.status = http.StatusOK
	case requestkind.Form:
		returnTo = m.referer(r, "")
		f.target = "_blank"
		f.problem.Detail += " What you sent was not saved. Sign in in the new tab. Then return to this tab and send it again."
	case requestkind.HTMX:
		// htmx loads a fragment. The visitor returns to the page that contains the fragment.
		returnTo = ""
		if on, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil && on.Path != "" {
			returnTo = on.RequestURI()
		}
		redirect = "HX-Redirect"
	case requestkind.Boosted:
		redirect = "HX-Redirect"
	default:
		returnTo = ""
	}
	if n := len(returnTo); n > visitorpath.MaxReturnTo {
		m.cfg.Logger.InfoContext(r.Context(), "xsignin: a return path is too long and was dropped", "bytes", n, "limit", visitorpath.MaxReturnTo)
		returnTo = ""
	}
	// The login checks both values.
	f.problem.LoginURL = visitorpath.WithQuery(login, "return_to", returnTo, "scope", strings.Join(scopes, " "))
	if redirect != "" {
		f.header.Set(redirect, f.problem.LoginURL)
	}
	return f
}

// referer returns the path of the page that sent r if the page is on this site. If not, it
// returns otherwise.
func (m *Middleware) referer(r *http.Request, otherwise string) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Path == "" || !m.isSameOrigin(r, u) {
		return otherwise
	}
	return u.RequestURI()
}

// loginLoop is the refusal at the login itself, where a redirect would lead to the login
// again.
func (m *Middleware) loginLoop(r *http.Request) *refusal {
	f := m.refuse(r, page.ProblemFor(page.Kind("login_loop")))
	m.misplaced.Do(func() {
		m.cfg.Logger.ErrorContext(r.Context(), "xsignin: no user can sign in: RequireUser protects the login, or the login is not mounted",
			"login", m.cfg.LoginPath, "cause", "login_loop", "fix", f.problem.Fix, "help", troubleshooting.URL("login_loop"))
	})
	return f
}
