package middleware

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/xsignin/xsignin/internal/scope"
)

// RequireScopes is [Middleware.RequireUser] for pages that need more than a sign-in. It
// passes requests of users whose token has all of scopes. The scopes that the provider
// granted count, not those that were requested.
//
// It answers all other requests as [Middleware.Require] describes. A page load is sent to the
// login, which requests these scopes and those that the user has, and comes back. Users who
// decline keep their token. If another user answers at the provider, that user is signed in.
//
// An OAuth 1.0a token has no scopes and passes: at X the application's access level counts.
// Most requests read no store: see [client.Manager.MissingScopes].
//
// RequireScopes allows the login to request the scopes ([Config].AllowScopes). Call it when
// the program starts, on every replica. It panics if a scope is not valid.
func (m *Middleware) RequireScopes(scopes ...string) func(http.Handler) http.Handler {
	for _, s := range scopes {
		if !scope.Valid(s) {
			panic("middleware: RequireScopes: " + strconv.Quote(s) + " is not a scope (pass each scope as a separate argument)")
		}
	}
	scopes = slices.Clone(scopes)
	m.cfg.AllowScopes(scopes...)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			loaded, refused := m.Require(w, r, scopes...)
			if refused != nil {
				refused.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, loaded)
		})
	}
}

// insufficient is the refusal of a user whose token lacks the scopes in missing.
func (m *Middleware) insufficient(r *http.Request, missing []string, provider string, scopes []string) *refusal {
	p, login := m.problemAt(provider, "insufficient_scope"), m.cfg.LoginPathOf(provider)
	p.MissingScopes = missing
	p.Detail = strings.TrimSuffix(p.Detail, ".") + ": " + strings.Join(missing, ", ") + "."
	f := m.signIn(r, p, login, scopes)
	if f.status == http.StatusForbidden {
		// RFC 6750, section 3.1, says what to request. The token is not the client's own.
		f.header.Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+strings.Join(missing, " ")+`"`)
	}
	return f
}
