package attack

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/internal/testkit"
)

func callbackLink(t *testing.T, s *Site) {
	for _, p := range logins {
		evil := s.browser(t)
		link := evil.Approve(evil.begin(p.path), stranger)

		fresh := s.browser(t)
		fresh.refused(fresh.get(link), p.path+": a stranger's link")
		fresh.is("", "a stranger's link")

		// The victim has a pending sign-in when the link arrives.
		busy := s.browser(t)
		own := busy.Approve(busy.begin(p.path), victim)
		busy.refused(busy.get(link), p.path+": a stranger's link in between")
		if a := busy.get(own); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: the own callback afterwards: status %d", p.path, a.StatusCode)
		}
		busy.is(victim, "the own callback")

		// The same in a browser that is signed in.
		busy.refused(busy.get(link), p.path+": a stranger's link to somebody signed in")
		busy.is(victim, "a stranger's link")

		// A link with a denial signs no user out and ends no sign-in.
		under := busy.begin(p.path)
		busy.refused(busy.get("/auth/callback?error=access_denied&state=made-up"), "a made-up denial")
		busy.refused(busy.get("/auth/callback?denied=made-up"), "a made-up denial")
		if a := busy.get(busy.Approve(under, victim)); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: a made-up denial ended a sign-in under way: status %d", p.path, a.StatusCode)
		}
	}
}

func plantedCookie(t *testing.T, s *Site) {
	for _, p := range logins {
		evil := s.browser(t)
		link := evil.Approve(evil.begin(p.path), stranger)
		_, theirs := evil.cookies()
		if len(theirs) != 1 {
			t.Fatalf("%d cookies of sign-ins under way", len(theirs))
		}
		if strings.HasPrefix(s.URL, "https:") && !strings.HasPrefix(theirs[0].Name, "__Host-") {
			t.Fatalf("a sub-domain can plant %s", theirs[0].Name)
		}
		bare := strings.TrimPrefix(theirs[0].Name, "__Host-")

		// The stranger's cookie under the names that a sub-domain can use. With plain http no
		// promise holds, as SECURITY.md says.
		var names []string
		for _, name := range []string{bare, "__Secure-" + bare, "__host-" + bare, "__HOST-" + bare, "_Host-" + bare} {
			if name != theirs[0].Name {
				names = append(names, name)
			}
		}
		b := s.browser(t)
		for _, name := range names {
			b.plant(name, theirs[0].Value)
		}
		// Some browsers have sent a cookie without a name unchanged.
		b.refused(b.get(link, "Cookie", "="+theirs[0].Name+"="+theirs[0].Value), "a cookie without a name")
		b.refused(b.get(link), "a cookie by another name")
		b.is("", "a planted cookie")

		// The stranger's value replaces the victim's.
		b = s.browser(t)
		own := b.Approve(b.begin(p.path), victim)
		_, mine := b.cookies()
		header := mine[0].Name + "=" + theirs[0].Value
		bb := s.browser(t)
		bb.Client.Jar, bb.Jar = nil, b.Jar
		for _, callback := range []string{own, link, testkit.Edited(b.T, own, p.proof, testkit.Param(b.T, link, p.proof)), testkit.Edited(b.T, link, p.proof, testkit.Param(b.T, own, p.proof))} {
			bb.refused(bb.get(callback, "Cookie", header), "a cookie's value under another name")
		}
		// If the browser sends both cookies of that name, the planted one first, the honest
		// sign-in completes.
		if a := bb.get(own, "Cookie", header+"; "+mine[0].Name+"="+mine[0].Value); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: a planted cookie hid the honest one: status %d", p.path, a.StatusCode)
		}
	}
}

func secondTab(t *testing.T, s *Site) {
	for _, p := range logins {
		b := s.browser(t)
		first, second := b.Approve(b.begin(p.path), victim), b.Approve(b.begin(p.path), stranger)
		// The proof of one tab in the callback of the other: the PKCE verifier, or the request
		// token's secret, does not match.
		b.refused(b.get(testkit.Edited(b.T, first, p.proof, testkit.Param(b.T, second, p.proof))), p.path+": another tab's proof")
		b.is("", "another tab's proof")
		if a := b.get(second); a.StatusCode >= 500 {
			t.Errorf("%s: status %d", p.path, a.StatusCode)
		}
		if got := b.Who(); got != "" && got != stranger {
			t.Errorf("signed in as %q", got)
		}
	}
}

func mixUp(t *testing.T, s *Site) {
	b := s.browser(t)
	first, second := b.Approve(b.begin(logins[0].path), victim), b.Approve(b.begin(logins[1].path), stranger)
	for _, query := range []url.Values{
		{"state": {testkit.Param(b.T, first, "state")}, "oauth_verifier": {testkit.Param(b.T, second, "oauth_verifier")}},
		{"state": {testkit.Param(b.T, first, "state")}, "oauth_token": {testkit.Param(b.T, second, "oauth_token")}, "oauth_verifier": {testkit.Param(b.T, second, "oauth_verifier")}},
		{"oauth_token": {testkit.Param(b.T, second, "oauth_token")}, "code": {testkit.Param(b.T, first, "code")}},
		{"oauth_token": {testkit.Param(b.T, first, "state")}, "oauth_verifier": {testkit.Param(b.T, second, "oauth_verifier")}},
		{"state": {testkit.Param(b.T, second, "oauth_token")}, "code": {testkit.Param(b.T, first, "code")}},
		{"denied": {testkit.Param(b.T, second, "oauth_token")}, "code": {testkit.Param(b.T, first, "code")}},
	} {
		b.refused(b.get("/auth/callback?"+query.Encode()), fmt.Sprint(query))
		b.is("", fmt.Sprint(query))
	}
}

func fixation(t *testing.T, s *Site) {
	evil := s.browser(t)
	evil.signIn(logins[0].path, stranger)
	name, theirs := evil.session()

	// The victim's browser has the stranger's session, or an invented one.
	for _, planted := range []string{theirs, strings.Repeat("A", 43), "short", strings.Repeat("x", 3000)} {
		b := s.browser(t)
		b.plant(name, planted)
		b.signIn(logins[0].path, victim)
		b.is(victim, "a sign-in with a planted session")
		if _, own := b.session(); own == planted {
			t.Error("the session kept an id that was planted")
		}
		for _, reuse := range []string{planted, theirs} {
			thief := s.browser(t)
			thief.plant(name, reuse)
			if got := thief.Who(); got == victim {
				t.Errorf("a planted session became the victim's")
			}
		}
	}
	// Under a name that a sub-domain can use, no cookie is a session.
	if bare, secure := strings.CutPrefix(name, "__Host-"); secure {
		evil.signIn(logins[0].path, stranger)
		_, theirs := evil.session()
		b := s.browser(t)
		for _, other := range []string{bare, "__Secure-" + bare, "__host-" + bare, "__HOST-" + bare} {
			b.plant(other, theirs)
		}
		b.is("", "planting the session of a stranger")
		b.signIn(logins[0].path, victim)
		b.is(victim, "a sign-in beside a planted session")
	}
	// A session id from before a second sign-in or before a sign-out is invalid.
	b := s.browser(t)
	b.signIn(logins[0].path, victim)
	_, first := b.session()
	b.signIn(logins[1].path, victim)
	_, second := b.session()
	b.send(http.MethodPost, "/auth/logout", url.Values{}, "Sec-Fetch-Site", "same-origin")
	for what, id := range map[string]string{"before the second sign-in": first, "before the sign-out": second} {
		thief := s.browser(t)
		thief.plant(name, id)
		thief.is("", "taking the id of "+what)
	}
}

// session returns the session's cookie: the one that is not a pending sign-in.
func (b *browser) session() (name, value string) {
	b.Helper()
	all, _ := b.cookies()
	for _, c := range all {
		if strings.HasSuffix(c.Name, "xsignin") {
			return c.Name, c.Value
		}
	}
	b.Fatal("no session")
	return "", ""
}

func replay(t *testing.T, s *Site) {
	for _, p := range logins {
		b := s.browser(t)
		callback := b.Approve(b.begin(p.path), victim)
		_, kept := b.cookies()
		asked := s.X.Count(http.MethodPost, p.last)
		if a := b.get(callback); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("status %d", a.StatusCode)
		}
		// A reload gets the same answer as the first callback.
		if a := b.get(callback); a.StatusCode != http.StatusSeeOther || len(a.Cookies()) != 0 {
			t.Errorf("%s: the second use: status %d, cookies %v", p.path, a.StatusCode, a.Cookies())
		}
		b.is(victim, "the second use")
		thief := s.browser(t)
		for _, c := range kept {
			thief.plant(c.Name, c.Value)
		}
		thief.refused(thief.get(callback), p.path+": a replay with the cookie")
		thief.is("", "a replay")
		// Each process knows the callbacks that it has seen. Another process learns of them from
		// X, once.
		if n := s.X.Count(http.MethodPost, p.last) - asked; n < 1 || n > max(1, s.Replicas) {
			t.Errorf("%s: X was asked %d times", p.path, n)
		}
	}
}

func parameters(t *testing.T, s *Site) {
	for _, p := range logins {
		b := s.browser(t)
		callback := b.Approve(b.begin(p.path), victim)
		handle, proof := testkit.Param(b.T, callback, p.handle), testkit.Param(b.T, callback, p.proof)
		asked := s.X.Count(http.MethodPost, p.last)
		for what, hostile := range map[string]string{
			"swapped":             testkit.Edited(b.T, callback, p.handle, proof, p.proof, handle),
			"a cut handle":        testkit.Edited(b.T, callback, p.handle, handle[:len(handle)-1]),
			"a longer handle":     testkit.Edited(b.T, callback, p.handle, handle+"a"),
			"no handle":           testkit.Edited(b.T, callback, p.handle, ""),
			"another case":        testkit.Edited(b.T, callback, p.handle, flip(handle)),
			"the handle twice":    callback + "&" + p.handle + "=" + url.QueryEscape(handle),
			"the proof twice":     callback + "&" + p.proof + "=" + url.QueryEscape(proof),
			"another proof first": strings.Replace(callback, "?", "?"+p.proof+"=made-up&", 1),
			"a null byte":         testkit.Edited(b.T, callback, p.handle, handle+"\x00"),
			"blanks":              testkit.Edited(b.T, callback, p.handle, " "+handle),
			"an array":            strings.Replace(callback, p.handle+"=", p.handle+"[]=", 1),
			"nine kilobytes":      callback + "&a=" + strings.Repeat("a", 9<<10),
			"handles by the heap": callback + strings.Repeat("&"+p.handle+"=a", 20<<10),
		} {
			b.refused(b.get(hostile), p.path+": "+what)
			b.is("", what)
		}
		// Servers read less than a megabyte of headers, and may close the connection.
		if a, err := b.try(http.MethodGet, callback+"&a="+strings.Repeat("a", 1<<20), nil); err == nil {
			b.refused(a, "a megabyte")
		}
		b.is("", "a megabyte")
		// By POST, with the parameters in the body, as in response_mode=form_post.
		u, err := url.Parse(callback)
		if err != nil {
			t.Fatal(err)
		}
		b.refused(b.send(http.MethodPost, "/auth/callback", u.Query()), "a callback by POST")
		if n := s.X.Count(http.MethodPost, p.last) - asked; n != 0 {
			t.Errorf("%s: X was asked %d times", p.path, n)
		}
		// None of these requests has ended the honest sign-in.
		if a := b.get(callback); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: the honest callback afterwards: status %d", p.path, a.StatusCode)
		}
		b.is(victim, "the honest callback")

		// A truncated proof reaches X, which refuses it. The sign-in is then used up.
		b = s.browser(t)
		callback = b.Approve(b.begin(p.path), victim)
		b.refused(b.get(testkit.Edited(b.T, callback, p.proof, proof[:10])), "a cut proof")
		b.refused(b.get(callback), "the honest callback after a wrong proof")
		b.is("", "a cut proof")
	}
}

// flip changes the case of each letter.
func flip(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, s)
}

func hostileCookies(t *testing.T, s *Site) {
	probe := s.browser(t)
	probe.begin(logins[0].path)
	_, pending := probe.cookies()
	prefix := pending[0].Name[:strings.Index(pending[0].Name, "pending-")+len("pending-")]
	session := strings.TrimSuffix(prefix, "-pending-")

	for _, p := range logins {
		b := s.browser(t)
		for i := range 100 {
			b.plant(fmt.Sprintf("%s%016d", prefix, i), pending[0].Value)
		}
		b.plant(session, strings.Repeat("A", 43))
		a := b.get(p.path)
		if a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s with a hundred cookies: status %d", p.path, a.StatusCode)
		}
		if n := len(strings.Join(a.Header.Values("Set-Cookie"), "")); n > 8<<10 {
			t.Errorf("the answer clears cookies by %d bytes", n)
		}
		if a := b.get(b.Approve(a.Redirect(), victim)); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: the callback with a hundred cookies: status %d", p.path, a.StatusCode)
		}
		b.is(victim, "a sign-in among a hundred cookies")
	}

	b := s.browser(t)
	for _, value := range []string{
		"", "=", "==", ";", `"`, `""`, `"a`, "a,b", "a b", "\\", "%00", "\u00e4", "../../etc/passwd", "'; DROP TABLE sessions; --",
		strings.Repeat("A", 4096), strings.Repeat("=", 8000), strings.Repeat("\"", 43), strings.Repeat("-", 43),
	} {
		header := session + "=" + value + "; " + prefix + "0123456789abcdef=" + value + "; " + value
		for _, path := range []string{"/", s.Private, "/auth/login", "/auth/logout", "/auth/session", "/auth/callback?state=x"} {
			if a := b.get(path, "Cookie", header); a.StatusCode >= 500 {
				t.Errorf("%s with the cookie %.20q: status %d", path, value, a.StatusCode)
			}
		}
	}
	b.is("", "hostile cookies")
}

func garbage(t *testing.T, s *Site) {
	b := s.browser(t)
	asked := len(s.X.Requests())
	for i := range 200 {
		p := logins[i%2]
		a := b.get(fmt.Sprintf("/auth/callback?%s=garbage%d&%s=%x", p.handle, i, p.proof, i*i))
		if a.StatusCode != http.StatusBadRequest || len(a.Header.Values("Set-Cookie")) != 0 {
			t.Fatalf("status %d, %d cookies", a.StatusCode, len(a.Header.Values("Set-Cookie")))
		}
	}
	if n := len(s.X.Requests()) - asked; n != 0 {
		t.Errorf("X was asked %d times", n)
	}
	b.signIn(logins[0].path, victim)
	b.is(victim, "two hundred garbage callbacks")
}
