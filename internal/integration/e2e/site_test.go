package e2e

import (
	"context"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/xtest"
)

// site is a small application with the kit in it, and a local X.
type site struct {
	url     string
	x       *xtest.Server
	refusal atomic.Pointer[error] // the result of OnSignIn
}

var sitePage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>A site</title></head>
<body><main><h1>{{.Title}}</h1>
{{if .User}}<p>Hello, {{.User}}</p><form method="post" action="/auth/logout"><button>Sign out</button></form>
{{else}}<p>Hello, stranger</p><a href="/auth/login">Continue with X</a>{{end}}
<form method="post" action="/form"><button>Send</button></form>
</main></body></html>`))

// newSite serves the application at publicURL, or at its own loopback address if publicURL is
// empty. It serves https if secure is set.
func newSite(t *testing.T, publicURL string, secure bool) *site {
	t.Helper()
	s := &site{url: publicURL, x: xtest.NewServer(xtest.Config{})}
	t.Cleanup(s.x.Close)
	srv := httptest.NewUnstartedServer(nil)
	if s.url == "" {
		s.url = "http://" + srv.Listener.Addr().String()
		if secure {
			s.url = "https://" + srv.Listener.Addr().String()
		}
	}
	kit, err := xsignin.New(xsignin.Config{
		PublicURL: s.url,
		Secrets:   []string{strings.Repeat("s", 32)},
		ClientID:  xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
		X: xsignin.XEndpoints{APIURL: s.x.URL, AuthorizeURL: s.x.URL + "/i/oauth2/authorize"}, Logger: slog.New(slog.DiscardHandler),
		OnSignIn: func(context.Context, *xsignin.SignIn) error {
			if err := s.refusal.Load(); err != nil {
				return *err
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kit.Close(context.Background()) })
	show := func(title string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, _ := xsignin.User(r.Context())
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_ = sitePage.Execute(w, map[string]string{"Title": title, "User": user.Name})
		})
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("POST /form", kit.RequireUser(show("Sent")))
	mux.Handle("GET /private", kit.RequireUser(show("A private page")))
	mux.Handle("GET /photos", kit.LoadUser(show("Photos")))
	mux.Handle("GET /{$}", kit.LoadUser(show("A site")))
	srv.Config.Handler = mux
	if secure {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	s.x.SetCallbacks(s.url + "/auth/callback")
	if publicURL != "" {
		s.url = srv.URL // for the proxy
	}
	return s
}

// newProxy is an HTTP proxy that sends the requests for host to the address at.
func newProxy(t *testing.T, host, at string) (address string) {
	t.Helper()
	to, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			if r.In.URL.Hostname() == host {
				r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
			}
			r.Out.Host = r.In.Host
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		// The browser's own requests to other hosts end here.
		Transport: &http.Transport{DialContext: loopbackOnly},
	})
	t.Cleanup(proxy.Close)
	return proxy.Listener.Addr().String()
}

func loopbackOnly(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, &net.AddrError{Err: "not on this machine", Addr: address}
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}
