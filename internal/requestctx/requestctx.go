// Package requestctx holds the one value that the kit keeps in a request's context.
// Middleware writes it, the root package reads it, and it lies below both.
package requestctx

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
)

type key struct{}

// Request is what the kit knows about a request. It is the context that holds it as well,
// which saves every request an allocation.
type Request struct {
	context.Context //nolint:containedctx // the one around, as in any context

	// Sessions is the manager that was asked: another one may know somebody else.
	Sessions *session.Manager
	// User is who is signed in, or the zero User.
	User provider.User
	// Clients makes the user's client when it is asked for, not before.
	Clients *client.Pool
	// Callback is set behind a callback alone.
	Callback *Callback
}

// Callback is what is known of the end of a sign-in.
type Callback struct {
	// ReturnTo is where the visitor came from.
	ReturnTo string
}

// SignedIn reports whether User is somebody.
func (r *Request) SignedIn() bool { return r.User.Provider != "" && r.User.Subject != "" }

// With returns a context that carries req, which belongs to it from then on.
func With(ctx context.Context, req *Request) context.Context {
	req.Context = ctx
	return req
}

// Piece is the request that a handler is given, with what belongs to it, as one piece of
// memory: every request of every visitor pays for each.
type Piece struct {
	request http.Request
	state   Request
	// Values are for headers of the answer, whose values are slices.
	Values [2]string
}

// Fill returns r with state in its context. It may be called once.
func (p *Piece) Fill(r *http.Request, state Request) *http.Request {
	p.state = state
	p.request = *r.WithContext(With(r.Context(), &p.state))
	return &p.request
}

// From returns what With put there, or nil where no middleware has run.
func From(ctx context.Context) *Request {
	req, _ := ctx.Value(key{}).(*Request)
	return req
}

// Value implements [context.Context].
func (r *Request) Value(k any) any {
	if _, ok := k.(key); ok {
		return r
	}
	return r.Context.Value(k)
}

// String is what a context around this one prints.
func (r *Request) String() string { return fmt.Sprint(r.Context) + ".xsignin" }

// Format implements [fmt.Formatter], so that a printed context shows nothing of the user.
func (r *Request) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }
