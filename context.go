package xsignin

import (
	"context"
	"net/http"

	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/provider"
)

// User returns who is signed in, from the context of a request that went through
// [Kit.RequireUser] or [Kit.LoadUser]. The second value is false where nobody is.
func User(ctx context.Context) (provider.User, bool) { return middleware.User(ctx) }

// Client returns the client of the user who is signed in, from the context of a request
// that went through [Kit.RequireUser] or [Kit.LoadUser]. It signs requests to X's API and
// refuses to send any elsewhere; it reads the token at the first request, not before, and
// renews it when it expires. [client.ErrReauthRequired] says that X no longer takes the
// token, or that the stored one is of another account that the application gave the same
// ID.
//
// It is never nil: where nobody is signed in, every request fails with
// [client.ErrNoUser].
func Client(ctx context.Context) *http.Client { return middleware.Client(ctx) }
