package xtest_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

func TestAccessTokenTellsWhoItIs(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	for _, u := range s.Users() {
		v := s.accessToken(u.ID)
		if v.Get("user_id") != u.ID || v.Get("screen_name") != u.Username {
			t.Errorf("got %v", v)
		}
		if !regexp.MustCompile(`^` + u.ID + `-[A-Za-z0-9]{40}$`).MatchString(v.Get("oauth_token")) {
			t.Errorf("token is %s", v.Get("oauth_token"))
		}
		if !s.Live(v.Get("oauth_token")) {
			t.Error("the token is not alive")
		}
	}
	s.SetSwitches(xtest.Switches{OmitUserID: true})
	if v := s.accessToken(xtest.DefaultUserID); v.Has("user_id") || v.Has("screen_name") || !v.Has("oauth_token_secret") {
		t.Errorf("OmitUserID: got %v", v)
	}
}

func TestTheVerifierMayComeInHeaderFormOrQuery(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	for place, send := range map[string]func(c signer, ver string) *http.Request{
		"header": func(c signer, ver string) *http.Request {
			return c.with("oauth_verifier", ver).request(t, "POST", s.base+"/oauth/access_token", nil)
		},
		"form": func(c signer, ver string) *http.Request {
			return c.request(t, "POST", s.base+"/oauth/access_token", url.Values{"oauth_verifier": {ver}})
		},
		"query": func(c signer, ver string) *http.Request {
			return c.request(t, "POST", s.base+"/oauth/access_token?oauth_verifier="+ver, nil)
		},
	} {
		token, secret, ver := s.approved(xtest.DefaultUserID)
		if len(ver) != 32 {
			t.Errorf("the verifier has %d characters", len(ver))
		}
		if r := s.do(send(consumer().user(token, secret), ver)); r.status != 200 {
			t.Errorf("%s: got %d %s", place, r.status, r.body)
		}
	}
}

func TestAccessTokenErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		switches xtest.Switches
		change   func(c signer, s *sim) signer
		status   int
		kind     string
		body     string
	}{
		{"a wrong verifier", xtest.Switches{}, func(c signer, _ *sim) signer { return c.with("oauth_verifier", "x") },
			401, textType, "Error processing your OAuth request: Invalid oauth_verifier parameter"},
		{"no token", xtest.Switches{}, func(c signer, _ *sim) signer { c.token = ""; return c }, 401, textType, "Request token missing"},
		{"no verifier", xtest.Switches{}, func(c signer, _ *sim) signer { c.extra = nil; return c }, 401, xmlType,
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<hash>\n  <error>Required oauth_verifier parameter not provided</error>\n  <request>/oauth/access_token</request>\n</hash>\n"},
		{"an unknown token", xtest.Switches{}, func(c signer, _ *sim) signer { c.token = "x"; return c }, 401, typeJSON, codedBody(89, "Invalid or expired token.")},
		{"an unknown token of an unknown app", xtest.Switches{}, func(c signer, _ *sim) signer { c.token, c.key = "x", "x"; return c }, 401, typeJSON, codedBody(32, "Could not authenticate you.")},
		{"an old token", xtest.Switches{}, func(c signer, s *sim) signer {
			s.Advance(15 * time.Minute)
			c.at = c.at.Add(15 * time.Minute)
			return c
		}, 401, typeJSON, codedBody(89, "Invalid or expired token.")},
		{"a token older than the switch allows", xtest.Switches{RequestTokenLifetime: time.Minute}, func(c signer, s *sim) signer {
			s.Advance(time.Minute)
			return c
		}, 401, typeJSON, codedBody(89, "Invalid or expired token.")},
		{"an empty token secret", xtest.Switches{}, func(c signer, _ *sim) signer { c.tokenSecret = ""; return c }, 200, formType, ""},
		{"another's token secret", xtest.Switches{}, func(c signer, _ *sim) signer { c.tokenSecret = "x"; return c }, 401, typeJSON, codedBody(32, "Could not authenticate you.")},
		{"an empty token secret where Strict is on", xtest.Switches{Strict: true}, func(c signer, _ *sim) signer { c.tokenSecret = ""; return c }, 401, typeJSON, codedBody(32, "Could not authenticate you.")},
		{"the right secret where Strict is on", xtest.Switches{Strict: true}, func(c signer, _ *sim) signer { return c }, 200, formType, ""},
		{"no header", xtest.Switches{}, func(signer, *sim) signer { return signer{} }, 400, typeJSON, codedBody(215, "Bad Authentication data.")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(t, xtest.Config{Switches: tt.switches})
			token, secret, ver := s.approved(xtest.DefaultUserID)
			c := tt.change(consumer().user(token, secret).with("oauth_verifier", ver), s)
			r := s.do(c.request(t, "POST", s.base+"/oauth/access_token", nil))
			if r.status != tt.status || r.header.Get("Content-Type") != tt.kind || tt.body != "" && r.body != tt.body {
				t.Errorf("got %d %s %s", r.status, r.header.Get("Content-Type"), r.body)
			}
		})
	}
	t.Run("a token that nobody approved", func(t *testing.T) {
		s := newSim(t, xtest.Config{})
		token, secret := s.requestToken(callback)
		r := s.do(consumer().user(token, secret).with("oauth_verifier", "x").request(t, "POST", s.base+"/oauth/access_token", nil))
		if r.status != 401 || !strings.Contains(r.body, "Invalid oauth_verifier") {
			t.Errorf("got %d %s", r.status, r.body)
		}
	})
	t.Run("a token that is spent", func(t *testing.T) {
		s := newSim(t, xtest.Config{})
		token, secret, ver := s.approved(xtest.DefaultUserID)
		c := consumer().user(token, secret).with("oauth_verifier", ver)
		if r := s.do(c.request(t, "POST", s.base+"/oauth/access_token", nil)); r.status != 200 {
			t.Fatalf("got %d", r.status)
		}
		s.do(c.request(t, "POST", s.base+"/oauth/access_token", nil)).want(t, 401, typeJSON, codedBody(89, "Invalid or expired token."))
	})
	t.Run("trouble at X has no effect", func(t *testing.T) {
		s := newSim(t, xtest.Config{})
		s.Fail(xtest.Fault{Path: "/oauth/access_token", Times: 1, Status: 401, Body: "This feature is temporarily unavailable"})
		token, secret, ver := s.approved(xtest.DefaultUserID)
		c := consumer().user(token, secret).with("oauth_verifier", ver)
		for i, want := range []int{401, 200} {
			if r := s.do(c.request(t, "POST", s.base+"/oauth/access_token", nil)); r.status != want {
				t.Errorf("request %d: got %d, want %d", i, r.status, want)
			}
		}
	})
}

func TestPINsHaveSevenDigitsAndWorkOnce(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	token, secret := s.requestToken("oob")
	pin, err := s.Approve(s.base+"/oauth/authorize?oauth_token="+token, xtest.DefaultUserID)
	if err != nil || !regexp.MustCompile(`^[0-9]{7}$`).MatchString(pin) {
		t.Fatalf("got %q, %v", pin, err)
	}
	c := consumer().user(token, secret).with("oauth_verifier", pin)
	for _, want := range []int{200, 401} {
		if r := s.do(c.request(t, "POST", s.base+"/oauth/access_token", nil)); r.status != want {
			t.Errorf("got %d %s, want %d", r.status, r.body, want)
		}
	}
	token, _ = s.requestToken("oob")
	if back, err := s.Deny(s.base+"/oauth/authorize?oauth_token="+token, xtest.DefaultUserID); back != "" || err != nil {
		t.Errorf("denied: got %q, %v", back, err)
	}
}

func TestAnInvalidatedTokenIsDead(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	v := s.accessToken(xtest.DefaultUserID)
	c := consumer().user(v.Get("oauth_token"), v.Get("oauth_token_secret"))
	invalidate := func(c signer) reply {
		return s.do(c.request(t, "POST", s.base+"/1.1/oauth/invalidate_token.json", nil))
	}
	if r := invalidate(c.user(v.Get("oauth_token"), "x")); r.status != 401 {
		t.Errorf("wrong secret: got %d", r.status)
	}
	invalidate(signer{}).want(t, 400, typeJSON, codedBody(215, "Bad Authentication data."))
	stranger := c
	stranger.key = "x"
	invalidate(stranger).want(t, 401, typeJSON, codedBody(32, "Could not authenticate you."))
	invalidate(c).want(t, 200, typeJSON, `{"access_token":"`+v.Get("oauth_token")+`"}`)
	invalidate(c).want(t, 401, typeJSON, codedBody(89, "Invalid or expired token."))
	if s.Live(v.Get("oauth_token")) {
		t.Error("the token is alive")
	}
	if again := s.accessToken(xtest.DefaultUserID); again.Get("oauth_token") == v.Get("oauth_token") {
		t.Error("a new authorization gave the same token")
	}
}

func TestAuthorizingAgainGivesAnotherTokenUnlessSwitched(t *testing.T) {
	t.Parallel()
	for _, same := range []bool{false, true} {
		s := newSim(t, xtest.Config{Switches: xtest.Switches{SameOAuth1Token: same}})
		a, b := s.accessToken(xtest.DefaultUserID), s.accessToken(xtest.DefaultUserID)
		if (a.Get("oauth_token") == b.Get("oauth_token")) != same || (a.Get("oauth_token_secret") == b.Get("oauth_token_secret")) != same {
			t.Errorf("switch %v: got %v and %v", same, a, b)
		}
		if !s.Live(a.Get("oauth_token")) || !s.Live(b.Get("oauth_token")) {
			t.Errorf("switch %v: a token is dead", same)
		}
	}
}

func TestTheAccessTypeLowersAndNeverRaises(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		readOnly bool
		ask      string
		want     int
	}{
		{"a read-write app may write", false, "", 201},
		{"asking for read lowers it", false, "read", 403},
		{"asking for write keeps it", false, "write", 201},
		{"asking for write does not raise a read-only app", true, "write", 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSim(t, xtest.Config{ReadOnly: tt.readOnly})
			xapi.Mount(s.X)
			c := consumer().with("oauth_callback", callback)
			if tt.ask != "" {
				c = c.with("x_auth_access_type", tt.ask)
			}
			v, _ := url.ParseQuery(s.do(c.request(t, "POST", s.base+"/oauth/request_token", nil)).body)
			token, secret := v.Get("oauth_token"), v.Get("oauth_token_secret")
			back, err := s.Approve(s.base+"/oauth/authorize?oauth_token="+token, xtest.DefaultUserID)
			if err != nil {
				t.Fatal(err)
			}
			c = consumer().user(token, secret).with("oauth_verifier", query(t, back).Get("oauth_verifier"))
			v, _ = url.ParseQuery(s.do(c.request(t, "POST", s.base+"/oauth/access_token", nil)).body)
			req := consumer().user(v.Get("oauth_token"), v.Get("oauth_token_secret")).request(t, "POST", s.base+"/2/tweets", nil)
			req.Header.Set("Content-Type", "application/json")
			req.Body = body(`{"text":"hello"}`)
			if r := s.do(req); r.status != tt.want {
				t.Errorf("got %d %s, want %d", r.status, r.body, tt.want)
			}
		})
	}
}

func TestRevokedAppsMustBeApprovedAnew(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	mine, others := s.accessToken(xtest.DefaultUserID), s.accessToken(xtest.SecondUserID)
	pending, _, _ := s.approved(xtest.DefaultUserID)
	code := s.code(authorizeQuery(), xtest.DefaultUserID)
	tokens := s.signIn(xtest.DefaultUserID)
	s.RevokeApp(xtest.DefaultUserID)
	s.RevokeApp("unknown")

	me := func(v url.Values) reply {
		return s.do(consumer().user(v.Get("oauth_token"), v.Get("oauth_token_secret")).request(t, "GET", s.base+"/2/users/me", nil))
	}
	me(mine).want(t, 401, typeJSON, codedBody(89, "Invalid or expired token."))
	if r := me(others); r.status != 200 {
		t.Errorf("another user's token: got %d %s", r.status, r.body)
	}
	req := newRequest(t, "GET", s.base+"/2/users/me", nil)
	req.Header.Set("Authorization", "Bearer "+tokens.Access)
	if r := s.do(req); r.status != 401 || !strings.Contains(r.body, `"detail":"Unauthorized"`) {
		t.Errorf("v2: got %d %s", r.status, r.body)
	}
	s.confidential("/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Refresh}}).
		want(t, 400, typeJSON, invalid("Value passed for the token was invalid."))
	s.confidential("/2/oauth2/token", codeForm(code)).
		want(t, 400, typeJSON, invalid("Value passed for the authorization code was invalid."))
	if r := newBrowser(s).get(s.base + "/oauth/authenticate?oauth_token=" + pending); r.status != 403 {
		t.Errorf("a sign-in under way survives: %d", r.status)
	}
}
