package handlers

import (
	"encoding/json"
	"net/http"

	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
)

// sessionAnswer is the document that Session answers with.
type sessionAnswer struct {
	SignedIn  bool           `json:"signed_in"`
	User      *provider.User `json:"user,omitempty"`
	LoginURL  string         `json:"login_url"`
	LogoutURL string         `json:"logout_url"`
}

// NotFound answers for paths under Config.Path that lead nowhere.
func (h *Handlers) NotFound() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		private(w)
		h.problem(w, r, page.ProblemOf(page.NotFound), h.LoginPath(h.cfg.Providers[0].Name()))
	})
}

// Session answers with the signed-in user as JSON, from the session alone:
// {"signed_in":true,"user":{…},"login_url":"…","logout_url":"…"}. Without a signed-in user
// the field user is missing. The status is 200 in both cases, and 503 while the session store
// does not answer.
func (h *Handlers) Session() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		private(w)
		if !h.only(w, r, http.MethodGet, http.MethodHead) {
			return
		}
		user, ok, err := h.cfg.Sessions.Load(w, r)
		if err != nil {
			h.cfg.Logger.ErrorContext(r.Context(), "xsignin: session not read", "err", err)
			p := page.ProblemOf(page.Temporary)
			p.SetRetryAfter(w.Header(), h.cfg.Now())
			p.Write(w)
			return
		}
		if !ok {
			h.sessionIs(w, nil)
			return
		}
		h.sessionIs(w, &user)
	})
}

// sessionIs answers with the signed-in user, or nil.
func (h *Handlers) sessionIs(w http.ResponseWriter, user *provider.User) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(sessionAnswer{
		SignedIn: user != nil, User: user,
		LoginURL: h.LoginPath(h.cfg.Providers[0].Name()), LogoutURL: h.cfg.Path + "/logout",
	})
}
