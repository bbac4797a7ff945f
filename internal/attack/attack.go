// Package attack attacks the examples as strangers would, by HTTP only. The results also apply
// to applications that are built like the examples.
package attack

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// Site is an application under attack, which serves until the test ends.
type Site struct {
	// URL is its public URL, without a path.
	URL string
	// HTTP sends requests to it.
	HTTP http.RoundTripper
	// X is the site's X, for both protocols.
	X *xtest.X
	// API has X's posts.
	API *xapi.API
	// Private is a page for members. Where the application's pages call X's API, it does.
	Private string
	// Open says that strangers may load Private too, and see no user's data. Otherwise they are
	// redirected to the login.
	Open bool
	// Forms are the forms with which a user changes something.
	Forms []Form
	// Replicas is the number of processes that serve the site in turn; 0 means one.
	Replicas int
}

// Form is a POST to the application that changes something for the signed-in user.
type Form struct {
	Path string
	// Body is a form's body, or JSON.
	Body string
}

func (f Form) kind() string {
	if strings.HasPrefix(f.Body, "{") {
		return "application/json"
	}
	return "application/x-www-form-urlencoded"
}

// Build builds the application of one of the small examples.
type Build = func(xsignin.Config) (http.Handler, *xsignin.Kit, error)

// Framework attacks the application that build returns, by https.
func Framework(t *testing.T, build Build, private string, forms ...Form) {
	t.Helper()
	Suite(t, Serve(t, build, Site{Private: private, Forms: forms}))
}

// Serve serves the application that build returns, by https, and completes s.
func Serve(t *testing.T, build Build, s Site) *Site {
	t.Helper()
	x := xtest.New(xtest.Config{})
	api := xapi.Mount(x)
	srv := httptest.NewUnstartedServer(nil)
	public := "https://" + srv.Listener.Addr().String()
	app, kit, err := build(xsignin.Config{
		PublicURL: public, X: xsignin.XEndpoints{Transport: x.Transport()}, Secrets: []string{strings.Repeat("k", 32)}, Logger: slog.New(slog.DiscardHandler),
		ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
		OAuth1: xsignin.OAuth1Config{ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	x.SetCallbacks(public + "/auth/callback")
	srv.Config.Handler = app
	srv.StartTLS()
	t.Cleanup(func() {
		srv.Close()
		if err := kit.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	s.URL, s.HTTP, s.X, s.API = public, srv.Client().Transport, x, api
	return &s
}

// logins begin a sign-in by each protocol. handle and proof are the parameters of its callback,
// and last is the call that uses up the proof.
var logins = []struct{ path, handle, proof, last string }{
	{"/auth/login", "state", "code", "/2/oauth2/token"},
	{"/auth/login/x-oauth1", "oauth_token", "oauth_verifier", "/oauth/access_token"},
}

// victim signs in as the first account, stranger as the second.
const (
	victim   = xtest.DefaultUserID
	stranger = xtest.SecondUserID
)

// browser is a testkit.Browser with the checks of the attacks.
type browser struct {
	*testing.T
	*testkit.Browser
	site *Site
}

func (s *Site) browser(t *testing.T) *browser {
	t.Helper()
	b := testkit.NewBrowser(t, s.X, s.URL, way{s.HTTP})
	b.Client.Timeout = time.Minute
	return &browser{t, b, s}
}

// hostKey is the context's key of a forged Host.
type hostKey struct{}

// way forges Host below the client, whose cookies depend on that header.
type way struct{ http.RoundTripper }

func (w way) RoundTrip(r *http.Request) (*http.Response, error) {
	if host, ok := r.Context().Value(hostKey{}).(string); ok {
		r = r.Clone(r.Context())
		r.Host = host
	}
	return w.RoundTripper.RoundTrip(r)
}

type answer = testkit.Answer

// try sends a request like a browser's page load. Headers come in pairs, and Host is one of
// them. A server may close the connection if a request is too large.
func (b *browser) try(method, target string, form url.Values, headers ...string) (answer, error) {
	b.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
		headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
	}
	return b.exchange(method, target, body, headers...)
}

func (b *browser) exchange(method, target string, body io.Reader, headers ...string) (answer, error) {
	b.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.site.URL + target
	}
	r, err := http.NewRequestWithContext(b.Context(), method, target, body)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r = r.WithContext(context.WithValue(r.Context(), hostKey{}, headers[i+1]))
			continue
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	return b.Try(r)
}

func (b *browser) send(method, target string, form url.Values, headers ...string) answer {
	b.Helper()
	a, err := b.try(method, target, form, headers...)
	if err != nil {
		b.Fatal(err)
	}
	return b.checked(a, method, target)
}

// post sends a form of the application.
func (b *browser) post(f Form, headers ...string) answer {
	b.Helper()
	if !slices.Contains(headers, "Content-Type") {
		headers = append([]string{"Content-Type", f.kind()}, headers...)
	}
	a, err := b.exchange(http.MethodPost, f.Path, strings.NewReader(f.Body), headers...)
	if err != nil {
		b.Fatal(err)
	}
	return b.checked(a, http.MethodPost, f.Path)
}

// checked fails the test for responses that no attack may cause.
func (b *browser) checked(a answer, method, target string) answer {
	b.Helper()
	if a.StatusCode >= 500 && a.StatusCode != http.StatusBadGateway && a.StatusCode != http.StatusServiceUnavailable && a.StatusCode != http.StatusGatewayTimeout {
		b.Errorf("%s %.80s: status %d", method, target, a.StatusCode)
	}
	return a
}

func (b *browser) get(target string, headers ...string) answer {
	b.Helper()
	return b.send(http.MethodGet, target, nil, headers...)
}

// begin requests a login and returns the address at X.
func (b *browser) begin(login string, headers ...string) string {
	b.Helper()
	a := b.get(login, headers...)
	if a.StatusCode != http.StatusSeeOther {
		b.Fatalf("%s: status %d\n%s", login, a.StatusCode, a.Text)
	}
	return a.Redirect()
}

func (b *browser) signIn(login, userID string) answer {
	b.Helper()
	a := b.get(b.Approve(b.begin(login), userID))
	if a.StatusCode != http.StatusSeeOther {
		b.Fatalf("callback: status %d\n%s", a.StatusCode, a.Text)
	}
	return a
}

// is checks the signed-in user.
func (b *browser) is(want, after string) {
	b.Helper()
	if got := b.Who(); got != want {
		b.Errorf("after %s the browser is signed in as %q, want %q", after, got, want)
	}
}

// soon checks the signed-in user on each replica, and allows the time in which replicas learn of
// a change.
func (b *browser) soon(want, after string) {
	b.Helper()
	if b.site.Replicas < 2 {
		b.is(want, after)
		return
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(time.Minute); ; {
		agreed := 0
		for range b.site.Replicas {
			if b.Who() == want {
				agreed++
			}
		}
		if agreed == b.site.Replicas {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			b.is(want, after)
			return
		}
	}
}

func (b *browser) address() *url.URL {
	u, err := url.Parse(b.site.URL + "/auth/callback")
	if err != nil {
		b.Fatal(err)
	}
	return u
}

// cookies are what the browser would send; pending are those of pending sign-ins.
func (b *browser) cookies() (all, pending []*http.Cookie) {
	for _, c := range b.Jar.Cookies(b.address()) {
		all = append(all, c)
		if strings.Contains(c.Name, "pending") {
			pending = append(pending, c)
		}
	}
	return all, pending
}

// plant puts a cookie into the browser, like an attacker who controls a sub-domain.
func (b *browser) plant(name, value string) {
	b.Jar.SetCookies(b.address(), []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: strings.HasPrefix(b.site.URL, "https:")}})
}

// refused checks that a response is neither a success nor a redirect.
func (b *browser) refused(a answer, what string) {
	b.Helper()
	if a.StatusCode < 400 {
		b.Errorf("%s: status %d to %q", what, a.StatusCode, a.Redirect())
	}
}
