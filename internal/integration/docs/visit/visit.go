// Package visit signs in to the programs of the pages, as a browser does.
package visit

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// Site is a program that runs until its test ends, with a local X behind it.
type Site struct {
	t   *testing.T
	X   *xtest.X
	API *xapi.API // of the local X
	url string
}

// Start passes build a configuration with both pairs of credentials, and runs the result.
func Start(t *testing.T, build func(xsignin.Config) (http.Handler, error)) *Site {
	t.Helper()
	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	s := &Site{t: t, X: xtest.New(xtest.Config{}), url: srv.URL}
	s.API = xapi.Mount(s.X)
	s.X.SetCallbacks(srv.URL + "/auth/callback")
	var err error
	handler, err = build(xsignin.Config{
		PublicURL: srv.URL, Paths: xsignin.Paths{DefaultReturnTo: "/photos"}, X: xsignin.XEndpoints{Transport: s.X.Transport()},
		ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
		OAuth1: xsignin.OAuth1Config{ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Browser is a visitor's browser. It follows no redirect.
type Browser struct {
	// Referer is the open page, as a path or an address of another site. An empty Referer is not
	// sent.
	Referer string

	s *Site
	c *http.Client
}

// Browser opens a browser without cookies.
func (s *Site) Browser() *Browser {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &Browser{s: s, c: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// SignIn signs userID in at the path login. It fails the test unless the callback redirects the
// browser to want.
func (b *Browser) SignIn(login, userID, want string) {
	b.s.t.Helper()
	if !b.TrySignIn(login, userID, want) {
		b.s.t.FailNow()
	}
}

// TrySignIn is like SignIn, for any goroutine: it returns whether it worked, and the test goes
// on.
func (b *Browser) TrySignIn(login, userID, want string) bool {
	b.s.t.Helper()
	resp, err := b.s.X.SignIn(b.c, b.s.url+login, userID)
	if err != nil {
		b.s.t.Error(err)
		return false
	}
	_ = resp.Body.Close()
	if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || got != want {
		b.s.t.Errorf("the callback: %s to %q, want 303 to %q", resp.Status, got, want)
		return false
	}
	return true
}

// Get loads a page. It fails the test unless the page has the status and the text.
func (b *Browser) Get(path string, status int, text string) {
	b.s.t.Helper()
	resp, err := b.send(http.MethodGet, path, nil)
	b.want(resp, err, status, text)
}

// Text loads a page, and returns its text.
func (b *Browser) Text(path string) string {
	b.s.t.Helper()
	resp, err := b.send(http.MethodGet, path, nil)
	return b.want(resp, err, http.StatusOK, "")
}

// Redirect loads a page that redirects, and returns the target: a path, or an address of another
// site. path may also be an address of this site.
func (b *Browser) Redirect(path string) string {
	b.s.t.Helper()
	return b.leads(b.send(http.MethodGet, path, nil))
}

// PostRedirect sends an empty form, and returns the target of the redirect.
func (b *Browser) PostRedirect(path string) string {
	b.s.t.Helper()
	return b.leads(b.send(http.MethodPost, path, nil))
}

// Follow loads a page that redirects to another page of the site. That page must have the text.
func (b *Browser) Follow(path, text string) {
	b.s.t.Helper()
	b.Get(b.Redirect(path), http.StatusOK, text)
}

// Deny declines at X's consent page, and returns the address to which X sends the browser.
func (b *Browser) Deny(consent, userID string) string {
	b.s.t.Helper()
	callback, err := b.s.X.Deny(consent, userID)
	if err != nil {
		b.s.t.Fatal(err)
	}
	return callback
}

func (b *Browser) leads(resp *http.Response, err error) string {
	b.s.t.Helper()
	if err != nil {
		b.s.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther && resp.StatusCode != http.StatusFound {
		b.s.t.Fatalf("%s %s: %s, and no redirect", resp.Request.Method, resp.Request.URL.Path, resp.Status)
	}
	return strings.TrimPrefix(resp.Header.Get("Location"), b.s.url)
}

func (b *Browser) send(method, path string, form url.Values) (*http.Response, error) {
	r, err := http.NewRequest(method, b.s.url+strings.TrimPrefix(path, b.s.url), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if strings.HasPrefix(b.Referer, "/") {
		r.Header.Set("Referer", b.s.url+b.Referer)
	} else if b.Referer != "" {
		r.Header.Set("Referer", b.Referer)
	}
	return b.c.Do(r)
}

// Post sends a form from the site itself.
func (b *Browser) Post(path string, form url.Values, status int) {
	b.s.t.Helper()
	resp, err := b.send(http.MethodPost, path, form)
	b.want(resp, err, status, "")
}

func (b *Browser) want(resp *http.Response, err error, status int, text string) string {
	b.s.t.Helper()
	if err != nil {
		b.s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.s.t.Fatal(err)
	}
	if resp.StatusCode != status || !strings.Contains(string(body), text) {
		b.s.t.Errorf("%s %s: status %d, %q; want %d, %q", resp.Request.Method, resp.Request.URL.Path, resp.StatusCode, body, status, text)
	}
	return string(body)
}
