package handlers_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/dghubble/gologin/v2"

	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/middleware"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// TestScopesWithRoomsByHand: what the kit joins, a program can.
func TestScopesWithRoomsByHand(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		h := newSite(t)
		hs, err := handlers.New(h.cfg)
		if err != nil {
			t.Fatal(err)
		}
		cfg := middleware.Config{Sessions: h.cfg.Sessions, Clients: h.cfg.Clients, LoginPathOf: hs.LoginPath}
		if allowed {
			cfg.AllowScopes = hs.AllowScopes
		}
		mw, err := middleware.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		failure := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := gologin.ErrorFromContext(r.Context())
			if errors.Is(err, provider.ErrNotGranted) {
				p := page.ProblemFor(err)
				w.WriteHeader(p.Status)
				_, _ = io.WriteString(w, p.Code+" "+strings.Join(p.MissingScopes, " ")+" "+err.Error())
			}
		})
		h.mux.Handle("/auth/login", hs.Login("x", failure))
		h.mux.Handle("/auth/callback", hs.Callback(nil, failure))
		h.mux.Handle("/post", mw.RequireScopes("tweet.write")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "posted")
		})))

		resp, _ := h.do(http.MethodGet, "/post")
		resp, body := h.do(http.MethodGet, resp.Header.Get("Location"))
		if !allowed {
			if resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "unknown_scope") {
				t.Errorf("the scope is not allowed: status %d, body %s", resp.StatusCode, body)
			}
			continue
		}
		consent := resp.Header.Get("Location")
		callback, err := h.x.Approve(strings.Replace(consent, "tweet.write", "like.read", 1), xtest.DefaultUserID)
		if err != nil {
			t.Fatal(err)
		}
		resp, body = h.do(http.MethodGet, callback)
		if resp.StatusCode != http.StatusForbidden || !strings.HasPrefix(body, "not_granted tweet.write handlers: x: ") {
			t.Errorf("status %d, body %s", resp.StatusCode, body)
		}
		resp, _ = h.do(http.MethodGet, "/post")
		resp, _ = h.do(http.MethodGet, resp.Header.Get("Location"))
		u, err := url.Parse(resp.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Fields(u.Query().Get("scope")); !slices.Contains(got, "like.read") {
			t.Errorf("what X granted is not asked for again: %v", got)
		}
		if callback, err = h.x.Approve(u.String(), xtest.DefaultUserID); err != nil {
			t.Fatal(err)
		}
		if resp, _ = h.do(http.MethodGet, callback); resp.Header.Get("Location") != "/post" {
			t.Errorf("sent to %q", resp.Header.Get("Location"))
		}
		if _, body = h.do(http.MethodGet, "/post"); body != "posted" {
			t.Errorf("body %s", body)
		}
	}
}

// TestADecisionIsApartFromItsReply: a program may reply in its own way.
func TestADecisionIsApartFromItsReply(t *testing.T) {
	h := newSite(t)
	for _, scopes := range [][]string{nil, {"tweet.write"}} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/post", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		w := &silent{header: http.Header{}}
		loaded, refusal := h.mw.Require(w, r, scopes...)
		if loaded != nil || refusal == nil || w.wrote {
			t.Fatalf("%v, %v", loaded, refusal)
		}
		answer := httptest.NewRecorder()
		refusal.ServeHTTP(answer, r)
		if answer.Code != http.StatusUnauthorized || !strings.Contains(answer.Body.String(), `"login_url":"/auth/login`) {
			t.Errorf("status %d: %s", answer.Code, answer.Body)
		}
	}
}

// silent notes whether somebody writes.
type silent struct {
	header http.Header
	wrote  bool
}

func (s *silent) Header() http.Header         { return s.header }
func (s *silent) Write(b []byte) (int, error) { s.wrote = true; return len(b), nil }
func (s *silent) WriteHeader(int)             { s.wrote = true }
