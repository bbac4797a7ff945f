// Package requestctx holds the one value that the kit keeps in a request's context.
// The middleware writes the value and the root package reads it, so the package lies
// below both.
package requestctx

import (
	"context"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
)

type key struct{}

// Request is what the kit knows about a request.
type Request struct {
	// Sessions is the manager that was asked. Another manager may know another user.
	Sessions *session.Manager
	// User is the signed-in user, or the zero User.
	User provider.User
	// Clients makes the user's client when the client is asked for, not before.
	Clients *client.Manager
	// Callback is set in success handlers only.
	Callback *Callback
}

// Callback is what is known of the end of a sign-in or a sign-out.
type Callback struct {
	// ReturnTo is where the visitor came from.
	ReturnTo string
}

// SignedIn reports whether User is a signed-in user.
func (r *Request) SignedIn() bool { return r.User.Provider != "" && r.User.ID != "" }

// With returns a context that carries req.
func With(ctx context.Context, req *Request) context.Context {
	return context.WithValue(ctx, key{}, req)
}

// From returns the value that With put into ctx, or nil if no middleware has run.
func From(ctx context.Context) *Request {
	req, _ := ctx.Value(key{}).(*Request)
	return req
}
