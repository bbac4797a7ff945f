package middleware

import (
	"net/http"

	"github.com/xsignin/xsignin/internal/requestctx"
)

// LoadUser puts the signed-in user, if there is one, into the request's context,
// for pages that anybody may see. Where the session store fails the request goes on
// as nobody's, and the log tells: a page for everybody must not fail with it.
func (m *Middleware) LoadUser(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		loaded, err := m.Load(w, r)
		if err != nil {
			m.log.ErrorContext(r.Context(), "xsignin: session not read; going on without a user", "err", err)
			loaded = r
		}
		next.ServeHTTP(w, loaded)
	})
}

// Load is the decision of [Middleware.LoadUser]: it returns r with what is known of
// the visitor in its context. A session whose idle timeout is running is moved on,
// which may set a cookie on w. An error is the session store's; the request is then
// nil.
//
// A request that was loaded already, for the same session manager, comes back as it is.
// What another kit in the same process knows of the visitor counts for nothing here.
func (m *Middleware) Load(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	if req := requestctx.From(r.Context()); req != nil && req.Sessions == m.sessions {
		return r, nil
	}
	u, _, err := m.sessions.Load(w, r) // the zero User if no user is signed in
	if err != nil {
		return nil, err
	}
	ctx := requestctx.With(r.Context(), &requestctx.Request{Sessions: m.sessions, User: u, Clients: m.clients})
	return r.WithContext(ctx), nil
}
