// Package requestctx holds the one value that the kit keeps in a request's context.
// Middleware writes it, the root package reads it, and it lies below both.
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
	// Sessions is the manager that was asked: another one may know somebody else.
	Sessions *session.Manager
	// SignedIn says whether User is somebody.
	SignedIn bool
	User     provider.User
	// Clients makes the user's client when it is asked for, not before.
	Clients *client.Pool
	// ReturnTo is where the visitor of a callback came from; elsewhere it is empty.
	ReturnTo string
}

// With returns a context that carries req.
func With(ctx context.Context, req *Request) context.Context {
	return context.WithValue(ctx, key{}, req)
}

// From returns what With put there, or nil where no middleware has run.
func From(ctx context.Context) *Request {
	req, _ := ctx.Value(key{}).(*Request)
	return req
}
