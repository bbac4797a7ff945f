package xsignin

import (
	"context"
	"net/http"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/provider"
)

// User returns the signed-in user, from the context of a request that went through
// [Kit.RequireUser] or [Kit.LoadUser]. The second value is false if no user is signed in.
func User(ctx context.Context) (provider.User, bool) { return middleware.User(ctx) }

// Client returns the client of the signed-in user, from the context of a request that went
// through [Kit.RequireUser] or [Kit.LoadUser]. The client signs requests to X's API and sends
// none to other hosts. It reads the token at its first request and refreshes it when it
// expires. Its requests fail with [client.ErrReauthRequired] if X no longer accepts the
// token: the user has to sign in again.
//
// Client never returns nil. If no user is signed in, every request of the client fails with
// [client.ErrNoUser].
func Client(ctx context.Context) *http.Client { return middleware.Client(ctx) }

// Errors of package client that most applications test for.
var (
	// ErrReauthRequired means that the user has to sign in again; see
	// [client.ErrReauthRequired].
	ErrReauthRequired = client.ErrReauthRequired
	// ErrAccountTaken means that another user of the application has connected the account;
	// see [client.ErrAccountTaken].
	ErrAccountTaken = client.ErrAccountTaken
)
