package main

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/xtest"
)

func TestFilesThatDoNotGoTogether(t *testing.T) {
	t.Parallel()
	l := signedIn(t, byOAuth2)
	before := len(l.x.Requests())
	picture, gif, video := place(t, "a.png", photo(t, 4)), place(t, "b.gif", animation(t)), place(t, "c.mp4", film(100))
	for _, c := range []struct{ args, want string }{
		{"gif GIF GIF", "here are 2 GIFs"},
		{"video VIDEO VIDEO VIDEO", "here are 3 videos"},
		{"custom -media PICTURE -media GIF", "here are 1 picture and 1 GIF"},
		{"custom -media GIF -media VIDEO -text x", "here are 1 GIF and 1 video"},
		{"custom -media PICTURE -media PICTURE -media PICTURE -media PICTURE -media PICTURE", "here are 5 pictures"},
		{"custom -media PICTURE -media VIDEO POST /2/tweets {}", "here are 1 picture and 1 video"},
		{`custom -media PICTURE POST /2/tweets {"poll":{}}`, "files or a poll"},
		{`custom -media PICTURE POST /2/tweets {"media":{}}`, "give media in the JSON"},
		{"custom -media PICTURE POST /2/tweets []", "not an object"},
		{"custom -media VIDEO -alt x", "no description"},
	} {
		args := strings.NewReplacer("PICTURE", picture, "GIF", gif, "VIDEO", video).Replace(c.args)
		l.run(strings.Fields(args)...).want(2, c.want)
	}
	if n := len(l.x.Requests()); n != before {
		t.Errorf("X was asked %d times", n-before)
	}
	// Four pictures are one post.
	l.run("custom", "-media", picture, "-media", picture, "-media", picture, "-media", picture).want(0)
	if got := l.newest(); len(got.MediaKeys) != 4 {
		t.Errorf("%+v", got)
	}
}

func TestDelete(t *testing.T) {
	everyProtocol(t, func(t *testing.T, l *lab) {
		l.run("text", "One").want(0)
		one := l.newest().ID
		l.run("text", "Two").want(0)
		two := l.newest().ID
		l.run("delete", one, two).want(0, "Deleted "+one, "Deleted "+two)
		for _, p := range l.api.Posts(xtest.DefaultUserID) {
			if p.ID == one || p.ID == two {
				t.Errorf("%+v is still there", p)
			}
		}
		l.run("delete", one).want(1, "X did not find this")
		l.run("text", "Three").want(0)
		three := l.newest().ID
		var posts []deletedPost
		l.run("-json", "delete", three, one, two).want(1).json(&posts)
		if len(posts) != 2 || !posts[0].Deleted || posts[1].ID != one || posts[1].Error == nil || posts[1].Error.Code != "not_found" {
			t.Errorf("%+v", posts)
		}
	})
}

func TestLogout(t *testing.T) {
	t.Parallel()
	l := signedIn(t, byOAuth2)
	l.signIn(byOAuth1, xtest.DefaultUserID).want(0)
	l.signIn(byOAuth2, xtest.SecondUserID).want(0)
	l.run("-account", "demo", "logout").want(0, "@demo (OAuth 2.0) is deleted here and revoked at X", "@demo (OAuth 1.0a) is deleted here and revoked at X")
	l.run("accounts").want(0, "@demo_two")
	l.run("-account", "demo", "whoami").want(1, "not signed in here")
	l.signIn(byOAuth1, xtest.DefaultUserID).want(0)
	// Without the key for which it was issued, a token is deleted and not revoked.
	delete(l.env, "X_CONSUMER_KEY")
	delete(l.env, "X_CONSUMER_SECRET")
	var all []ended
	l.run("-json", "logout", "-all").want(0).json(&all)
	if len(all) != 2 || !all[0].Deleted || all[0].Revoked || !all[1].Deleted || !all[1].Revoked {
		t.Errorf("%+v", all)
	}
	l.run("accounts").want(0, "Nobody is signed in")
	l.run("logout", "-all").want(0, "Nobody is signed in")
	l.run("logout").want(1, "nobody is signed in")
	for value, what := range l.known() {
		if what != "an OAuth 1.0a token" && l.x.Live(value) {
			t.Errorf("%s is alive", what)
		}
	}
}

// One account has two tokens, and flags select one.
func TestTheFlagsChooseTheToken(t *testing.T) {
	t.Parallel()
	l := signedIn(t, byOAuth2)
	l.signIn(byOAuth1, xtest.DefaultUserID).want(0)
	for flag, want := range map[string]string{"-oauth1": "OAuth 1.0a", "-oauth2": "OAuth 2.0"} {
		l.run(flag, "whoami").want(0, want)
		l.run("whoami", flag).want(0, want)
		l.run(flag, "text", "By "+want).want(0)
		if _, h := l.form("/2/tweets"); strings.HasPrefix(h.Get("Authorization"), "OAuth ") != (flag == "-oauth1") {
			t.Errorf("%s posted with another token", flag)
		}
	}
	// The last sign-in was by OAuth 1.0a, whose tokens are not refreshed.
	l.run("refresh").want(0, "by OAuth 2.0", "is valid until")
	l.run("-oauth1", "refresh").want(1, "OAuth 1.0a tokens do not expire")
	l.run("-oauth1", "revoke").want(0)
	l.run("-oauth1", "whoami").want(1, "run xpost -oauth1 login")
	l.run("-oauth2", "revoke").want(0)
	l.run("-oauth2", "whoami").want(1, "run xpost -oauth2 login")
	delete(l.env, "X_CLIENT_ID")
	l.run("-oauth2", "login").want(2, "X_CLIENT_ID is missing")
	l.run("-oauth2", "link").want(2, "X_CLIENT_ID is missing")
}

func TestOffline(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	two, one := l.issued()
	unreached := func(want string, args ...string) {
		t.Helper()
		a := l.run(args...).want(3, want)
		if strings.Count(a.stderr, "\n") != 1+strings.Count(a.stderr, "Open this") {
			t.Errorf("%q: more than a line:\n%s", args, a.stderr)
		}
		var failed struct{ Error problem }
		if l.run(append([]string{"-json"}, args...)...).want(3).json(&failed); failed.Error.Code != "offline" {
			t.Errorf("%q: %+v", args, failed)
		}
	}
	// The tokens come from outside, because those of a sign-in go only to their own X.
	at := "127.0.0.1:" + testservers.FreePort(t) // where no program listens
	want := "there is no connection to X at " + at + ": connect: connection refused"
	l.env["X_API_URL"], l.env["XPOST_DB"] = "http://"+at, t.TempDir()+"/tokens.db"
	unreached(want, "-auth", l.authFile(two), "text", "x")
	unreached(want, "-auth", l.authFile(one), "timeline")
	unreached(want, "-oauth1", "link")
	// An expired token needs a refresh first.
	delete(two, "access_token")
	unreached(want, "-auth", l.authFile(two), "timeline")
	lookup := &net.DNSError{Err: "no such host", Name: "api.x.com", IsNotFound: true}
	said := explain(&url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Err: lookup}}, options{})
	if said.Code != "offline" || said.Message != "there is no connection to X: api.x.com has no address. Is this machine online?" {
		t.Errorf("%+v", said)
	}
	// The connection is lost later.
	m := signedIn(t, byOAuth2)
	m.x.Fail(xtest.Fault{Path: "/2/tweets", CutAfter: -1})
	m.run("text", "Perhaps").want(1, "may or may not have been executed")
	m.x.Fail(xtest.Fault{Path: "/2/users/*", CutAfter: -1})
	m.run("timeline").want(1, "the connection to X broke off: try again later")
}

// The ids of the files before the failed one are printed.
func TestAnUploadFailsInTheMiddle(t *testing.T) {
	t.Parallel()
	l := signedIn(t, byOAuth2)
	one, two := place(t, "a.png", photo(t, 3)), place(t, "b.png", photo(t, 4))
	args := []string{"upload", one, two, one}
	for range 2 {
		l.x.ClearFaults()
		l.x.Fail(xtest.Fault{Path: "/2/media/upload/initialize", Times: 1})
		l.x.Fail(xtest.Fault{Path: "/2/media/upload/initialize", Status: 413})
		a := l.run(args...).want(1, "b.png: this is too large for X")
		if args[0] == "upload" {
			if len(strings.Fields(a.stdout)) != 1 {
				t.Errorf("printed\n%s", a.stdout)
			}
			args = append([]string{"-json"}, args...)
			continue
		}
		var list []uploaded
		if a.json(&list); len(list) != 2 || list[0].ID == "" || list[1].ID != "" || list[1].Error.Code != "too_large" {
			t.Errorf("%+v", list)
		}
	}
}

func TestCtrlCStatus(t *testing.T) {
	t.Parallel()
	l := signedIn(t, byOAuth2)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range []string{"text x", "timeline", "custom GET /2/users/me", "upload " + place(t, "a.png", photo(t, 3)), "code"} {
		var failed struct{ Error problem }
		a := l.runAs(ended, person{}, append([]string{"-json"}, strings.Fields(args)...)...).want(130)
		if a.json(&failed); failed.Error.Code != "stopped" {
			t.Errorf("%s: %+v", args, failed)
		}
	}
	if n := l.x.Count(http.MethodPost, "/2/tweets"); n != 0 {
		t.Errorf("%d posts", n)
	}
}
