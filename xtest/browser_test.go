package xtest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

func TestAPersonSignsInByOAuth2WithOneClick(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{AppName: `Photo <Album> & "Co"`})
	b := newBrowser(s)
	target := s.authorizeURL(authorizeQuery())
	page := b.get(target)
	for _, want := range []string{
		"this is not X", "Photo &lt;Album&gt; &amp; &#34;Co&#34;", "Stay connected to your account until you revoke access",
		"@demo_two", "Authorize app", "Cancel", `value="` + xtest.DefaultUserID + `" checked`, "Where the simulator differs from X",
	} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Count(page.body, " checked") != 1 {
		t.Error("exactly one account should be chosen")
	}
	r := b.press(target, page, "account", xtest.DefaultUserID, "decision", "authorize")
	back := r.header.Get("Location")
	if r.status != 302 || !strings.HasPrefix(back, callback+"?state=a%20state&code=") {
		t.Fatalf("got %d, %s", r.status, back)
	}
	s.confidential("/2/oauth2/token", codeForm(query(t, back).Get("code"))).tokens(t)

	if page = b.get(target); !strings.Contains(page.body, "Authorize app") || strings.Count(page.body, "signed in</span>") != 1 {
		t.Error("the second time the page should ask again and know the account")
	}
	r = b.press(target, page, "account", xtest.SecondUserID, "decision", "authorize")
	if r.status != 302 {
		t.Fatalf("another account: got %d", r.status)
	}
	if page = b.get(target); !strings.Contains(page.body, `value="`+xtest.SecondUserID+`" checked`) {
		t.Error("the browser does not remember the other account")
	}
	r = b.press(target, page, "decision", "cancel")
	if r.header.Get("Location") != callback+"?state=a%20state&error=access_denied" {
		t.Errorf("cancel: got %d %s", r.status, r.header.Get("Location"))
	}
}

func TestPagesAreLockedDown(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	token, _ := s.requestToken(callback)
	for _, target := range []string{s.authorizeURL(authorizeQuery()), s.base + "/oauth/authorize?oauth_token=" + token, s.base + "/oauth/authorize", s.web + "/"} {
		r := newBrowser(s).get(target)
		style := r.body[strings.Index(r.body, "<style>")+7 : strings.Index(r.body, "</style>")]
		sum := sha256.Sum256([]byte(style))
		want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; frame-ancestors 'none'"
		if got := r.header.Get("Content-Security-Policy"); got != want {
			t.Errorf("%s: policy is %s, want %s", target, got, want)
		}
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
			"Content-Type": "text/html; charset=utf-8",
		} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s: %s is %q", target, name, got)
			}
		}
		for _, bad := range []string{"<script", " style=", " onclick="} {
			if strings.Contains(r.body, bad) {
				t.Errorf("%s: the page has %s", target, bad)
			}
		}
		for _, c := range r.header.Values("Set-Cookie") {
			if !strings.Contains(c, "HttpOnly") || !strings.Contains(c, "SameSite=Lax") || !strings.Contains(c, "Secure") {
				t.Errorf("cookie %s", c)
			}
		}
	}
}

func TestFormsFromElsewhereAreRefused(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	target := s.authorizeURL(authorizeQuery())
	mine := newBrowser(s)
	page := mine.get(target)
	for name, try := range map[string]func() reply{
		"no token": func() reply {
			return mine.press(target, reply{}, "account", xtest.DefaultUserID, "decision", "authorize")
		},
		"another's token": func() reply {
			return mine.press(target, newBrowser(s).get(target), "account", xtest.DefaultUserID, "decision", "authorize")
		},
		"another's cookies": func() reply {
			return newBrowser(s).press(target, page, "account", xtest.DefaultUserID, "decision", "authorize")
		},
		"the front page": func() reply { return newBrowser(s).press(s.web+"/", page, "revoke", xtest.DefaultUserID) },
	} {
		if r := try(); r.status != 403 || r.header.Get("Location") != "" {
			t.Errorf("%s: got %d", name, r.status)
		}
	}
	if r := mine.press(target, page, "decision", "authorize"); r.status != 200 || !strings.Contains(r.body, "Choose an account") {
		t.Errorf("no account: got %d", r.status)
	}
	if r := mine.press(s.authorizeURL(url.Values{}), page, "decision", "authorize"); r.status != 400 {
		t.Errorf("a broken request: got %d", r.status)
	}
	for _, target := range []string{target, s.web + "/"} {
		if r := s.do(newRequest(t, "PUT", target, nil)); r.status != 405 {
			t.Errorf("PUT %s: got %d", target, r.status)
		}
	}
}

func TestAuthenticateIsSilentForAKnownBrowser(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	b := newBrowser(s)
	open := func(path, more string) (string, reply) {
		token, _ := s.requestToken(callback)
		target := s.base + path + "?oauth_token=" + token + more
		return target, b.get(target)
	}
	target, page := open("/oauth/authenticate", "")
	if page.status != 200 {
		t.Fatalf("a signed-out browser is not asked: %d", page.status)
	}
	r := b.press(target, page, "account", xtest.DefaultUserID, "decision", "authorize")
	back := query(t, r.header.Get("Location"))
	if r.status != 302 || back.Get("oauth_token") != query(t, target).Get("oauth_token") || len(back.Get("oauth_verifier")) != 32 {
		t.Fatalf("got %d %v", r.status, back)
	}
	if r := b.get(target); r.status != 403 || !strings.Contains(r.body, "Whoa there!") {
		t.Errorf("a used request token: got %d", r.status)
	}
	if _, r := open("/oauth/authenticate", ""); r.status != 302 || len(query(t, r.header.Get("Location")).Get("oauth_verifier")) != 32 {
		t.Errorf("authenticate asks a known browser: %d", r.status)
	}
	if _, r := open("/oauth/authorize", ""); r.status != 200 || !strings.Contains(r.body, "Authorize app") {
		t.Errorf("authorize does not ask: %d", r.status)
	}
	if _, r := open("/oauth/authenticate", "&force_login=true"); r.status != 200 || strings.Contains(r.body, " checked") {
		t.Errorf("force_login: got %d, or an account is chosen already", r.status)
	}
	if _, r := open("/oauth/authorize", "&screen_name=Demo_Two"); !strings.Contains(r.body, `value="`+xtest.SecondUserID+`" checked`) {
		t.Error("screen_name does not choose the account")
	}
	if _, r := open("/oauth/authorize", "&force_login=true&screen_name=demo_two"); !strings.Contains(r.body, `value="`+xtest.SecondUserID+`" checked`) {
		t.Error("screen_name with force_login does not choose the account")
	}
	token, _ := s.requestToken(callback)
	if resp, err := b.http.Head(s.base + "/oauth/authenticate?oauth_token=" + token); err != nil || resp.StatusCode != 200 {
		t.Errorf("HEAD gives %v, %v, as if the person had come", resp, err)
	}
	s.RevokeApp(xtest.DefaultUserID)
	if _, r := open("/oauth/authenticate", ""); r.status != 200 {
		t.Errorf("authenticate is silent after the app was revoked: %d", r.status)
	}
}

func TestAnApprovalForReadingDoesNotCoverWriting(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	b := newBrowser(s)
	open := func(access string) (string, reply) {
		c := consumer().with("oauth_callback", callback)
		if access != "" {
			c = c.with("x_auth_access_type", access)
		}
		v, _ := url.ParseQuery(s.do(c.request(t, "POST", s.base+"/oauth/request_token", nil)).body)
		target := s.base + "/oauth/authenticate?oauth_token=" + v.Get("oauth_token")
		return target, b.get(target)
	}
	target, page := open("read")
	if strings.Contains(page.body, "Post and delete posts") {
		t.Error("the page of a read-only request speaks of posting")
	}
	b.press(target, page, "account", xtest.DefaultUserID, "decision", "authorize")
	if _, r := open("read"); r.status != 302 {
		t.Errorf("reading again: got %d", r.status)
	}
	target, page = open("")
	if page.status != 200 || !strings.Contains(page.body, "Post and delete posts") {
		t.Errorf("writing: got %d", page.status)
	}
	b.press(target, page, "account", xtest.DefaultUserID, "decision", "authorize")
	if _, r := open(""); r.status != 302 {
		t.Errorf("writing again: got %d", r.status)
	}
}

func TestSignedInOnXIsNotSignedInOnTwitter(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	b := newBrowser(s)
	target := s.authorizeURL(authorizeQuery())
	b.press(target, b.get(target), "account", xtest.SecondUserID, "decision", "authorize")
	if r := b.get(target); !strings.Contains(r.body, "signed in</span>") {
		t.Error("x.com forgot the account")
	}
	if r := b.get(strings.Replace(target, "x.com", "twitter.com", 1)); r.status != 200 || strings.Contains(r.body, "signed in</span>") {
		t.Errorf("twitter.com knows the account: %d", r.status)
	}
}

var returnLink = regexp.MustCompile(`<a class="button primary" href="([^"]*)"`)

func TestDenialByOAuth1ShowsALinkWithDeniedAlone(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{Callbacks: []string{callback, "demo.app://back"}})
	for _, cb := range []string{callback, callback + "?own=1", "demo.app://back"} {
		b := newBrowser(s)
		token, _ := s.requestToken(cb)
		target := s.base + "/oauth/authenticate?oauth_token=" + token
		r := b.press(target, b.get(target), "decision", "cancel")
		m := returnLink.FindStringSubmatch(r.body)
		if r.status != 200 || r.header.Get("Location") != "" || m == nil {
			t.Fatalf("got %d %s", r.status, r.body)
		}
		link := html.UnescapeString(m[1])
		sep := "?"
		if strings.Contains(cb, "?") {
			sep = "&"
		}
		if link != cb+sep+"denied="+token {
			t.Errorf("the link is %s", link)
		}
		if r := b.get(target); r.status != 403 {
			t.Errorf("the token can be used after denial: %d", r.status)
		}
		token, _ = s.requestToken(cb)
		if back, err := s.Deny(s.base+"/oauth/authenticate?oauth_token="+token, xtest.DefaultUserID); back != cb+sep+"denied="+token || err != nil {
			t.Errorf("Deny: got %s, %v", back, err)
		}
	}
	token, _ := s.requestToken("oob")
	b, target := newBrowser(s), s.base+"/oauth/authorize?oauth_token="+token
	if r := b.press(target, b.get(target), "decision", "cancel"); returnLink.MatchString(r.body) {
		t.Error("there is a link back to an app without a callback")
	}
}

func TestStaleRequestTokensShowWhoaThere(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{Switches: xtest.Switches{RequestTokenLifetime: time.Minute}})
	old, _ := s.requestToken(callback)
	s.Advance(time.Minute)
	used, _, _ := s.approved(xtest.DefaultUserID)
	for name, token := range map[string]string{"expired": old, "used": used, "unknown": "x", "missing": ""} {
		target := s.base + "/oauth/authenticate?oauth_token=" + token
		r := newBrowser(s).get(target)
		if r.status != 403 || !strings.Contains(r.body, "<h1>Whoa there!</h1>") || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: got %d", name, r.status)
		}
		var page *xtest.PageError
		if _, err := s.Approve(target, xtest.DefaultUserID); !errors.As(err, &page) || page.Status != 403 {
			t.Errorf("%s: Approve gives %v", name, err)
		}
	}
}

func TestThePINIsOnAPage(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	token, secret := s.requestToken("oob")
	b, target := newBrowser(s), s.base+"/oauth/authorize?oauth_token="+token
	r := b.press(target, b.get(target), "account", xtest.DefaultUserID, "decision", "authorize")
	m := regexp.MustCompile(`<code>([0-9]{7})</code>`).FindStringSubmatch(r.body)
	if m == nil {
		t.Fatalf("got %d %s", r.status, r.body)
	}
	if r := s.do(consumer().user(token, secret).with("oauth_verifier", m[1]).request(t, "POST", s.base+"/oauth/access_token", nil)); r.status != 200 {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

func TestTheFrontPageRevokesAndSignsOut(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	b, front := newBrowser(s), s.web+"/"
	if r := b.get(front); r.status != 200 || !strings.Contains(r.body, "@demo_two") || !strings.Contains(r.body, callback) ||
		strings.Contains(r.body, "Sign out") || strings.Contains(r.body, "Revoke access</button>") {
		t.Errorf("got %d %s", r.status, r.body)
	}
	target := s.authorizeURL(authorizeQuery())
	b.press(target, b.get(target), "account", xtest.DefaultUserID, "decision", "authorize")
	got := s.signIn(xtest.DefaultUserID)
	page := b.get(front)
	if !strings.Contains(page.body, "Revoke access</button>") {
		t.Error("the connected app cannot be revoked")
	}
	if r := b.press(front, page, "revoke", xtest.DefaultUserID); r.status != 303 || s.Live(got.Refresh) {
		t.Errorf("revoke: got %d, alive: %v", r.status, s.Live(got.Refresh))
	}
	if r := b.press(front, page, "signout", "1"); r.status != 303 {
		t.Errorf("sign out: got %d", r.status)
	}
	if r := b.get(front); strings.Contains(r.body, "Sign out") {
		t.Error("the browser is still signed in")
	}
}

func TestAnXWithoutAccountsSaysSo(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{Users: []xtest.User{}})
	for _, target := range []string{s.authorizeURL(authorizeQuery()), s.web + "/"} {
		if r := newBrowser(s).get(target); r.status != 200 || !strings.Contains(r.body, "no accounts") {
			t.Errorf("%s: got %d", target, r.status)
		}
	}
}

// A name cannot turn the text around it, and its direction is its own.
func TestNamesAreShownSafely(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{Users: []xtest.User{{ID: "7", Username: "seven", Name: "\u202eSeven\u2066\u0007\x1b[31m"}, {ID: "8", Username: "eight", Name: "\u202e"}}})
	for _, target := range []string{s.authorizeURL(authorizeQuery()), s.web + "/"} {
		r := newBrowser(s).get(target)
		if !strings.Contains(r.body, `<b dir="auto">Seven[31m</b>`) || !strings.Contains(r.body, `aria-hidden="true">S</span>`) ||
			!strings.Contains(r.body, `aria-hidden="true">E</span>`) || strings.ContainsAny(r.body, "\u202e\u2066\u0007\x1b") {
			t.Errorf("%s: got %d %s", target, r.status, r.body)
		}
	}
}

// The front page shows what a developer of another language needs: keys, switches, and what X would have said.
func TestTheFrontPageShowsTheLastRequests(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{Switches: xtest.Switches{Strict: true, AccessLifetime: time.Minute}})
	s.do(newRequest(t, "POST", s.base+"/2/oauth2/token?client_secret=in-the-query", url.Values{"client_id": {xtest.DefaultClientID}}))
	page := html.UnescapeString(s.do(newRequest(t, "GET", "https://x.com/", nil)).body)
	for _, want := range []string{
		"POST /2/oauth2/token</code> was answered with 401", `{"error":"unauthorized_client"`, "a confidential app authenticates in the header",
		xtest.DefaultClientID, xtest.DefaultClientSecret, xtest.DefaultPublicClientID, xtest.DefaultConsumerKey,
		"<code>Strict=true</code>", "<code>AccessLifetime=1m0s</code>", "GET /2/users/me",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q: %s", want, page)
		}
	}
	if strings.Contains(page, "in-the-query") || strings.Contains(page, "<script") {
		t.Error("the page has a query or a script")
	}
}
