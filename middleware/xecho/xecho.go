// Package xecho is xsignin's middleware for echo v4. (For v5: echo.WrapMiddleware(kit.RequireUser).)
//
//	e := echo.New()
//	e.Any("/auth/*", echo.WrapHandler(kit))
//	e.GET("/photos", photos, xecho.RequireUser(kit.Middleware()))
//
//	func photos(c echo.Context) error {
//		user, _ := xecho.User(c)
//		posts, err := xecho.Client(c).Get("https://api.x.com/2/users/" + user.AccountID + "/tweets")
//		...
//	}
//
// The middleware does not wrap echo's response. It returns an error of its own only if the
// request has ended before it could be refused, as echo's ContextTimeout may cause. Mount the kit
// on the Echo, or on a group with the path of PublicURL. Add RequireUser to a group or to routes,
// and not by [echo.Echo.Use]: it must not protect the kit. Programs that keep values in the
// session use e.Use(echo.WrapMiddleware(kit.Sessions().LoadAndSave)), before a ContextTimeout.
package xecho

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/provider"
)

// RequireUser passes requests of users whose token has all of scopes, or of all signed-in
// users, to the next handler. See [middleware.Middleware.RequireScopes].
func RequireUser(m *middleware.Middleware, scopes ...string) echo.MiddlewareFunc {
	return wrap(m.RequireScopes(scopes...))
}

// LoadUser passes all requests on, with the user: see [middleware.Middleware.LoadUser].
func LoadUser(m *middleware.Middleware) echo.MiddlewareFunc { return wrap(m.LoadUser) }

// wrap is [echo.WrapMiddleware] for a middleware that does not replace the response.
func wrap(mw func(http.Handler) http.Handler) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			ctx, passed := c.Request().Context(), false
			mw(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				passed = true
				c.SetRequest(r)
				err = next(c)
			})).ServeHTTP(c.Response(), c.Request())
			if !passed && !c.Response().Committed {
				err = ctx.Err() // a refusal writes nothing after the request has ended
			}
			return err
		}
	}
}

// User returns the signed-in user, behind [RequireUser] or [LoadUser].
func User(c echo.Context) (provider.User, bool) { return middleware.User(c.Request().Context()) }

// Client returns the client of the signed-in user. It is never nil: see [middleware.Client].
func Client(c echo.Context) *http.Client { return middleware.Client(c.Request().Context()) }
