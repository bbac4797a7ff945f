package streams_test

import (
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/middleware/xecho"
	"github.com/xsignin/xsignin/middleware/xgin"
	"github.com/xsignin/xsignin/xtest"
)

// frameworks have a handler at /stream. If there is a kit, the handler is behind RequireUser,
// and the kit is mounted too. Without a kit they are the bare framework.
var frameworks = []struct {
	name  string
	serve func(kit *xsignin.Kit, stream http.HandlerFunc) http.Handler
}{
	{"stdlib", func(kit *xsignin.Kit, stream http.HandlerFunc) http.Handler {
		mux := http.NewServeMux()
		if kit == nil {
			mux.Handle("/stream", stream)
			return mux
		}
		mux.Handle("/auth/", kit)
		mux.Handle("/stream", kit.RequireUser(stream))
		return mux
	}},
	{"chi", func(kit *xsignin.Kit, stream http.HandlerFunc) http.Handler {
		r := chi.NewRouter()
		if kit == nil {
			r.Handle("/stream", stream)
			return r
		}
		r.Mount("/auth", kit)
		r.With(kit.RequireUser).Handle("/stream", stream)
		return r
	}},
	{"echo", func(kit *xsignin.Kit, stream http.HandlerFunc) http.Handler {
		e := echo.New()
		h := func(c echo.Context) error {
			stream(c.Response(), c.Request())
			return nil
		}
		if kit == nil {
			e.Any("/stream", h)
			return e
		}
		e.Any("/auth/*", echo.WrapHandler(kit))
		e.Any("/stream", h, xecho.RequireUser(kit.Middleware()))
		return e
	}},
	{"gin", func(kit *xsignin.Kit, stream http.HandlerFunc) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		r := gin.New()
		h := func(c *gin.Context) { stream(c.Writer, c.Request) }
		if kit == nil {
			r.Any("/stream", h)
			return r
		}
		r.Any("/auth/*path", gin.WrapH(kit))
		r.Any("/stream", xgin.RequireUser(kit.Middleware()), h)
		return r
	}},
}

// site is a server with a handler at /stream.
type site struct {
	*testing.T
	url string
	x   *xtest.X
	jar http.CookieJar // of a browser whose user is signed in
}

// inEach runs test in every framework, with RequireUser alone and with the application wrapped
// in LoadAndSave.
func inEach(t *testing.T, stream http.HandlerFunc, test func(s *site)) {
	for _, f := range frameworks {
		for _, saving := range []bool{false, true} {
			name := f.name
			if saving {
				name += " with LoadAndSave"
			}
			t.Run(name, func(t *testing.T) {
				// The handler also changes the session, so that there is something to save.
				var kit *xsignin.Kit
				handler := stream
				if saving {
					handler = func(w http.ResponseWriter, r *http.Request) {
						kit.Sessions().SCS().Put(r.Context(), "seen", true)
						stream(w, r)
					}
				}
				var app http.Handler
				srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { app.ServeHTTP(w, r) }))
				t.Cleanup(srv.Close)
				s := &site{T: t, url: "http://" + srv.Listener.Addr().String(), x: xtest.New(xtest.Config{})}
				s.x.SetCallbacks(s.url + "/auth/callback")
				kit, err := xsignin.New(xsignin.Config{
					PublicURL: s.url, ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
					X: xsignin.XEndpoints{Transport: s.x.Transport()}, Logger: slog.New(slog.DiscardHandler),
				})
				if err != nil {
					t.Fatal(err)
				}
				app = f.serve(kit, handler)
				if saving {
					app = kit.Sessions().LoadAndSave(app)
				}
				srv.Start()
				s.jar = newJar(t)
				resp, err := s.x.SignIn(&http.Client{Jar: s.jar}, s.url+"/auth/login", xtest.DefaultUserID)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				test(s)
			})
		}
	}
}

func newJar(t *testing.T) http.CookieJar {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return jar
}

// signedIn is a browser with a signed-in user, and stranger a browser without one.
func (s *site) signedIn() *http.Client { return &http.Client{Jar: s.jar, Timeout: patience} }
func (s *site) stranger() *http.Client { return &http.Client{} }

// cookies are the signed-in browser's, as a header.
func (s *site) cookies() http.Header {
	u, err := url.Parse(s.url)
	if err != nil {
		s.Fatal(err)
	}
	r := &http.Request{Header: http.Header{}}
	for _, c := range s.jar.Cookies(u) {
		r.AddCookie(c)
	}
	return r.Header
}

// user is the user in the handler's request.
func user(r *http.Request) string {
	u, _ := xsignin.User(r.Context())
	return u.Username
}
