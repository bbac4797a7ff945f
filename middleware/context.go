package middleware

import (
	"context"
	"net/http"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/provider"
)

// User returns who is signed in, from the context of a request that went through
// [Middleware.Load] or [Middleware.Require]. The second value is false where nobody is.
func User(ctx context.Context) (provider.User, bool) {
	req := requestctx.From(ctx)
	if req == nil || !req.SignedIn() {
		return provider.User{}, false
	}
	return req.User, true
}

// Client returns the client of the user who is signed in, from the context of a request
// that went through [Middleware.Load] or [Middleware.Require]. It is never nil: where
// nobody is signed in, every request fails with [client.ErrNoUser]. The requests of the
// client end with ctx: see [client.Manager.ClientContext].
func Client(ctx context.Context) *http.Client {
	req := requestctx.From(ctx)
	if req == nil || !req.SignedIn() {
		return client.Nobody()
	}
	return req.Clients.ClientContext(ctx, req.User.Key())
}
