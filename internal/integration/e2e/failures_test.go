package e2e

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// TestFailurePages: each page of the kit that a visitor sees when a sign-in fails, by the
// word on it that names it.
func TestFailurePages(t *testing.T) {
	t.Parallel()
	source := axe(t)
	x := xtest.NewServer(xtest.Config{})
	t.Cleanup(x.Close)
	var refuse atomic.Pointer[error]
	srv := httptest.NewUnstartedServer(nil)
	kit, err := xsignin.New(xsignin.Config{
		PublicURL: "http://" + srv.Listener.Addr().String(),
		ClientID:  xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
		X: xsignin.XEndpoints{APIURL: x.URL, AuthorizeURL: x.URL + "/i/oauth2/authorize"}, Logger: slog.New(slog.DiscardHandler),
		OnSignIn: func(context.Context, *xsignin.SignIn) error {
			if err := refuse.Load(); err != nil {
				return *err
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kit.Close(context.Background()) })
	mux := http.NewServeMux()
	mux.Handle("/auth/", kit)
	mux.Handle("/form", kit.RequireUser(http.NotFoundHandler()))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><html lang="en"><title>A site</title><main><h1>A site</h1>` +
			`<form method="post" action="/form"><button>Send</button></form></main></html>`))
	})
	srv.Config.Handler = mux
	srv.Start()
	t.Cleanup(srv.Close)
	x.SetCallbacks(srv.URL + "/auth/callback")

	p := newBrowser(t, srv.URL)
	p.click("Send")
	p.see("not signed in")
	p.looks(source)
	p.open("/auth/login?scope=tweet.write")
	p.see("unknown_scope")
	p.looks(source)

	const token, me = "/2/oauth2/token", "/2/users/me"
	for _, c := range []struct {
		code    string
		fault   xtest.Fault
		refusal error
	}{
		{code: "expired", fault: xtest.Fault{Path: token, Status: 400, Body: `{"error":"invalid_request","error_description":"Value passed for the authorization code was invalid."}`}},
		{code: "rate_limited", fault: xtest.Fault{Path: me, Status: 429, Header: http.Header{"X-Rate-Limit-Reset": {"4102444800"}}, Body: `{"title":"Too Many Requests","status":429}`}},
		{code: "refused", fault: xtest.Fault{Path: token, Status: 401, Body: `{"error":"unauthorized_client","error_description":"Missing valid authorization header"}`}},
		{code: "unavailable", fault: xtest.Fault{Path: token, Status: 503}},
		{code: "not_allowed", refusal: provider.ErrNotAllowed},
		{code: "internal", refusal: errors.New("the table of users is away")},
	} {
		x.ClearFaults()
		refuse.Store(nil)
		if c.refusal != nil {
			refuse.Store(&c.refusal)
		} else {
			x.Fail(c.fault)
		}
		p.open("/auth/login")
		p.see("will be able to")
		p.click("Demo Account")
		p.click("Authorize app")
		p.arrive("/auth/callback")
		p.see(c.code)
		p.looks(source)
	}
}
