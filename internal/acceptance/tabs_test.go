package acceptance_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/xtest"
)

// TestManyTabsAtOnceOverHTTP2: a browser restores 24 tabs. Each begins a sign-in at once, over
// one connection. The browser never sends more than 6 KB of the kit's cookies, and five of the
// sign-ins complete.
func TestManyTabsAtOnceOverHTTP2(t *testing.T) {
	const tabs, complete, limit = 24, 5, 6 << 10
	srv := httptest.NewUnstartedServer(nil)
	srv.EnableHTTP2 = true
	public := "https://" + srv.Listener.Addr().String()
	s := newSite(t, func(c *xsignin.Config) { c.PublicURL = public })
	srv.Config.Handler = s.Mux
	srv.StartTLS()
	t.Cleanup(srv.Close)
	b := testkit.NewBrowser(t, s.X, public, srv.Client().Transport)
	b.Get("/") // makes the connection that all tabs share

	answers := atOnce(t, b, tabs, func(i int) string {
		page := fmt.Sprintf("/tab/%d?filter=%s", i, strings.Repeat("a", 40*i))
		return public + "/auth/login?" + url.Values{"return_to": {page}}.Encode()
	})
	if size := sizeOfCookies(t, b, public); size > limit {
		t.Errorf("the browser sends %d bytes of cookies", size)
	}
	callbacks := make([]string, tabs)
	for i, a := range answers {
		if a.StatusCode != http.StatusSeeOther || a.ProtoMajor != 2 {
			t.Fatalf("tab %d: %s over %s, %s", i, a.Status, a.Proto, a.Text)
		}
		callbacks[i] = b.Approve(a.Redirect(), xtest.DefaultUserID)
	}
	done := 0
	for i, a := range atOnce(t, b, tabs, func(i int) string { return callbacks[i] }) {
		switch {
		case a.StatusCode == http.StatusSeeOther && strings.HasPrefix(a.Redirect(), fmt.Sprintf("/tab/%d?", i)), a.Redirect() == "/":
			done++
		case a.StatusCode != http.StatusBadRequest:
			t.Errorf("tab %d: %s to %q", i, a.Status, a.Redirect())
		}
	}
	if done != complete {
		t.Errorf("%d sign-ins complete, want %d", done, complete)
	}
	if b.Who() != xtest.DefaultUserID {
		t.Error("nobody is signed in")
	}
	if size := sizeOfCookies(t, b, public); size > limit {
		t.Errorf("after the sign-ins: the browser sends %d bytes of cookies", size)
	}
}

// atOnce loads n pages at the same time, over one connection if it is HTTP/2.
func atOnce(t *testing.T, b *testkit.Browser, n int, target func(i int) string) []answer {
	t.Helper()
	answers := make([]answer, n)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target(i), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Sec-Fetch-Mode", "navigate")
		wg.Go(func() {
			<-begin
			a, err := b.Try(req)
			if err != nil {
				t.Error(err)
				return
			}
			answers[i] = a
		})
	}
	close(begin)
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return answers
}

// sizeOfCookies returns the length of the header in which b sends the kit's cookies.
func sizeOfCookies(t *testing.T, b *testkit.Browser, public string) int {
	t.Helper()
	u, err := url.Parse(public + "/auth/callback")
	if err != nil {
		t.Fatal(err)
	}
	req := &http.Request{Header: make(http.Header)}
	for _, c := range b.Jar.Cookies(u) {
		if strings.Contains(c.Name, "xsignin") {
			req.AddCookie(c)
		}
	}
	return len(req.Header.Get("Cookie"))
}

// TestTheCookiesOfManyTabsAreBounded: nginx and Apache refuse a request with 8 KB of headers.
func TestTheCookiesOfManyTabsAreBounded(t *testing.T) {
	scopes := []string{"tweet.read", "users.read", "offline.access", "tweet.write", "follows.read", "list.write", "dm.read", "mute.write"}
	declared := strings.Join(scopes[3:], " ")
	long := "/" + strings.Repeat("a", 1499)
	for _, tt := range []struct {
		name, login string
		outcome     bool // a part of the sign-ins ends
		edit        func(*xsignin.Config)
	}{
		{"long return paths", "/auth/login?" + url.Values{"return_to": {long}}.Encode(), false, nil},
		{"OAuth 1.0a with long return paths", "/auth/login/x-oauth1?" + url.Values{"return_to": {long}}.Encode(), false, nil},
		{"many scopes", "/auth/login?" + url.Values{"scope": {declared}, "return_to": {long}}.Encode(), false, nil},
		{"many configured scopes", "/auth/login?" + url.Values{"return_to": {long}}.Encode(), false, func(c *xsignin.Config) { c.Scopes = scopes }},
		{"denials", "/auth/login?" + url.Values{"return_to": {long[:600]}}.Encode(), true, nil},
		{"a long name", "/auth/login?" + url.Values{"return_to": {long}}.Encode(), false, func(c *xsignin.Config) { c.Session.CookieName = strings.Repeat("n", 60) }},
		{"tests of cookies", "/auth/login?cookie_test=2&" + url.Values{"return_to": {long}}.Encode(), false, nil},
	} {
		s := newSite(t, func(c *xsignin.Config) {
			c.PublicURL = "https://site.example"
			if tt.edit != nil {
				tt.edit(c)
			}
		})
		s.Kit.RequireScopes(scopes...)
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		for i := range 24 {
			a := b.Get(tt.login, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", []string{"none", "same-origin", "cross-site"}[i%3])
			if tt.outcome && i%2 == 0 {
				denied, err := s.X.Deny(a.Redirect(), xtest.DefaultUserID)
				if err != nil {
					t.Fatal(err)
				}
				b.Get(denied)
			}
			if size := sizeOfCookies(t, b.Browser, s.Public); size > 6<<10 {
				t.Fatalf("%s: %d bytes of cookies after %d tabs", tt.name, size, i+1)
			}
		}
		if len(b.Cookies()) > 8 {
			t.Errorf("%s: %v", tt.name, b.Cookies())
		}
		if b.Send(http.MethodPost, "/auth/logout", nil); len(b.Cookies()) != 0 {
			t.Errorf("%s: after the sign-out: %v", tt.name, b.Cookies())
		}
	}
}
