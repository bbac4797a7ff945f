package xtest_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

func TestApprovalReturnsStateAndCode(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{Callbacks: []string{callback, callback + "?own=1", "demo.app://back#part"}})
	back, err := s.Approve(s.authorizeURL(authorizeQuery()), xtest.DefaultUserID)
	if err != nil || !strings.HasPrefix(back, callback+"?state=a%20state&code=") {
		t.Errorf("got %s, %v", back, err)
	}
	q := authorizeQuery()
	q.Set("redirect_uri", callback+"?own=1")
	q.Del("state")
	if back, err = s.Approve(s.authorizeURL(q), xtest.DefaultUserID); err != nil || !strings.HasPrefix(back, callback+"?own=1&code=") {
		t.Errorf("got %s, %v", back, err)
	}
	q.Set("redirect_uri", "demo.app://back#part")
	if back, err = s.Approve(s.authorizeURL(q), xtest.DefaultUserID); err != nil || !strings.HasPrefix(back, "demo.app://back?code=") || !strings.HasSuffix(back, "#part") {
		t.Errorf("got %s, %v", back, err)
	}
	if _, err := s.Approve(s.authorizeURL(q), "1"); err == nil {
		t.Error("an unknown user approved")
	}
	if _, err := s.Approve("http://[::1", xtest.DefaultUserID); err == nil {
		t.Error("an URL that cannot be read was approved")
	}
}

func TestBrokenAuthorizeRequestsShowAPage(t *testing.T) {
	t.Parallel()
	set := func(name, value string) func(url.Values) { return func(q url.Values) { q.Set(name, value) } }
	without := func(name string) func(url.Values) { return func(q url.Values) { q.Del(name) } }
	for _, tt := range []struct {
		name   string
		change func(url.Values)
		reason string
	}{
		{"no client_id", without("client_id"), "client_id"},
		{"the API key for the client id", set("client_id", xtest.DefaultConsumerKey), "client_id"},
		{"no redirect_uri", without("redirect_uri"), "redirect_uri"},
		{"a redirect_uri with a slash more", set("redirect_uri", callback+"/"), "redirect_uri"},
		{"a redirect_uri with a query", set("redirect_uri", callback+"?a=b"), "redirect_uri"},
		{"response_type token", set("response_type", "token"), "response_type"},
		{"no scope", without("scope"), "scope"},
		{"an unknown scope", set("scope", "tweet.read profile"), "scope"},
		{"scopes with commas", set("scope", "tweet.read,users.read"), "scope"},
		{"no code_challenge", without("code_challenge"), "code_challenge"},
		{"an unknown method", set("code_challenge_method", "S512"), "code_challenge_method"},
		{"a parameter twice", func(q url.Values) { q.Add("state", "b") }, "the parameter state"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(t, xtest.Config{})
			q := authorizeQuery()
			tt.change(q)
			back, err := s.Approve(s.authorizeURL(q), xtest.DefaultUserID)
			var page *xtest.PageError
			if !errors.As(err, &page) || back != "" || page.Title != "Something went wrong" || !strings.HasPrefix(page.Reason, tt.reason) {
				t.Fatalf("got %q, %v", back, err)
			}
			if !strings.HasPrefix(err.Error(), "xtest: ") {
				t.Errorf("the error is %q", err)
			}
			r := newBrowser(s).get(s.authorizeURL(q))
			if r.status != 400 || r.header.Get("Location") != "" || !strings.Contains(r.body, "You weren&#39;t able to give access to the App. Go back and try logging in again.") {
				t.Errorf("the browser gets %d %s", r.status, r.body)
			}
		})
	}
	t.Run("a query that cannot be read", func(t *testing.T) {
		s := newSim(t, xtest.Config{})
		if r := newBrowser(s).get(s.web + "/i/oauth2/authorize?a=%zz"); r.status != 400 {
			t.Errorf("got %d", r.status)
		}
	})
	t.Run("a URL that is no consent page", func(t *testing.T) {
		s := newSim(t, xtest.Config{})
		for _, u := range []string{
			"https://x.com/2/oauth2/authorize", "https://api.x.com/i/oauth2/authorize", "http://x.com/i/oauth2/authorize", "https://x.com/",
		} {
			var page *xtest.PageError
			if _, err := s.Approve(u+"?"+authorizeQuery().Encode(), xtest.DefaultUserID); !errors.As(err, &page) || page.Status != 404 {
				t.Errorf("%s: got %v", u, err)
			}
		}
		if _, err := s.Approve("http://127.0.0.1:9000/mounted/i/oauth2/authorize?"+authorizeQuery().Encode(), xtest.DefaultUserID); err != nil {
			t.Errorf("below a prefix: got %v", err)
		}
	})
}

func TestThePageComparesCallbacks(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	s.SetCallbacks("http://127.0.0.1:8080/auth/callback", "https://site.example/auth/callback?a=b&c")
	show := func(sent string) string {
		q := authorizeQuery()
		q.Set("redirect_uri", sent)
		r := newBrowser(s).get(s.authorizeURL(q))
		if r.status != 400 {
			t.Errorf("%s: status %d", sent, r.status)
		}
		page, _, _ := strings.Cut(r.body, "<footer>")
		return page
	}
	page := show("http://localhost:8080/auth/callback?<script>")
	for _, want := range []string{
		"<code>http://localhost:8080/auth/callback?&lt;script&gt;</code>",
		"<code>http://127.0.0.1:8080/auth/callback</code>", "<code>https://site.example/auth/callback?a=b&amp;c</code>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is not in %s", want, page)
		}
	}
	if page = show(""); !strings.Contains(page, "<li>None</li>") {
		t.Errorf("without a callback: %s", page)
	}
	if page = show("http://" + strings.Repeat("a", 5000)); strings.Count(page, "a") > 3000 {
		t.Errorf("a long one: %d bytes", len(page))
	}
	q := authorizeQuery()
	q.Del("scope")
	q.Set("redirect_uri", "http://127.0.0.1:8080/auth/callback")
	if r := newBrowser(s).get(s.authorizeURL(q)); strings.Contains(r.body, "Registered callbacks") {
		t.Error("another page compares them")
	}
}

func TestSpacesBetweenScopesMayBePlus(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	encoded := s.authorizeURL(authorizeQuery())
	if !strings.Contains(encoded, "tweet.read+users.read") {
		t.Fatal("the test is not what it says")
	}
	for _, u := range []string{encoded, strings.ReplaceAll(encoded, "+", "%20")} {
		if _, err := s.Approve(u, xtest.DefaultUserID); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
}

func TestEveryKnownScopeIsAccepted(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	q := authorizeQuery()
	q.Set("scope", "tweet.read tweet.write tweet.moderate.write users.read users.email follows.read follows.write "+
		"offline.access space.read mute.read mute.write like.read like.write list.read list.write block.read block.write "+
		"bookmark.read bookmark.write dm.read dm.write media.write broadcast.read broadcast.write timeline.read ads.read ads.write")
	r := newBrowser(s).get(s.authorizeURL(q))
	if n := strings.Count(r.body[:strings.Index(r.body, "<footer>")], "<li>"); n != 27 {
		t.Errorf("%d of 27 scopes are on the page", n)
	}
}

func TestStatesAreAtMost500Characters(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	q := authorizeQuery()
	q.Set("state", strings.Repeat("s", 500))
	if back, err := s.Approve(s.authorizeURL(q), xtest.DefaultUserID); err != nil || !query(t, back).Has("code") {
		t.Errorf("500: got %s, %v", back, err)
	}
	q.Set("state", strings.Repeat("s", 501))
	want := callback + "?error=invalid_request&error_description=Redirect%20is%20requested."
	if back, err := s.Approve(s.authorizeURL(q), xtest.DefaultUserID); back != want || err != nil {
		t.Errorf("501: got %s, %v", back, err)
	}
	if r := newBrowser(s).get(s.authorizeURL(q)); r.status != 302 || r.header.Get("Location") != want {
		t.Errorf("501 in a browser: got %d %v", r.status, r.header)
	}
	s.SetSwitches(xtest.Switches{LongStatePage: true})
	if _, err := s.Approve(s.authorizeURL(q), xtest.DefaultUserID); !errors.As(err, new(*xtest.PageError)) {
		t.Errorf("LongStatePage: got %v", err)
	}
}

func TestAnUnknownScopeMayBeToldToTheCallback(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{Switches: xtest.Switches{InvalidScopeCallback: true}})
	q := authorizeQuery()
	q.Set("scope", "profile")
	back, err := s.Approve(s.authorizeURL(q), xtest.DefaultUserID)
	if back != callback+"?state=a%20state&error=invalid_scope" || err != nil {
		t.Errorf("got %s, %v", back, err)
	}
	newBrowser(s).get(s.authorizeURL(q))
	if r := s.Requests()[0]; !strings.Contains(r.Reason, "scope has profile") || !strings.Contains(r.Said, "error=invalid_scope") {
		t.Errorf("the record has %q, %q", r.Said, r.Reason)
	}
}

func TestCancelReturnsAccessDenied(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	u := s.authorizeURL(authorizeQuery())
	if back, err := s.Deny(u, xtest.DefaultUserID); back != callback+"?state=a%20state&error=access_denied" || err != nil {
		t.Errorf("got %s, %v", back, err)
	}
	s.SetSwitches(xtest.Switches{DenyWithoutState: true})
	if back, err := s.Deny(u, xtest.DefaultUserID); back != callback+"?error=access_denied" || err != nil {
		t.Errorf("DenyWithoutState: got %s, %v", back, err)
	}
}
