package middleware

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/internal/requestctx"
	"github.com/xsignin/xsignin/internal/scope"
)

// RequireScopes is [Middleware.RequireUser] for what needs more than a sign-in: it lets
// only users through whose token has all of scopes, by what the provider granted and not by
// what was asked.
//
// Others get the [Refusal] that fits who asks. A page load goes through the login, which
// asks the provider for these scopes besides those that the user has, and comes back to
// where it was. Everything else gets status 403 and a problem document with code
// insufficient_scope that names what is missing. Whoever says no at the provider keeps the
// token that they have, and what it can do. Who is not signed in is handled as RequireUser
// does, and that sign-in asks for the scopes at once. If somebody else than the user
// answers at the provider, that is an ordinary sign-in of the other account.
//
// The scopes are those of the provider that the user signed in with. An OAuth 1.0a token
// has none, and is let through: X goes by the access level of the application, and a call
// that it does not cover is answered with 403 by X's API, which the client passes on.
//
// What is known of a token is in memory, so that a request reads no store; where a scope is
// missing the store is read as [client.Manager.MissingScopes] says, so that a consent on
// another replica is seen.
//
// RequireScopes declares the scopes to the login ([Config].AllowScopes), which asks for
// no others by its URL. Make it when the program starts, on every replica, and not during a
// request. It panics for a scope that is none, such as two in one string.
func (m *Middleware) RequireScopes(scopes ...string) func(http.Handler) http.Handler {
	return m.RequireWith(scopes...).handler
}

// RequireWith makes the decision of [Middleware.RequireScopes], and declares the scopes. It
// is made once for a route, and asked at each request.
func (m *Middleware) RequireWith(scopes ...string) Decision {
	for _, s := range scopes {
		if !scope.Valid(s) {
			panic("middleware: RequireScopes: " + strconv.Quote(s) + " is not one scope: give each scope as an argument of its own")
		}
	}
	scopes = slices.Clone(scopes)
	m.declare(scopes...)
	return func(w http.ResponseWriter, r *http.Request) (*http.Request, *Refusal) {
		loaded, refusal := m.require(w, r, scopes)
		if refusal != nil || len(scopes) == 0 {
			return loaded, refusal
		}
		req := requestctx.From(loaded.Context())
		missing, err := m.clients.MissingScopes(r.Context(), req.User, scopes...)
		switch {
		case errors.Is(err, client.ErrReauthRequired):
			return nil, m.again(r, req, scopes)
		case err != nil:
			m.log.ErrorContext(r.Context(), "xsignin: token not read", "err", err)
			return nil, m.temporary(r)
		case len(missing) > 0:
			return nil, m.refuse(r, insufficient(missing), m.pathOf(req.User.Provider), scopes)
		}
		return loaded, nil
	}
}

// insufficient is the refusal of a user whose token lacks the scopes in missing.
func insufficient(missing []string) *Refusal {
	const status = http.StatusForbidden
	names := strings.Join(missing, " ")
	return &Refusal{
		Status: status, title: "This needs your permission", label: "Continue at X",
		// RFC 6750, 3.1. The token is not the client's own, but those who can read a
		// challenge learn from it what to ask for.
		Header: http.Header{"Www-Authenticate": {`Bearer error="insufficient_scope", scope="` + names + `"`}},
		Problem: Problem{
			Type: "about:blank", Title: http.StatusText(status), Status: status, Code: "insufficient_scope",
			Detail:        "X has not granted this site the permission that it needs here: " + strings.Join(missing, ", ") + ".",
			MissingScopes: missing,
		},
	}
}
