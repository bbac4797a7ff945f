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
	m, err := middleware.New(middleware.Config{
		Sessions: p.Sessions, Clients: p.Clients, LoginPath: "/in", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/in": 500, "/in/x": 500, "/in?return_to=/in": 500, "/inn": 303, "/": 303, "/login": 303} {
		w := httptest.NewRecorder()
		m.RequireUser(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		if w.Code != want {
			t.Errorf("%s: status %d to %q, want %d", path, w.Code, w.Header().Get("Location"), want)
		}
	}
}
