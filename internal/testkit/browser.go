package testkit

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// Browser keeps cookies and does not follow redirects automatically.
type Browser struct {
	Client *http.Client
	Jar    http.CookieJar

	t      *testing.T
	x      *xtest.X
	public string
	watch  *Watch // or nil
}

// NewBrowser returns a browser that reaches the site at publicURL by transport. Its user
// signs in at x. If transport is nil, the browser uses the network.
func NewBrowser(t *testing.T, x *xtest.X, publicURL string, transport http.RoundTripper) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{t: t, x: x, public: publicURL, Jar: jar, Client: &http.Client{
		Jar: jar, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Answer is a response that was read completely.
type Answer struct {
	*http.Response
	// Text is the body.
	Text string
}

// Redirect returns the Location of the answer, or "".
func (a Answer) Redirect() string { return a.Header.Get("Location") }

var refreshed = regexp.MustCompile(`<meta http-equiv="refresh" content="0;url=([^"]*)">`)

// Refresh returns the target of the document of a callback, or "". Browsers follow it like a
// redirect.
func Refresh(document string) string {
	if m := refreshed.FindStringSubmatch(document); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}

// followRefresh turns the document of a callback into an equivalent redirect, so that tests need
// not distinguish them. Text keeps the document.
func (a *Answer) followRefresh() {
	if to := Refresh(a.Text); to != "" && a.StatusCode == http.StatusOK {
		a.StatusCode, a.Status = http.StatusSeeOther, "303 See Other"
		a.Header.Set("Location", to)
	}
}

var followed = regexp.MustCompile(`id="follow" href="([^"]*)"`)

// Onward returns the target of the page before X, or "".
func (a Answer) Onward() string {
	if m := followed.FindStringSubmatch(a.Text); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}

// Send sends a request as a browser's page load. A target without a host is a path at the
// site. Headers are pairs of name and value.
func (b *Browser) Send(method, target string, body url.Values, headers ...string) Answer {
	b.t.Helper()
	if strings.HasPrefix(target, "/") {
		u, err := url.Parse(b.public)
		if err != nil {
			b.t.Fatal(err)
		}
		target = u.Scheme + "://" + u.Host + target
	}
	var r io.Reader = http.NoBody
	if body != nil {
		r = strings.NewReader(body.Encode())
	}
	req, err := http.NewRequestWithContext(context.Background(), method, target, r)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return b.Do(req)
}

// Do sends a request, and reads the whole response.
func (b *Browser) Do(req *http.Request) Answer {
	b.t.Helper()
	a, err := b.Try(req)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// Try is Do for a request that may fail.
func (b *Browser) Try(req *http.Request) (Answer, error) {
	resp, err := b.Client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	a := Answer{resp, string(text)}
	a.followRefresh()
	if b.watch != nil && err == nil {
		b.watch.Answered(a)
	}
	return a, err
}

// Get is Send with the method GET and no body.
func (b *Browser) Get(target string, headers ...string) Answer {
	b.t.Helper()
	return b.Send(http.MethodGet, target, nil, headers...)
}

// Begin requests the login and returns the address at X that it redirects to.
func (b *Browser) Begin(login string) string {
	b.t.Helper()
	a := b.Get(login)
	if a.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("%s: status %d, body %s", login, a.StatusCode, a.Text)
	}
	return a.Redirect()
}

// Approve approves the consent as userID and returns the callback that X redirects to.
func (b *Browser) Approve(consent, userID string) string {
	b.t.Helper()
	callback, err := b.x.Approve(consent, userID)
	if err != nil {
		b.t.Fatal(err)
	}
	return callback
}

// SignIn runs a whole sign-in and returns the response to the callback.
func (b *Browser) SignIn(login, userID string) Answer {
	b.t.Helper()
	a := b.Get(b.Approve(b.Begin(login), userID))
	if a.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("callback: status %d, body %s", a.StatusCode, a.Text)
	}
	return a
}

// Who returns the id of the signed-in user, or "".
func (b *Browser) Who() string {
	b.t.Helper()
	var doc struct {
		SignedIn bool           `json:"signed_in"`
		User     *provider.User `json:"user"`
	}
	a := b.Get("/auth/session", "Accept", "application/json")
	if err := json.Unmarshal([]byte(a.Text), &doc); err != nil {
		b.t.Fatalf("/auth/session: status %d: %v", a.StatusCode, err)
	}
	if doc.SignedIn != (doc.User != nil) {
		b.t.Fatalf("/auth/session contradicts itself: %s", a.Text)
	}
	if doc.User == nil {
		return ""
	}
	return doc.User.AccountID
}

// Cookies returns the names of the cookies that the browser would send to the site.
func (b *Browser) Cookies() []string {
	u, err := url.Parse(b.public + "/")
	if err != nil {
		b.t.Fatal(err)
	}
	var names []string
	for _, c := range b.Jar.Cookies(u) {
		names = append(names, c.Name)
	}
	return names
}

// InProcess is an http.RoundTripper that calls a handler.
type InProcess struct{ Handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (p InProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.Host, in.RemoteAddr = r.URL.RequestURI(), r.URL.Host, "192.0.2.1:1234"
	if r.URL.Scheme == "https" {
		in.TLS = &tls.ConnectionState{}
	}
	in.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	p.Handler.ServeHTTP(w, in)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// Edited returns rawURL with parameters set. Parameters whose value is "" are removed.
func Edited(t *testing.T, rawURL string, pairs ...string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for i := 0; i+1 < len(pairs); i += 2 {
		if q.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// Param returns a parameter of rawURL.
func Param(t *testing.T, rawURL, name string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(name)
}
