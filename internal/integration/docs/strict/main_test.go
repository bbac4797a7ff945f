package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/integration/docs/visit"
	"github.com/xsignin/xsignin/xtest"
)

// strictBrowser sends the session's cookie as browsers send a Strict cookie: neither with the
// callback, to which X redirects, nor with a request to which the callback redirects.
type strictBrowser struct{ redirected bool }

func (b *strictBrowser) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Accept", "text/html")
	if b.redirected || r.URL.Path == "/auth/callback" {
		cookies := r.Cookies()
		r.Header.Del("Cookie")
		for _, c := range cookies {
			if c.Name != "session" {
				r.AddCookie(c)
			}
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

var refresh = regexp.MustCompile(`<meta http-equiv="refresh" content="0;url=([^"]+)">`)

// TestAStrictCookieArrivesAtTheFirstPage signs in twice, as another user the second time.
func TestAStrictCookieArrivesAtTheFirstPage(t *testing.T) {
	var h http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	x := xtest.New(xtest.Config{})
	x.SetCallbacks(srv.URL + "/auth/callback")
	var err error
	h, err = site(xsignin.Config{
		PublicURL: srv.URL, X: xsignin.XEndpoints{Transport: x.Transport()},
		ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
	})
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &strictBrowser{}
	client := &http.Client{Transport: b, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for id, name := range map[string]string{xtest.DefaultUserID: "demo", xtest.SecondUserID: xtest.SecondUserName} {
		b.redirected = false
		resp, err := x.SignIn(client, srv.URL+"/auth/login?return_to=/photos", id)
		if err != nil {
			t.Fatal(err)
		}
		if cookies := strings.Join(resp.Header.Values("Set-Cookie"), "\n"); !strings.Contains(cookies, "SameSite=Strict") {
			t.Errorf("the callback sets %s", cookies)
		}
		next := resp.Header.Get("Location") // a redirect goes on with X's request
		b.redirected = next != ""
		if to := refresh.FindStringSubmatch(text(t, resp)); to != nil {
			next = to[1]
		}
		resp, err = client.Get(srv.URL + next)
		if err != nil {
			t.Fatal(err)
		}
		if page := text(t, resp); next != "/photos" || !strings.Contains(page, "The photos of @"+name+"<") {
			t.Errorf("the first page, at %s: %s, %s", next, resp.Status, page)
		}
	}
}

func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEachSignInIsASessionOfItsOwn signs in by both protocols, and out. This browser sends every
// cookie with the callback, and still each session has an id of its own.
func TestEachSignInIsASessionOfItsOwn(t *testing.T) {
	id := "" // of the last request's session
	s := visit.Start(t, func(cfg xsignin.Config) (http.Handler, error) {
		h, err := site(cfg)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c, err := r.Cookie("session"); err == nil {
				id = c.Value
			}
			h.ServeHTTP(w, r)
		}), err
	})
	b, seen := s.Browser(), map[string]bool{}
	for _, login := range []string{"/auth/login", "/auth/login/x-oauth1"} {
		b.SignIn(login+"?return_to=/photos", xtest.DefaultUserID, "/photos")
		b.Get("/photos", http.StatusOK, "The photos of @demo")
		seen[id] = true
	}
	if len(seen) != 2 || id == "" {
		t.Errorf("two sign-ins had %d sessions", len(seen))
	}
	b.Post("/logout", nil, http.StatusOK)
	b.Redirect("/photos")
}
