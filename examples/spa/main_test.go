package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/demo"
	"github.com/xsignin/xsignin/examples/internal/frame"
	"github.com/xsignin/xsignin/examples/internal/localx/localxtest"
	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

func TestStartsWithoutKeys(t *testing.T) {
	t.Parallel()
	base := localxtest.Start(t, newApp)
	b := localxtest.SignedIn(t, base, "/auth/login?return_to=/popup-done")
	resp, err := b.Get(base + "/auth/session")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if !strings.Contains(string(body), `"signed_in":true`) {
		t.Errorf("%s", body)
	}
}

// site is the example with an X that a test can change.
type site struct {
	*testing.T
	x      *xtest.X
	api    *xapi.API
	url    string
	client *http.Client
}

func newSite(t *testing.T) *site {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(nil)
	t.Cleanup(srv.Close)
	url := "http://" + srv.Listener.Addr().String()
	x := xtest.New(xtest.Config{Callbacks: []string{url + "/auth/callback"}})
	api := demo.Mount(x)
	h, kit, err := newApp(xsignin.Config{
		PublicURL: url, ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret, X: xsignin.XEndpoints{Transport: x.Transport()},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kit.Close(t.Context()) })
	srv.Config.Handler = h
	srv.Start()
	return &site{t, x, api, url, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (s *site) signIn() {
	s.Helper()
	resp, err := s.x.SignIn(s.client, s.url+"/auth/login?return_to=/popup-done", xtest.DefaultUserID)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	if to := resp.Header.Get("Location"); to != "/popup-done" {
		s.Fatalf("%s to %q", resp.Status, to)
	}
}

// answer is a response whose body has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request like a script.
func (s *site) do(method, path, body string, header ...string) answer {
	s.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Sec-Fetch-Mode", "cors")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// refused expects the problem document with the login's address.
func (s *site) refused(a answer, code string) {
	s.Helper()
	var p struct {
		Code     string `json:"code"`
		LoginURL string `json:"login_url"`
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != http.StatusUnauthorized ||
		a.header.Get("Content-Type") != "application/problem+json" || p.Code != code || !strings.HasPrefix(p.LoginURL, "/auth/login") {
		s.Errorf("status %d, %s: %s", a.status, a.header.Get("Content-Type"), a.body)
	}
}

func TestScriptsReadAndPost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.refused(s.do("GET", "/api/posts", ""), "not_signed_in")
	s.refused(s.do("POST", "/api/posts", `{"text":"x"}`), "not_signed_in")
	s.signIn()
	var posts []string
	if a := s.do("GET", "/api/posts", ""); a.status != http.StatusOK || json.Unmarshal([]byte(a.body), &posts) != nil || len(posts) == 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	post := `{"text":"By <fetch> & \"JSON\""}`
	if a := s.do("POST", "/api/posts", post); a.status != http.StatusCreated {
		t.Errorf("%d %s", a.status, a.body)
	}
	if got := s.api.Posts(xtest.DefaultUserID)[0].Text; got != `By <fetch> & "JSON"` {
		t.Errorf("posted %q", got)
	}
	for body, status := range map[string]int{post: http.StatusConflict, `{"text":" "}`: http.StatusUnprocessableEntity, `no JSON`: http.StatusUnprocessableEntity} {
		if a := s.do("POST", "/api/posts", body); a.status != status || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if a := s.do("POST", "/api/posts", `{"text":"from elsewhere"}`, "Sec-Fetch-Site", "cross-site", "Origin", "https://elsewhere.example"); a.status != http.StatusForbidden {
		t.Errorf("another site's: %d", a.status)
	}
	if a := s.do("POST", "/auth/logout", ""); a.status != http.StatusNoContent {
		t.Errorf("sign-out: %d %s", a.status, a.body)
	}
	s.refused(s.do("GET", "/api/posts", ""), "not_signed_in")
}

// TestATokenThatXRefuses: the first request that fails gets the same response as later ones.
func TestATokenThatXRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.signIn()
	s.x.RevokeApp(xtest.DefaultUserID)
	for range 2 {
		s.refused(s.do("GET", "/api/posts", ""), "sign_in_again")
	}
	s.refused(s.do("POST", "/api/posts", `{"text":"x"}`), "sign_in_again")
}

func TestXIsDown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.signIn()
	s.x.Fail(xtest.Fault{Path: "/2/*", Status: http.StatusServiceUnavailable})
	for _, a := range []answer{s.do("GET", "/api/posts", ""), s.do("POST", "/api/posts", `{"text":"x"}`)} {
		if a.status != http.StatusBadGateway || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

func TestHTMX(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	htmx := []string{"HX-Request", "true", "HX-Current-URL", s.url + "/", "Accept", "*/*"}
	a := s.do("GET", "/fragments/account", "", htmx...)
	if to := a.header.Get("HX-Redirect"); a.status != http.StatusUnauthorized || to != "/auth/login?return_to=%2F" {
		t.Errorf("%d to %q", a.status, to)
	}
	s.signIn()
	if a := s.do("GET", "/fragments/account", "", htmx...); a.status != http.StatusOK || !strings.Contains(a.body, "Demo Account") || strings.Contains(a.body, "<html") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestHeaders: without these headers, the window that showed X cannot reach its opener.
func TestHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for path, opener := range map[string]string{
		"/": "same-origin-allow-popups", "/popup-done": "unsafe-none",
		"/static/spa.js": "same-origin", "/static/popup.js": "same-origin", "/static/htmx.min.js": "same-origin", "/frame.css": "same-origin",
	} {
		a := s.do("GET", path, "")
		if got := a.header.Get("Cross-Origin-Opener-Policy"); a.status != http.StatusOK || got != opener {
			t.Errorf("%s: %d, opener policy %q, want %q", path, a.status, got, opener)
		}
		if a.header.Get("Content-Security-Policy") != frame.Policy || strings.Contains(frame.Policy, "unsafe") {
			t.Errorf("%s: policy %q", path, a.header.Get("Content-Security-Policy"))
		}
		for _, inline := range []string{"<style", " style=", "onclick=", "<script>"} {
			if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") && strings.Contains(a.body, inline) {
				t.Errorf("%s has %s, which the policy forbids", path, inline)
			}
		}
	}
}
