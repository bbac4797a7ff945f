package acceptance_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/xtest"
)

// protocol has the differences between the failures of the two protocols.
type protocol struct {
	name, login string
	// handle and proof are the parameters of the callback.
	handle, proof string
	// first and last are the calls to X before and after the consent.
	first, last string
}

var flows = []protocol{
	{"x", "/auth/login", "state", "code", "", "/2/oauth2/token"},
	{"x-oauth1", "/auth/login/x-oauth1", "oauth_token", "oauth_verifier", "/oauth/request_token", "/oauth/access_token"},
}

// failing is a sign-in that must fail.
type failing struct {
	name   string
	only   string // the protocol; "" for both
	status int
	code   string
	// run returns the last response, which the visitor sees.
	run func(t *testing.T, s *site, b *browser, p protocol) answer
	// asked is the number of token requests to X; -1 for any number.
	asked int
}

// fault is a failure of X during an honest sign-in.
func fault(path string, f xtest.Fault) func(*testing.T, *site, *browser, protocol) answer {
	return func(_ *testing.T, s *site, b *browser, p protocol) answer {
		callback := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
		f.Path = path
		if path == "" {
			f.Path = p.last
		}
		s.X.Fail(f)
		return b.Get(callback)
	}
}

// faultAtBegin is a failure of X before the consent.
func faultAtBegin(f xtest.Fault) func(*testing.T, *site, *browser, protocol) answer {
	return func(_ *testing.T, s *site, b *browser, p protocol) answer {
		f.Path = p.first
		s.X.Fail(f)
		return b.Get(p.login)
	}
}

// section finds the cause of a log line, and the section at the end of the line.
var section = regexp.MustCompile(`cause=(\S+) .* help=https://github\.com/xsignin/xsignin/blob/main/docs/troubleshooting\.md#([a-z_]+)\n$`)

var htmlHeader = http.Header{"Content-Type": {"text/html"}}

var failures = []failing{
	{"a stranger's callback link", "", 400, "other_browser", func(_ *testing.T, s *site, b *browser, p protocol) answer {
		stranger := s.browser()
		return b.Get(stranger.Approve(stranger.Begin(p.login), xtest.SecondUserID))
	}, 0},
	{"a handle that is made up", "", 400, "other_browser", func(t *testing.T, _ *site, b *browser, p protocol) answer {
		return b.Get("/auth/callback?" + url.Values{p.handle: {"made-up"}, p.proof: {"x"}}.Encode())
	}, 0},
	{"no parameters", "", 400, "other_browser", func(_ *testing.T, _ *site, b *browser, _ protocol) answer {
		return b.Get("/auth/callback")
	}, 0},
	{"a denial without a state", "x", 400, "other_browser", func(_ *testing.T, _ *site, b *browser, p protocol) answer {
		return b.Get("/auth/callback?error=access_denied")
	}, 0},
	{"a query that does not parse", "", 400, "other_browser", func(_ *testing.T, _ *site, b *browser, _ protocol) answer {
		return b.Get("/auth/callback?state=%zz")
	}, 0},
	{"a query of a megabyte", "", 400, "other_browser", func(_ *testing.T, _ *site, b *browser, p protocol) answer {
		return b.Get("/auth/callback?" + p.handle + "=" + strings.Repeat("a", 1<<20))
	}, 0},
	{"an honest callback with nine kilobytes more", "", 400, "other_browser", func(_ *testing.T, _ *site, b *browser, p protocol) answer {
		a := b.Get(b.Approve(b.Begin(p.login), xtest.DefaultUserID) + "&more=" + strings.Repeat("a", 9<<10))
		b.Send(http.MethodPost, "/auth/logout", nil) // clears the sign-in, which is still pending
		return a
	}, 0},
	{"handles of both protocols", "", 400, "other_browser", func(_ *testing.T, _ *site, b *browser, _ protocol) answer {
		return b.Get("/auth/callback?state=a&oauth_token=b")
	}, 0},
	{"the proof of a stranger's sign-in", "", 400, "expired", func(t *testing.T, s *site, b *browser, p protocol) answer {
		stranger := s.browser()
		theirs := stranger.Approve(stranger.Begin(p.login), xtest.SecondUserID)
		ours := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
		return b.Get(testkit.Edited(t, ours, p.proof, testkit.Param(t, theirs, p.proof)))
	}, 1},
	{"a proof that is made up", "", 400, "expired", func(t *testing.T, _ *site, b *browser, p protocol) answer {
		return b.Get(testkit.Edited(t, b.Approve(b.Begin(p.login), xtest.DefaultUserID), p.proof, "made-up"))
	}, 1},
	{"a truncated proof", "", 400, "expired", func(t *testing.T, _ *site, b *browser, p protocol) answer {
		c := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
		return b.Get(testkit.Edited(t, c, p.proof, testkit.Param(t, c, p.proof)[:10]))
	}, 1},
	{"X's code after its thirty seconds", "x", 400, "expired", func(_ *testing.T, _ *site, b *browser, p protocol) answer {
		c := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
		time.Sleep(31 * time.Second)
		return b.Get(c)
	}, 1},
	{"a sign-in that took eleven minutes", "", 400, "other_browser", func(_ *testing.T, _ *site, b *browser, p protocol) answer {
		c := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
		time.Sleep(11 * time.Minute)
		return b.Get(c)
	}, 0},
	{"a sign-in that took eleven minutes, in a browser that keeps every cookie", "", 400, "expired", func(_ *testing.T, _ *site, b *browser, p protocol) answer {
		c := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
		keep := b.pending()
		time.Sleep(11 * time.Minute)
		return b.Get(c, "Cookie", keep)
	}, 0},
	{"a denial", "", 403, "denied", func(t *testing.T, s *site, b *browser, p protocol) answer {
		callback, err := s.X.Deny(b.Begin(p.login), xtest.DefaultUserID)
		if err != nil {
			t.Fatal(err)
		}
		return b.Get(callback)
	}, 0},
	{"a denial that names the token twice", "x-oauth1", 403, "denied", func(t *testing.T, s *site, b *browser, p protocol) answer {
		callback, err := s.X.Deny(b.Begin(p.login), xtest.DefaultUserID)
		if err != nil {
			t.Fatal(err)
		}
		return b.Get(testkit.Edited(t, callback, "oauth_token", testkit.Param(t, callback, "denied")))
	}, 0},
	{"X is down", "", 502, "unavailable", fault("", xtest.Fault{Status: 503, Body: "over capacity"}), 1},
	{"X breaks the connection", "", 503, "unavailable", fault("", xtest.Fault{CutAfter: -1}), 1},
	{"X breaks off in the middle", "", 502, "unavailable", fault("", xtest.Fault{CutAfter: 20, After: true}), 1},
	{"X does not answer", "", 504, "unavailable", fault("", xtest.Fault{Delay: time.Hour}), 1},
	{"X answers with a page", "", 502, "unavailable", fault("", xtest.Fault{Header: htmlHeader, Body: "<!doctype html><title>x</title>"}), 1},
	{"X refuses with a page", "", 502, "unavailable", fault("", xtest.Fault{Status: 403, Header: htmlHeader, Body: "<!doctype html><title>Just a moment</title>"}), 1},
	{"X answers with nothing", "", 502, "unavailable", fault("", xtest.Fault{Status: 200, Body: " "}), 1},
	{"X limits the rate", "", 503, "rate_limited", fault("", xtest.Fault{Status: 429, Header: http.Header{"X-Rate-Limit-Reset": {"4102444800"}}}), 1},
	{"X refuses the clock", "x-oauth1", 502, "refused", fault("", xtest.Fault{Status: 401, Body: `{"errors":[{"code":135,"message":"Timestamp out of bounds."}]}`}), 1},
	{"X refuses the plan", "x", 502, "refused", fault("/2/users/me", xtest.Fault{Status: 403, Body: `{"reason":"client-not-enrolled","type":"https://api.twitter.com/2/problems/client-forbidden"}`}), 1},
	{"the token lacks a scope", "x", 502, "refused", fault("/2/users/me", xtest.Fault{Status: 403, Body: `{"title":"Forbidden","type":"about:blank","status":403,"detail":"Forbidden"}`}), 1},
	{"X refuses the credentials", "x", 502, "refused", fault("", xtest.Fault{Status: 401, Body: `{"error":"unauthorized_client","error_description":"Missing valid authorization header"}`}), 1},
	{"X refuses the credentials", "x-oauth1", 502, "refused", fault("", xtest.Fault{Status: 401, Body: `{"errors":[{"code":32,"message":"Could not authenticate you."}]}`}), 1},
	{"no access token in the answer", "x", 502, "unavailable", fault("", xtest.Fault{Body: `{"token_type":"bearer","expires_in":7200}`, Header: http.Header{"Content-Type": {"application/json"}}}), 1},
	{"no token secret in the answer", "x-oauth1", 502, "unavailable", fault("", xtest.Fault{Body: "oauth_token=1-a&user_id=1&screen_name=a"}), 1},
	{"no id in users/me", "x", 502, "unavailable", fault("/2/users/me", xtest.Fault{Body: `{"data":{"name":"x"}}`, Header: http.Header{"Content-Type": {"application/json"}}}), 1},
	{"an outage of users/me", "x", 502, "unavailable", fault("/2/users/me", xtest.Fault{Status: 401, Body: `{"title":"Unauthorized","status":401}`}), 1},
	{"no credits for users/me", "x", 502, "refused", fault("/2/users/me", xtest.Fault{Status: 402, Body: `{"title":"CreditsDepleted","type":"https://api.twitter.com/2/problems/credits"}`}), 1},
	{"users/me is limited", "x", 503, "rate_limited", fault("/2/users/me", xtest.Fault{Status: 429}), 1},
	{"a request token that is not to be had", "x-oauth1", 502, "unavailable", faultAtBegin(xtest.Fault{Status: 500}), 0},
	{"a callback that is not registered", "x-oauth1", 502, "refused", func(_ *testing.T, s *site, b *browser, p protocol) answer {
		s.X.SetCallbacks("http://127.0.0.1:8080/other")
		return b.Get(p.login)
	}, 0},
	{"a request token without a secret", "x-oauth1", 502, "unavailable", faultAtBegin(xtest.Fault{Body: "oauth_token=a&oauth_callback_confirmed=true"}), 0},
	{"a callback that X does not confirm", "x-oauth1", 502, "unavailable", faultAtBegin(xtest.Fault{Body: "oauth_token=a&oauth_token_secret=b"}), 0},
	{"the token store is away", "", 503, "internal", func(_ *testing.T, s *site, b *browser, p protocol) answer {
		c := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
		s.Tokens.SetFail(errors.New("away"))
		a := b.Get(c)
		s.Tokens.SetFail(nil)
		return a
	}, 1},
	{"the session store is away", "", 503, "internal", func(_ *testing.T, s *site, b *browser, p protocol) answer {
		c := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
		s.Sessions.SetFail(errors.New("away"))
		a := b.Get(c)
		s.Sessions.SetFail(nil)
		return a
	}, 1},
}

func TestSignInsThatMustFailLeaveNothing(t *testing.T) {
	for _, p := range flows {
		for _, f := range failures {
			if f.only != "" && f.only != p.name {
				continue
			}
			t.Run(p.name+"/"+f.name, func(t *testing.T) {
				s := newSite(t)
				s.Bubble(func() {
					b := s.browser()
					a := f.run(t, s, b, p)
					s.isFailurePage(a, f.status, f.code)
					s.nothingIsLeft(b)
					if n := s.X.Count(http.MethodPost, p.last); f.asked >= 0 && n != f.asked {
						t.Errorf("X was asked for the token %d times, want %d", n, f.asked)
					}
					last := s.LastEvent()
					if last.Kind != event.SignInFailed || last.Cause != f.code || last.Err == nil {
						t.Errorf("the event is %v", last)
					}
					if f.code == "refused" && !strings.Contains(s.Log.String(), " fix=") {
						t.Errorf("the log does not say what to do: %s", s.Log.String())
					}
					for line := range strings.Lines(s.Log.String()) {
						// The reason for a refusal has a section of its own.
						m := section.FindStringSubmatch(line)
						if strings.Contains(line, "sign-in failed") && (m == nil || m[1] != m[2] && m[1] != "refused") {
							t.Errorf("the line does not end with the address of its section: %s", line)
						}
					}
					// The next honest sign-in works.
					s.X.ClearFaults()
					s.X.SetCallbacks(s.Public + "/auth/callback")
					b.SignIn(p.login, xtest.DefaultUserID)
					if got := b.Who(); got != xtest.DefaultUserID {
						t.Errorf("afterwards: signed in as %q", got)
					}
				})
			})
		}
	}
}

// isFailurePage checks the page after a failure, and its security headers.
func (s *site) isFailurePage(a answer, status int, code string) {
	s.T.Helper()
	if a.StatusCode != status || !strings.Contains(a.Text, "<code>"+code+"</code>") {
		s.T.Errorf("status %d, want %d and the code %s; body %s", a.StatusCode, status, code, a.Text)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store",
		"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
	} {
		if got := a.Header.Get(name); got != want {
			s.T.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	csp := a.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
		s.T.Errorf("Content-Security-Policy is %q", csp)
	}
	if !strings.Contains(a.Text, `href="/auth/login`) {
		s.T.Error("the page offers no way to try again")
	}
	if (code == "rate_limited" || code == "unavailable" || code == "internal") && a.Header.Get("Retry-After") == "" {
		s.T.Error("no Retry-After")
	}
}

// pending is the Cookie header with the pending sign-ins.
func (b *browser) pending() string {
	u, err := url.Parse(b.s.Public + "/")
	if err != nil {
		b.s.T.Fatal(err)
	}
	var parts []string
	for _, c := range b.Jar.Cookies(u) {
		if strings.Contains(c.Name, "pending") {
			parts = append(parts, c.Name+"="+c.Value)
		}
	}
	return strings.Join(parts, "; ")
}

func TestACallbackWorksOnce(t *testing.T) {
	for _, p := range flows {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser()
			callback := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
			kept := b.pending()
			if a := b.Get(callback); a.StatusCode != http.StatusSeeOther {
				t.Fatalf("status %d", a.StatusCode)
			}
			// A reload gets the answer of the first request.
			if a := b.Get(callback); a.StatusCode != http.StatusSeeOther || a.Redirect() != "/" {
				t.Errorf("the second use: status %d to %q", a.StatusCode, a.Redirect())
			}
			if got := b.Who(); got != xtest.DefaultUserID {
				t.Errorf("the second use changed who is signed in: %q", got)
			}
			// So does a client that saved the cookie.
			thief := s.browser()
			if a := thief.Get(callback, "Cookie", kept); a.StatusCode != http.StatusBadRequest {
				t.Errorf("a replay with the cookie: status %d", a.StatusCode)
			}
			if got := thief.Who(); got != "" {
				t.Errorf("a replay signed in %q", got)
			}
			if n := s.X.Count(http.MethodPost, p.last); n != 1 {
				t.Errorf("X was asked %d times", n)
			}
		})
	}
}

func TestAStrangersLinkDoesNotDisturbASignInUnderWay(t *testing.T) {
	for _, p := range flows {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t)
			b, stranger := s.browser(), s.browser()
			ours := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
			theirs := stranger.Approve(stranger.Begin(p.login), xtest.SecondUserID)
			s.isFailurePage(b.Get(theirs), http.StatusBadRequest, "other_browser")
			if a := b.Get(ours); a.StatusCode != http.StatusSeeOther {
				t.Errorf("status %d", a.StatusCode)
			}
			if got := b.Who(); got != xtest.DefaultUserID {
				t.Errorf("signed in as %q", got)
			}
		})
	}
}

// TestTheLogTellsOfAnotherHost: this is the most common mistake in development. Clients cannot
// fill the log with other hosts.
func TestTheLogTellsOfAnotherHost(t *testing.T) {
	s := newSite(t)
	for _, host := range []string{"localhost:8080", strings.Repeat("a", 100_000)} {
		r := httptest.NewRequest(http.MethodGet, "/auth/callback?state=s&code=c", http.NoBody)
		r.Host = host
		s.Mux.ServeHTTP(httptest.NewRecorder(), r)
	}
	log := s.Log.String()
	if !strings.Contains(log, "host=localhost:8080 expected_origin=http://127.0.0.1:8080") || !strings.Contains(log, "host=aaaa") {
		t.Errorf("the log does not tell: %.2000s", log)
	}
	if len(log) > 4000 {
		t.Errorf("the log has %d bytes", len(log))
	}
}

func TestDuplicateParametersAreRefused(t *testing.T) {
	for _, p := range flows {
		s := newSite(t)
		b := s.browser()
		callback := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
		for _, name := range []string{p.handle, p.proof} {
			dup := callback + "&" + name + "=a&" + name + "=b"
			s.isFailurePage(b.Get(dup), http.StatusBadRequest, "other_browser")
		}
		if a := b.Get(callback); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: the honest callback afterwards: status %d", p.name, a.StatusCode)
		}
	}
}

func TestACallbackWithoutProofIsNoSignIn(t *testing.T) {
	for _, p := range flows {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser()
			a := b.Get(testkit.Edited(t, b.Approve(b.Begin(p.login), xtest.DefaultUserID), p.proof, ""))
			if a.StatusCode < 400 || a.StatusCode > 499 {
				t.Errorf("status %d, body %s", a.StatusCode, a.Text)
			}
			s.nothingIsLeft(b)
		})
	}
}

func TestAnAnswerWithoutUserIDIsMadeUpForByOneCall(t *testing.T) {
	s := newSite(t)
	s.X.SetSwitches(xtest.Switches{OmitUserID: true})
	b := s.browser()
	b.SignIn("/auth/login/x-oauth1", xtest.DefaultUserID)
	if b.Who() != xtest.DefaultUserID || s.X.Count(http.MethodGet, "/2/users/me") != 1 {
		t.Errorf("signed in as %q", b.Who())
	}
}

func TestAFailedSignInKeepsTheEarlierOne(t *testing.T) {
	for _, p := range flows {
		t.Run(p.name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser()
			b.SignIn(p.login, xtest.DefaultUserID)
			callback := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
			s.Sessions.SetFail(errors.New("away"))
			s.isFailurePage(b.Get(callback), http.StatusServiceUnavailable, "internal")
			s.Sessions.SetFail(nil)
			if got := b.Who(); got != xtest.DefaultUserID {
				t.Errorf("signed in as %q", got)
			}
			if a := b.Get("/api"); a.StatusCode != http.StatusOK {
				t.Errorf("the earlier token does not work: status %d, body %s", a.StatusCode, a.Text)
			}
		})
	}
}

func TestFailuresInJSONForWhoAsks(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	a := b.Get("/auth/callback?state=x", "Accept", "application/json")
	var doc struct {
		Type, Title, Code, Detail string
		Status                    int
		RetryURL                  string `json:"retry_url"`
	}
	if err := json.Unmarshal([]byte(a.Text), &doc); err != nil {
		t.Fatal(err)
	}
	if a.Header.Get("Content-Type") != "application/problem+json" || doc.Code != "other_browser" || doc.Status != 400 ||
		doc.Type != "about:blank" || doc.RetryURL != "/auth/login" || doc.Title == "" || doc.Detail == "" {
		t.Errorf("%s", a.Text)
	}
}

func TestOnlyTheRightMethods(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	for _, tt := range []struct{ method, path, allow string }{
		{http.MethodPost, "/auth/login", "GET"},
		{http.MethodHead, "/auth/login", "GET"},
		{http.MethodPost, "/auth/callback?state=x", "GET"},
		{http.MethodHead, "/auth/callback?state=x", "GET"},
		{http.MethodDelete, "/auth/logout", "GET, HEAD, POST"},
		{http.MethodPost, "/auth/session", "GET, HEAD"},
	} {
		a := b.Send(tt.method, tt.path, nil)
		if a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: status %d, Allow %q", tt.method, tt.path, a.StatusCode, a.Header.Get("Allow"))
		}
	}
	for _, path := range []string{"/auth/login/unknown", "/auth/", "/auth/logout/x"} {
		s.isFailurePage(b.Get(path), http.StatusNotFound, "not_found")
	}
}

// TestOnlyPageLoadsBeginASignIn: a request token costs a call to X, and any site could request
// one with an image.
func TestOnlyPageLoadsBeginASignIn(t *testing.T) {
	for _, p := range flows {
		s := newSite(t)
		b := s.browser()
		for _, headers := range [][]string{
			{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"},
			{"Sec-Fetch-Mode", "cors"},
			{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"},
			{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "object"},
			{"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "embed"},
			{"Sec-Fetch-Mode", "navigate", "Sec-Purpose", "prefetch;prerender"},
			{"Purpose", "prefetch"},
		} {
			a := b.Get(p.login+"?return_to=/deep", headers...)
			if a.StatusCode != http.StatusForbidden || !strings.Contains(a.Text, "not_a_page_load") || !strings.Contains(a.Text, "?return_to=%2Fdeep") {
				t.Errorf("%v: status %d, body %s", headers, a.StatusCode, a.Text)
			}
		}
		a := b.Get(p.login+"?return_to=/list", "HX-Request", "true", "Sec-Fetch-Mode", "cors")
		if a.StatusCode != http.StatusOK || a.Header.Get("HX-Redirect") != p.login+"?return_to=%2Flist" {
			t.Errorf("htmx: status %d to %q", a.StatusCode, a.Header.Get("HX-Redirect"))
		}
		if len(s.X.Requests()) != 0 || len(b.Cookies()) != 0 {
			t.Error("a sign-in was begun")
		}
		for _, dest := range []string{"document", "empty"} { // the latter through a service worker
			if a := b.Get(p.login, "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", dest); a.StatusCode != http.StatusSeeOther {
				t.Errorf("a page load with destination %q: status %d", dest, a.StatusCode)
			}
		}
		b.SignIn(p.login, xtest.DefaultUserID)
		if b.Who() == "" {
			t.Error("a client that says nothing cannot sign in")
		}
	}
}

func TestLogout(t *testing.T) {
	signedIn := func(t *testing.T, edit ...func(*xsignin.Config)) (*site, *browser) {
		s := newSite(t, edit...)
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		return s, b
	}
	t.Run("another site cannot do it", func(t *testing.T) {
		for _, headers := range [][]string{
			{"Sec-Fetch-Site", "cross-site"},
			{"Sec-Fetch-Site", "same-site"},
			{"Origin", "https://evil.example"},
			{"Origin", "null"},
			{"Sec-Fetch-Site", "cross-site", "Origin", "http://127.0.0.1:8081"},
		} {
			_, b := signedIn(t)
			a := b.Send(http.MethodPost, "/auth/logout", url.Values{}, headers...)
			if a.StatusCode != http.StatusForbidden || !strings.Contains(a.Text, "cross_origin") {
				t.Errorf("%v: status %d, body %s", headers, a.StatusCode, a.Text)
			}
			if b.Who() == "" {
				t.Errorf("%v: signed out", headers)
			}
		}
	})
	t.Run("this site can, in old browsers too", func(t *testing.T) {
		for _, headers := range [][]string{
			{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, {"Origin", "http://127.0.0.1:8080"}, {},
		} {
			_, b := signedIn(t)
			a := b.Send(http.MethodPost, "/auth/logout", url.Values{"return_to": {"/bye?x=1"}}, headers...)
			if a.StatusCode != http.StatusSeeOther || a.Redirect() != "/bye?x=1" || b.Who() != "" {
				t.Errorf("%v: status %d to %q", headers, a.StatusCode, a.Redirect())
			}
		}
	})
	t.Run("GET shows a button and changes nothing", func(t *testing.T) {
		_, b := signedIn(t)
		a := b.Get("/auth/logout")
		if a.StatusCode != http.StatusOK || !strings.Contains(a.Text, `<form method="post" action="/auth/logout">`) {
			t.Errorf("status %d, body %s", a.StatusCode, a.Text)
		}
		if head := b.Send(http.MethodHead, "/auth/logout", nil); head.StatusCode != http.StatusOK || head.Text != "" {
			t.Errorf("HEAD: status %d, body %q", head.StatusCode, head.Text)
		}
		if b.Who() == "" {
			t.Error("signed out")
		}
	})
	t.Run("it leads nowhere else", func(t *testing.T) {
		_, b := signedIn(t)
		a := b.Send(http.MethodPost, "/auth/logout", url.Values{"return_to": {"//evil.example"}})
		if a.Redirect() != "/" {
			t.Errorf("sent to %q", a.Redirect())
		}
	})
	t.Run("a script gets 204", func(t *testing.T) {
		_, b := signedIn(t)
		a := b.Send(http.MethodPost, "/auth/logout", nil, "Accept", "application/json")
		if a.StatusCode != http.StatusNoContent || b.Who() != "" {
			t.Errorf("status %d", a.StatusCode)
		}
	})
	t.Run("htmx loads the page", func(t *testing.T) {
		for _, headers := range [][]string{
			{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin"}, {"Origin", "http://127.0.0.1:8080"},
			{"HX-Boosted", "true", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin"}, {"HX-Boosted", "true"},
		} {
			_, b := signedIn(t)
			a := b.Send(http.MethodPost, "/auth/logout", url.Values{"return_to": {"/bye?x=1"}}, append(headers, "HX-Request", "true", "Accept", "*/*")...)
			if a.StatusCode != http.StatusNoContent || a.Header.Get("HX-Redirect") != "/bye?x=1" || b.Who() != "" {
				t.Errorf("%v: status %d to %q", headers, a.StatusCode, a.Header.Get("HX-Redirect"))
			}
		}
	})
	t.Run("nobody is told so", func(t *testing.T) {
		a := newSite(t).browser().Get("/auth/logout")
		if a.StatusCode != http.StatusOK || !strings.Contains(a.Text, "You are not signed in") || strings.Contains(a.Text, "<form") {
			t.Errorf("status %d, body %s", a.StatusCode, a.Text)
		}
	})
	t.Run("nobody signs out", func(t *testing.T) {
		s := newSite(t)
		b := s.browser()
		if a := b.Send(http.MethodPost, "/auth/logout", nil); a.StatusCode != http.StatusSeeOther {
			t.Errorf("status %d", a.StatusCode)
		}
		if len(s.Told()) != 0 || len(s.X.Requests()) != 0 {
			t.Error("something was done")
		}
	})
	t.Run("a sign-in that was begun before does not end after", func(t *testing.T) {
		s, b := signedIn(t)
		callback := b.Approve(b.Begin("/auth/login"), xtest.SecondUserID)
		kept := b.pending()
		b.Send(http.MethodPost, "/auth/logout", nil)
		s.isFailurePage(b.Get(callback), http.StatusBadRequest, "other_browser")
		if a := b.Get(callback, "Cookie", kept); a.StatusCode != http.StatusBadRequest || b.Who() != "" {
			t.Errorf("with the cookie: status %d", a.StatusCode)
		}
	})
	t.Run("both tokens go, at X too", func(t *testing.T) {
		s, b := signedIn(t)
		b.SignIn("/auth/login/x-oauth1", xtest.DefaultUserID)
		b.Send(http.MethodPost, "/auth/logout", nil)
		if s.X.Count(http.MethodPost, "/2/oauth2/revoke") == 0 || s.X.Count(http.MethodPost, "/1.1/oauth/invalidate_token.json") != 1 {
			t.Error("X was not told")
		}
		if got := s.Tokens.Keys(); len(got) != 0 {
			t.Errorf("left: %v", got)
		}
	})
	t.Run("X is down", func(t *testing.T) {
		s, b := signedIn(t)
		s.X.Fail(xtest.Fault{Status: 503})
		a := b.Send(http.MethodPost, "/auth/logout", nil)
		if a.StatusCode != http.StatusSeeOther || b.Who() != "" || len(s.Tokens.Keys()) != 0 {
			t.Errorf("status %d, tokens %v", a.StatusCode, s.Tokens.Keys())
		}
		if !slices.Contains(s.Told(), event.RevokeFailed) {
			t.Errorf("events %v", s.Told())
		}
	})
	t.Run("X does not answer", func(t *testing.T) {
		s, b := signedIn(t)
		s.Bubble(func() {
			s.X.Fail(xtest.Fault{Delay: time.Hour})
			begun := time.Now()
			b.Send(http.MethodPost, "/auth/logout", nil)
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("the visitor waited %v", took)
			}
			if b.Who() != "" || len(s.Tokens.Keys()) != 0 {
				t.Error("still signed in")
			}
		})
	})
	t.Run("the session store is away", func(t *testing.T) {
		s, b := signedIn(t)
		s.Sessions.SetFail(errors.New("away"))
		a := b.Send(http.MethodPost, "/auth/logout", nil)
		if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.Text, "You are still signed in") || a.Header.Get("Retry-After") == "" {
			t.Errorf("status %d, body %s", a.StatusCode, a.Text)
		}
		if a := b.Get("/auth/session", "Accept", "application/json"); a.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("session: status %d", a.StatusCode)
		}
		if len(s.Tokens.Keys()) != 1 {
			t.Error("half signed out")
		}
		s.Sessions.SetFail(nil)
		if b.Who() != xtest.DefaultUserID {
			t.Error("signed out")
		}
	})
	t.Run("the token store is away", func(t *testing.T) {
		s, b := signedIn(t)
		s.Tokens.SetFail(errors.New("away"))
		if a := b.Send(http.MethodPost, "/auth/logout", nil); a.StatusCode != http.StatusSeeOther || b.Who() != "" {
			t.Errorf("status %d", a.StatusCode)
		}
		if !strings.Contains(s.Log.String(), "token") {
			t.Error("the operator is not told that a token is left")
		}
	})
}
