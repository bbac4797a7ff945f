package handlers

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
)

// NotFound answers for paths under Config.Path that have no handler.
func (h *Handlers) NotFound() http.Handler {
	return h.handler(func(c *call) { c.problem("not_found", c.loginURL("")) })
}

// Session answers with the signed-in user as JSON, from the session alone:
// {"signed_in":true,"user":{…},"login_url":"…","logout_url":"…"}. Without a signed-in user
// the field user is missing. The status is 503 while the session store does not answer.
// Session panics without Config.Sessions.
func (h *Handlers) Session() http.Handler {
	h.needSessions("Session")
	return h.handler(func(c *call) {
		user, ok, err := h.cfg.Sessions.Load(c.w, c.r)
		switch {
		case c.ended():
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
	c.w.WriteHeader(http.StatusOK) // gin may have set another status
	_ = json.NewEncoder(c.w).Encode(struct {
		SignedIn  bool          `json:"signed_in"`
		User      provider.User `json:"user,omitzero"`
		LoginURL  string        `json:"login_url"`
		LogoutURL string        `json:"logout_url"`
	}{signedIn, user, c.h.cfg.Path + "/login", c.h.cfg.Path + "/logout"})
}

// needSessions panics if a handler was asked for that cannot work without sessions.
func (h *Handlers) needSessions(name string) {
	if h.cfg.Sessions == nil {
		panic("handlers: " + name + ": Config.Sessions is missing")
	}
}

// user returns the user of r's session. Without Config.Sessions no user is known.
func (h *Handlers) user(ctx context.Context, r *http.Request) (provider.User, bool, error) {
	if h.cfg.Sessions == nil {
		return provider.User{}, false, nil
	}
	return h.cfg.Sessions.Get(ctx, r)
}

// userSessions returns the lists of sessions, or nil.
func (h *Handlers) userSessions() *session.UserSessions {
	if h.cfg.Sessions == nil {
		return nil
	}
	return h.cfg.Sessions.UserSessions()
}

// sessionID is the id of the session that begins a sign-in, for [SignIn].Current.
func (c *call) sessionID(ctx context.Context) string {
	if c.h.cfg.OnSignIn == nil || c.h.cfg.Sessions == nil {
		return ""
	}
	id, _, err := c.h.cfg.Sessions.SessionID(ctx, c.r)
	if err != nil && ctx.Err() == nil {
		c.h.cfg.Logger.WarnContext(ctx, "xsignin: session not read; this sign-in cannot link an account",
			"provider", c.provider, "err", err)
	}
	return id
}

// current is [SignIn].Current.
func (c *call) current(ctx context.Context) (user provider.User, err error) {
	if c.found.SessionID == "" || c.h.cfg.Sessions == nil {
		return user, nil
	}
	id, _, err := c.h.cfg.Sessions.SessionID(ctx, c.r)
	if err == nil && id == c.found.SessionID {
		user, _, err = c.h.cfg.Sessions.Get(ctx, c.r)
	}
	return user, err
}
