package xecho_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/middleware/xecho"
	"github.com/xsignin/xsignin/xtest"
)

// router is an Echo or a group of one.
type router interface {
	Any(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) []*echo.Route
}

func mount(r router, kit http.Handler) { r.Any("/auth/*", echo.WrapHandler(kit)) }

func route(r router, path string, h func(testkit.AdapterRequest), guards ...echo.MiddlewareFunc) {
	r.Any(path, func(c echo.Context) error {
		req := testkit.AdapterRequest{Request: c.Request(), Client: xecho.Client(c)}
		req.User, req.SignedIn = xecho.User(c)
		var err error
		req.Text = func(text string) { err = c.String(http.StatusOK, text) }
		h(req)
		return err
	}, guards...)
}

func adapter() testkit.Adapter[*echo.Echo, echo.MiddlewareFunc] {
	return testkit.Adapter[*echo.Echo, echo.MiddlewareFunc]{
		New:    echo.New,
		Mount:  func(e *echo.Echo, kit http.Handler) { mount(e, kit) },
		Handle: func(e *echo.Echo, path string, h http.Handler) { e.Any(path, echo.WrapHandler(h)) },
		Route: func(e *echo.Echo, path string, h func(testkit.AdapterRequest), guards ...echo.MiddlewareFunc) {
			route(e, path, h, guards...)
		},
		Use: func(e *echo.Echo, mw echo.MiddlewareFunc) { e.Use(mw) },
		Wrap: func(e *echo.Echo, mw func(http.Handler) http.Handler) *echo.Echo {
			e.Use(echo.WrapMiddleware(mw))
			return e
		},
		RequireUser: xecho.RequireUser, LoadUser: xecho.LoadUser, RequireScopes: xecho.RequireScopes,
		Mountings: mountings(),
	}
}

func mountings() []testkit.Mounting[*echo.Echo, echo.MiddlewareFunc] {
	// on makes a way to mount the kit from one that returns the router of the routes.
	on := func(f func(e *echo.Echo, kit *xsignin.Kit) router) func(*echo.Echo, *xsignin.Kit, string, func(testkit.AdapterRequest), echo.MiddlewareFunc) {
		return func(e *echo.Echo, kit *xsignin.Kit, path string, h func(testkit.AdapterRequest), guard echo.MiddlewareFunc) {
			route(f(e, kit), path, h, guard)
		}
	}
	return []testkit.Mounting[*echo.Echo, echo.MiddlewareFunc]{
		{Name: "on the Echo", Mount: on(func(e *echo.Echo, kit *xsignin.Kit) router {
			mount(e, kit)
			return e
		})},
		{Name: "on a group", Prefix: "/app", Mount: on(func(e *echo.Echo, kit *xsignin.Kit) router {
			g := e.Group("/app")
			mount(g, kit)
			return g
		})},
		{Name: "on a group with middleware", Prefix: "/app", Mount: on(func(e *echo.Echo, kit *xsignin.Kit) router {
			g := e.Group("/app", middleware.Recover(), xecho.LoadUser(kit.Middleware()))
			mount(g, kit)
			return g
		})},
		{Name: "behind StripPrefix", Prefix: "/app", Mount: on(func(e *echo.Echo, kit *xsignin.Kit) router {
			g := e.Group("/app")
			mount(g, http.StripPrefix("/app", kit))
			return g
		})},
		{
			Name: "with RemoveTrailingSlash", Redirects: map[string]string{"/auth/": "/auth", "/auth/login/": "/auth/login"},
			Mount: on(func(e *echo.Echo, kit *xsignin.Kit) router {
				e.Pre(middleware.RemoveTrailingSlashWithConfig(middleware.TrailingSlashConfig{RedirectCode: http.StatusMovedPermanently}))
				mount(e, kit)
				return e
			}),
		},
	}
}

func TestARefusalIsTheStandardMiddlewares(t *testing.T) {
	adapter().ARefusalIsTheStandardMiddlewares(t)
}

func TestAHandlerKnowsTheUser(t *testing.T) { adapter().AHandlerKnowsTheUser(t) }

func TestMounting(t *testing.T) { adapter().Mounting(t) }

func TestSessionValues(t *testing.T) { adapter().SessionValues(t) }

func TestRequireUserAroundTheKitLeadsNowhere(t *testing.T) {
	adapter().RequireUserAroundTheKitLeadsNowhere(t)
}

func TestConsentForMore(t *testing.T) { adapter().ConsentForMore(t) }

// TestARefusalIsAnAnswer checks that nothing after a refusal runs, that the middleware before
// sees the status, and that echo's error handler is not called.
func TestARefusalIsAnAnswer(t *testing.T) {
	var seen []int
	s := adapter().Site(t, "", func(e *echo.Echo, kit *xsignin.Kit) {
		e.HTTPErrorHandler = func(err error, _ echo.Context) { t.Errorf("the error handler was called: %v", err) }
		e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				err := next(c)
				if err != nil || !c.Response().Committed {
					t.Errorf("error %v, committed %v", err, c.Response().Committed)
				}
				seen = append(seen, c.Response().Status)
				return err
			}
		})
		e.Use(xecho.RequireUser(kit.Middleware()), func(echo.HandlerFunc) echo.HandlerFunc {
			return func(echo.Context) error { t.Error("the next middleware ran"); return nil }
		})
		e.GET("/me", func(echo.Context) error { t.Error("the handler ran"); return nil })
	})
	s.WantRefusals("/me")
	s.WantRefusals("/nowhere")
	if want := []int{303, 401, 303, 401}; !reflect.DeepEqual(seen, want) {
		t.Errorf("the middleware before saw %v, want %v", seen, want)
	}
}

// TestErrorsOfHandlersReachTheErrorHandler: as without the middleware.
func TestErrorsOfHandlersReachTheErrorHandler(t *testing.T) {
	s := adapter().Site(t, "", func(e *echo.Echo, kit *xsignin.Kit) {
		e.HTTPErrorHandler = func(err error, c echo.Context) { _ = c.String(http.StatusTeapot, "handled: "+err.Error()) }
		mount(e, kit)
		fails := func(echo.Context) error { return echo.NewHTTPError(http.StatusConflict, "no") }
		e.GET("/in", fails, xecho.RequireUser(kit.Middleware()))
		e.GET("/any", fails, xecho.LoadUser(kit.Middleware()))
	})
	b := s.Browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	for _, path := range []string{"/in", "/any"} {
		if a := b.Get(path); a.StatusCode != http.StatusTeapot || a.Text != "handled: code=409, message=no" {
			t.Errorf("%s: %s %s", path, a.Status, a.Text)
		}
	}
}

// TestAddTrailingSlash: echo's middleware makes other paths of the kit's, unless it skips
// them.
func TestAddTrailingSlash(t *testing.T) {
	s := adapter().Site(t, "", func(e *echo.Echo, kit *xsignin.Kit) {
		e.Pre(middleware.AddTrailingSlashWithConfig(middleware.TrailingSlashConfig{
			Skipper: func(c echo.Context) bool { return strings.HasPrefix(c.Request().URL.Path, "/auth/") },
		}))
		mount(e, kit)
		e.GET("/me/", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, xecho.RequireUser(kit.Middleware()))
	})
	b := s.Browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	if a := b.Get("/me"); a.StatusCode != 204 {
		t.Errorf("%s", a.Status)
	}
}
