package xsignin

import (
	"context"
	"net/http"

	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/provider"
)

// User returns the signed-in user, from the context of a request that passed
// [Kit.RequireUser] or [Kit.LoadUser]. The second value is false if no user is signed in.
func User(ctx context.Context) (provider.User, bool) { return middleware.User(ctx) }

// Client returns the client of the signed-in user, from the context of a request that passed
// [Kit.RequireUser] or [Kit.LoadUser]. It signs requests to X's API, and refuses requests to
// other hosts. The first request reads the token, which is refreshed before it expires.
// [client.ErrReauthRequired] means that X no longer accepts the token, or that the stored
// token belongs to another account of the user.
//
// Client never returns nil: if no user is signed in, every request fails with
// [client.ErrNoUser].
func Client(ctx context.Context) *http.Client { return middleware.Client(ctx) }
