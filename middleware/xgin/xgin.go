// Package xgin is xsignin's middleware for gin.
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
// The middleware does not wrap gin's response. Mount the kit on the engine, or on a group with
// the path of PublicURL. Add RequireUser to another group or to routes, and not by
// [gin.Engine.Use]: it must not protect the kit. Programs that keep values in the session wrap
// the whole engine in kit.Sessions().LoadAndSave.
//
// The user is in the context of c.Request: pass c.Request.Context() on, and not c, unless
// [gin.Engine.ContextWithFallback] is set.
package xgin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/provider"
)

// RequireUser passes requests of users whose token has all of scopes, or of all signed-in
// users, to the next handler. It answers all others, and the chain is aborted. See
// [middleware.Middleware.RequireScopes].
func RequireUser(m *middleware.Middleware, scopes ...string) gin.HandlerFunc {
	return wrap(m.RequireScopes(scopes...))
}

// LoadUser passes all requests on, with the user: see [middleware.Middleware.LoadUser].
func LoadUser(m *middleware.Middleware) gin.HandlerFunc { return wrap(m.LoadUser) }

// wrap makes a handler of gin from a middleware that does not replace the response.
func wrap(mw func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx, passed := c.Request.Context(), false
		mw(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			passed = true
			c.Request = r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
		if !passed {
			c.Abort()
			if ctx.Err() == nil { // otherwise c.Writer may belong to another request
				// A redirect has no body, and gin allows changes until something is written.
				c.Writer.WriteHeaderNow()
			}
		}
	}
}

// User returns the signed-in user, behind [RequireUser] or [LoadUser].
func User(c *gin.Context) (provider.User, bool) { return middleware.User(c.Request.Context()) }

// Client returns the client of the signed-in user. It is never nil: see [middleware.Client].
func Client(c *gin.Context) *http.Client { return middleware.Client(c.Request.Context()) }
