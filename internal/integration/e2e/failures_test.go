package e2e

import (
	"errors"
	"net/http"
	"testing"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// failure is a sign-in that fails, named by the code on its page.
type failure struct {
	code    string
	fault   xtest.Fault
	refusal error
}

func failures() []failure {
	const token, me = "/2/oauth2/token", "/2/users/me"
	return []failure{
		{code: "expired", fault: xtest.Fault{Path: token, Status: 400, Body: `{"error":"invalid_request","error_description":"Value passed for the authorization code was invalid."}`}},
		{code: "rate_limited", fault: xtest.Fault{Path: me, Status: 429, Header: http.Header{"X-Rate-Limit-Reset": {"4102444800"}}, Body: `{"title":"Too Many Requests","status":429}`}},
		{code: "refused", fault: xtest.Fault{Path: token, Status: 401, Body: `{"error":"unauthorized_client","error_description":"Missing valid authorization header"}`}},
		{code: "unavailable", fault: xtest.Fault{Path: token, Status: 503}},
		{code: "not_allowed", refusal: provider.ErrNotAllowed},
		{code: "internal", refusal: errors.New("the table of users is away")},
	}
}

// fail makes the next sign-ins fail.
func (s *site) fail(f failure) {
	s.x.ClearFaults()
	s.refusal.Store(nil)
	if f.refusal != nil {
		s.refusal.Store(&f.refusal)
	} else {
		s.x.Fail(f.fault)
	}
}

// consent signs in at the local X, and comes back to the callback.
func consent(b browser) {
	b.see("will be able to")
	b.click("Demo Account")
	b.click("Authorize app")
}

// TestFailurePages checks each page that a visitor sees when a sign-in fails.
func TestFailurePages(t *testing.T) {
	t.Parallel()
	source, s := axe(t), newSite(t, "", false)
	p := newBrowser(t, s.url)
	p.click("Send")
	p.see("not signed in")
	p.looks(source)
	p.open("/auth/login?scope=tweet.write")
	p.see("unknown_scope")
	p.looks(source)
	for _, f := range failures() {
		s.fail(f)
		p.open("/auth/login")
		consent(p)
		p.arrive("/auth/callback")
		p.see(f.code)
		p.looks(source)
	}
}

// TestReloadOfAFailure checks that a reload shows the same page, with the same return path, and
// makes no call to X.
func TestReloadOfAFailure(t *testing.T) {
	t.Parallel()
	in(t, engines, settings{}, func(t *testing.T, b browser) {
		s := newSite(t, "", false)
		b.show(s.url)
		for _, f := range failures() {
			s.fail(f)
			b.open("/auth/login")
			consent(b)
			b.arrive("/auth/callback")
			b.see(f.code)
			b.reload()
			b.see(f.code)
		}
		s.x.ClearFaults()
		s.refusal.Store(nil)
		b.open("/private")
		consent(b)
		b.arrive("/private")
		b.see("Hello, Demo Account")
	})
}
