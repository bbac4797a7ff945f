package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/xtest"
)

// TestASessionInAStrictCookie has an application whose own session is in a SameSite=Strict
// cookie, on another site than the local X. Only RedirectAfterSignIn leads to a request with
// the cookie.
func TestASessionInAStrictCookie(t *testing.T) {
	t.Parallel()
	p := newChromium(t, settings{})
	for _, c := range map[string]struct {
		redirect func(w http.ResponseWriter, r *http.Request, path string)
		want     string
	}{
		"RedirectAfterSignIn": {handlers.RedirectAfterSignIn, "signed in"},
		"http.Redirect": {func(w http.ResponseWriter, r *http.Request, path string) {
			http.Redirect(w, r, path, http.StatusSeeOther)
		}, "not signed in"},
	} {
		x := xtest.NewServer(xtest.Config{})
		t.Cleanup(x.Close)
		srv := httptest.NewUnstartedServer(nil)
		_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		p.site = "http://localhost:" + port // x is at 127.0.0.1
		kit, err := xsignin.New(xsignin.Config{
			PublicURL: p.site, ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
			X:       xsignin.XEndpoints{APIURL: x.URL, AuthorizeURL: x.URL + "/i/oauth2/authorize"},
			Session: xsignin.SessionConfig{Disabled: true}, Logger: slog.New(slog.DiscardHandler),
			Success: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: "own-" + port, Value: "1", Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
				path, _ := handlers.ReturnPath(r.Context())
				c.redirect(w, r, path)
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = kit.Close(context.Background()) })
		mux := http.NewServeMux()
		mux.Handle("/auth/", kit)
		mux.HandleFunc("GET /photos", func(w http.ResponseWriter, r *http.Request) {
			text := "signed in"
			if _, err := r.Cookie("own-" + port); err != nil {
				text = "not signed in"
			}
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprintf(w, "<!doctype html><title>Photos</title><p>The visitor is %s.</p>", text)
		})
		srv.Config.Handler = mux
		srv.Start()
		t.Cleanup(srv.Close)
		x.SetCallbacks(p.site + "/auth/callback")

		p.open("/auth/login?return_to=/photos")
		p.see("will be able to")
		p.click("Authorize app")
		p.arrive("/photos")
		p.see("The visitor is " + c.want + ".")
	}
}
