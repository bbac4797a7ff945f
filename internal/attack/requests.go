package attack

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/internal/testkit"
)

// forged are headers in which a client or a proxy claims another host for the site.
var forged = []string{
	"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "http", "X-Forwarded-Scheme", "http", "X-Forwarded-Ssl", "off",
	"X-Forwarded-Port", "81", "X-Forwarded-Server", "evil.example", "X-Forwarded-Prefix", "//evil.example", "X-Forwarded-For", "127.0.0.1",
	"Forwarded", "host=evil.example;proto=http;for=127.0.0.1", "X-Host", "evil.example", "X-Original-Host", "evil.example",
	"X-Original-Url", "/auth/logout", "X-Rewrite-Url", "/auth/logout", "X-Http-Method-Override", "POST", "X-Method-Override", "POST",
	"Front-End-Https", "off", "Referer", "https://evil.example/",
}

func forgedHost(t *testing.T, s *Site) {
	for _, host := range []string{"", "evil.example", "evil.example:443", "127.0.0.1", "localhost"} {
		headers := forged
		if host != "" {
			headers = append([]string{"Host", host}, forged...)
		}
		for _, p := range logins {
			b := s.browser(t)
			a := b.get(p.path, headers...)
			if a.StatusCode != http.StatusSeeOther || strings.Contains(a.Redirect(), "evil") {
				t.Fatalf("%s: status %d to %q", p.path, a.StatusCode, a.Redirect())
			}
			if to := testkit.Param(b.T, a.Redirect(), "redirect_uri"); p.handle == "state" && to != s.URL+"/auth/callback" {
				t.Errorf("Host %q: the callback is %q", host, to)
			}
			s.cookiesOfOurs(t, a)
			// The browser comes back to the address that was sent to X.
			callback := b.Approve(a.Redirect(), victim)
			if !strings.HasPrefix(callback, s.URL+"/auth/callback?") {
				t.Errorf("Host %q: X sends the browser to %q", host, callback)
			}
			a = b.get(callback, headers...)
			if a.StatusCode != http.StatusSeeOther || a.Redirect() != "/" {
				t.Errorf("Host %q: status %d to %q", host, a.StatusCode, a.Redirect())
			}
			s.cookiesOfOurs(t, a)
			for _, path := range []string{"/", s.Private, "/auth/logout", "/auth/session", "/auth/nowhere", "/auth/callback"} {
				a := b.get(path, headers...)
				if strings.Contains(a.Text, "evil.example") || strings.Contains(a.Redirect(), "evil.example") {
					t.Errorf("%s carries a forged host", path)
				}
			}
			b.is(victim, "forged headers")
		}
	}
}

// cookiesOfOurs checks the cookies of a response against the public URL.
func (s *Site) cookiesOfOurs(t *testing.T, a answer) {
	t.Helper()
	https := strings.HasPrefix(s.URL, "https:")
	for _, line := range a.Header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Errorf("a cookie that is none: %v", err)
			continue
		}
		if c.Secure != https || strings.HasPrefix(c.Name, "__Host-") != https || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("%s: Secure %t, HttpOnly %t, Path %q, Domain %q, SameSite %d", c.Name, c.Secure, c.HttpOnly, c.Path, c.Domain, c.SameSite)
		}
	}
}

// elsewhere are return paths that lead to another site in some browser.
var elsewhere = []string{
	"https://evil.example/", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, "/\t/evil.example", "/%09/evil.example",
	"/%2fevil.example", "/%252fevil.example", "/%5cevil.example", "/.//evil.example", "/..//evil.example", "/a/..//evil.example",
	"https:evil.example", "javascript:alert(1)", "data:text/html,x", "/path\r\nLocation: https://evil.example", "//evil.example/%2f..",
	"/auth/logout", "/auth/login", "@evil.example", "", "/\u0000/evil.example",
}

// leads checks that a browser on this site stays there.
func (b *browser) stays(location, what string) {
	b.Helper()
	if location == "" {
		return
	}
	here := b.address()
	// Browsers drop tabs and line breaks, and read a backslash as a slash.
	to, err := here.Parse(strings.NewReplacer("\t", "", "\r", "", "\n", "", `\`, "/").Replace(location))
	if err != nil || to.Host != here.Host || to.Scheme != here.Scheme || strings.HasPrefix(location, "//") || strings.HasPrefix(to.Path, "/auth/") {
		b.Errorf("%s leads to %q", what, location)
	}
}

func openRedirects(t *testing.T, s *Site) {
	for i, target := range elsewhere {
		p := logins[i%2]
		b := s.browser(t)
		a := b.signIn(p.path+"?return_to="+url.QueryEscape(target), victim)
		b.stays(a.Redirect(), "a sign-in with return_to "+target)
		a = b.send(http.MethodPost, "/auth/logout", url.Values{"return_to": {target}}, "Sec-Fetch-Site", "same-origin")
		b.stays(a.Redirect(), "a sign-out with return_to "+target)
		b.is("", "a sign-out")
	}
	// Two values, the first of which is valid.
	b := s.browser(t)
	for _, query := range []string{"return_to=/a&return_to=//evil.example", "return_to=//evil.example&return_to=/a"} {
		b.stays(b.signIn("/auth/login?"+query, victim).Redirect(), "a sign-in with "+query)
	}
	// Paths that a router cleans or completes.
	for _, path := range []string{
		"//evil.example", "//evil.example/", "//evil.example/..", "/%2fevil.example", "/%2f%2fevil.example/", `/%5cevil.example/`, "/./evil", "//auth/session",
		s.Private + "/", s.Private + "//evil.example", "//evil.example" + s.Private, "/auth//evil.example", "/auth", "/auth//", "/auth/../" + s.Private,
	} {
		a := b.get(s.URL+path, "X-Forwarded-Prefix", "//evil.example")
		if strings.HasPrefix(a.Redirect(), "/auth/login") {
			continue // the login, with the return path
		}
		to, err := b.address().Parse(strings.ReplaceAll(a.Redirect(), `\`, "/"))
		if err != nil || to.Host != b.address().Host {
			t.Errorf("%s leads to %q", path, a.Redirect())
		}
	}
	// A page behind the login whose address looks like another host.
	a := b.get(s.Private, "Hx-Request", "true", "Hx-Current-Url", "https://evil.example//evil.example/x")
	if strings.Contains(a.Header.Get("Hx-Redirect"), "return_to=https") {
		t.Errorf("htmx is sent to %q", a.Header.Get("Hx-Redirect"))
	}
}

func otherSites(t *testing.T, s *Site) {
	foreign := [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
		{"Origin", s.URL + ".evil.example"}, {"Origin", strings.Replace(s.URL, "https:", "http:", 1) + "0"},
		{"Sec-Fetch-Site", "cross-site", "Origin", "null"},
	}
	b, elsewhere := s.browser(t), s.browser(t)
	b.signIn(logins[0].path, victim)
	elsewhere.signIn(logins[1].path, victim)
	for _, headers := range foreign {
		for _, target := range []string{"/auth/logout", "/auth/logout?everywhere=1", "/auth/logout?everywhere=true&return_to=/"} {
			for _, form := range []url.Values{{}, {"everywhere": {"1"}}} {
				if a := b.send(http.MethodPost, target, form, headers...); a.StatusCode != http.StatusForbidden {
					t.Errorf("%s by %v: status %d", target, headers, a.StatusCode)
				}
			}
		}
		b.is(victim, "a sign-out by another site")
		// The address for programs, whose response would be a session.
		a := s.browser(t).send(http.MethodPost, "/auth/native", url.Values{}, append([]string{"Content-Type", "application/json"}, headers...)...)
		if a.StatusCode < 400 || len(a.Header.Values("Set-Cookie")) != 0 {
			t.Errorf("native by %v: status %d", headers, a.StatusCode)
		}
	}
	// The same for the application's own forms, in the types that another site's page can send.
	posts := func() (n int) {
		for _, r := range s.X.Requests() {
			if r.Method != http.MethodGet {
				n++
			}
		}
		return n
	}
	before := posts()
	for _, form := range s.Forms {
		for _, headers := range foreign {
			for _, kind := range [][]string{nil, {"Content-Type", "text/plain"}} {
				if a := b.post(form, append(kind, headers...)...); a.StatusCode != http.StatusForbidden {
					t.Errorf("%s by %v: status %d", form.Path, headers, a.StatusCode)
				}
			}
		}
		// An old browser sends no such header and no Lax cookie, so no user is signed in.
		if a := s.browser(t).post(form); a.StatusCode < 400 && !strings.HasPrefix(a.Redirect(), "/auth/login") {
			t.Errorf("%s by nobody: status %d to %q", form.Path, a.StatusCode, a.Redirect())
		}
		// A link is not a form. Its response, if there is one, is a page.
		if a := b.get(form.Path + "?" + form.Body); a.StatusCode >= 300 && a.StatusCode < 400 && !strings.HasPrefix(a.Redirect(), "/auth/login") {
			t.Errorf("%s by a link: status %d to %q", form.Path, a.StatusCode, a.Redirect())
		}
	}
	if n := posts() - before; n != 0 {
		t.Errorf("by forms of other sites X was asked %d times for a change", n)
	}
	// The same forms have an effect if this site's page sends them, with Origin as the only
	// header.
	for _, form := range s.Forms {
		mine := s.browser(t)
		mine.signIn(logins[0].path, victim)
		if a := mine.post(form, "Origin", s.URL); a.StatusCode >= 400 {
			t.Errorf("%s from here: status %d: nothing was tested", form.Path, a.StatusCode)
		}
	}
	// A megabyte of parameters signs no user out.
	if a, err := b.try(http.MethodPost, "/auth/logout", url.Values{"everywhere": slices.Repeat([]string{"1"}, 1<<20/len("everywhere=1&"))}, "Origin", s.URL); err == nil {
		b.refused(a, "a megabyte of parameters")
	}
	b.is(victim, "a megabyte of parameters")
	// Other methods than POST change nothing, despite headers that claim a POST.
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete, http.MethodPatch, "post"} {
		b.send(method, "/auth/logout?everywhere=1&_method=POST", nil, "X-Http-Method-Override", "POST")
	}
	b.is(victim, "all methods but POST")
	// An old browser sends neither header, and omits the Lax cookie.
	a := s.browser(t).send(http.MethodPost, "/auth/logout?everywhere=1", url.Values{})
	if a.StatusCode != http.StatusSeeOther {
		t.Errorf("a sign-out of nobody: status %d", a.StatusCode)
	}
	b.is(victim, "a sign-out without a cookie")

	// No other site can read the signed-in user, or begin a sign-in with an image or a fetch.
	a = b.get("/auth/session", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site", "Accept", "application/json")
	for name := range a.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("/auth/session allows other sites: %s", name)
		}
	}
	asked := len(s.X.Requests())
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"},
		{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Origin", "https://evil.example"},
		{"Sec-Fetch-Mode", "navigate", "Sec-Purpose", "prefetch"},
		{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"},
	} {
		for _, p := range logins {
			fresh := s.browser(t)
			fresh.refused(fresh.get(p.path, headers...), p.path+" by an image or a fetch")
			if all, _ := fresh.cookies(); len(all) != 0 {
				t.Error("it left a cookie")
			}
		}
	}
	if len(s.X.Requests()) != asked {
		t.Error("X was asked")
	}
	// A visitor's sign-out everywhere affects only that visitor.
	other := s.browser(t)
	other.signIn(logins[0].path, stranger)
	a = other.send(http.MethodPost, "/auth/logout", url.Values{
		"everywhere": {"1"}, "user": {victim}, "user_id": {victim}, "subject": {victim}, "id": {victim},
	}, "Sec-Fetch-Site", "same-origin")
	if a.StatusCode != http.StatusSeeOther || other.Who() != "" {
		t.Errorf("a sign-out everywhere: status %d", a.StatusCode)
	}
	b.is(victim, "a stranger's sign-out everywhere")
	elsewhere.is(victim, "a stranger's sign-out everywhere")
	// It ends all sessions.
	b.send(http.MethodPost, "/auth/logout", url.Values{"everywhere": {"1"}}, "Origin", s.URL)
	b.soon("", "a sign-out everywhere")
	elsewhere.soon("", "a sign-out everywhere in another browser")
}

func headerInjection(t *testing.T, s *Site) {
	b := s.browser(t)
	for _, mark := range []string{"\r\nX-Injected: yes", "\nX-Injected: yes", "\r\n\r\n<script>", "%0d%0aX-Injected: yes", "\u560a\u560dX-Injected: yes", "\u0085X-Injected: yes"} {
		e := url.QueryEscape(mark)
		for _, target := range []string{
			"/auth/login?return_to=/a" + e, "/auth/login?return_to=/a?b=" + e, "/auth/login?return_to=/a%23" + e, "/auth/login?scope=" + e,
			"/auth/login/x-oauth1?return_to=/a" + e, "/auth/callback?state=" + e, "/auth/callback?state=a&error=" + e,
			s.Private + "?a=" + e, "/auth/nowhere?" + e, "/auth/login/x" + url.PathEscape(mark),
		} {
			for _, accept := range []string{"text/html", "application/json"} {
				a := b.get(target, "Accept", accept, "Sec-Fetch-Mode", "cors", "Hx-Current-Url", s.URL+"/a"+e)
				a2 := b.get(target)
				for _, got := range []answer{a, a2} {
					if got.Header.Get("X-Injected") != "" {
						t.Errorf("%s: a header was injected", target)
					}
					for name, values := range got.Header {
						if strings.ContainsAny(strings.Join(values, ""), "\r\n\x00\u0085") {
							t.Errorf("%s: %s holds a control character", target, name)
						}
					}
				}
			}
		}
		// Through a sign-in, to the address that follows.
		a := b.signIn("/auth/login?return_to="+url.QueryEscape("/a?b="+mark), victim)
		if strings.ContainsAny(a.Redirect(), "\r\n") || a.Header.Get("X-Injected") != "" {
			t.Errorf("after a sign-in: %q", a.Redirect())
		}
	}
}

func strangeScopes(t *testing.T, s *Site) {
	b := s.browser(t)
	for _, scope := range []string{"dm.write", "tweet.read dm.read", "tweet.read,dm.write", "\"><script>", "tweet.read\ndm.write", strings.Repeat("a ", 2000), "*", "tweet.read\x00dm.write"} {
		for _, p := range logins {
			a := b.get(p.path + "?scope=" + url.QueryEscape(scope))
			b.refused(a, "the scope "+scope)
			if strings.Contains(a.Text, "dm.") || strings.Contains(a.Text, "<script>") {
				t.Errorf("the page repeats the scope %q", scope)
			}
		}
	}
	a := b.get("/auth/login?scope=tweet.read&scope=dm.write")
	b.refused(a, "a second parameter scope")
	if all, _ := b.cookies(); len(all) != 0 {
		t.Error("a sign-in was begun")
	}
}
