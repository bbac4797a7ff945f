package handlers

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/internal/scope"
	"github.com/xsignin/xsignin/internal/troubleshooting"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
)

// Login begins a sign-in with the named provider. It keeps the pending sign-in in a sealed
// cookie. Then it sends the browser to the provider, with status 303 or by the page of
// Config.Interstitial. Requests that are not page loads get 403, and htmx gets HX-Redirect. If
// another site started the login, and the browser has five pending sign-ins of the visitor,
// Login shows a page with the sign-in button.
//
// The parameter return_to is the path to return to afterwards, or its address on this site.
// Anything else means Config.DefaultReturnTo. Without the parameter, and if DefaultReturnTo is
// not set, the visitor returns to the page of this site that led to the login, by Referer.
// The parameter scope, with blanks between scopes, adds scopes to the configured ones and those
// of the user's token: see [Handlers.AllowScopes].
//
// failure answers when the provider cannot begin; nil means the default page. Login
// panics if no provider has that name.
func (h *Handlers) Login(name string, failure http.Handler) http.Handler {
	p, ok := h.byName[name]
	if !ok {
		panic("handlers: Login: no provider is called " + name)
	}
	return h.handler(func(c *call) {
		// A semicolon is a character like others (WHATWG URL). url.ParseQuery drops it.
		query, err := url.ParseQuery(strings.ReplaceAll(c.r.URL.RawQuery, ";", "%3B"))
		c.provider, c.failure = name, failure
		c.setReturnTo(c.wayBack(query), query.Get("return_to") != "" || err != nil)
		var ok bool
		c.wanted, ok = h.wanted(query["scope"])
		switch {
		case !ok:
			unknown := page.ProblemFor(c.named(page.Kind("unknown_scope")))
			h.cfg.Logger.InfoContext(c.r.Context(), "xsignin: a login's address named a scope that is not allowed", "provider", name, "fix", unknown.Fix)
			c.show(unknown, c.loginURL(""))
		case requestkind.MaySignIn(c.r):
			c.login(p, query.Get(cookieTest))
		case requestkind.IsHTMX(c.r):
			c.w.Header().Set("HX-Redirect", c.loginURL(""))
		default:
			c.problem("not_a_page_load", c.loginURL(""))
		}
	}, http.MethodGet)
}

// login answers a page load of the login. test is the step of a test of cookies, or "".
func (c *call) login(p provider.Provider, test string) {
	h, w, r := c.h, c.w, c.r
	h.lookAtHost(r)
	if test != "" && c.testCookies(test) {
		return
	}
	if h.cfg.Pending.Full(r) {
		// Another site has started this login. A link on this site starts the sign-in.
		c.problem("foreign_login", c.loginURL(""))
		return
	}
	small := h.cfg.Interstitial != nil && requestkind.Page(r) && h.cfg.Interstitial(r)
	redirect, err := c.begin(p)
	if err != nil && errors.Is(r.Context().Err(), context.Canceled) {
		err = r.Context().Err() // a store may report the end as another error
	}
	if err != nil {
		c.fail(err)
		return
	}
	// The request may end during OnEvent, so the answer is written first.
	defer h.tell(r.Context(), c.begun, event.Event{Kind: event.SignInBegun, Provider: c.provider})
	if !small {
		seeOther(w, redirect)
		return
	}
	shown := page.ProblemFor(c.named(page.Interstitial))
	shown.RetryURL = redirect
	leave := shown.Page()
	leave.Follow, leave.Home = true, h.cfg.DefaultReturnTo
	h.cfg.Pages.Show(w, r, leave)
}

// OnPhones reports whether a phone sent r, by Sec-CH-UA-Mobile or by "Mobi" in User-Agent.
// Many tablets count as desktops. It is for Config.Interstitial.
//
// On a phone, X's app may open the address of the consent page. X's app then opens the callback
// in another browser, where the sign-in cannot finish. Phones do not open links in apps when a
// script follows them. That rule may change.
func OnPhones(r *http.Request) bool {
	return r.Header.Get("Sec-Ch-Ua-Mobile") == "?1" || strings.Contains(r.UserAgent(), "Mobi")
}

// cookieTest is the name of a login's parameter and of a cookie. With the parameter, the login
// first tests whether the browser keeps cookies. The link of the page "not started in this
// browser" has it. The value 1 sets the cookie and loads the login again with the value 2.
const cookieTest = "cookie_test"

// testCookies tests whether the browser keeps cookies. It reports whether it has answered.
func (c *call) testCookies(step string) bool {
	cookie := &http.Cookie{
		Name: cookieTest, Value: "1", Path: c.h.cfg.Path + "/login", MaxAge: 60, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: c.r.TLS != nil || strings.HasPrefix(c.h.cfg.Origin, "https:"),
	}
	if step == "1" {
		http.SetCookie(c.w, cookie)
		seeOther(c.w, c.loginURL("2"))
		return true
	}
	if _, err := c.r.Cookie(cookieTest); err != nil {
		c.fail(cookiesBlocked)
		return true
	}
	cookie.MaxAge = -1
	http.SetCookie(c.w, cookie)
	return false
}

// begin keeps the pending sign-in, and returns the address of the consent page.
func (c *call) begin(p provider.Provider) (string, error) {
	h := c.h
	ctx, cancel := context.WithTimeout(c.r.Context(), h.stepTime(c.r.Context()))
	defer cancel()
	var opt provider.Options
	if h.cfg.LoginOptions != nil {
		opt = h.cfg.LoginOptions(c.r)
	}
	if len(c.wanted) > 0 {
		held, err := h.held(ctx, c.r, p.Name())
		if err != nil {
			return "", internal(err)
		}
		opt.MoreScopes = slices.Concat(opt.MoreScopes, c.wanted, held)
	}
	id := c.sessionID(ctx)
	redirect, pending, err := p.Begin(ctx, opt)
	if err = cmp.Or(err, ctx.Err()); err != nil { // c.w may belong to another request already
		return "", err
	}
	err = h.cfg.Pending.Put(c.w, c.r, session.PendingSignIn{
		Pending: pending, ReturnTo: c.returnTo, Wanted: c.wanted, SessionID: id, At: h.cfg.Now(),
	})
	if err != nil {
		return "", internal(err)
	}
	return redirect, nil
}

// held returns the scopes of the user's token with the named provider. The new token replaces
// that token. If the session is of another provider, the user's only account there counts.
func (h *Handlers) held(ctx context.Context, r *http.Request, name string) ([]string, error) {
	user, ok, err := h.user(ctx, r)
	if err != nil || !ok {
		return nil, err
	}
	accounts, err := h.cfg.Clients.Accounts(ctx, user.ID)
	accounts = slices.DeleteFunc(accounts, func(a client.Account) bool {
		return a.Key.Provider != name || user.Provider == name && a.Key != user.Key()
	})
	if err != nil || len(accounts) != 1 {
		return nil, err
	}
	// A provider may have granted scopes that are not valid in a request.
	return slices.DeleteFunc(slices.Clone(accounts[0].Token.Scopes), func(s string) bool { return !scope.Valid(s) }), nil
}

// wanted returns the scopes that an address names, each once. It returns false at the first
// scope that is not allowed, so that a long address cannot cause many comparisons.
func (h *Handlers) wanted(values []string) (scopes []string, ok bool) {
	for _, value := range values {
		for s := range strings.FieldsSeq(value) {
			if _, ok := h.allowed.Load(s); !ok {
				return nil, false
			}
			if !slices.Contains(scopes, s) {
				scopes = append(scopes, s)
			}
		}
	}
	return scopes, true
}

// lookAtHost logs once that a sign-in begins at a host whose cookies do not reach the callback.
func (h *Handlers) lookAtHost(r *http.Request) {
	origin, err := url.Parse(h.cfg.Origin)
	if err != nil || origin.Host == "" || strings.EqualFold((&url.URL{Host: r.Host}).Hostname(), origin.Hostname()) {
		return
	}
	h.otherHost.Do(func() {
		h.cfg.Logger.WarnContext(r.Context(), "xsignin: a sign-in begins at another host than the site's own: its cookie will not reach the callback",
			"host", shownHost(r), "expected_origin", h.cfg.Origin,
			"fix", "open the site at expected_origin, or set PublicURL to what visitors type. If a proxy changes the Host header, ignore this",
			"help", troubleshooting.URL("public_url_host"))
	})
}
