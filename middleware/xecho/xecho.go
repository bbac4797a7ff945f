// Package xecho is xsignin's middleware for echo v4: [RequireUser], [RequireScopes]
// and [LoadUser] as [echo.MiddlewareFunc], and [User] and [Client] from an [echo.Context].
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
// The standard middleware decides and answers. The package does not wrap echo's response:
// flushing, hijacking and [http.ResponseController] work as without it. Echo v5 has another
// Context: use echo.WrapMiddleware(kit.RequireUser) there.
//
// Mount the kit at its path with the wildcard, by Any and [echo.WrapHandler], on the Echo or
// on a group with the path of PublicURL. The kit answers unknown paths below it with 404;
// echo's error handler is not called. Add middleware that must not protect the kit, such as
// RequireUser, to a group or to routes, and not by [echo.Echo.Use].
//
// Programs that keep values in the session use
// e.Use(echo.WrapMiddleware(kit.Sessions().LoadAndSave)), or wrap the whole Echo.
package xecho

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/provider"
)

// RequireUser passes requests of signed-in users to the next handler. It answers all others;
// the HTTPErrorHandler is not called. See [middleware.Middleware.RequireUser].
func RequireUser(m *middleware.Middleware) echo.MiddlewareFunc { return wrap(m.RequireUser) }

// RequireScopes passes requests of users whose token has all of scopes to the next handler,
// and sends others to the consent page. Call it when the program starts. See
// [middleware.Middleware.RequireScopes].
func RequireScopes(m *middleware.Middleware, scopes ...string) echo.MiddlewareFunc {
	return wrap(m.RequireScopes(scopes...))
}

// LoadUser passes all requests on. [User] then returns the signed-in user, if there is one.
// See [middleware.Middleware.LoadUser].
func LoadUser(m *middleware.Middleware) echo.MiddlewareFunc { return wrap(m.LoadUser) }

// wrap is [echo.WrapMiddleware] for a middleware that does not replace the response.
func wrap(mw func(http.Handler) http.Handler) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			mw(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				c.SetRequest(r)
				err = next(c)
			})).ServeHTTP(c.Response(), c.Request())
			return err
		}
	}
}

// User returns the signed-in user, behind [RequireUser] or [LoadUser]. The second value is
// false if no user is signed in.
func User(c echo.Context) (provider.User, bool) { return middleware.User(c.Request().Context()) }

// Client returns the client of the signed-in user, behind [RequireUser] or [LoadUser]. It is
// never nil: if no user is signed in, every request fails. See [middleware.Client].
func Client(c echo.Context) *http.Client { return middleware.Client(c.Request().Context()) }
