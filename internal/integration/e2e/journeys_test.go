package e2e

import (
	"strings"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

// signIn signs in to examples/app as the account of this name, with the button of this label.
func signIn(b browser, label, account string) {
	b.open("/")
	b.click(label)
	b.see("will be able to")
	b.click(account)
	b.click("Authorize app")
	b.arrive("/timeline")
}

func TestSignInAndOut(t *testing.T) {
	t.Parallel()
	source := axe(t)
	in(t, engines, settings{}, func(t *testing.T, b browser) {
		b.show(start(t, "app"))
		b.open("/")
		b.accessible(source)
		for _, label := range []string{"OAuth 2.0", "OAuth 1.0a"} {
			signIn(b, label, "Nora Lindqvist")
			b.see("Timeline", "Signed in by", label)
			b.accessible(source)
			b.click("Sign out")
			b.arrive("/")
			b.see("Continue with X")
		}
		// The other way to sign out is the kit's page.
		signIn(b, "OAuth 2.0", "Nora Lindqvist")
		b.open("/auth/logout")
		b.accessible(source)
		b.click("Sign out")
		b.arrive("/")
		b.see("Continue with X")
	})
}

func TestBackAfterSigningOutShowsNothingPrivate(t *testing.T) {
	t.Parallel()
	// TestHTTPS covers WebKit.
	in(t, engines[:2], settings{}, func(t *testing.T, b browser) {
		b.show(start(t, "app"))
		// The private page follows directly after the redirects from X, as for most visitors.
		b.open("/me")
		b.see("will be able to")
		b.click("Nora Lindqvist")
		b.click("Authorize app")
		b.arrive("/me")
		b.see("What the session knows")
		b.click("Sign out")
		b.arrive("/")
		b.back()
		// The browser loads the page again, and the page asks for a sign-in.
		b.see("will be able to")
		if strings.Contains(b.text(), "What the session knows") {
			t.Error("the page of before is shown")
		}
	})
}

func TestNo(t *testing.T) {
	t.Parallel()
	source := axe(t)
	in(t, engines, settings{}, func(t *testing.T, b browser) {
		b.show(start(t, "app"))
		for _, label := range []string{"OAuth 2.0", "OAuth 1.0a"} {
			b.open("/")
			b.click(label)
			b.see("will be able to")
			b.click("Cancel")
			if label == "OAuth 1.0a" {
				b.click("Return to") // X shows a separate page first
			}
			b.arrive("/auth/callback")
			b.see("Try again")
			b.accessible(source)
			b.reload()
			b.see("Try again")
			b.open("/")
			b.see("Continue with X")
		}
	})
}

func TestASessionThatEndsInTheMiddleOfAForm(t *testing.T) {
	t.Parallel()
	in(t, engines[:2], settings{}, func(t *testing.T, b browser) {
		b.show(start(t, "app"))
		signIn(b, "OAuth 2.0", "Nora Lindqvist")
		b.open("/compose")
		b.fill("text", "Written before the session ended")
		b.expire()
		b.click("Post")
		b.arrive("/compose")
		b.see("You are signed out", "Sign in again")
		if strings.Contains(b.text(), "{") {
			t.Errorf("a person reads\n%s", b.text())
		}
		signIn(b, "OAuth 2.0", "Nora Lindqvist")
		b.open("/posts")
		if strings.Contains(b.text(), "Written before") {
			t.Error("it was posted")
		}
	})
}

// TestHTTPS signs in and out with the cookies that only https has. WebKit keeps pages of plain
// http in its back/forward cache despite their headers, so this test covers WebKit's back
// button.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	in(t, engines, settings{}, func(t *testing.T, b browser) {
		b.show(newSite(t, "", true).url)
		b.open("/private")
		consent(b)
		b.arrive("/private")
		b.see("Hello, Demo Account")
		b.click("Sign out")
		b.arrive("/")
		b.see("Hello, stranger")
		b.back()
		b.see("will be able to")
		if strings.Contains(b.text(), "Hello, Demo Account") {
			t.Error("the page of before is shown")
		}
	})
}

// TestPlainHTTPOffLoopback uses a host name that browsers do not trust like loopback. Browsers
// send no Fetch Metadata to such a site.
func TestPlainHTTPOffLoopback(t *testing.T) {
	t.Parallel()
	const origin = "http://app.test"
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, origin, false)
			b := e.start(t, settings{proxy: newProxy(t, "app.test", s.url)})
			b.show(origin)
			for _, signOutAt := range []string{"/private", "/auth/logout"} {
				b.open("/private")
				consent(b)
				b.arrive("/private")
				b.see("Hello, Demo Account")
				b.open(signOutAt)
				b.click("Sign out")
				b.arrive("/")
				b.see("Hello, stranger")
			}
		})
	}
}

func TestWithoutScript(t *testing.T) {
	t.Parallel()
	in(t, engines[:2], settings{noScript: true}, func(t *testing.T, b browser) {
		b.show(newSite(t, "", false).url)
		b.open("/private")
		consent(b)
		b.arrive("/private")
		b.see("Hello, Demo Account")
		b.open("/auth/logout")
		b.click("Sign out")
		b.arrive("/")
		b.see("Hello, stranger")
	})
}

// TestCookiesBlocked allows the sign-in outside the browser, because the local X's page needs
// cookies too.
func TestCookiesBlocked(t *testing.T) {
	t.Parallel()
	in(t, engines[:2], settings{noCookies: true}, func(t *testing.T, b browser) {
		s := newSite(t, "", false)
		b.show(s.url)
		b.open("/private")
		b.see("will be able to")
		callback, err := s.x.Approve(b.address(), xtest.DefaultUserID)
		if err != nil {
			t.Fatal(err)
		}
		b.open(strings.TrimPrefix(callback, s.url))
		b.see("other_browser")
	})
}
