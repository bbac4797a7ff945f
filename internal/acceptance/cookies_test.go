package acceptance_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

// TestBlockedCookiesAreNamedAtTheSecondFailure follows the links on the pages.
func TestBlockedCookiesAreNamedAtTheSecondFailure(t *testing.T) {
	again := regexp.MustCompile(`<a class="key" href="([^"]*)"`)
	// retry follows the link of a page, and the redirects on this site.
	retry := func(s *site, b *browser, a answer) answer {
		m := again.FindStringSubmatch(a.Text)
		if m == nil {
			s.T.Fatalf("no link in %s", a.Text)
		}
		a = b.Get(html.UnescapeString(m[1]))
		for range 3 {
			if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Redirect(), "/") {
				break
			}
			a = b.Get(a.Redirect())
		}
		return a
	}
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser()
			jar := b.Client.Jar
			b.Client.Jar = nil // the browser blocks cookies
			a := b.Get(b.Approve(b.Begin(p.login), xtest.DefaultUserID))
			s.isFailurePage(a, http.StatusBadRequest, "other_browser")
			for range 2 {
				a = retry(s, b, a)
				s.isFailurePage(a, http.StatusBadRequest, "cookies_blocked")
				if !strings.Contains(a.Text, "allow cookies for this site") {
					t.Errorf("the page does not say what to allow: %s", a.Text)
				}
				if e := s.LastEvent(); e.Cause != "cookies_blocked" {
					t.Errorf("event %+v", e)
				}
			}
			b.Client.Jar = jar // the visitor allows cookies
			a = retry(s, b, a)
			if a = b.Get(b.Approve(a.Redirect(), xtest.DefaultUserID)); a.Redirect() != "/" || b.Who() == "" {
				t.Errorf("with cookies: status %d to %q", a.StatusCode, a.Redirect())
			}
		})
	}
}

// TestTheCookieTestLeavesNoCookie: a browser that keeps cookies continues to X.
func TestTheCookieTestLeavesNoCookie(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	first := b.Get("/auth/login?cookie_test=1&return_to=/deep")
	line := first.Header.Get("Set-Cookie")
	for _, want := range []string{"cookie_test=1", "Path=/auth/login", "HttpOnly", "SameSite=Lax", "Max-Age=60"} {
		if !strings.Contains(line, want) {
			t.Errorf("no %s in %s", want, line)
		}
	}
	if a := b.Get(first.Redirect()); !strings.Contains(a.Redirect(), "authorize") {
		t.Errorf("status %d to %q", a.StatusCode, a.Redirect())
	}
	if a := b.Get("/auth/login?cookie_test=2"); a.StatusCode != http.StatusBadRequest {
		t.Errorf("the cookie is still there: status %d", a.StatusCode)
	}
}

// TestTheWayBackSurvivesBlockedCookies: the return path, the scopes and the provider stay. A
// client that shows no pages gets no test of cookies.
func TestTheWayBackSurvivesBlockedCookies(t *testing.T) {
	again := regexp.MustCompile(`<a class="key" href="([^"]*)"`)
	for _, login := range []string{
		"/auth/login?cookie_test=2&return_to=/deep?a%3Db", "/auth/login/x-oauth1?cookie_test=2&return_to=/deep",
		"/auth/login?cookie_test=2&return_to=/deep&scope=tweet.write", "/auth/login?cookie_test=2&return_to=//evil.example", "/auth/login/x-oauth1?cookie_test=2",
	} {
		s := newSite(t)
		s.Kit.RequireScopes("tweet.write")
		b := s.browser()
		a := b.Get(login)
		s.isFailurePage(a, http.StatusBadRequest, "cookies_blocked")
		m := again.FindStringSubmatch(a.Text)
		if m == nil {
			t.Fatalf("%s: no link in %s", login, a.Text)
		}
		back, first := html.UnescapeString(m[1]), strings.Replace(login, "cookie_test=2", "cookie_test=1", 1)
		first = strings.Replace(first, "&return_to=//evil.example", "", 1)
		got, err1 := url.Parse(back)
		want, err2 := url.Parse(first)
		if err1 != nil || err2 != nil || got.Path != want.Path || got.Query().Encode() != want.Query().Encode() {
			t.Errorf("%s: the link is %s, want %s", login, back, first)
		}
		a = b.Get(b.Get(back).Redirect())
		if a = b.Get(b.Approve(a.Redirect(), xtest.DefaultUserID)); b.Who() == "" || a.Redirect() != localOf(want) {
			t.Errorf("%s: status %d to %q", login, a.StatusCode, a.Redirect())
		}
		if a = b.Get(login, "Accept", "application/json"); strings.Contains(a.Text, "cookie_test") {
			t.Errorf("%s: JSON names the test: %s", login, a.Text)
		}
	}
}

// localOf is where a sign-in leads back to.
func localOf(login *url.URL) string {
	if to := login.Query().Get("return_to"); to != "" {
		return to
	}
	return "/"
}
