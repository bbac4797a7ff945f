package handlers

import (
	"context"
	"net/http"
	"strings"

	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/wants"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
)

// Login begins a sign-in with the named provider: it keeps the sign-in under way in a
// sealed cookie and sends the browser to the provider, with status 303. The parameter
// return_to says where to go afterwards; anything but a path on this site means home. What
// a browser says is no page load gets 403, and htmx HX-Redirect.
//
// failure answers when the provider cannot begin; nil means the default page. Login
// panics if no provider has that name.
func (h *Handlers) Login(name string, failure http.Handler) http.Handler {
	p, ok := h.byName[name]
	if !ok {
		panic("handlers: Login: no provider is called " + name)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		private(w)
		if !h.only(w, r, http.MethodGet) {
			return
		}
		if !pageLoad(r) {
			login := h.withReturn(h.LoginPath(name), localPath(r.URL.Query().Get("return_to"), h.cfg.Path, ""))
			if wants.HTMX(r) {
				w.Header().Set("HX-Redirect", login)
				return
			}
			h.problem(w, r, notAPageLoad(), login)
			return
		}
		a := attempt{provider: name, begun: h.cfg.Now()}
		a.returnTo = localPath(r.URL.Query().Get("return_to"), h.cfg.Path, h.cfg.Home)
		ctx, cancel := context.WithTimeout(r.Context(), h.cfg.Timeout)
		defer cancel()

		var opt provider.Options
		if h.cfg.LoginOptions != nil {
			opt = h.cfg.LoginOptions(r)
		}
		redirect, pending, err := p.Begin(ctx, opt)
		if err == nil {
			if err = h.cfg.Pending.Put(w, r, session.Begun{Pending: pending, ReturnTo: a.returnTo, At: h.cfg.Now()}); err != nil {
				err = internal(err)
			}
		}
		if err != nil {
			h.fail(w, r, failure, a, err)
			return
		}
		h.cfg.Events.Tell(r.Context(), event.Event{
			Kind: event.SignInBegun, Time: h.cfg.Now(), Duration: h.cfg.Now().Sub(a.begun), Provider: name,
		})
		seeOther(w, redirect)
	})
}

// pageLoad reports whether r may be a browser's page load. What says that it is not - a
// script, an image, a prefetch - could not follow the redirect to X, and any site could
// make it, each time at the cost of a request token. What says nothing is let through.
func pageLoad(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return (mode == "" || mode == "navigate") && !wants.HTMX(r) &&
		!strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") && r.Header.Get("Purpose") != "prefetch"
}
