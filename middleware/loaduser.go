package middleware

import (
	"context"
	"net/http"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/internal/answer"
	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// LoadUser puts the signed-in user into the request's context, for pages that all visitors
// may see. With an idle timeout it extends the session, which may set a cookie. If the session
// store fails, the request continues without a user, and the error is logged. A WebSocket
// handshake from a page of another origin also continues without a user.
//
// The response to a signed-in user gets Cache-Control: private, so that a cache never shows
// it to other visitors. A handler may set another value.
//
// If the request was loaded for the same session manager before, nothing is read. The user of
// another kit in the same process does not count.
func (m *Middleware) LoadUser(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		loaded, err := m.load(w, r)
		if err != nil {
			m.logStoreError(r, "session not read; going on without a user", err)
		}
		if err != nil || m.isForeignSocket(r) {
			loaded = r
		}
		next.ServeHTTP(w, loaded)
	})
}

// load returns r with the user, if there is one, in its context. An error is an error of the
// session store.
func (m *Middleware) load(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	if req := requestctx.From(r.Context()); req != nil && (req.Sessions == m.cfg.Sessions || requestctx.TestFrom(r.Context()) != nil) {
		return r, nil
	}
	u, found, err := m.cfg.Sessions.Load(w, r) // the zero User if no user is signed in
	if err != nil {
		return nil, err
	}
	// After its end, w may belong to another request.
	if found && r.Context().Err() == nil && len(w.Header()["Cache-Control"]) == 0 {
		answer.SetCacheControl(w.Header(), "private")
	}
	ctx := requestctx.With(r.Context(), &requestctx.Request{Sessions: m.cfg.Sessions, User: u, Clients: m.cfg.Clients})
	return r.WithContext(ctx), nil
}

// User returns the signed-in user, from the context of a request that passed
// [Middleware.LoadUser] or [Middleware.RequireUser]. The second value is false if no user is
// signed in.
func User(ctx context.Context) (provider.User, bool) {
	if req := requestctx.From(ctx); req != nil && req.SignedIn() {
		return req.User, true
	}
	return provider.User{}, false
}

// Client returns the client of the signed-in user, from such a context. It is never nil: if no
// user is signed in, every request fails with [client.ErrNoUser]. The requests of the client
// end with ctx: see [client.Manager.Client].
func Client(ctx context.Context) *http.Client {
	if req := requestctx.From(ctx); req != nil && req.SignedIn() {
		if req.Clients != nil {
			return req.Clients.Client(ctx, req.User.Key())
		}
		if test := requestctx.TestFrom(ctx); test != nil && test.Client != nil {
			return test.Client
		}
	}
	return (*client.Manager)(nil).Client(ctx, tokenstore.Key{})
}
