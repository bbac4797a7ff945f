package handlers

import (
	"encoding/json"
	"net/http"

	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
)

// NotFound answers for paths under Config.Path that lead nowhere.
func (h *Handlers) NotFound() http.Handler {
	return h.handler(func(c *call) { c.problem("not_found", c.loginURL("")) })
}

// Session answers with the signed-in user as JSON, from the session alone:
// {"signed_in":true,"user":{…},"login_url":"…","logout_url":"…"}. Without a signed-in user
// the field user is missing. The status is 503 while the session store does not answer.
func (h *Handlers) Session() http.Handler {
	return h.handler(func(c *call) {
		user, ok, err := h.cfg.Sessions.Load(c.w, c.r)
		switch {
		case c.r.Context().Err() != nil: // c.w may belong to another request already
		case err != nil:
			h.cfg.Logger.ErrorContext(c.r.Context(), "xsignin: session not read", "err", err)
			h.cfg.Pages.Write(c.w, c.r, page.ProblemFor(page.Kind("temporary")))
		default:
			c.sessionIs(user, ok)
		}
	}, http.MethodGet, http.MethodHead)
}

// sessionIs answers with the user, if one is signed in.
func (c *call) sessionIs(user provider.User, signedIn bool) {
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(c.w).Encode(struct {
		SignedIn  bool          `json:"signed_in"`
		User      provider.User `json:"user,omitzero"`
		LoginURL  string        `json:"login_url"`
		LogoutURL string        `json:"logout_url"`
	}{signedIn, user, c.h.cfg.Path + "/login", c.h.cfg.Path + "/logout"})
}
