package attack

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/xtest"
)

// marks must not appear unescaped in any page.
const (
	mark     = `"'><script>alert(1)</script><img src=x onerror=alert(2)>`
	template = `{{.}}${7*7}</title></textarea></style>`
)

var markup = regexp.MustCompile(`(?i)<script>alert|<img src=x|onerror=alert\(2\)>|</title></textarea>`)

// clean checks that a page contains a mark only as text.
func (b *browser) clean(a answer, what string) {
	b.Helper()
	kind := a.Header.Get("Content-Type")
	if !strings.HasPrefix(kind, "text/html") {
		if strings.Contains(kind, "html") || strings.Contains(kind, "xml") || kind == "" && a.Text != "" {
			b.Errorf("%s: Content-Type %q", what, kind)
		}
		return
	}
	if found := markup.FindString(a.Text); found != "" {
		b.Errorf("%s: the page holds %q", what, found)
	}
}

func htmlInjection(t *testing.T, s *Site) {
	// X's data about a user.
	const id = "7000000001"
	s.X.AddUser(xtest.User{ID: id, Username: "evil_one", Name: mark + template})
	s.API.AddPost(id, mark+template)
	pages := []string{"/", s.Private, "/auth/logout", "/auth/session", "/me", "/timeline", "/posts", "/tokens"}
	for _, p := range logins {
		b := s.browser(t)
		b.signIn(p.path, id)
		shown := false
		for _, path := range pages {
			a := b.get(path)
			b.clean(a, path+" of a user with markup in the name")
			shown = shown || strings.Contains(html.UnescapeString(a.Text), mark)
		}
		if !shown && p.handle == "state" {
			t.Error("no page shows the name: nothing was tested")
		}
	}

	// Data that an honest X never sends.
	for _, p := range logins {
		b := s.browser(t)
		callback := b.Approve(b.begin(p.path), victim)
		profile, err := json.Marshal(map[string]any{"data": map[string]string{
			"id": "7000000003", "username": mark, "name": mark + template, "profile_image_url": "javascript:alert(1)//" + mark,
		}})
		if err != nil {
			t.Fatal(err)
		}
		s.X.Fail(xtest.Fault{Path: "/2/users/me", Header: http.Header{"Content-Type": {"application/json"}}, Body: string(profile)})
		if p.handle != "state" {
			s.X.Fail(xtest.Fault{Path: p.last, Body: url.Values{
				"oauth_token": {"made-up"}, "oauth_token_secret": {"made-up"}, "user_id": {"7000000003"}, "screen_name": {mark},
			}.Encode()})
		}
		a := b.get(callback)
		b.clean(a, p.path+" of a hostile X")
		for _, path := range pages {
			a := b.get(path)
			if b.clean(a, path+" of a user with markup all over"); strings.Contains(a.Text, `="javascript:`) {
				t.Errorf("%s has an address that is a script", path)
			}
		}
		s.X.ClearFaults()
	}

	b := s.browser(t)
	e := url.QueryEscape(mark + template)
	for _, target := range []string{
		"/auth/callback?state=" + e, "/auth/callback?state=a&error=" + e + "&error_description=" + e + "&error_uri=" + e, "/auth/callback?denied=" + e,
		"/auth/login?return_to=/" + e, "/auth/login?scope=" + e + "&return_to=/a?" + e, "/auth/nowhere/" + url.PathEscape(mark), "/auth/login/" + url.PathEscape(mark),
		"/auth/logout?return_to=" + e + "&everywhere=" + e, s.Private + "?" + e, "/" + url.PathEscape(mark), "/?" + e,
	} {
		for _, headers := range [][]string{nil, {"Sec-Fetch-Mode", "cors"}, {"Accept", "application/json"}, {"User-Agent", mark, "Referer", mark, "Accept-Language", mark}} {
			b.clean(b.get(target, headers...), target)
		}
	}
	b.clean(b.send(http.MethodPost, "/auth/logout", url.Values{"everywhere": {mark}, "return_to": {mark}}), "a sign-out with markup")
	b.clean(b.send(http.MethodPost, "/auth/logout", url.Values{}, "Origin", "https://evil.example/"+mark), "a sign-out by another site")

	// Texts of denials and errors that X, or a link, sends.
	for _, p := range logins {
		b := s.browser(t)
		callback := b.Approve(b.begin(p.path), victim)
		b.clean(b.get(testkit.Edited(b.T, callback, p.proof, "", "error", mark, "error_description", mark, "error_uri", "javascript:alert(1)")), p.path+": an error with markup")

		for _, body := range []string{
			`{"error":"` + url.PathEscape(mark) + `","error_description":"\u0022><script>alert(1)</script>"}`,
			`{"errors":[{"code":32,"message":"\u0022><script>alert(1)</script>"}],"title":"<script>alert(1)</script>","detail":"<script>alert(1)</script>"}`,
			mark,
		} {
			callback := b.Approve(b.begin(p.path), victim)
			s.X.Fail(xtest.Fault{Path: p.last, Status: 400, Times: 1, Header: http.Header{"Content-Type": {"application/json"}}, Body: body})
			a := b.get(callback)
			s.X.ClearFaults()
			b.refused(a, "an error of X")
			b.clean(a, p.path+": X's error with markup")
		}
		b.is("", "errors with markup")
	}
}

func guardedPages(t *testing.T, s *Site) {
	in, out := s.browser(t), s.browser(t)
	in.signIn(logins[0].path, victim)
	denied, err := s.X.Deny(out.begin("/auth/login"), victim)
	if err != nil {
		t.Fatal(err)
	}
	cut := out.Approve(out.begin("/auth/login"), victim)
	pages := map[string]answer{
		"the question before a sign-out": in.get("/auth/logout"),
		"nobody to sign out":             out.get("/auth/logout"),
		"another site's sign-out":        in.send(http.MethodPost, "/auth/logout", url.Values{}, "Sec-Fetch-Site", "cross-site"),
		"an unclear sign-out":            in.send(http.MethodPost, "/auth/logout", url.Values{"everywhere": {"perhaps"}}),
		"another browser":                out.get("/auth/callback?state=x"),
		"denied":                         out.get(denied),
		"expired":                        out.get(testkit.Edited(out.T, cut, "code", "made-up")),
		"no page load":                   out.get("/auth/login", "Sec-Purpose", "prefetch"),
		"an unknown scope":               out.get("/auth/login?scope=dm.write"),
		"not found":                      out.get("/auth/nowhere"),
		"the wrong method":               out.send(http.MethodPost, "/auth/login", url.Values{}),
	}
	s.X.Fail(xtest.Fault{Path: "/oauth/request_token", Status: 503, Times: 1})
	pages["X is away"] = out.get("/auth/login/x-oauth1")
	s.X.Fail(xtest.Fault{Path: "/oauth/request_token", Status: 429, Times: 1})
	pages["X limits"] = out.get("/auth/login/x-oauth1")
	s.X.ClearFaults()
	for what, a := range pages {
		referrer := "no-referrer"
		if what == "the question before a sign-out" {
			referrer = "same-origin" // otherwise browsers send its form with "Origin: null"
		}
		for name, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Referrer-Policy": referrer,
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		} {
			if got := a.Header.Get(name); got != want || len(a.Header.Values(name)) != 1 {
				t.Errorf("%s: %s is %q, want %q", what, name, a.Header.Values(name), want)
			}
		}
		policy := a.Header.Values("Content-Security-Policy")
		if len(policy) != 1 {
			t.Errorf("%s: %d policies", what, len(policy))
			continue
		}
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(policy[0], want) {
				t.Errorf("%s: the policy %q lacks %s", what, policy[0], want)
			}
		}
		if strings.Contains(policy[0], "unsafe") || strings.Contains(policy[0], "*") || strings.Contains(policy[0], "http:") {
			t.Errorf("%s: the policy is %q", what, policy[0])
		}
		if regexp.MustCompile(`(?i)<script|<iframe|<object|<base|\son[a-z]+=|\sstyle=|javascript:|https?://`).MatchString(a.Text) {
			t.Errorf("%s: %s", what, a.Text)
		}
	}
	// Responses that are not pages: redirects and documents.
	for what, a := range map[string]answer{
		"the way to X": out.get("/auth/login"), "who is signed in": in.get("/auth/session"),
		"a failure for scripts": out.get("/auth/callback?state=x", "Accept", "application/json"),
	} {
		if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: Cache-Control %q, Referrer-Policy %q", what, a.Header.Get("Cache-Control"), a.Header.Get("Referrer-Policy"))
		}
		if a.Text != "" && a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: no nosniff", what)
		}
	}
	// No cache may store private responses.
	if a := in.get(s.Private); a.StatusCode != http.StatusOK || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: status %d, Cache-Control %q", s.Private, a.StatusCode, a.Header.Get("Cache-Control"))
	}
	want := http.StatusSeeOther
	if s.Open {
		want = http.StatusOK
	}
	if a := out.get(s.Private); a.StatusCode != want || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s for a stranger: status %d, Cache-Control %q", s.Private, a.StatusCode, a.Header.Get("Cache-Control"))
	}
}
