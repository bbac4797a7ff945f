package xgin_test

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/middleware/xgin"
	"github.com/xsignin/xsignin/xtest"
)

func newEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	return gin.New()
}

func mount(r gin.IRoutes, kit http.Handler) { r.Any("/auth/*path", gin.WrapH(kit)) }

func route(r gin.IRoutes, path string, h func(testkit.AdapterRequest), guards ...gin.HandlerFunc) {
	r.Any(path, append(guards, func(c *gin.Context) {
		req := testkit.AdapterRequest{Request: c.Request, Client: xgin.Client(c)}
		req.User, req.SignedIn = xgin.User(c)
		req.Text = func(text string) { c.String(http.StatusOK, "%s", text) }
		h(req)
	})...)
}

func adapter() testkit.Adapter[*gin.Engine, gin.HandlerFunc] {
	return testkit.Adapter[*gin.Engine, gin.HandlerFunc]{
		New:    newEngine,
		Mount:  func(r *gin.Engine, kit http.Handler) { mount(r, kit) },
		Handle: func(r *gin.Engine, path string, h http.Handler) { r.Any(path, gin.WrapH(h)) },
		Route: func(r *gin.Engine, path string, h func(testkit.AdapterRequest), guards ...gin.HandlerFunc) {
			route(r, path, h, guards...)
		},
		Use: func(r *gin.Engine, mw gin.HandlerFunc) { r.Use(mw) },
		Wrap: func(r *gin.Engine, mw func(http.Handler) http.Handler) *gin.Engine {
			inner := gin.New()
			r.NoRoute(func(c *gin.Context) {
				c.Status(http.StatusOK)
				mw(inner).ServeHTTP(c.Writer, c.Request)
			})
			return inner
		},
		RequireUser: xgin.RequireUser, LoadUser: xgin.LoadUser,
		Mountings: mountings(),
	}
}

func mountings() []testkit.Mounting[*gin.Engine, gin.HandlerFunc] {
	// on makes a way to mount the kit from one that returns the router of the routes.
	on := func(f func(r *gin.Engine, kit *xsignin.Kit) gin.IRoutes) func(*gin.Engine, *xsignin.Kit, string, func(testkit.AdapterRequest), gin.HandlerFunc) {
		return func(r *gin.Engine, kit *xsignin.Kit, path string, h func(testkit.AdapterRequest), guard gin.HandlerFunc) {
			route(f(r, kit), path, h, guard)
		}
	}
	slash := map[string]string{"/auth": "/auth/"}
	return []testkit.Mounting[*gin.Engine, gin.HandlerFunc]{
		{Name: "on the engine", Redirects: slash, Mount: on(func(r *gin.Engine, kit *xsignin.Kit) gin.IRoutes {
			mount(r, kit)
			return r
		})},
		{Name: "on a group", Prefix: "/app", Redirects: slash, Mount: on(func(r *gin.Engine, kit *xsignin.Kit) gin.IRoutes {
			g := r.Group("/app")
			mount(g, kit)
			return g
		})},
		{Name: "for the paths without a route", Mount: on(func(r *gin.Engine, kit *xsignin.Kit) gin.IRoutes {
			r.NoRoute(gin.WrapH(kit)) // gin has set status 404
			return r
		})},
		{Name: "behind StripPrefix", Prefix: "/app", Redirects: slash, Mount: on(func(r *gin.Engine, kit *xsignin.Kit) gin.IRoutes {
			g := r.Group("/app")
			mount(g, http.StripPrefix("/app", kit))
			return g
		})},
		{
			Name: "with every redirect and method check of gin's on", Redirects: slash,
			Mount: on(func(r *gin.Engine, kit *xsignin.Kit) gin.IRoutes {
				r.RedirectTrailingSlash, r.RedirectFixedPath, r.HandleMethodNotAllowed, r.RemoveExtraSlash = true, true, true, true
				mount(r, kit)
				return r
			}),
		},
		{Name: "with none", Mount: on(func(r *gin.Engine, kit *xsignin.Kit) gin.IRoutes {
			r.RedirectTrailingSlash = false
			mount(r, kit)
			return r
		})},
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

// TestARefusalEndsTheChain checks that nothing after a refusal runs, and that the handler
// before sees the status and cannot change it.
func TestARefusalEndsTheChain(t *testing.T) {
	var seen []int
	ended := false
	s := adapter().Site(t, "", func(r *gin.Engine, kit *xsignin.Kit) {
		r.Use(func(c *gin.Context) {
			ctx, end := context.WithCancel(c.Request.Context())
			defer end()
			if ended {
				end()
			}
			c.Request = c.Request.WithContext(ctx)
			c.Next()
			seen = append(seen, c.Writer.Status())
			if !c.IsAborted() || c.Writer.Written() == ended {
				t.Errorf("%s: aborted %v, written %v", c.Request.URL.Path, c.IsAborted(), c.Writer.Written())
			}
			c.Status(http.StatusTeapot)
		})
		r.Use(xgin.RequireUser(kit.Middleware()), func(*gin.Context) { t.Error("the next handler ran") })
		r.GET("/me", func(*gin.Context) { t.Error("the last handler ran") })
	})
	s.WantRefusals("/me")
	s.WantRefusals("/nowhere")
	ended = true // nothing may be written then
	s.Browser().Get("/me")
	if want := []int{303, 401, 303, 401, 200}; !reflect.DeepEqual(seen, want) {
		t.Errorf("the middleware before saw %v, want %v", seen, want)
	}
}

// TestSuccessReachesTheContextOfGin mounts the kit by a handler that passes gin's context on.
func TestSuccessReachesTheContextOfGin(t *testing.T) {
	type key struct{}
	s := adapter().Site(t, "", func(r *gin.Engine, kit *xsignin.Kit) {
		r.Use(func(c *gin.Context) { c.Set("cookie", "own") })
		r.Any("/auth/*path", func(c *gin.Context) {
			ctx := context.WithValue(c.Request.Context(), key{}, c)
			kit.ServeHTTP(c.Writer, c.Request.WithContext(ctx))
		})
	}, func(c *xsignin.Config) {
		c.Success = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := r.Context().Value(key{}).(*gin.Context)
			c.SetCookie(c.GetString("cookie"), "value", 60, "/", "", false, true)
			handlers.RedirectAfterSignIn(w, r, "/me")
		})
	})
	b := s.Browser()
	if a := b.SignIn("/auth/login", xtest.DefaultUserID); a.Redirect() != "/me" || !slices.Contains(b.Cookies(), "own") {
		t.Errorf("%s to %q, cookies %v", a.Status, a.Redirect(), b.Cookies())
	}
}
