package fleet

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/xtest"
)

// site is a replica of an application built with the kit. Its sessions are in memory.
type site struct {
	t   *testing.T
	x   *localX
	url string
}

func newSite(t *testing.T, x *localX, b backend) *site {
	t.Helper()
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	kit, err := xsignin.New(xsignin.Config{
		PublicURL: srv.URL, Secrets: []string{secret}, TokenStore: b.store(t),
		ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
		Logger: slog.New(slog.DiscardHandler),
		X:      xsignin.XEndpoints{APIURL: x.URL, AuthorizeURL: x.URL + "/i/oauth2/authorize"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := kit.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	mux.Handle("/auth/", kit)
	mux.Handle("/me", kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, x.URL+"/2/users/me", http.NoBody)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		resp, err := xsignin.Client(r.Context()).Do(req)
		switch {
		case errors.Is(err, client.ErrReauthRequired):
			http.Redirect(w, r, kit.LoginURL("x", "/me"), http.StatusSeeOther)
			return
		case errors.Is(err, client.ErrUnavailable):
			http.Error(w, "Try again in a few seconds.", http.StatusServiceUnavailable)
			return
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	})))
	return &site{t, x, srv.URL}
}

// browser signs a user in.
func (s *site) browser(user string) *http.Client {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	b := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.x.SetCallbacks(s.url + "/auth/callback")
	resp, err := s.x.SignIn(b, s.url+"/auth/login", user)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("callback: %s", resp.Status)
	}
	return b
}

// me returns the status of the page for a page load.
func (s *site) me(b *http.Client) (status int, retryAfter string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+"/me", http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	resp, err := b.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if len(resp.Cookies()) > 0 {
		s.t.Errorf("a cookie was changed, with status %d", resp.StatusCode)
	}
	return resp.StatusCode, resp.Header.Get("Retry-After")
}

func (s *site) want(b *http.Client, want int) {
	s.t.Helper()
	if got, _ := s.me(b); got != want {
		s.t.Errorf("status %d, want %d", got, want)
	}
}

// TestVisitorsStaySignedInWhileTheStoreIsAway expects 503 and never a redirect to the login.
func TestVisitorsStaySignedInWhileTheStoreIsAway(t *testing.T) {
	eachServer(t, func(t *testing.T, s *testservers.Server, b backend) {
		x := newX(t, 3)
		one, two := newSite(t, x, b), newSite(t, x, b)
		cached, unread, refused := one.browser(userID(0)), one.browser(userID(1)), one.browser(userID(2))
		one.want(cached, http.StatusOK)
		// X ended this user's token, and the replica knows. The user signed in at another
		// replica.
		one.want(refused, http.StatusOK)
		x.RevokeApp(userID(2))
		one.want(refused, http.StatusSeeOther)
		two.browser(userID(2))

		s.Stop()
		for range 3 {
			one.want(cached, http.StatusOK)
			one.want(unread, http.StatusServiceUnavailable)
			if status, after := one.me(refused); status != http.StatusServiceUnavailable || after == "" {
				t.Errorf("RequireUser: status %d, Retry-After %q", status, after)
			}
		}
		s.Start()
		began := time.Now()
		for _, b := range []*http.Client{cached, unread, refused} {
			for {
				status, _ := one.me(b)
				if status == http.StatusOK {
					break
				}
				if status != http.StatusServiceUnavailable || time.Since(began) > patience {
					t.Fatalf("after the start: status %d", status)
				}
			}
			one.want(b, http.StatusOK)
		}
	})
}
