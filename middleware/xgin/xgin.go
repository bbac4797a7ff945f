// Package xgin is xsignin's middleware for gin: [RequireUser], [RequireScopes] and
// [LoadUser] as [gin.HandlerFunc], and [User] and [Client] from a [gin.Context].
//
//	r := gin.Default()
//	r.Any("/auth/*path", gin.WrapH(kit))
//	r.GET("/photos", xgin.RequireUser(kit.Middleware()), photos)
//
//	func photos(c *gin.Context) {
//		user, _ := xgin.User(c)
//		posts, err := xgin.Client(c).Get("https://api.x.com/2/users/" + user.AccountID + "/tweets")
//		...
//	}
//
// The standard middleware decides and answers. The package does not wrap gin's response:
// flushing, hijacking and [http.ResponseController] work as without it.
//
// Mount the kit at its path with the wildcard, by Any and [gin.WrapH], on the engine or on a
// group with the path of PublicURL. Gin redirects /auth to /auth/, which the kit answers with
// 404 like other unknown paths. Add middleware that must not protect the kit, such as
// RequireUser, to another group, and not by [gin.Engine.Use]. Programs that keep values in the
// session wrap the whole engine in kit.Sessions().LoadAndSave.
//
// The user is in the context of c.Request: pass c.Request.Context() on. A [gin.Context] does
// not have the user, unless [gin.Engine.ContextWithFallback] is set.
package xgin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/provider"
)

// RequireUser passes requests of signed-in users to the next handler. It answers all others,
// and the chain is aborted. See [middleware.Middleware.RequireUser].
func RequireUser(m *middleware.Middleware) gin.HandlerFunc { return wrap(m.RequireUser) }

// RequireScopes passes requests of users whose token has all of scopes to the next handler,
// and sends others to the consent page. Call it when the program starts. See
// [middleware.Middleware.RequireScopes].
func RequireScopes(m *middleware.Middleware, scopes ...string) gin.HandlerFunc {
	return wrap(m.RequireScopes(scopes...))
}

// LoadUser passes all requests on. [User] then returns the signed-in user, if there is one.
// See [middleware.Middleware.LoadUser].
func LoadUser(m *middleware.Middleware) gin.HandlerFunc { return wrap(m.LoadUser) }

// wrap makes a handler of gin from a middleware that does not replace the response.
func wrap(mw func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		passed := false
		mw(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			passed = true
			c.Request = r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
		if !passed {
			c.Abort()
			// A redirect has no body, and gin allows changes until something is written.
			c.Writer.WriteHeaderNow()
		}
	}
}

// User returns the signed-in user, behind [RequireUser] or [LoadUser]. The second value is
// false if no user is signed in.
func User(c *gin.Context) (provider.User, bool) { return middleware.User(c.Request.Context()) }

// Client returns the client of the signed-in user, behind [RequireUser] or [LoadUser]. It is
// never nil: if no user is signed in, every request fails. See [middleware.Client].
func Client(c *gin.Context) *http.Client { return middleware.Client(c.Request.Context()) }
