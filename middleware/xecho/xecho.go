// Package xecho is xsignin's middleware for echo v4: [RequireUser], [RequireScopes]
// and [LoadUser] as [echo.MiddlewareFunc], and [User] and [Client] from an [echo.Context].
//
//	e := echo.New()
//	e.Any("/auth/*", echo.WrapHandler(kit))
//	e.GET("/photos", photos, xecho.RequireUser(kit.Middleware()))
//
//	func photos(c echo.Context) error {
//		user, _ := xecho.User(c)
//		posts, err := xecho.Client(c).Get("https://api.x.com/2/users/" + user.ID + "/tweets")
//		...
//	}
//
// The decisions are those of the standard middleware ([middleware.Middleware.Require],
// [middleware.Middleware.RequireWith], [middleware.Middleware.Load]), and so are the answers: only how they reach echo is here.
// Echo's response is not wrapped: flushing, hijacking and [http.ResponseController] work as
// echo lets them.
//
// Echo v5 has another Context, so that one package cannot serve both. There,
// echo.WrapMiddleware(kit.RequireUser) does what RequireUser does here.
//
// # Mounting the kit
//
// The kit's own path goes with the wildcard, Any and [echo.WrapHandler], on the Echo or on a
// group whose path is the one in PublicURL. The kit answers 404 for every path below it that
// it does not know; echo's error handler is not asked. Middleware that the kit's paths must
// not pass, such as RequireUser itself, goes to a group or to routes and not to
// [echo.Echo.Use].
//
// [session.Manager.LoadAndSave], for programs that keep values in the session, is
// e.Use(echo.WrapMiddleware(kit.Sessions().LoadAndSave)), or stands around the whole Echo.
//
// [session.Manager.LoadAndSave]: https://pkg.go.dev/github.com/xsignin/xsignin/session#Manager.LoadAndSave
package xecho

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/provider"
)

// RequireUser lets only signed-in users through to the next handler. Anybody else gets the
// [middleware.Refusal] that fits who asks. It is an answer and no error: the HTTPErrorHandler
// is not called. See [middleware.Middleware.RequireUser].
//
// A program that answers in its own way calls [middleware.Middleware.Require].
func RequireUser(m *middleware.Middleware) echo.MiddlewareFunc { return gate(m.Require) }

// RequireScopes lets only users through to the next handler whose token has all of scopes,
// and sends others through the consent. Make it when the program starts. See
// [middleware.Middleware.RequireScopes].
func RequireScopes(m *middleware.Middleware, scopes ...string) echo.MiddlewareFunc {
	return gate(m.RequireWith(scopes...))
}

// gate lets those through whom decide does.
func gate(decide middleware.Decision) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			loaded, refusal := decide(c.Response(), c.Request())
			if refusal != nil {
				refusal.ServeHTTP(c.Response(), c.Request())
				return nil
			}
			c.SetRequest(loaded)
			return next(c)
		}
	}
}

// LoadUser lets everybody through, and [User] then tells who is signed in, if anybody is.
// See [middleware.Middleware.LoadUser].
func LoadUser(m *middleware.Middleware) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			// The standard one, since it also says in the kit's log that a store fails.
			m.LoadUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				c.SetRequest(r)
			})).ServeHTTP(c.Response(), c.Request())
			return next(c)
		}
	}
}

// User returns who is signed in, behind [RequireUser] or [LoadUser]. The second value is
// false where nobody is.
func User(c echo.Context) (provider.User, bool) { return middleware.User(c.Request().Context()) }

// Client returns the client of the user who is signed in, behind [RequireUser] or
// [LoadUser]. It is never nil: where nobody is signed in, every request fails with
// [client.ErrNoUser]. See [xsignin.Client].
//
// [client.ErrNoUser]: https://pkg.go.dev/github.com/xsignin/xsignin/client#ErrNoUser
// [xsignin.Client]: https://pkg.go.dev/github.com/xsignin/xsignin#Client
func Client(c echo.Context) *http.Client { return middleware.Client(c.Request().Context()) }
