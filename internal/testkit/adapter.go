package testkit

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// Adapter is the adapter of a framework under test. App is an application of the framework,
// and MW one of its middlewares. The methods are the tests that each adapter must pass.
type Adapter[App http.Handler, MW any] struct {
	// New returns an application without routes.
	New func() App
	// Mount mounts the kit at /auth/.
	Mount func(app App, kit http.Handler)
	// Handle serves path by a standard handler.
	Handle func(app App, path string, h http.Handler)
	// Route serves path by a handler of the framework behind guards.
	Route func(app App, path string, h func(AdapterRequest), guards ...MW)
	// Use adds a middleware in front of everything.
	Use func(app App, mw MW)
	// Wrap puts a standard middleware in front of everything. It returns the application
	// for the routes behind that middleware.
	Wrap func(app App, mw func(http.Handler) http.Handler) App

	RequireUser func(*middleware.Middleware, ...string) MW
	LoadUser    func(*middleware.Middleware) MW
	// Mountings are the ways to mount the kit.
	Mountings []Mounting[App, MW]
}

// AdapterRequest is a request as a handler of the framework sees it.
type AdapterRequest struct {
	Request *http.Request
	// User and SignedIn are what the adapter's User returns.
	User     provider.User
	SignedIn bool
	// Client is what the adapter's Client returns.
	Client *http.Client
	// Text answers with status 200.
	Text func(string)
}

// Mounting is one way to mount the kit.
type Mounting[App http.Handler, MW any] struct {
	Name, Prefix string
	// Mount mounts the kit below Prefix, and serves path there.
	Mount func(app App, kit *xsignin.Kit, path string, h func(AdapterRequest), guard MW)
	// Redirects are the paths that the framework redirects by itself, with their targets.
	Redirects map[string]string
}

// Site returns a site at a real server. The routes mount the kit; path is that of PublicURL.
func (a Adapter[App, MW]) Site(t *testing.T, path string, routes func(app App, kit *xsignin.Kit), edit ...func(*xsignin.Config)) *Site {
	t.Helper()
	app := a.New()
	srv := httptest.NewUnstartedServer(app)
	t.Cleanup(srv.Close)
	edit = append(edit, func(c *xsignin.Config) { c.PublicURL = "http://" + srv.Listener.Addr().String() + path })
	s := NewSite(t, edit...)
	routes(app, s.Kit)
	srv.Start()
	s.transport = srv.Client().Transport
	return s
}

// signedIn returns a browser whose user has signed in at the login at path.
func (s *Site) signedIn(path string) *Browser {
	s.T.Helper()
	b := s.Browser()
	b.SignIn(path, xtest.DefaultUserID)
	return b
}

// LoginPath returns the target of the redirect for a page load of path without a user.
func LoginPath(prefix, path string) string {
	return prefix + "/auth/login?" + url.Values{"return_to": {path}}.Encode()
}

// WantRefusals checks that a page load of path is redirected to the login, and that a script
// gets a JSON document.
func (s *Site) WantRefusals(path string) {
	s.T.Helper()
	if a := s.Browser().Get(path, "Sec-Fetch-Mode", "navigate"); a.StatusCode != 303 || a.Redirect() != LoginPath("", path) {
		s.T.Errorf("%s: %s to %q", path, a.Status, a.Redirect())
	}
	if a := s.Browser().Get(path, "Accept", "application/json"); a.StatusCode != 401 || !strings.Contains(a.Text, `"not_signed_in"`) {
		s.T.Errorf("%s: %s %s", path, a.Status, a.Text)
	}
}

// ARefusalIsTheStandardMiddlewares checks that a refusal equals the standard middleware's, byte
// for byte.
func (a Adapter[App, MW]) ARefusalIsTheStandardMiddlewares(t *testing.T) {
	reached := false
	s := a.Site(t, "", func(app App, kit *xsignin.Kit) {
		a.Route(app, "/own/me", func(AdapterRequest) { reached = true }, a.RequireUser(kit.Middleware()))
		a.Handle(app, "/std/me", kit.RequireUser(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })))
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
		{"a HEAD", "HEAD", nil, 303},
		{"a websocket", "GET", []string{"Upgrade", "websocket", "Connection", "Upgrade"}, 401},
		{"an event stream", "GET", []string{"Accept", "text/event-stream"}, 401},
		{"htmx", "GET", []string{"HX-Request", "true", "HX-Current-URL", "http://127.0.0.1/list"}, 401},
		{"a form", "POST", []string{"Sec-Fetch-Mode", "navigate", "Accept", "text/html"}, 401},
		{"a page load while the store is away", "GET", []string{"Cookie", cookie, "Sec-Fetch-Mode", "navigate"}, 503},
		{"fetch while the store is away", "GET", []string{"Cookie", cookie, "Sec-Fetch-Mode", "cors"}, 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.Sessions.SetFail(nil)
			if tt.status == http.StatusServiceUnavailable {
				s.Sessions.SetFail(errStoreAway)
			}
			got := s.Browser().Send(tt.method, "/own/me", nil, tt.headers...)
			want := s.Browser().Send(tt.method, "/std/me", nil, tt.headers...)
			got.Header.Del("Date")
			want.Header.Del("Date")
			want.Text = strings.ReplaceAll(want.Text, "%2Fstd%2F", "%2Fown%2F")
			if l := want.Redirect(); l != "" {
				want.Header.Set("Location", strings.ReplaceAll(l, "%2Fstd%2F", "%2Fown%2F"))
			}
			if got.StatusCode != tt.status || want.StatusCode != tt.status {
				t.Errorf("status %d, the standard middleware's %d, want %d", got.StatusCode, want.StatusCode, tt.status)
			}
			if !reflect.DeepEqual(got.Header, want.Header) || got.Text != want.Text {
				t.Errorf("%v\n%s\nthe standard middleware answers\n%v\n%s", got.Header, got.Text, want.Header, want.Text)
			}
		})
	}
	if reached {
		t.Error("a handler ran although nobody is signed in")
	}
}

var errStoreAway = errors.New("the store is away")

// AHandlerKnowsTheUser checks the adapter's User and Client, behind each middleware and without
// middleware.
func (a Adapter[App, MW]) AHandlerKnowsTheUser(t *testing.T) {
	s := a.Site(t, "", func(app App, kit *xsignin.Kit) {
		a.Mount(app, kit)
		who := func(r AdapterRequest) {
			same, found := xsignin.User(r.Request.Context())
			if r.SignedIn != found || r.User != same {
				t.Errorf("the request's context has %v, the framework's %v", same, r.User)
			}
			resp, err := r.Client.Get("https://api.x.com/2/users/me")
			if err != nil {
				r.Text(r.User.Username + " none")
				return
			}
			_ = resp.Body.Close()
			r.Text(r.User.Username + " " + resp.Status)
		}
		a.Route(app, "/in", who, a.RequireUser(kit.Middleware()))
		a.Route(app, "/any", who, a.LoadUser(kit.Middleware()))
		a.Route(app, "/without", who)
	})
	in, out := s.signedIn("/auth/login"), s.Browser()
	for _, tt := range []struct {
		b          *Browser
		path, want string
	}{
		{in, "/in", "demo 200 OK"}, {in, "/any", "demo 200 OK"}, {in, "/without", " none"}, {out, "/any", " none"}, {out, "/without", " none"},
	} {
		if a := tt.b.Get(tt.path); a.StatusCode != 200 || a.Text != tt.want {
			t.Errorf("%s: %s %s, want %s", tt.path, a.Status, a.Text, tt.want)
		}
	}
	if c := in.Get("/in").Header.Get("Cache-Control"); c != "no-store" {
		t.Errorf("Cache-Control %q", c)
	}
	// If the store fails, a page behind LoadUser still works, and the log has the error.
	s.Sessions.SetFail(errStoreAway)
	if a := in.Get("/any"); a.StatusCode != 200 || a.Text != " none" || !strings.Contains(s.Log.String(), "the store is away") {
		t.Errorf("%s %s; log %s", a.Status, a.Text, s.Log)
	}
	if a := in.Get("/in"); a.StatusCode != 503 {
		t.Errorf("%s", a.Status)
	}
}

// Mounting checks a whole sign-in and sign-out, and the paths that the kit does not know, for
// each of a.Mountings.
func (a Adapter[App, MW]) Mounting(t *testing.T) {
	for _, m := range a.Mountings {
		t.Run(m.Name, func(t *testing.T) {
			s := a.Site(t, m.Prefix, func(app App, kit *xsignin.Kit) {
				m.Mount(app, kit, "/me", func(r AdapterRequest) { r.Text(r.User.Username) }, a.RequireUser(kit.Middleware()))
			})
			first := s.Browser().Get(m.Prefix + "/me")
			if first.StatusCode != 303 || first.Redirect() != LoginPath(m.Prefix, m.Prefix+"/me") {
				t.Fatalf("%s to %q", first.Status, first.Redirect())
			}
			b := s.signedIn(first.Redirect())
			if a := b.Get(m.Prefix + "/me"); a.Text != "demo" {
				t.Errorf("%s %s", a.Status, a.Text)
			}
			if a := b.Get(m.Prefix+"/auth/session", "Accept", "application/json"); a.StatusCode != 200 || !strings.Contains(a.Text, "demo") {
				t.Errorf("session: %s %s", a.Status, a.Text)
			}
			m.wantUnknownPaths(t, b)
			if a := b.Send("POST", m.Prefix+"/auth/logout", nil, "Sec-Fetch-Site", "cross-site", "Origin", "https://elsewhere.example"); a.StatusCode != 403 {
				t.Errorf("another site's logout: %s", a.Status)
			}
			if a := b.Send("POST", m.Prefix+"/auth/logout", nil, "Sec-Fetch-Site", "same-origin"); a.StatusCode != 303 {
				t.Errorf("logout: %s", a.Status)
			}
			if a := b.Get(m.Prefix + "/me"); a.StatusCode != 303 {
				t.Errorf("after the logout: %s", a.Status)
			}
		})
	}
}

// wantUnknownPaths requests paths that the kit does not know. The kit answers with its page,
// unless the framework answers first.
func (m Mounting[App, MW]) wantUnknownPaths(t *testing.T, b *Browser) {
	t.Helper()
	for _, path := range []string{"/auth", "/auth/", "/auth/nowhere", "/auth/login/nobody"} {
		a := b.Get(m.Prefix + path)
		if to, ok := m.Redirects[path]; ok {
			if a.StatusCode != 301 || a.Redirect() != m.Prefix+to {
				t.Errorf("%s: %s to %q, want %q", path, a.Status, a.Redirect(), m.Prefix+to)
			}
			continue
		}
		page := strings.Contains(a.Header.Get("Content-Type"), "text/html")
		if a.StatusCode != 404 || !page && path != "/auth" {
			t.Errorf("%s: %s %s", path, a.Status, a.Text)
		}
	}
}

// SessionValues checks that the application's values are saved together with the user.
func (a Adapter[App, MW]) SessionValues(t *testing.T) {
	s := a.Site(t, "", func(app App, kit *xsignin.Kit) {
		app = a.Wrap(app, kit.Sessions().LoadAndSave)
		a.Mount(app, kit)
		a.Route(app, "/count", func(r AdapterRequest) {
			values := kit.Sessions().SCS()
			n := values.GetString(r.Request.Context(), "n") + "1"
			values.Put(r.Request.Context(), "n", n)
			r.Text(n)
		}, a.RequireUser(kit.Middleware()))
	})
	b := s.signedIn("/auth/login")
	b.Get("/count")
	if a := b.Get("/count"); a.Text != "11" {
		t.Errorf("%s %s", a.Status, a.Text)
	}
	if a := s.Browser().Get("/count"); a.StatusCode != 303 {
		t.Errorf("%s", a.Status)
	}
}

// RequireUserAroundTheKitLeadsNowhere checks that a login behind RequireUser is an error page
// instead of a redirect to itself.
func (a Adapter[App, MW]) RequireUserAroundTheKitLeadsNowhere(t *testing.T) {
	s := a.Site(t, "", func(app App, kit *xsignin.Kit) {
		a.Use(app, a.RequireUser(kit.Middleware()))
		a.Mount(app, kit)
	})
	if a := s.Browser().Get("/auth/login"); a.StatusCode != 500 || !strings.Contains(a.Text, "Sign-in does not work") {
		t.Errorf("%s to %q", a.Status, a.Redirect())
	}
	if log := s.Log.String(); !strings.Contains(log, "RequireUser protects the login") {
		t.Errorf("the log: %s", log)
	}
}

// ConsentForMore checks that a page load without a scope goes to X's consent page and back.
func (a Adapter[App, MW]) ConsentForMore(t *testing.T) {
	s := a.Site(t, "", func(app App, kit *xsignin.Kit) {
		a.Mount(app, kit)
		a.Route(app, "/post", func(r AdapterRequest) { r.Text("posted") }, a.RequireUser(kit.Middleware(), "tweet.write"))
	})
	b := s.signedIn("/auth/login")
	if a := b.Get("/post", "Accept", "application/json"); a.StatusCode != http.StatusForbidden || !strings.Contains(a.Text, `"missing_scopes":["tweet.write"]`) {
		t.Errorf("%s %s", a.Status, a.Text)
	}
	page := b.Get("/post")
	if want := LoginPath("", "/post") + "&scope=tweet.write"; page.StatusCode != http.StatusSeeOther || page.Redirect() != want {
		t.Fatalf("%s to %q, want %q", page.Status, page.Redirect(), want)
	}
	if a := b.SignIn(page.Redirect(), xtest.DefaultUserID); a.Redirect() != "/post" {
		t.Fatalf("sent to %q", a.Redirect())
	}
	if a := b.Get("/post"); a.Text != "posted" {
		t.Errorf("%s %s", a.Status, a.Text)
	}
}
