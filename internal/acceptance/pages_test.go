package acceptance_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/page"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

type wayToPage struct {
	kind   page.Kind
	in     bool
	status int
	see    func(s *site, b *browser) answer
}

// everyPage has a request for each page that the kit shows. If in is set, the browser is signed
// in first.
var everyPage = []wayToPage{
	{page.SignOut, true, 200, func(_ *site, b *browser) answer { return b.Get("/auth/logout") }},
	{"signed_out", false, 200, func(_ *site, b *browser) answer { return b.Get("/auth/logout") }},
	{"sign_out_failed", true, 503, func(s *site, b *browser) answer {
		s.Sessions.SetFail(errors.New("away"))
		return b.Send(http.MethodPost, "/auth/logout", nil)
	}},
	{"cross_origin", true, 403, func(_ *site, b *browser) answer {
		return b.Send(http.MethodPost, "/auth/logout", nil, "Sec-Fetch-Site", "cross-site")
	}},
	{"not_everywhere", true, 400, func(_ *site, b *browser) answer {
		return b.Send(http.MethodPost, "/auth/logout", url.Values{"everywhere": {"perhaps"}})
	}},
	{page.Interstitial, false, 200, func(_ *site, b *browser) answer {
		return b.Get("/auth/login", "Sec-CH-UA-Mobile", "?1")
	}},
	{page.Denied, false, 403, func(s *site, b *browser) answer {
		callback, err := s.X.Deny(b.Begin("/auth/login"), xtest.DefaultUserID)
		if err != nil {
			s.T.Fatal(err)
		}
		return b.Get(callback)
	}},
	{"not_granted", true, 403, func(s *site, b *browser) answer {
		s.scoped("/post", "tweet.write")
		return b.Get(b.Approve(testkit.Edited(s.T, b.consent("/post"), "scope", "tweet.read users.read"), xtest.DefaultUserID))
	}},
	{"expired", false, 400, func(s *site, b *browser) answer {
		return b.Get(testkit.Edited(s.T, b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID), "code", "made-up"))
	}},
	{"other_browser", false, 400, func(_ *site, b *browser) answer { return b.Get("/auth/callback?state=x") }},
	{"cookies_blocked", false, 400, func(_ *site, b *browser) answer { return b.Get("/auth/login?cookie_test=2") }},
	{"account_taken", false, 409, func(s *site, b *browser) answer {
		s.browser().SignIn("/auth/login", xtest.DefaultUserID)
		return b.Get(b.Approve(b.Begin("/auth/login?return_to=/ben"), xtest.DefaultUserID))
	}},
	{page.NotAllowed, false, 403, func(_ *site, b *browser) answer {
		return b.Get(b.Approve(b.Begin("/auth/login"), xtest.SecondUserID))
	}},
	{"account_refused", false, 403, func(s *site, b *browser) answer {
		callback := b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID)
		s.X.Fail(xtest.Fault{Path: "/2/users/me", Status: 403, Body: `{"title":"Forbidden","type":"https://api.twitter.com/2/problems/user-suspended"}`})
		return b.Get(callback)
	}},
	{"rate_limited", false, 503, func(s *site, b *browser) answer {
		s.X.Fail(xtest.Fault{Path: "/oauth/request_token", Status: 429})
		return b.Get("/auth/login/x-oauth1")
	}},
	{"refused", false, 502, func(s *site, b *browser) answer {
		s.X.SetCallbacks("http://127.0.0.1:8080/other")
		return b.Get("/auth/login/x-oauth1")
	}},
	{"unavailable", false, 502, func(s *site, b *browser) answer {
		s.X.Fail(xtest.Fault{Path: "/oauth/request_token", Status: 500})
		return b.Get("/auth/login/x-oauth1")
	}},
	{"internal", false, 503, func(s *site, b *browser) answer {
		callback := b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID)
		s.Tokens.SetFail(errors.New("away"))
		return b.Get(callback)
	}},
	{"not_a_page_load", false, 403, func(_ *site, b *browser) answer {
		return b.Get("/auth/login", "Sec-Purpose", "prefetch")
	}},
	{"unknown_scope", false, 400, func(_ *site, b *browser) answer { return b.Get("/auth/login?scope=dm.write") }},
	{"insufficient_scope", true, 403, func(s *site, b *browser) answer {
		s.scoped("/post", "tweet.write")
		return b.Send(http.MethodPost, "/post", url.Values{}, "Sec-Fetch-Mode", "navigate")
	}},
	{"not_signed_in", false, 401, func(_ *site, b *browser) answer {
		return b.Send(http.MethodPost, "/me", url.Values{}, "Sec-Fetch-Mode", "navigate")
	}},
	{"open_sign_in", false, 401, func(_ *site, b *browser) answer {
		return b.Get("/me", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe")
	}},
	{"sign_in_again", true, 401, func(s *site, b *browser) answer {
		s.X.RevokeApp(xtest.DefaultUserID)
		if err := s.Kit.RefreshToken(context.Background(), xsignin.Key{Provider: "x", UserID: xtest.DefaultUserID, AccountID: xtest.DefaultUserID}); err == nil {
			s.T.Error("X took a revoked token")
		}
		return b.Send(http.MethodPost, "/me", url.Values{}, "Sec-Fetch-Mode", "navigate")
	}},
	{"temporary", true, 503, func(s *site, b *browser) answer {
		s.Sessions.SetFail(errors.New("away"))
		return b.Get("/me")
	}},
	{"not_found", false, 404, func(_ *site, b *browser) answer { return b.Get("/auth/login/unknown") }},
	{"method_not_allowed", false, 405, func(_ *site, b *browser) answer {
		return b.Send(http.MethodPost, "/auth/login", nil)
	}},
}

// pageSite is a site with a Pages hook. It refuses the second user.
func pageSite(t *testing.T, pages func(http.ResponseWriter, *http.Request, page.Page)) *site {
	return newSite(t, func(c *xsignin.Config) {
		c.Pages.Render, c.Pages.Interstitial = pages, handlers.OnPhones
		c.OnSignIn = func(_ context.Context, in *xsignin.SignIn) error {
			if in.User.AccountID == xtest.SecondUserID {
				return provider.ErrNotAllowed
			}
			if in.ReturnTo == "/ben" {
				in.User.ID = "ben" // another user of the application
			}
			return nil
		}
	})
}

func TestEveryPageIsTheApplicationsToReplace(t *testing.T) {
	own := template.Must(template.New("own").Parse(`<!doctype html><title>{{.Title}}</title><p>mine: {{.Kind}}</p>`))
	for _, tt := range everyPage {
		t.Run(string(tt.kind), func(t *testing.T) {
			var shown []page.Page
			s := pageSite(t, func(w http.ResponseWriter, _ *http.Request, p page.Page) {
				shown = append(shown, p)
				_ = own.Execute(w, p)
			})
			b := s.browser()
			if tt.in {
				b.SignIn("/auth/login", xtest.DefaultUserID)
			}
			a := tt.see(s, b)
			s.Sessions.SetFail(nil)
			if len(shown) != 1 {
				t.Fatalf("%d pages were shown; status %d, body %s", len(shown), a.StatusCode, a.Text)
			}
			p := shown[0]
			if p.Kind != tt.kind || p.Status != tt.status || p.Title == "" || p.Text == "" || p.Lang != "en" || p.HomeLabel == "" || p.CodeLabel == "" {
				t.Errorf("shown: %+v", p)
			}
			if p.Label == "" && p.Home == "" {
				t.Error("the page leads nowhere")
			}
			if a.StatusCode != tt.status || !strings.Contains(a.Text, "<p>mine: "+string(tt.kind)+"</p>") || strings.Count(a.Text, "<title>") != 1 {
				t.Errorf("status %d, body %s", a.StatusCode, a.Text)
			}
			referrer, frames := "no-referrer", "DENY"
			if tt.kind == page.SignOut {
				referrer = "same-origin" // otherwise the form is sent with "Origin: null"
			}
			if tt.kind == "open_sign_in" {
				frames = "SAMEORIGIN"
			}
			for name, want := range map[string]string{
				"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Referrer-Policy": referrer,
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": frames, "Content-Security-Policy": "",
			} {
				if got := a.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if tt.status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") == "" {
				t.Error("Retry-After is lost")
			}
		})
	}
}

// TestEveryKindOfPageIsProvoked checks that everyPage has each kind of page in the table.
func TestEveryKindOfPageIsProvoked(t *testing.T) {
	b, err := os.ReadFile("../../page/problems.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct{ Problems []struct{ Kind, Page string } }
	if err := json.Unmarshal(b, &table); err != nil {
		t.Fatal(err)
	}
	// Programs get these as documents, and a visitor who left gets no response.
	documents := []string{
		"visitor_left", "token_refused", "bad_request", "unknown_provider", "unsupported", "unknown_redirect_uri", "not_native", "not_json", "too_large",
	}
	found := 0
	for _, row := range table.Problems {
		kind := cmp.Or(row.Page, row.Kind)
		if slices.Contains(documents, kind) {
			continue
		}
		found++
		if !slices.ContainsFunc(everyPage, func(p wayToPage) bool { return string(p.kind) == kind }) {
			t.Errorf("no test sees the page %q", kind)
		}
	}
	if found < 30 {
		t.Errorf("problems.json has %d kinds of page; is it still the file that lists them?", found)
	}
}

// TestOneTextIsChangedAndTheRestStays is the smallest use of the hook.
func TestOneTextIsChangedAndTheRestStays(t *testing.T) {
	s := pageSite(t, func(w http.ResponseWriter, r *http.Request, p page.Page) {
		if p.Kind == "not_found" {
			p.Text = `Nothing <b>here</b> & nobody.`
		}
		p.Render(w, r)
	})
	b := s.browser()
	a := b.Get("/auth/nowhere")
	s.isFailurePage(a, http.StatusNotFound, "not_found")
	if !strings.Contains(a.Text, "Nothing &lt;b&gt;here&lt;/b&gt; &amp; nobody.") {
		t.Errorf("the text: %s", a.Text)
	}
	plain := newSite(t).browser()
	if got, want := b.Get("/auth/callback").Text, plain.Get("/auth/callback").Text; got != want {
		t.Errorf("another page changed:\n%s\n%s", got, want)
	}
}

// TestScriptsGetNoPages: programs get a problem document, whatever the hook does.
func TestScriptsGetNoPages(t *testing.T) {
	s := pageSite(t, func(http.ResponseWriter, *http.Request, page.Page) { t.Error("a page was shown") })
	b := s.browser()
	for _, path := range []string{"/auth/nowhere", "/auth/callback", "/me"} {
		a := b.Get(path, "Accept", "application/json")
		if a.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %v %s", path, a.Header, a.Text)
		}
	}
}

// TestAPageDoesNotCarryWhatStrangersWrite: a link can only put its return path on a page, and
// the page escapes the path.
func TestAPageDoesNotCarryWhatStrangersWrite(t *testing.T) {
	const mark = `"><script>alert(1)</script>`
	var shown []page.Page
	s := pageSite(t, func(w http.ResponseWriter, r *http.Request, p page.Page) {
		shown = append(shown, p)
		p.Render(w, r)
	})
	b := s.browser()
	s.X.Fail(xtest.Fault{Path: "/oauth/request_token", Status: 403, Body: `{"errors":[{"code":1,"message":` + strconv.Quote(mark) + `}]}`})
	for _, target := range []string{
		"/auth/callback?state=x&error_description=" + url.QueryEscape(mark),
		"/auth/nowhere/" + url.PathEscape(mark),
		"/auth/login/x-oauth1?return_to=" + url.QueryEscape("/a?"+mark),
	} {
		a := b.Get(target)
		if a.StatusCode < 400 || strings.Contains(a.Text, "<script") {
			t.Errorf("%s: %s", target, a.Text)
		}
	}
	if len(shown) != 3 {
		t.Fatalf("%d pages", len(shown))
	}
	for _, p := range shown {
		words := fmt.Sprint(p.Title, p.Text, p.Label, p.Code, p.RetryText, p.HomeLabel, p.CodeLabel, p.Home)
		if strings.Contains(words, "alert") || strings.ContainsAny(p.Link, "<>\"") {
			t.Errorf("%+v", p)
		}
	}
}
