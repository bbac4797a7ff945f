package middleware_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
	"github.com/xsignin/xsignin/tokenstore"
)

// TestALoginThatIsNotMounted: by the rooms alone, LoginPath says where it should be.
func TestALoginThatIsNotMounted(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	sessions, err := session.New(session.Config{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	vault, err := tokenstore.NewVault(tokenstore.NewMemory(), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	x, err := provider.NewX(provider.XConfig{ClientID: "id", CallbackURL: "https://site.example/back"})
	if err != nil {
		t.Fatal(err)
	}
	clients, err := client.New(client.Config{Vault: vault, Providers: []provider.Provider{x}, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = clients.Close(context.Background()) })
	m, err := middleware.New(middleware.Config{Sessions: sessions, Clients: clients, LoginPath: "/in", Logger: log})
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
