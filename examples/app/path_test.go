package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html/atom"
)

// TestPublicURLWithAPath behind proxies that remove the path from requests, and that keep it.
// Everything outside the path belongs to another application.
func TestPublicURLWithAPath(t *testing.T) {
	for _, c := range []struct {
		name, path string
		removed    bool
	}{
		{"the proxy keeps the path", "/app", false},
		{"the proxy removes the path", "/app", true},
		{"two segments are kept", "/apps/caf%C3%A9", false},
		{"two segments are removed", "/apps/caf%C3%A9", true},
		{"a path like a page of the application", "/posts", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			front := newPathProxy(t, c.path, c.removed)
			_, env := outsideX(t, front.URL+c.path)
			app := launch(t, t.TempDir(), append(env, "DATABASE_URL=memory:")...)
			to, err := url.Parse(app.at)
			if err != nil {
				t.Fatal(err)
			}
			front.to <- to
			visitEveryPage(t, newBrowser(t, front.URL+c.path))
		})
	}
}

// visitEveryPage uses each link, form and redirect of the application.
func visitEveryPage(t *testing.T, b *browser) {
	base := strings.TrimPrefix(b.base, "http://")
	inside := func(p *page) *page {
		t.Helper()
		if !strings.HasPrefix(p.url.Host+p.url.EscapedPath()+"/", base+"/") {
			t.Fatalf("left the application: %s", p.url)
		}
		if p.status >= http.StatusBadRequest {
			t.Errorf("%s: status %d", p.url, p.status)
		}
		return p
	}
	front := inside(b.get(b.base))
	inside(b.get("/"))
	for link := range all(front.doc, atom.Link) {
		inside(b.get(front.resolve(attr(link, "href"))))
	}
	inside(b.get("/posts").want(http.StatusOK, "Authorize app").press("Authorize app", nil).want(http.StatusOK, "Your posts"))
	inside(b.get(b.base).press("Sign out", nil).want(http.StatusOK, "Continue with X"))
	timeline := inside(b.signIn("OAuth 1.0a").want(http.StatusOK, "coffee"))
	for _, label := range []string{"Timeline", "Your posts", "Followers", "Profile", "Tokens", "New post", "xsignin"} {
		inside(timeline.click(label))
	}
	tokens := timeline.click("Tokens").click("Connect by OAuth 2.0").press("Authorize app", nil).want(http.StatusOK, "in use")
	inside(inside(tokens).press("Refresh now", nil).want(http.StatusOK, "The token is new"))
	form := inside(timeline.click("New post"))
	inside(form.press("Keep the text", map[string]any{"text": "kept"}).want(http.StatusOK, "kept"))
	inside(form.press("Post", map[string]any{"text": "Below a path"}).want(http.StatusOK, "Below a path"))
	var p problem
	inside(b.get("/auth/logout").press("Sign out", nil))
	if b.json("/timeline", &p); !strings.HasPrefix(p.LoginURL, front.url.EscapedPath()+"/auth/login") {
		t.Errorf("the sign-in link is %q", p.LoginURL)
	}
	again := form.press("Post", map[string]any{"text": "Too late"}).want(http.StatusUnauthorized).click("Sign in again")
	inside(again.press("Authorize app", nil).want(http.StatusOK, "You are signed in again"))
}

// pathProxy sends the requests below a path to an application.
type pathProxy struct {
	*httptest.Server
	to chan *url.URL
}

func newPathProxy(t *testing.T, path string, remove bool) *pathProxy {
	p := &pathProxy{to: make(chan *url.URL, 1)}
	// The end of another test's server closes idle connections of the default transport.
	way := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(way.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{Transport: way, Rewrite: func(r *httputil.ProxyRequest) {
		to := <-p.to
		p.to <- to
		r.SetURL(to)
	}}
	mux := http.NewServeMux()
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	decoded, err := url.PathUnescape(path)
	if err != nil {
		t.Fatal(err)
	}
	var h http.Handler = proxy
	if remove {
		h = http.StripPrefix(decoded, proxy)
	}
	mux.Handle(decoded+"/", h)
	mux.Handle(decoded, h)
	return p
}
