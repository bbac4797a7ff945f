package xgin_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/middleware/xgin"
)

// TestARefusalIsTheStandardMiddlewares: to the byte, whoever asks.
func TestARefusalIsTheStandardMiddlewares(t *testing.T) {
	reached := false
	s := newSite(t, "", func(r *gin.Engine, kit *xsignin.Kit) {
		r.Any("/gin/me", xgin.RequireUser(kit.Middleware()), func(*gin.Context) { reached = true })
		std := kit.RequireUser(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
		r.Any("/std/me", gin.WrapH(std))
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
			got, want := s.send(s.browser(), tt.method, "/gin/me", tt.headers...), s.send(s.browser(), tt.method, "/std/me", tt.headers...)
			got.Header.Del("Date")
			want.Header.Del("Date")
			want.body = strings.ReplaceAll(want.body, "%2Fstd%2F", "%2Fgin%2F")
			if l := want.Header.Get("Location"); l != "" {
				want.Header.Set("Location", strings.ReplaceAll(l, "%2Fstd%2F", "%2Fgin%2F"))
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

// TestARefusalEndsTheChain: nothing after it runs, and what stands before it sees how it
// ended and can no longer change it.
func TestARefusalEndsTheChain(t *testing.T) {
	var seen []int
	var aborted, written bool
	s := newSite(t, "", func(r *gin.Engine, kit *xsignin.Kit) {
		r.Use(func(c *gin.Context) {
			c.Next()
			seen = append(seen, c.Writer.Status())
			aborted, written = c.IsAborted(), c.Writer.Written()
			c.Status(http.StatusTeapot)
		})
		r.Use(xgin.RequireUser(kit.Middleware()), func(*gin.Context) { t.Error("the next handler ran") })
		r.GET("/me", func(*gin.Context) { t.Error("the last handler ran") })
	})
	for _, path := range []string{"/me", "/nowhere"} {
		if a := s.send(s.browser(), "GET", path, "Sec-Fetch-Mode", "navigate"); a.StatusCode != 303 || a.Header.Get("Location") != login("", path) {
			t.Errorf("%s: %s to %q", path, a.Status, a.Header.Get("Location"))
		}
		if !aborted || !written {
			t.Errorf("%s: aborted %v, written %v", path, aborted, written)
		}
		if a := s.send(s.browser(), "GET", path, "Accept", "application/json"); a.StatusCode != 401 || !strings.Contains(a.body, `"not_signed_in"`) {
			t.Errorf("%s: %s %s", path, a.Status, a.body)
		}
	}
	if want := []int{303, 401, 303, 401}; !reflect.DeepEqual(seen, want) {
		t.Errorf("the middleware before saw %v, want %v", seen, want)
	}
}

func TestAHandlerKnowsTheUser(t *testing.T) {
	s := newSite(t, "", func(r *gin.Engine, kit *xsignin.Kit) {
		r.Any("/auth/*path", gin.WrapH(kit))
		who := func(c *gin.Context) {
			user, ok := xgin.User(c)
			same, found := xsignin.User(c.Request.Context())
			if ok != found || user != same {
				t.Errorf("the context knows %v, gin %v", same, user)
			}
			resp, err := xgin.Client(c).Get("https://api.x.com/2/users/me")
			if err != nil {
				c.String(http.StatusOK, "%q %v", user.Username, err != nil)
				return
			}
			defer resp.Body.Close()
			c.String(http.StatusOK, "%q %d", user.Username, resp.StatusCode)
		}
		r.GET("/in", xgin.RequireUser(kit.Middleware()), who)
		r.GET("/any", xgin.LoadUser(kit.Middleware()), who)
		r.GET("/without", who)
	})
	in, out := s.signedIn("/auth/login"), s.browser()
	for _, tt := range []struct {
		b          *http.Client
		path, want string
	}{
		{in, "/in", `"demo" 200`}, {in, "/any", `"demo" 200`}, {in, "/without", `"" true`}, {out, "/any", `"" true`}, {out, "/without", `"" true`},
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
	if a := s.get(in, "/any"); a.StatusCode != 200 || a.body != `"" true` || !strings.Contains(s.log.String(), "the store is away") {
		t.Errorf("%s %s; log %s", a.Status, a.body, s.log)
	}
	if a := s.get(in, "/in"); a.StatusCode != 503 {
		t.Errorf("%s", a.Status)
	}
}

// TestMounting: a whole sign-in and sign-out, and the paths that nobody thought of.
func TestMounting(t *testing.T) {
	for _, tt := range []struct {
		name, prefix string
		mount        func(r *gin.Engine, kit *xsignin.Kit) gin.IRoutes
	}{
		{"on the engine", "", func(r *gin.Engine, kit *xsignin.Kit) gin.IRoutes {
			return r.Any("/auth/*path", gin.WrapH(kit))
		}},
		{"on a group", "/app", func(r *gin.Engine, kit *xsignin.Kit) gin.IRoutes {
			g := r.Group("/app")
			g.Any("/auth/*path", gin.WrapH(kit))
			return g.Group("")
		}},
		{"behind StripPrefix", "/app", func(r *gin.Engine, kit *xsignin.Kit) gin.IRoutes {
			g := r.Group("/app")
			g.Any("/auth/*path", gin.WrapH(http.StripPrefix("/app", kit)))
			return g.Group("")
		}},
		{"with every redirect and method check of gin's on", "", func(r *gin.Engine, kit *xsignin.Kit) gin.IRoutes {
			r.RedirectTrailingSlash, r.RedirectFixedPath, r.HandleMethodNotAllowed, r.RemoveExtraSlash = true, true, true, true
			return r.Any("/auth/*path", gin.WrapH(kit))
		}},
		{"with none", "", func(r *gin.Engine, kit *xsignin.Kit) gin.IRoutes {
			r.RedirectTrailingSlash = false
			return r.Any("/auth/*path", gin.WrapH(kit))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var engine *gin.Engine
			s := newSite(t, tt.prefix, func(r *gin.Engine, kit *xsignin.Kit) {
				engine = r
				tt.mount(r, kit).GET("/me", xgin.RequireUser(kit.Middleware()), func(c *gin.Context) {
					user, _ := xgin.User(c)
					c.String(http.StatusOK, user.Username)
				})
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
			for _, path := range []string{"/auth/nowhere", "/auth/login/nobody", "/auth/"} {
				if a := s.get(b, tt.prefix+path); a.StatusCode != 404 || !strings.Contains(a.Header.Get("Content-Type"), "text/html") {
					t.Errorf("%s: %s %s", path, a.Status, a.body)
				}
			}
			a = s.get(b, tt.prefix+"/auth")
			if engine.RedirectTrailingSlash && (a.StatusCode != 301 || a.Header.Get("Location") != tt.prefix+"/auth/") || !engine.RedirectTrailingSlash && a.StatusCode != 404 {
				t.Errorf("/auth: %s to %q", a.Status, a.Header.Get("Location"))
			}
			// The trailing slash names another path, which the kit does not know.
			if a := s.get(b, tt.prefix+"/auth/login/"); a.StatusCode != 404 {
				t.Errorf("/auth/login/: %s to %q", a.Status, a.Header.Get("Location"))
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

// TestSessionValues: values of the program's own are saved beside the user.
func TestSessionValues(t *testing.T) {
	s := newSite(t, "", func(r *gin.Engine, kit *xsignin.Kit) {
		inner := gin.New()
		inner.Any("/auth/*path", gin.WrapH(kit))
		inner.GET("/count", xgin.RequireUser(kit.Middleware()), func(c *gin.Context) {
			values := kit.Sessions().SCS()
			n := values.GetInt(c.Request.Context(), "n") + 1
			values.Put(c.Request.Context(), "n", n)
			c.String(http.StatusOK, "%d", n)
		})
		r.NoRoute(func(c *gin.Context) {
			c.Status(http.StatusOK)
			kit.Sessions().LoadAndSave(inner).ServeHTTP(c.Writer, c.Request)
		})
	})
	b := s.signedIn("/auth/login")
	s.get(b, "/count")
	if a := s.get(b, "/count"); a.body != "2" {
		t.Errorf("%s %s", a.Status, a.body)
	}
	if a := s.get(s.browser(), "/count"); a.StatusCode != 303 {
		t.Errorf("%s", a.Status)
	}
}

// TestRequireUserAroundTheKitLeadsNowhere: a redirect would lead around for ever.
func TestRequireUserAroundTheKitLeadsNowhere(t *testing.T) {
	s := newSite(t, "", func(r *gin.Engine, kit *xsignin.Kit) {
		r.Use(xgin.RequireUser(kit.Middleware()))
		r.Any("/auth/*path", gin.WrapH(kit))
	})
	if a := s.get(s.browser(), "/auth/login"); a.StatusCode != 500 || !strings.Contains(a.body, "Nobody can sign in") {
		t.Errorf("%s to %q", a.Status, a.Header.Get("Location"))
	}
	if log := s.log.String(); !strings.Contains(log, "RequireUser stands around the login") {
		t.Errorf("the log: %s", log)
	}
}
