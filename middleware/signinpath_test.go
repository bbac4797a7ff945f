package middleware_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/middleware"
)

// TestALoginThatIsNotMounted: without Kit, LoginPath says where the login should be.
func TestALoginThatIsNotMounted(t *testing.T) {
	p := testkit.NewParts(t, "https://site.example")
	for login, paths := range map[string]map[string]int{
		"/in":             {"/in": 500, "/in/x": 500, "/in?return_to=/in": 500, "/inn": 303, "/": 303, "/login": 303, "/%69n": 500},
		"/caf%C3%A9/in":   {"/caf%c3%a9/in": 500, "/caf%C3%A9/in/x": 500, "/caf%C3%A9/inn": 303, "/in": 303},
		"/a%20b/%40me/in": {"/a%20b/@me/in": 500, "/a%20b/%40me/in": 500, "/a%20b": 303},
	} {
		m, err := middleware.New(middleware.Config{
			Sessions: p.Sessions, Clients: p.Clients, LoginPath: login, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range paths {
			w := httptest.NewRecorder()
			m.RequireUser(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
			if w.Code != want {
				t.Errorf("login %s: %s: status %d to %q, want %d", login, path, w.Code, w.Header().Get("Location"), want)
			}
		}
	}
}
