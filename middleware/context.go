package middleware

import (
	"context"
	"net/http"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// User returns the signed-in user, from the context of a request that passed
// [Middleware.Load] or [Middleware.Require]. The second value is false if no user is signed
// in.
func User(ctx context.Context) (provider.User, bool) {
	req := requestctx.From(ctx)
	if req == nil || !req.SignedIn() {
		return provider.User{}, false
	}
	return req.User, true
}

// Client returns the client of the signed-in user, from the context of a request that passed
// [Middleware.Load] or [Middleware.Require]. It is never nil: if no user is signed in, every
// request fails with [client.ErrNoUser]. The requests of the client end with ctx: see
// [client.Manager.Client].
func Client(ctx context.Context) *http.Client {
	req := requestctx.From(ctx)
	if req == nil || !req.SignedIn() {
		return (*client.Manager)(nil).Client(ctx, tokenstore.Key{})
	}
	return req.Clients.Client(ctx, req.User.Key())
}
