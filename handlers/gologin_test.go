package handlers_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	login1 "github.com/dghubble/gologin/v2/oauth1"
	login2 "github.com/dghubble/gologin/v2/oauth2"

	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/middleware"
)

// TestSuccessHandlersReadTheTokenAsGologinDoes: what gologin's users wrote goes on working,
// in the success handler and nowhere else.
func TestSuccessHandlersReadTheTokenAsGologinDoes(t *testing.T) {
	type derived struct{}
	var own *http.Request
	h := newSite(t)
	h.mount(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own = r
		back, ok := handlers.ReturnPath(r.Context())
		user, in := middleware.User(r.Context())
		_, _ = fmt.Fprintln(w, back, ok, user.Username, in)
	}), nil)
	h.mux.Handle("/me", h.mw.RequireUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { own = r })))
	elsewhere := func(t *testing.T) {
		t.Helper()
		if resp, _ := h.do(http.MethodGet, "/me"); resp.StatusCode != http.StatusOK {
			t.Fatalf("status %d", resp.StatusCode)
		}
		_, _, err1 := login1.AccessTokenFromContext(own.Context())
		_, err2 := login2.TokenFromContext(own.Context())
		if _, ok := handlers.ReturnPath(own.Context()); ok || err1 == nil || err2 == nil {
			t.Errorf("the next request: %t, %v, %v", ok, err1, err2)
		}
	}
	// hides checks that no way of printing the request shows a secret.
	hides := func(t *testing.T, secrets ...string) {
		t.Helper()
		for _, ctx := range []context.Context{own.Context(), context.WithValue(own.Context(), derived{}, 1), context.WithoutCancel(own.Context())} {
			printed := fmt.Sprintf("%v %s %+v %#v %q %v %+v", ctx, ctx, ctx, ctx, ctx, own.WithContext(ctx), own.WithContext(ctx))
			for _, secret := range secrets {
				if strings.Contains(printed, secret) {
					t.Errorf("a secret is printed: %s", strings.ReplaceAll(printed, secret, "[[secret]]"))
				}
			}
		}
	}

	t.Run("OAuth 1.0a", func(t *testing.T) {
		_, text := h.do(http.MethodGet, h.consent("/auth/login/x-oauth1?return_to=/photos?page=2"))
		if want := "/photos?page=2 true demo true\n"; text != want {
			t.Errorf("%q, want %q", text, want)
		}
		token, secret, err := login1.AccessTokenFromContext(own.Context())
		if err != nil || token == "" || secret == "" {
			t.Fatalf("%t %t, %v", token == "", secret == "", err)
		}
		if _, err := login2.TokenFromContext(own.Context()); err == nil {
			t.Error("there is an OAuth 2.0 token too")
		}
		hides(t, token, secret)
		elsewhere(t)
	})
	t.Run("OAuth 2.0", func(t *testing.T) {
		_, text := h.do(http.MethodGet, h.consent("/auth/login"))
		if want := "/ true demo true\n"; text != want {
			t.Errorf("%q, want %q", text, want)
		}
		token, err := login2.TokenFromContext(own.Context())
		if err != nil || !token.Valid() || token.Expiry.IsZero() {
			t.Fatalf("%v", err)
		}
		if token.RefreshToken != "" {
			t.Error("the refresh token is given away: whoever spends it takes it from the kit")
		}
		if _, _, err := login1.AccessTokenFromContext(own.Context()); err == nil {
			t.Error("there is an OAuth 1.0a token too")
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.x.com/2/users/me", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		token.SetAuthHeader(r)
		resp, err := h.x.Transport().RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("X does not take it: %s %s %v", resp.Status, body, err)
		}
		hides(t, token.AccessToken)
		elsewhere(t)
	})
}
