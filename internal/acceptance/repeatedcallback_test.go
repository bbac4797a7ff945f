package acceptance_test

import (
	"net/http"
	"testing"

	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/xtest"
)

// TestRepeatedCallbacks: what comes a second time gets the answer of the first, or a way to
// begin again. It never signs in, never ends a session, and never asks X again.
func TestRepeatedCallbacks(t *testing.T) {
	const seesPage = "/deep"
	for _, p := range flows {
		for _, tt := range []struct {
			name   string
			denies bool
			// before changes the browser, and second the address of the second callback.
			before func(s *site, b *browser)
			second func(address string) string
			want   string // the path, or the code of the page
			signed bool
		}{
			{"a double click", false, nil, nil, seesPage, true},
			{"with more parameters", false, nil, func(a string) string { return a + "&utm_source=x&fbclid=%" }, seesPage, true},
			{"without its proof", false, nil, func(a string) string { return testkit.Edited(t, a, p.proof, "") }, seesPage, true},
			{"with another proof", false, nil, func(a string) string { return testkit.Edited(t, a, p.proof, "made-up") }, seesPage, true},
			{"with a denial after the sign-in", false, nil, func(a string) string {
				return testkit.Edited(t, a, p.proof, "", "error", "access_denied")
			}, seesPage, true},
			{"after another sign-in", false, func(_ *site, b *browser) { b.SignIn("/auth/login", xtest.SecondUserID) }, nil, seesPage, true},
			{"after a sign-out", false, func(_ *site, b *browser) { b.Send(http.MethodPost, "/auth/logout", nil) }, nil, "other_browser", false},
			{"after the tab began another", false, func(_ *site, b *browser) { b.Begin(p.login) }, nil, seesPage, true},
			{"with another state", false, nil, func(a string) string { return testkit.Edited(t, a, p.handle, "made-up") }, "other_browser", true},
			{"a denial again", true, nil, nil, "denied", false},
			{"a denial with more parameters", true, nil, func(a string) string { return a + "&utm_source=x" }, "denied", false},
			{"a denial after a sign-in", true, func(_ *site, b *browser) { b.SignIn("/auth/login", xtest.DefaultUserID) }, nil, "denied", true},
			{"a denial after a sign-out", true, func(_ *site, b *browser) { b.Send(http.MethodPost, "/auth/logout", nil) }, nil, "other_browser", false},
			{"a denial, and then consent", true, nil, func(a string) string { return testkit.Edited(t, a, p.proof, "made-up", "error", "") }, "expired", false},
		} {
			s := newSite(t)
			b := s.browser()
			consent := b.Begin(p.login + "?return_to=/deep")
			var address string
			if tt.denies {
				denied, err := s.X.Deny(consent, xtest.DefaultUserID)
				if err != nil {
					t.Fatal(err)
				}
				address = denied
				s.isFailurePage(b.Get(address), http.StatusForbidden, "denied")
			} else {
				address = b.Approve(consent, xtest.DefaultUserID)
				if a := b.Get(address); a.Redirect() != seesPage {
					t.Fatalf("status %d to %q", a.StatusCode, a.Redirect())
				}
			}
			if tt.before != nil {
				tt.before(s, b)
			}
			who, asked, told := b.Who(), len(s.X.Requests()), len(s.Told())
			if tt.second != nil {
				address = tt.second(address)
			}
			for range 2 {
				a := b.Get(address)
				if tt.want == seesPage {
					if a.StatusCode != http.StatusSeeOther || a.Redirect() != seesPage {
						t.Errorf("%s, %s: status %d to %q", p.name, tt.name, a.StatusCode, a.Redirect())
					}
				} else {
					status := http.StatusBadRequest
					if tt.want == "denied" {
						status = http.StatusForbidden
					}
					s.isFailurePage(a, status, tt.want)
				}
			}
			if b.Who() != who || (who != "") != tt.signed || len(s.X.Requests()) != asked {
				t.Errorf("%s, %s: signed in as %q, before %q, %d requests to X", p.name, tt.name, b.Who(), who, len(s.X.Requests())-asked)
			}
			if n := len(s.Told()) - told; n != 0 && (tt.want == seesPage || tt.want == "denied") {
				t.Errorf("%s, %s: %d events for one sign-in", p.name, tt.name, n)
			}
		}
	}
}

// TestAReloadShowsTheSameFailure: each failure of a callback has the same page again, and X is
// not asked twice.
func TestAReloadShowsTheSameFailure(t *testing.T) {
	reloaded := 0
	for _, way := range everyPage {
		s := pageSite(t, nil)
		b := s.browser()
		if way.in {
			b.SignIn("/auth/login", xtest.DefaultUserID)
		}
		first := way.see(s, b)
		address := first.Request.URL
		if address.Path != "/auth/callback" || way.kind == "other_browser" {
			continue
		}
		reloaded++
		asked, told, who := len(s.X.Requests()), len(s.Told()), b.Who()
		for range 2 {
			a := b.Get(address.String())
			if a.StatusCode != first.StatusCode || a.Text != first.Text {
				t.Errorf("%s: status %d, first %d: %s", way.kind, a.StatusCode, first.StatusCode, a.Text)
			}
		}
		if len(s.X.Requests()) != asked || len(s.Told()) != told || b.Who() != who {
			t.Errorf("%s: %d requests to X, %d events, signed in as %q", way.kind, len(s.X.Requests())-asked, len(s.Told())-told, b.Who())
		}
	}
	if reloaded < 7 {
		t.Errorf("only %d failures of a callback", reloaded)
	}
}
