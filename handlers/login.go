package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/internal/scope"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
)

// Login begins a sign-in with the named provider. It keeps the pending sign-in in a
// sealed cookie and sends the browser to the provider, with status 303 or as
// [Interstitial] says. The parameter return_to is the path to return to afterwards. Anything
// but a path on this site means Config.DefaultReturnTo. Requests that are no page loads get
// 403, and htmx HX-Redirect.
//
// If another site started the login, and the browser has five pending sign-ins of the
// visitor, Login shows a page with the sign-in button.
//
// The parameter scope, with blanks between scopes, asks for more than usual: for the named
// scopes, those that are configured, and those of the token that the visitor's user holds
// with this provider, so that none is lost. Only allowed scopes may be named (see
// [Handlers.AllowScopes]). Others get a page with status 400, and nothing is changed. A
// provider by OAuth 1.0a has no scopes and asks for none.
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
		query := r.URL.Query()
		wanted, ok := h.wanted(query["scope"])
		if !ok {
			h.cfg.Logger.InfoContext(r.Context(), "xsignin: a login's address named a scope that is not allowed", "provider", name,
				"fix", "if it was RequireScopes, make it when the program starts, and pass Handlers.AllowScopes to middleware.New")
			h.problem(w, r, page.ProblemOf(page.UnknownScope), h.withReturn(h.LoginPath(name), localPath(query.Get("return_to"), h.cfg.Path, ""), nil))
			return
		}
		if !requestkind.MaySignIn(r) {
			login := h.withReturn(h.LoginPath(name), localPath(query.Get("return_to"), h.cfg.Path, ""), wanted)
			if requestkind.IsHTMX(r) {
				w.Header().Set("HX-Redirect", login)
				return
			}
			h.problem(w, r, page.ProblemOf(page.NotAPageLoad), login)
			return
		}
		h.lookAtHost(r)
		a := attempt{provider: name, wanted: wanted, begun: h.cfg.Now()}
		a.returnTo = localPath(query.Get("return_to"), h.cfg.Path, h.cfg.DefaultReturnTo)
		if n := len(query.Get("return_to")); n > maxReturnPath {
			h.cfg.Logger.InfoContext(r.Context(), "xsignin: a return path is too long and was dropped", "provider", name, "bytes", n, "limit", maxReturnPath)
		}
		if h.cfg.Pending.Full(r) {
			h.askToSignIn(w, r, a)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), h.cfg.Timeout)
		defer cancel()

		redirect, pending, err := h.begin(ctx, r, p, wanted)
		now := h.cfg.Now()
		if err == nil {
			if err = h.cfg.Pending.Put(w, r, session.PendingSignIn{
				Pending: pending, ReturnTo: a.returnTo, Wanted: wanted, At: now,
			}); err != nil {
				err = internal(err)
			}
		}
		if err != nil {
			h.fail(w, r, failure, a, err)
			return
		}
		h.cfg.OnEvent.Tell(r.Context(), event.Event{
			Kind: event.SignInBegun, Time: now, Duration: now.Sub(a.begun), Provider: name,
		})
		h.sendOn(w, r, redirect)
	})
}

// askToSignIn answers a login that another site has started, in a browser whose pending
// sign-ins are the visitor's own. A link on this site starts the sign-in.
func (h *Handlers) askToSignIn(w http.ResponseWriter, r *http.Request, a attempt) {
	h.problem(w, r, page.ProblemOf(page.ForeignLogin), h.withReturn(h.LoginPath(a.provider), a.returnTo, a.wanted))
}

// begin asks p for the usual scopes or, where some are wanted, for more.
func (h *Handlers) begin(ctx context.Context, r *http.Request, p provider.Provider, wanted []string) (string, provider.Pending, error) {
	var opt provider.Options
	if h.cfg.LoginOptions != nil {
		opt = h.cfg.LoginOptions(r)
	}
	if len(wanted) > 0 {
		held, err := h.held(ctx, r, p.Name())
		if err != nil {
			return "", provider.Pending{}, internal(err)
		}
		opt.MoreScopes = slices.Concat(opt.MoreScopes, wanted, held)
	}
	return p.Begin(ctx, opt)
}

// held are the scopes of the token that the visitor's user has with the named provider:
// the new token takes its place.
func (h *Handlers) held(ctx context.Context, r *http.Request, name string) ([]string, error) {
	user, ok, err := h.cfg.Sessions.Get(ctx, r)
	if err != nil || !ok {
		return nil, err
	}
	if user.Provider != name {
		return h.heldElsewhere(ctx, user.ID, name)
	}
	t, err := h.cfg.Clients.Token(ctx, user.Key())
	switch {
	case errors.Is(err, client.ErrReauthRequired):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return validScopes(t), nil
}

// heldElsewhere returns the scopes of the user's one account at a provider that the session
// is not of.
func (h *Handlers) heldElsewhere(ctx context.Context, userID, name string) ([]string, error) {
	accounts, err := h.cfg.Clients.Accounts(ctx, userID)
	if err != nil {
		return nil, err
	}
	accounts = slices.DeleteFunc(accounts, func(a client.Account) bool { return a.Key.Provider != name })
	if len(accounts) != 1 {
		return nil, nil
	}
	return validScopes(accounts[0].Token), nil
}

func validScopes(t tokenstore.Token) []string {
	// What a provider once answered with need not be what may be asked.
	return slices.DeleteFunc(slices.Clone(t.Scopes), func(s string) bool { return !scope.Valid(s) })
}

// wanted are the scopes that an address names, each once. It reports false at the first that
// is not allowed, so that there are never more than those: an address of a megabyte would
// have hundreds of thousands to compare with each other.
func (h *Handlers) wanted(values []string) (scopes []string, ok bool) {
	for _, value := range values {
		for s := range strings.FieldsSeq(value) {
			if !h.allows(s) {
				return nil, false
			}
			if !slices.Contains(scopes, s) {
				scopes = append(scopes, s)
			}
		}
	}
	return scopes, true
}
