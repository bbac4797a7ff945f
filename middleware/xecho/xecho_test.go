package xecho_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/middleware/xecho"
)

// TestARefusalIsTheStandardMiddlewares: to the byte, whoever asks.
func TestARefusalIsTheStandardMiddlewares(t *testing.T) {
	reached := false
	s := newSite(t, "", func(e *echo.Echo, kit *xsignin.Kit) {
		e.Any("/echo/me", func(echo.Context) error { reached = true; return nil }, xecho.RequireUser(kit.Middleware()))
		std := kit.RequireUser(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
		e.Any("/std/me", echo.WrapHandler(std))
	})
	cookie := "xsignin=" + strings.Repeat("a", 43)
	for _, tt := range []struct {
		name    string
		method  string
		headers []string
		status  int
	}{
		{"a page load", "GET", []string{"Sec-Fetch-Mode", "navigate"}, 303},
		{"fetch", "GET", []string{"Sec-Fetch-Mode", "cors"}, 401},
		{"a HEAD", "HEAD", nil, 401},
		{"a websocket", "GET", []string{"Upgrade", "websocket", "Connection", "Upgrade"}, 401},
		{"an event stream", "GET", []string{"Accept", "text/event-stream"}, 401},
		{"htmx", "GET", []string{"HX-Request", "true", "HX-Current-URL", "http://127.0.0.1/list"}, 401},
		{"a form", "POST", []string{"Sec-Fetch-Mode", "navigate", "Accept", "text/html"}, 401},
		{"a page load while the store is away", "GET", []string{"Cookie", cookie, "Sec-Fetch-Mode", "navigate"}, 503},
		{"fetch while the store is away", "GET", []string{"Cookie", cookie, "Sec-Fetch-Mode", "cors"}, 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.store.away.Store(tt.status == http.StatusServiceUnavailable)
			got, want := s.send(s.browser(), tt.method, "/echo/me", tt.headers...), s.send(s.browser(), tt.method, "/std/me", tt.headers...)
			got.Header.Del("Date")
			want.Header.Del("Date")
			want.body = strings.ReplaceAll(want.body, "%2Fstd%2F", "%2Fecho%2F")
			if l := want.Header.Get("Location"); l != "" {
				want.Header.Set("Location", strings.ReplaceAll(l, "%2Fstd%2F", "%2Fecho%2F"))
			}
			if got.StatusCode != tt.status || want.StatusCode != tt.status {
				t.Errorf("status %d, the standard middleware's %d, want %d", got.StatusCode, want.StatusCode, tt.status)
			}
			if !reflect.DeepEqual(got.Header, want.Header) || got.body != want.body {
				t.Errorf("%v\n%s\nthe standard middleware answers\n%v\n%s", got.Header, got.body, want.Header, want.body)
			}
		})
	}
	if reached {
		t.Error("a handler ran for nobody")
	}
}

// TestARefusalIsAnAnswer: nothing after it runs, what stands before it sees how it ended,
// and echo's error handler is not asked.
func TestARefusalIsAnAnswer(t *testing.T) {
	var seen []int
	s := newSite(t, "", func(e *echo.Echo, kit *xsignin.Kit) {
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
	for _, path := range []string{"/me", "/nowhere"} {
		if a := s.send(s.browser(), "GET", path, "Sec-Fetch-Mode", "navigate"); a.StatusCode != 303 || a.Header.Get("Location") != login("", path) {
			t.Errorf("%s: %s to %q", path, a.Status, a.Header.Get("Location"))
		}
		if a := s.send(s.browser(), "GET", path, "Accept", "application/json"); a.StatusCode != 401 || !strings.Contains(a.body, `"not_signed_in"`) {
			t.Errorf("%s: %s %s", path, a.Status, a.body)
		}
	}
	if want := []int{303, 401, 303, 401}; !reflect.DeepEqual(seen, want) {
		t.Errorf("the middleware before saw %v, want %v", seen, want)
	}
}

// TestErrorsOfHandlersReachTheErrorHandler: as without the middleware.
func TestErrorsOfHandlersReachTheErrorHandler(t *testing.T) {
	s := newSite(t, "", func(e *echo.Echo, kit *xsignin.Kit) {
		e.HTTPErrorHandler = func(err error, c echo.Context) { _ = c.String(http.StatusTeapot, "handled: "+err.Error()) }
		e.Any("/auth/*", echo.WrapHandler(kit))
		fails := func(echo.Context) error { return echo.NewHTTPError(http.StatusConflict, "no") }
		e.GET("/in", fails, xecho.RequireUser(kit.Middleware()))
		e.GET("/any", fails, xecho.LoadUser(kit.Middleware()))
	})
	b := s.signedIn("/auth/login")
	for _, path := range []string{"/in", "/any"} {
		if a := s.get(b, path); a.StatusCode != http.StatusTeapot || a.body != "handled: code=409, message=no" {
			t.Errorf("%s: %s %s", path, a.Status, a.body)
		}
	}
}

func TestAHandlerKnowsTheUser(t *testing.T) {
	s := newSite(t, "", func(e *echo.Echo, kit *xsignin.Kit) {
		e.Any("/auth/*", echo.WrapHandler(kit))
		who := func(c echo.Context) error {
			user, ok := xecho.User(c)
			same, found := xsignin.User(c.Request().Context())
			if ok != found || user != same {
				t.Errorf("the context knows %v, echo %v", same, user)
			}
			resp, err := xecho.Client(c).Get("https://api.x.com/2/users/me")
			if err != nil {
				return c.String(http.StatusOK, user.Username+" none")
			}
			defer resp.Body.Close()
			return c.String(http.StatusOK, user.Username+" "+resp.Status)
		}
		e.GET("/in", who, xecho.RequireUser(kit.Middleware()))
		e.GET("/any", who, xecho.LoadUser(kit.Middleware()))
		e.GET("/without", who)
	})
	in, out := s.signedIn("/auth/login"), s.browser()
	for _, tt := range []struct {
		b          *http.Client
		path, want string
	}{
		{in, "/in", "demo 200 OK"}, {in, "/any", "demo 200 OK"}, {in, "/without", " none"}, {out, "/any", " none"}, {out, "/without", " none"},
	} {
		if a := s.get(tt.b, tt.path); a.StatusCode != 200 || a.body != tt.want {
			t.Errorf("%s: %s %s, want %s", tt.path, a.Status, a.body, tt.want)
		}
	}
	if c := s.get(in, "/in").Header.Get("Cache-Control"); c != "no-store" {
		t.Errorf("Cache-Control %q", c)
	}
	// A page for everybody does not fail with the store, but the log says so.
	s.store.away.Store(true)
	if a := s.get(in, "/any"); a.StatusCode != 200 || a.body != " none" || !strings.Contains(s.log.String(), "the store is away") {
		t.Errorf("%s %s; log %s", a.Status, a.body, s.log)
	}
	if a := s.get(in, "/in"); a.StatusCode != 503 {
		t.Errorf("%s", a.Status)
	}
}

// TestMounting: a whole sign-in and sign-out, and the paths that nobody thought of.
func TestMounting(t *testing.T) {
	type router interface {
		GET(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route
	}
	for _, tt := range []struct {
		name, prefix string
		mount        func(e *echo.Echo, kit *xsignin.Kit) router
	}{
		{"on the Echo", "", func(e *echo.Echo, kit *xsignin.Kit) router {
			e.Any("/auth/*", echo.WrapHandler(kit))
			return e
		}},
		{"on a group", "/app", func(e *echo.Echo, kit *xsignin.Kit) router {
			g := e.Group("/app")
			g.Any("/auth/*", echo.WrapHandler(kit))
			return g
		}},
		{"on a group with middleware", "/app", func(e *echo.Echo, kit *xsignin.Kit) router {
			g := e.Group("/app", middleware.Recover(), xecho.LoadUser(kit.Middleware()))
			g.Any("/auth/*", echo.WrapHandler(kit))
			return g
		}},
		{"behind StripPrefix", "/app", func(e *echo.Echo, kit *xsignin.Kit) router {
			g := e.Group("/app")
			g.Any("/auth/*", echo.WrapHandler(http.StripPrefix("/app", kit)))
			return g
		}},
		{"with RemoveTrailingSlash", "", func(e *echo.Echo, kit *xsignin.Kit) router {
			e.Pre(middleware.RemoveTrailingSlashWithConfig(middleware.TrailingSlashConfig{RedirectCode: http.StatusMovedPermanently}))
			e.Any("/auth/*", echo.WrapHandler(kit))
			return e
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, tt.prefix, func(e *echo.Echo, kit *xsignin.Kit) {
				tt.mount(e, kit).GET("/me", func(c echo.Context) error {
					user, _ := xecho.User(c)
					return c.String(http.StatusOK, user.Username)
				}, xecho.RequireUser(kit.Middleware()))
			})
			b := s.browser()
			a := s.get(b, tt.prefix+"/me")
			if a.StatusCode != 303 || a.Header.Get("Location") != login(tt.prefix, tt.prefix+"/me") {
				t.Fatalf("%s to %q", a.Status, a.Header.Get("Location"))
			}
			b = s.signedIn(a.Header.Get("Location"))
			if a := s.get(b, tt.prefix+"/me"); a.body != "demo" {
				t.Errorf("%s %s", a.Status, a.body)
			}
			if a := s.send(b, "GET", tt.prefix+"/auth/session", "Accept", "application/json"); a.StatusCode != 200 || !strings.Contains(a.body, "demo") {
				t.Errorf("session: %s %s", a.Status, a.body)
			}
			for _, path := range []string{"/auth/nowhere", "/auth/login/nobody"} {
				if a := s.get(b, tt.prefix+path); a.StatusCode != 404 || !strings.Contains(a.Header.Get("Content-Type"), "text/html") {
					t.Errorf("%s: %s %s", path, a.Status, a.body)
				}
			}
			// The trailing slash names another path, which the kit does not know.
			for _, path := range []string{"/auth", "/auth/", "/auth/login/"} {
				a := s.get(b, tt.prefix+path)
				removed := strings.HasPrefix(tt.name, "with Remove") && strings.HasSuffix(path, "/")
				if removed && (a.StatusCode != 301 || a.Header.Get("Location") != strings.TrimSuffix(path, "/")) || !removed && a.StatusCode != 404 {
					t.Errorf("%s: %s to %q", path, a.Status, a.Header.Get("Location"))
				}
			}
			if a := s.send(b, "POST", tt.prefix+"/auth/logout", "Sec-Fetch-Site", "cross-site", "Origin", "https://elsewhere.example"); a.StatusCode != 403 {
				t.Errorf("another site's logout: %s", a.Status)
			}
			if a := s.send(b, "POST", tt.prefix+"/auth/logout", "Sec-Fetch-Site", "same-origin"); a.StatusCode != 303 {
				t.Errorf("logout: %s", a.Status)
			}
			if a := s.get(b, tt.prefix+"/me"); a.StatusCode != 303 {
				t.Errorf("after the logout: %s", a.Status)
			}
		})
	}
}

// TestAddTrailingSlash: echo's middleware makes other paths of the kit's, unless it skips
// them.
func TestAddTrailingSlash(t *testing.T) {
	s := newSite(t, "", func(e *echo.Echo, kit *xsignin.Kit) {
		e.Pre(middleware.AddTrailingSlashWithConfig(middleware.TrailingSlashConfig{
			Skipper: func(c echo.Context) bool { return strings.HasPrefix(c.Request().URL.Path, "/auth/") },
		}))
		e.Any("/auth/*", echo.WrapHandler(kit))
		e.GET("/me/", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, xecho.RequireUser(kit.Middleware()))
	})
	if a := s.get(s.signedIn("/auth/login"), "/me"); a.StatusCode != 204 {
		t.Errorf("%s", a.Status)
	}
}

// TestSessionValues: values of the program's own are saved beside the user.
func TestSessionValues(t *testing.T) {
	s := newSite(t, "", func(e *echo.Echo, kit *xsignin.Kit) {
		e.Use(echo.WrapMiddleware(kit.Sessions().LoadAndSave))
		e.Any("/auth/*", echo.WrapHandler(kit))
		e.GET("/count", func(c echo.Context) error {
			values := kit.Sessions().SCS()
			n := values.GetInt(c.Request().Context(), "n") + 1
			values.Put(c.Request().Context(), "n", n)
			return c.JSON(http.StatusOK, n)
		}, xecho.RequireUser(kit.Middleware()))
	})
	b := s.signedIn("/auth/login")
	s.get(b, "/count")
	if a := s.get(b, "/count"); a.body != "2\n" {
		t.Errorf("%s %s", a.Status, a.body)
	}
	if a := s.get(s.browser(), "/count"); a.StatusCode != 303 {
		t.Errorf("%s", a.Status)
	}
}

// TestRequireUserAroundTheKitLeadsNowhere: a redirect would lead around for ever.
func TestRequireUserAroundTheKitLeadsNowhere(t *testing.T) {
	s := newSite(t, "", func(e *echo.Echo, kit *xsignin.Kit) {
		e.Use(xecho.RequireUser(kit.Middleware()))
		e.Any("/auth/*", echo.WrapHandler(kit))
	})
	if a := s.get(s.browser(), "/auth/login"); a.StatusCode != 500 || !strings.Contains(a.body, "Nobody can sign in") {
		t.Errorf("%s to %q", a.Status, a.Header.Get("Location"))
	}
	if log := s.log.String(); !strings.Contains(log, "RequireUser stands around the login") {
		t.Errorf("the log: %s", log)
	}
}
