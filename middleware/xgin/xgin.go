// Package xgin is xsignin's middleware for gin: [RequireUser], [RequireScopes] and
// [LoadUser] as [gin.HandlerFunc], and [User] and [Client] from a [gin.Context].
//
//	r := gin.Default()
//	r.Any("/auth/*path", gin.WrapH(kit))
//	r.GET("/photos", xgin.RequireUser(kit.Middleware()), photos)
//
//	func photos(c *gin.Context) {
//		user, _ := xgin.User(c)
//		posts, err := xgin.Client(c).Get("https://api.x.com/2/users/" + user.ID + "/tweets")
//		...
//	}
//
// The decisions are those of the standard middleware ([middleware.Middleware.Require],
// [middleware.Middleware.RequireWith], [middleware.Middleware.Load]), and so are the answers: only how they reach gin is here.
// Gin's writer is not wrapped: flushing, hijacking and [http.ResponseController] work as
// gin lets them.
//
// # Mounting the kit
//
// The kit's own path goes with the wildcard, Any and [gin.WrapH], on the engine or on a
// group whose path is the one in PublicURL. Gin redirects /auth to /auth/, where the kit
// answers 404 as for every path that it does not know. Middleware that the kit's paths must
// not pass, such as RequireUser itself, goes to a group beside them and not to
// [gin.Engine.Use].
//
// [session.Manager.LoadAndSave], for programs that keep values in the session, stands
// around the whole engine, where the [http.Server] gets its handler.
//
// # The context
//
// The user is in the context of c.Request. A [gin.Context] that is itself passed as a
// [context.Context] finds nothing there unless [gin.Engine.ContextWithFallback] is set.
// Pass c.Request.Context().
//
// [session.Manager.LoadAndSave]: https://pkg.go.dev/github.com/xsignin/xsignin/session#Manager.LoadAndSave
// [context.Context]: https://pkg.go.dev/context#Context
package xgin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/provider"
)

// RequireUser lets only signed-in users through to the handlers after it. Anybody else gets
// the [middleware.Refusal] that fits who asks, and the chain is aborted. See
// [middleware.Middleware.RequireUser].
func RequireUser(m *middleware.Middleware) gin.HandlerFunc { return gate(m.Require) }

// RequireScopes lets only users through to the handlers after it whose token has all of
// scopes, and sends others through the consent. Make it when the program starts. See
// [middleware.Middleware.RequireScopes].
func RequireScopes(m *middleware.Middleware, scopes ...string) gin.HandlerFunc {
	return gate(m.RequireWith(scopes...))
}

// gate lets those through whom decide does.
func gate(decide middleware.Decision) gin.HandlerFunc {
	return func(c *gin.Context) {
		loaded, refusal := decide(c.Writer, c.Request)
		if refusal != nil {
			refuse(c, refusal)
			return
		}
		c.Request = loaded
		c.Next()
	}
}

// LoadUser lets everybody through, and [User] then tells who is signed in, if anybody is.
// See [middleware.Middleware.LoadUser].
func LoadUser(m *middleware.Middleware) gin.HandlerFunc {
	return func(c *gin.Context) {
		// The standard one, since it also says in the kit's log that a store fails.
		m.LoadUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			c.Request = r
		})).ServeHTTP(c.Writer, c.Request)
		c.Next()
	}
}

// User returns who is signed in, behind [RequireUser] or [LoadUser]. The second value is
// false where nobody is.
func User(c *gin.Context) (provider.User, bool) { return middleware.User(c.Request.Context()) }

// Client returns the client of the user who is signed in, behind [RequireUser] or
// [LoadUser]. It is never nil: where nobody is signed in, every request fails with
// [client.ErrNoUser]. See [xsignin.Client].
//
// [client.ErrNoUser]: https://pkg.go.dev/github.com/xsignin/xsignin/client#ErrNoUser
// [xsignin.Client]: https://pkg.go.dev/github.com/xsignin/xsignin#Client
func Client(c *gin.Context) *http.Client { return middleware.Client(c.Request.Context()) }

// refuse answers with refusal and ends the chain.
func refuse(c *gin.Context, refusal *middleware.Refusal) {
	c.Abort()
	refusal.ServeHTTP(c.Writer, c.Request)
	// A redirect has no body, and until something is written gin lets others change it.
	c.Writer.WriteHeaderNow()
}
