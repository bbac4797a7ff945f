// Package requestctx holds the one value that the kit keeps in a request's context.
// The middleware writes the value and the root package reads it, so the package lies
// below both.
package requestctx

import (
	"context"
	"net/http"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
)

type key struct{}

// Request is what the kit knows about a request.
type Request struct {
	// Sessions is the manager that was asked. Another manager may know another user. It is
	// nil in a test's request, which has User and Test only.
	Sessions *session.Manager
	// User is the signed-in user, or the zero User.
	User provider.User
	// Clients makes the user's client when the client is asked for, not before.
	Clients *client.Manager
	// Callback is set behind a callback only.
	Callback *Callback
	// Test is the client of a test's request, or nil.
	Test *http.Client
}

// Callback is what is known of the end of a sign-in.
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

// From returns the value that With put into ctx, or nil if no middleware has run. In a request
// that a server has received, the value of a test does not count: there the session decides.
func From(ctx context.Context) *Request {
	req, _ := ctx.Value(key{}).(*Request)
	if req != nil && req.Sessions == nil && ctx.Value(http.ServerContextKey) != nil {
		return nil
	}
	return req
}
