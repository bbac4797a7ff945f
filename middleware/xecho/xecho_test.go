package xecho_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/middleware/xecho"
	"github.com/xsignin/xsignin/page"
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
		RequireUser: xecho.RequireUser, LoadUser: xecho.LoadUser,
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

// TestARefusalAfterTheDeadlineIsAnError: the refusal writes nothing then, and echo would answer 200.
func TestARefusalAfterTheDeadlineIsAnError(t *testing.T) {
	s := adapter().Site(t, "", func(e *echo.Echo, kit *xsignin.Kit) {
		e.Use(middleware.ContextTimeout(-1)) // has ended
		e.GET("/me", func(echo.Context) error { t.Error("the handler ran"); return nil }, xecho.RequireUser(kit.Middleware()))
	})
	if a := s.Browser().Get("/me"); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("%s %s", a.Status, a.Text)
	}
}

// TestContextTimeoutInsideLoadAndSave: with the other order the answer would be empty.
func TestContextTimeoutInsideLoadAndSave(t *testing.T) {
	s := adapter().Site(t, "", func(e *echo.Echo, kit *xsignin.Kit) {
		e.Use(echo.WrapMiddleware(kit.Sessions().LoadAndSave), middleware.ContextTimeout(-1)) // has ended
		e.GET("/slow", func(c echo.Context) error {
			kit.Sessions().SCS().Put(c.Request().Context(), "value", "any")
			return c.Request().Context().Err()
		})
	})
	if a := s.Browser().Get("/slow"); a.StatusCode != http.StatusServiceUnavailable || len(a.Cookies()) == 0 {
		t.Errorf("%s, cookies %v", a.Status, a.Cookies())
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

// watched is a ResponseWriter that counts its uses after its request.
type watched struct {
	http.ResponseWriter
	ended, late atomic.Int32
}

func (w *watched) use() http.ResponseWriter {
	w.late.Add(w.ended.Load())
	return w.ResponseWriter
}

func (w *watched) Header() http.Header         { return w.use().Header() }
func (w *watched) Write(b []byte) (int, error) { return w.use().Write(b) }
func (w *watched) WriteHeader(status int)      { w.use().WriteHeader(status) }

// TestBehindEchosTimeout checks that nothing is written after Timeout has answered. Echo then
// gives the same response to another request.
func TestBehindEchosTimeout(t *testing.T) {
	var slow atomic.Int64
	s := testkit.NewSite(t, func(c *xsignin.Config) {
		c.OnSignIn = func(context.Context, *xsignin.SignIn) error {
			time.Sleep(time.Duration(slow.Load()))
			return nil
		}
	})
	s.Bubble(func() {
		e := echo.New()
		var w *watched
		//lint:ignore SA1019 applications use it, and it recycles its writer
		timeout := middleware.TimeoutWithConfig(middleware.TimeoutConfig{Timeout: 5 * time.Second, ErrorMessage: "late"}) //nolint:staticcheck // as above
		e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				defer func() { w.ended.Store(1) }()
				return next(c)
			}
		}, timeout)
		e.Any("/auth/*", func(c echo.Context) error {
			w.ResponseWriter = c.Response()
			s.Kit.ServeHTTP(w, c.Request())
			return nil
		})
		b := s.Browser()
		for _, login := range []string{"/auth/login", "/auth/login/x-oauth1"} {
			for _, late := range []bool{false, true} {
				callback := httptest.NewRequest(http.MethodGet, b.Approve(b.Begin(login), xtest.DefaultUserID), http.NoBody)
				for _, c := range b.Jar.Cookies(callback.URL) {
					callback.AddCookie(c)
				}
				w = &watched{}
				slow.Store(0)
				want := http.StatusSeeOther
				if late {
					slow.Store(int64(9 * time.Second))
					want = http.StatusServiceUnavailable
				}
				answer := httptest.NewRecorder()
				e.ServeHTTP(answer, callback)
				sessions := s.SessionCount()
				time.Sleep(time.Minute)
				if answer.Code != want || w.late.Load() != 0 || late && (answer.Body.String() != "late" || len(answer.Header()["Set-Cookie"]) != 0) {
					t.Errorf("%s, late %t: %d %v %s; used %d times after the request", login, late, answer.Code, answer.Header(), answer.Body, w.late.Load())
				}
				if got := s.SessionCount(); got != sessions {
					t.Errorf("%s, late %t: %d sessions when the request ended, %d later", login, late, sessions, got)
				}
			}
		}
	})
}

// TestBehindEchosCSRF: the kit checks its own requests, so its paths need no token of echo's.
// An application that cannot exempt them puts its token into the kit's page.
func TestBehindEchosCSRF(t *testing.T) {
	for _, exempt := range []bool{true, false} {
		s := adapter().Site(t, "", func(e *echo.Echo, kit *xsignin.Kit) {
			e.Use(middleware.CSRFWithConfig(middleware.CSRFConfig{
				TokenLookup: "form:_csrf", CookiePath: "/",
				Skipper: func(c echo.Context) bool { return exempt && strings.HasPrefix(c.Request().URL.Path, "/auth/") },
			}))
			mount(e, kit)
			e.POST("/own", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
			e.GET("/token", func(c echo.Context) error { return c.String(http.StatusOK, c.Get("csrf").(string)) })
		}, func(c *xsignin.Config) {
			c.Pages.Render = func(w http.ResponseWriter, r *http.Request, p xsignin.Page) {
				if c, err := r.Cookie("_csrf"); err == nil {
					p.Fields = append(p.Fields, page.Field{Name: "_csrf", Value: c.Value})
				}
				p.Render(w, r)
			}
		})
		// Echo's token is its cookie, which a page of the site may show.
		b := testkit.NewBrowser(t, s.X, s.Public, http.DefaultTransport)
		b.SignIn("/auth/login", xtest.DefaultUserID)
		token := b.Get("/token").Text
		if a := b.Send(http.MethodPost, "/own", url.Values{}); a.StatusCode < 400 {
			t.Errorf("exempt %t: a form of the application without a token: %s", exempt, a.Status)
		}
		if a := b.Send(http.MethodPost, "/own", url.Values{"_csrf": {token}}); a.StatusCode != http.StatusNoContent {
			t.Errorf("exempt %t: a form of the application: %s", exempt, a.Status)
		}
		form := url.Values{}
		ask := b.Get("/auth/logout", "Sec-Fetch-Mode", "navigate").Text
		if !exempt {
			form.Set("_csrf", token)
		}
		if !strings.Contains(ask, `name="_csrf" value="`+token+`"`) {
			t.Errorf("the page before the sign-out has no token: %s", ask)
		}
		if a := b.Send(http.MethodPost, "/auth/logout", form, "Sec-Fetch-Site", "cross-site"); a.StatusCode != http.StatusForbidden {
			t.Errorf("exempt %t: another site's form: %s", exempt, a.Status)
		}
		if a := b.Send(http.MethodPost, "/auth/logout", form, "Sec-Fetch-Site", "same-origin"); a.StatusCode != http.StatusSeeOther || b.Who() != "" {
			t.Errorf("exempt %t: the kit's own form: %s, signed in as %q", exempt, a.Status, b.Who())
		}
	}
}
