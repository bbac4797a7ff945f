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
	// nil in a [Test], and if the application keeps its own sessions.
	Sessions *session.Manager
	// User is the signed-in user, or the zero User.
	User provider.User
	// Clients makes the user's client when the client is asked for, not before.
	Clients *client.Manager
	// Callback is set in success handlers only.
	Callback *Callback
}

// Test has the values that an application's test sets for a request.
type Test struct {
	Request // with User only
	// Client is the user's client, or nil.
	Client *http.Client
}

// Callback describes the end of a sign-in or a sign-out.
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

// From returns the value that With put into ctx, or nil if no middleware has run. It also
// returns the value of a test, except for a request that a server has received.
func From(ctx context.Context) *Request {
	if req, ok := ctx.Value(key{}).(*Request); ok {
		return req
	}
	if test := TestFrom(ctx); test != nil {
		return &test.Request
	}
	return nil
}

// WithTest returns a context that carries test.
func WithTest(ctx context.Context, test *Test) context.Context {
	return context.WithValue(ctx, key{}, test)
}

// TestFrom returns the value that WithTest put into ctx. It returns nil for a request that a
// server has received: there the session decides.
func TestFrom(ctx context.Context) *Test {
	test, ok := ctx.Value(key{}).(*Test)
	if !ok || ctx.Value(http.ServerContextKey) != nil {
		return nil
	}
	return test
}
