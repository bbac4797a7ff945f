package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

func TestTimeline(t *testing.T) {
	everyProtocol(t, func(t *testing.T, l *lab) {
		l.api.AddPost(xtest.DefaultUserID, "Mine & <mine>")
		l.api.AddPost(xtest.SecondUserID, "Theirs\x1b[2J\nin two lines")
		home := l.run("timeline").want(0, "@demo  ", "Mine & <mine>", "@demo_two", "  Theirs[2J\n  in two lines")
		if strings.Contains(home.stdout, "\x1b") {
			t.Errorf("%q", home.stdout)
		}
		for _, user := range []string{"me", "@demo", "DEMO", xtest.DefaultUserID} {
			if a := l.run("timeline", "-user", user).want(0, "Mine & <mine>"); strings.Contains(a.stdout, "Theirs") {
				t.Errorf("%s has the posts of another:\n%s", user, a.stdout)
			}
		}
		if n := l.x.Count(http.MethodGet, "/2/users/by"); n != 0 {
			t.Errorf("%d calls for a name that is known", n)
		}
		if a := l.run("timeline", "-user", "@demo_two").want(0, "Theirs"); strings.Contains(a.stdout, "Mine") {
			t.Errorf("the posts of another:\n%s", a.stdout)
		}
		l.run("timeline", "-user", "@no_such_user").want(1, "no user @no_such_user at X")
		l.run("timeline", "-user", "../../x").want(2, "-user takes")

		var first, second posts
		l.run("-json", "timeline", "-n", "5").want(0).json(&first)
		if len(first.Data) != 5 || first.Next == "" || len(first.Includes.Users) == 0 {
			t.Fatalf("%+v", first)
		}
		l.run("timeline", "-json", "-n", "5", "-page", first.Next).want(0).json(&second)
		if len(second.Data) == 0 || second.Data[0].ID == first.Data[0].ID {
			t.Errorf("%+v", second)
		}
	})
}

func TestFollowers(t *testing.T) {
	everyProtocol(t, func(t *testing.T, l *lab) {
		l.api.Follow(xtest.SecondUserID, xtest.DefaultUserID)
		l.run("followers").want(0, "@demo_two", xtest.SecondUserID)
		var p people
		l.run("followers", "-user", "@demo_two", "-json").want(0).json(&p)
		if p.Data == nil {
			t.Errorf("%+v", p)
		}
	})
}

func TestCustom(t *testing.T) {
	everyProtocol(t, func(t *testing.T, l *lab) {
		var me struct{ Data struct{ ID string } }
		l.run("custom", "get", "/2/users/me?user.fields=created_at").want(0, `"created_at"`).json(&me)
		if me.Data.ID != xtest.DefaultUserID {
			t.Errorf("%+v", me)
		}
		l.run("custom", "POST", "/2/tweets", `{"text":"By hand"}`).want(0, "By hand")
		l.runAs(t.Context(), person{stdin: strings.NewReader(`{"text":"By pipe"}`)}, "-json", "custom", "POST", l.url+"/2/tweets", "-").want(0, "By pipe")
		if got := l.newest().Text; got != "By pipe" {
			t.Errorf("posted %q", got)
		}
		// X's own response is the document, and the status shows the result.
		var refused struct{ Status int }
		a := l.run("-json", "custom", "GET", "/2/no/such/path").want(1, "X did not find this")
		a.json(&refused)
		if refused.Status != http.StatusNotFound {
			t.Errorf("%s", a.stdout)
		}
		l.x.Fail(xtest.Fault{Path: "/2/users/me", Status: 200, Body: "<p>"})
		l.run("custom", "GET", "/2/users/me").want(1, "other than JSON")
		l.x.ClearFaults()
		l.x.Fail(xtest.Fault{Path: "/2/users/me", Status: 204})
		l.run("-json", "custom", "GET", "/2/users/me").want(0, `"status": 204`)
	})
}

// Credentials go only to X's API, in whatever form the address is written.
func TestCustomGoesNowhereElse(t *testing.T) {
	t.Parallel()
	elsewhere := newLab(t)
	l := signedIn(t, byOAuth2)
	host := strings.TrimPrefix(elsewhere.url, "http://")
	for _, address := range []string{elsewhere.url + "/2/users/me", "https://api.x.com.evil.example/", "http://127.0.0.1@" + host + "/2/users/me"} {
		l.run("custom", "GET", address).want(1, "does not belong to X's API")
	}
	for _, address := range []string{"//" + host + "/2/users/me", "/\\" + host, "/@" + host} {
		l.run("custom", "GET", address).want(1)
	}
	l.x.Fail(xtest.Fault{Path: "/2/users/me", Status: 302, Header: http.Header{"Location": {elsewhere.url + "/2/users/me"}}})
	l.run("custom", "GET", "/2/users/me").want(1, "does not belong to X's API")
	if n := len(elsewhere.x.Requests()); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}
