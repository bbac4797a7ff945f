package acceptance_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/xtest"
)

const (
	onIPhone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
	onFirefox = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
	onDesktop = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)

func TestWhoIsSentToXByAPage(t *testing.T) {
	for _, tt := range []struct {
		name          string
		headers       []string
		phone, always bool
	}{
		{"an iPhone", []string{"User-Agent", onIPhone}, true, true},
		{"Firefox on Android", []string{"User-Agent", onFirefox}, true, true},
		{"Chrome on Android", []string{"User-Agent", onDesktop, "Sec-CH-UA-Mobile", "?1"}, true, true},
		{"Chrome on a desktop", []string{"User-Agent", onDesktop, "Sec-CH-UA-Mobile", "?0"}, false, true},
		{"a client that says nothing", nil, false, true},
		{"a client that reads no page", []string{"Accept", "*/*", "User-Agent", onIPhone}, false, false},
	} {
		for _, how := range []struct {
			name string
			when func(*http.Request) bool
			page bool
		}{{"never", nil, false}, {"phones", handlers.OnPhones, tt.phone}, {"always", always, tt.always}} {
			s := newSite(t, func(c *xsignin.Config) { c.Pages.Interstitial = how.when })
			a := s.browser().Get("/auth/login", tt.headers...)
			if how.page != (a.StatusCode == http.StatusOK && a.Onward() != "") || how.page == (a.StatusCode == http.StatusSeeOther) {
				t.Errorf("%s, %s: status %d to %q", tt.name, how.name, a.StatusCode, a.Redirect())
			}
		}
	}
}

func always(*http.Request) bool { return true }

func TestASignInByThePage(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t, func(c *xsignin.Config) { c.Pages.Interstitial = always })
			b := s.browser()
			a := b.Get(p.login + "?return_to=/deep")
			for name, want := range map[string]string{
				"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Location": "", "Refresh": "",
				"X-Frame-Options": "DENY", "Content-Type": "text/html; charset=utf-8",
			} {
				if got := a.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if !strings.HasPrefix(b.pending(), "xsignin-pending-") {
				t.Errorf("the page came with the cookies %q", b.pending())
			}
			// The link is there once, and works without script.
			if strings.Count(a.Text, "<a ") != 2 || strings.Count(a.Text, "https://") != 1 {
				t.Errorf("the page: %s", a.Text)
			}
			if a = b.Get(b.Approve(a.Onward(), xtest.DefaultUserID)); a.StatusCode != http.StatusSeeOther || a.Redirect() != "/deep" {
				t.Errorf("the callback: status %d to %q", a.StatusCode, a.Redirect())
			}
			if got := b.Who(); got != xtest.DefaultUserID {
				t.Errorf("signed in as %q", got)
			}
		})
	}
}

// TestThePagesPolicyAllowsItsScriptAlone: the policy names the script by its hash, and the
// script is the same for all visitors.
func TestThePagesPolicyAllowsItsScriptAlone(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.Pages.Interstitial = always })
	b := s.browser()
	a, again := b.Get("/auth/login"), b.Get("/auth/login/x-oauth1?return_to=/a")
	scripts := regexp.MustCompile(`(?s)<script[^>]*>(.*?)</script>`).FindAllStringSubmatch(a.Text, -1)
	if len(scripts) != 1 {
		t.Fatalf("%d scripts in %s", len(scripts), a.Text)
	}
	sum := sha256.Sum256([]byte(scripts[0][1]))
	csp := a.Header.Get("Content-Security-Policy")
	if want := "; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"; !strings.Contains(csp, want) || strings.Count(csp, "script-src") != 1 {
		t.Errorf("the policy is %q, want %q in it", csp, want)
	}
	for _, part := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"} {
		if !strings.Contains(csp, part) {
			t.Errorf("no %s in %q", part, csp)
		}
	}
	if strings.Contains(csp, "unsafe") || again.Header.Get("Content-Security-Policy") != csp {
		t.Errorf("the policy is %q, and of another sign-in %q", csp, again.Header.Get("Content-Security-Policy"))
	}
	other := b.Get("/auth/callback")
	if strings.Contains(other.Text, "<script") || strings.Contains(other.Header.Get("Content-Security-Policy"), "script-src") {
		t.Errorf("another page has a script: %q", other.Header.Get("Content-Security-Policy"))
	}
}

// TestACallbackInAnotherBrowserSaysSo: the X app on a phone can cause this.
func TestACallbackInAnotherBrowserSaysSo(t *testing.T) {
	s := newSite(t)
	phone, app := s.browser(), s.browser()
	callback := phone.Approve(phone.Begin("/auth/login"), xtest.DefaultUserID)
	a := app.Get(callback)
	s.isFailurePage(a, http.StatusBadRequest, "other_browser")
	for _, want := range []string{"in another browser than the one you started in", "X app", `href="/auth/login?cookie_test=1"`, ">Start again here</a>"} {
		if !strings.Contains(a.Text, want) {
			t.Errorf("no %q in %s", want, a.Text)
		}
	}
	if app.Who() != "" {
		t.Error("signed in")
	}
	if a := phone.Get(callback); a.StatusCode != http.StatusSeeOther {
		t.Errorf("in the browser that began: status %d", a.StatusCode)
	}
}
