package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/provider"
)

// withoutSessions returns the handlers of an application with its own session.
func withoutSessions(t *testing.T, h *site) *handlers.Handlers {
	t.Helper()
	hs, err := handlers.New(h.cfg)
	if err != nil {
		t.Fatal(err)
	}
	return hs
}

func TestHandlersWithoutSessions(t *testing.T) {
	for _, discard := range []bool{false, true} {
		h := newSite(t, func(c *handlers.Config) { c.Sessions, c.DiscardTokens = nil, discard })
		hs := withoutSessions(t, h)
		var user provider.User
		h.mux.Handle("/auth/login", hs.Login("x", nil))
		h.mux.Handle("/auth/callback", hs.Callback(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, _ = middleware.User(r.Context())
			resp, err := middleware.Client(r.Context()).Get("https://api.x.com/2/users/me")
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
			path, _ := handlers.ReturnPath(r.Context())
			_, _ = fmt.Fprintf(w, "%d, back to %s", resp.StatusCode, path)
		}), nil))
		callback := h.consent("/auth/login?return_to=/photos")
		if resp, text := h.do(http.MethodGet, callback); text != "200, back to /photos" || resp.StatusCode != http.StatusOK {
			t.Errorf("discard %t: status %d, %s", discard, resp.StatusCode, text)
		}
		for _, name := range h.browser.Cookies() {
			if !strings.Contains(name, "-pending-") {
				t.Errorf("discard %t: the cookie %s", discard, name)
			}
		}
		accounts, err := h.cfg.Clients.Accounts(t.Context(), user.ID)
		if err != nil || (len(accounts) == 0) != discard {
			t.Errorf("discard %t: tokens %v, %v", discard, accounts, err)
		}
	}
}

// TestHandlersThatNeedSessions: a program without them learns it at its start.
func TestHandlersThatNeedSessions(t *testing.T) {
	h := newSite(t, func(c *handlers.Config) { c.Sessions = nil })
	hs := withoutSessions(t, h)
	for name, f := range map[string]func(){
		"Callback": func() { hs.Callback(nil, nil) },
		"Logout":   func() { hs.Logout(nil, nil) },
		"Session":  func() { hs.Session() },
		"GologinSuccess": func() {
			hs.GologinSuccess("x", func(context.Context) (provider.User, error) { return provider.User{}, errors.New("none") })
		},
	} {
		func() {
			defer func() {
				if text := fmt.Sprint(recover()); !strings.Contains(text, name) || !strings.Contains(text, "Config.Sessions is missing") {
					t.Errorf("%s: panic %q", name, text)
				}
			}()
			f()
		}()
	}
	w := httptest.NewRecorder()
	if err := hs.SignOut(w, httptest.NewRequest(http.MethodPost, "/bye", http.NoBody)); err == nil || len(w.Header()) != 0 {
		t.Errorf("SignOut: %v, %v", err, w.Header())
	}
	if err := hs.SignOutEverywhere(t.Context(), "1"); err == nil {
		t.Error("SignOutEverywhere: no error")
	}
}

// TestAReturnPathThatGrowsIsDropped: a path that is within the limit may be longer when it is
// encoded. The sign-in goes on.
func TestAReturnPathThatGrowsIsDropped(t *testing.T) {
	h := newSite(t)
	h.mount(nil, nil)
	for path, want := range map[string]string{
		"/" + strings.Repeat("a", 1499):             "/" + strings.Repeat("a", 1499),
		"/" + strings.Repeat("%C3%A9", 100) + "?x=": "/" + strings.Repeat("%C3%A9", 100) + "?x=",
		"/" + strings.Repeat("%C3%A9", 700):         "/",
		"/" + strings.Repeat("\u00e9", 700):         "/",
	} {
		a := h.browser.Get(h.consent("/auth/login?return_to=" + strings.ReplaceAll(path, "%", "%25")))
		if got := a.Redirect(); got != want {
			t.Errorf("%.40s: status %d to %.60q", path, a.StatusCode, got)
		}
	}
}
