package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// newest is the last post of the demo account.
func (l *lab) newest() xapi.Post {
	l.Helper()
	all := l.api.Posts(xtest.DefaultUserID)
	if len(all) == 0 {
		l.Fatal("there is no post")
	}
	return all[0]
}

func TestText(t *testing.T) {
	everyProtocol(t, func(t *testing.T, l *lab) {
		l.run("text", "Hello").want(0, "Posted "+l.newest().ID, "as @demo")
		first := l.newest()
		if first.Text != "Hello" {
			t.Errorf("%+v", first)
		}
		var p posted
		l.runAs(t.Context(), person{stdin: strings.NewReader("Two\nlines & <more>\n")}, "-json", "text", "-reply", first.ID, "-").want(0).json(&p)
		if got := l.newest(); p.ID != got.ID || got.Text != "Two\nlines & <more>" || got.ReplyToID != first.ID {
			t.Errorf("%+v %+v", p, got)
		}
		l.run("text", "Hello").want(1, "posted already", "X says: ")
		l.run("text", "-reply", "12345", "To nobody").want(1, "X did not accept this", "deleted or not visible")
	})
}

func TestPoll(t *testing.T) {
	everyProtocol(t, func(t *testing.T, l *lab) {
		// A poll that is not a reply: go-twitter would panic.
		l.run("poll", "-for", "90m", "Tea or coffee?", "Tea", "Coffee", "Neither").want(0, "Posted")
		if got := l.newest(); !slices.Equal(got.PollOptions, []string{"Tea", "Coffee", "Neither"}) || got.Text != "Tea or coffee?" {
			t.Errorf("%+v", got)
		}
		l.run("timeline", "-user", "me").want(0, "( ) Coffee, 0 votes")
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	l := signedIn(t, byOAuth2)
	for _, c := range []struct {
		name  string
		fault xtest.Fault
		code  string
		text  string
	}{
		{"no credits", xtest.Fault{Status: 402, Header: http.Header{"Content-Type": {"application/problem+json"}}, Body: `{"title":"CreditsDepleted","detail":"empty"}`}, "no_credits", "console.x.com"},
		{"a page of the edge", xtest.Fault{Status: 503, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html>down</html>"}, "unsure", "may or may not have been executed"},
		{"a page before X", xtest.Fault{Status: 403, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html>blocked</html>"}, "unavailable", "X refused this for the moment (status 403)"},
		{"a passing refusal of a good token", xtest.Fault{Status: 403, Header: http.Header{"Content-Type": {"application/problem+json"}}, Body: `{"title":"Unsupported Authentication","detail":"Authenticating with Unknown is forbidden","type":"https://api.twitter.com/2/problems/unsupported-authentication"}`}, "unavailable", "with Unknown"},
		{"the answer is lost", xtest.Fault{After: true, CutAfter: -1}, "unsure", "timeline -user me"},
		{"limited", xtest.Fault{Status: 429, Header: http.Header{"X-Rate-Limit-Limit": {"1"}, "X-Rate-Limit-Remaining": {"0"}, "X-Rate-Limit-Reset": {"4102444800"}}}, "rate_limited", "try again from"},
		{"terminal codes", xtest.Fault{Status: 400, Header: http.Header{"Content-Type": {"application/json"}}, Body: `{"detail":"\u001b]0;title\u0007bad"}`}, "refused", "X says: ]0;title bad"},
	} {
		c.fault.Path, c.fault.Times = "/2/tweets", 2
		l.x.Fail(c.fault)
		a := l.run("text", "A "+c.name).want(1, c.text)
		if strings.ContainsAny(a.stderr, "\x1b\x07<") {
			t.Errorf("%s: %q", c.name, a.stderr)
		}
		var failed struct{ Error problem }
		a = l.run("-json", "text", "Again "+c.name)
		a.json(&failed)
		if failed.Error.Code != c.code || a.status != 1 {
			t.Errorf("%s: %+v", c.name, failed)
		}
		l.x.ClearFaults()
	}
	l.env["X_SCOPES"] = "tweet.read users.read"
	l.signIn(byOAuth2, xtest.DefaultUserID).want(0)
	before := len(l.x.Requests())
	l.run("text", "Not allowed").want(1, "lacks tweet.write", "X_SCOPES")
	if n := len(l.x.Requests()); n != before {
		t.Errorf("X was asked %d times", n-before)
	}
}

func TestWrongCommandLines(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, c := range []struct{ args, want string }{
		{"", "which command?"},
		{"brew x", `there is no command "brew"; xpost -h`},
		{"timelin", "did you mean timeline?"},
		{"whoam", "did you mean whoami?"},
		{"refresch", "did you mean refresh?"},
		{"follow", "did you mean followers?"},
		{"dmeo", "did you mean demo?"},
		{"-oauth1 -oauth2 whoami", "-oauth1 and -oauth2"},
		{"whoami -oauth2 -oauth1 -json", "-oauth1 and -oauth2"},
		{"text -colour x -json", "-colour"},
		{"custom", "custom takes a METHOD"},
		{"custom GET", "custom takes a METHOD"},
		{"custom -media x.png GET /2/users/me", "-media goes with POST"},
		{"custom -text x POST /2/tweets", "are in the JSON"},
		{"custom -media x.png -option a -option b -text x", "files or a poll"},
		{"custom -text x -option a", "two to four answers"},
		{"upload", "upload takes files"},
		{"delete", "delete takes ids"},
		{"delete https://x.com/1", "delete takes ids"},
		{"image - -", "can be read once"},
		{"link x", "takes no arguments"},
		{"demo -auth x whoami", "-auth is not available"},
		{"-colour text x", "-colour"},
		{"text", "text takes one TEXT"},
		// Otherwise flags after the text would be posted as text.
		{"text x -reply 1", "flags come before it"},
		{"whoami x", "takes no arguments"},
		{"poll Question? one", "two to four answers"},
		{"poll -for 1m Question? one two", "from 5m"},
		{"poll Question? one aaaaaaaaaaaaaaaaaaaaaaaaaa", "26 characters"},
		{"image", "image takes one to four files"},
		{"image -alt a -alt b x.png", "2 -alt for 1 files"},
		{"timeline -n 3", "5 to 100"},
		{"timeline -n many", "-n"},
		{"followers -n 0", "1 to 1000"},
		{"custom BREW /2/coffee", "GET, POST, PUT"},
		{"custom GET 2/users/me", "begins with a slash"},
		{"custom POST /2/tweets {", "not JSON"},
		{"demo login", "signs in automatically"},
		{"-account demo login", "no -account"},
	} {
		a := l.run(strings.Fields(c.args)...).want(2, c.want)
		if a.stdout != "" && !strings.Contains(c.args, "-json") {
			t.Errorf("%s: said %q", c.args, a.stdout)
		}
		var failed struct{ Error problem }
		l.run(append([]string{"-json"}, strings.Fields(c.args)...)...).json(&failed)
		if failed.Error.Code != "usage" {
			t.Errorf("%s: %+v", c.args, failed)
		}
	}
	if n := len(l.x.Requests()); n != 0 {
		t.Errorf("X was asked %d times", n)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, args := range [][]string{{"-h"}, {"help"}} {
		l.run(args...).want(0, "xpost posts to X", "X_CALLBACK_PORT")
	}
	var shown struct{ Help string }
	for _, c := range append(commands(), command{name: "demo"}) {
		text := l.run(c.name, "-h").want(0, "xpost "+c.name+" [flags]", "-account name", c.about).stdout
		if l.run("help", c.name).want(0).stdout != text {
			t.Errorf("help %s prints something else than %s -h", c.name, c.name)
		}
		for _, args := range [][]string{{"-json", c.name, "-h"}, {c.name, "-h", "-json"}} {
			if l.run(args...).want(0).json(&shown); !strings.Contains(shown.Help, "xpost "+c.name) {
				t.Errorf("%q: %q", args, shown.Help)
			}
		}
	}
	l.run("poll", "-h").want(0, "TEXT ANSWER ANSWER...", "-for duration", "-reply id")
	if a := l.run("text", "-h"); strings.Contains(a.stdout, "-alt") || strings.Contains(a.stdout, "timeline") {
		t.Errorf("the help of text:\n%s", a.stdout)
	}
	for _, c := range commands() {
		if !strings.Contains(usage, "\n  "+c.name+" ") {
			t.Errorf("%s is not in the usage text", c.name)
		}
	}
	_, _ = readConfig(func(name string) string {
		if !strings.Contains(usage, "\n  "+name+" ") {
			t.Errorf("%s is not in the usage text", name)
		}
		return ""
	}, "")
}

func TestWrongVariables(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  map[string]string
		want []string
	}{
		{"nothing", map[string]string{"X_CLIENT_ID": "", "X_CONSUMER_KEY": "", "X_CONSUMER_SECRET": ""}, []string{"X_CLIENT_ID is missing", "xpost demo"}},
		{"several", map[string]string{"X_CALLBACK_PORT": "http", "X_API_URL": "http://api.x.com", "X_SCOPES": "a,b"}, []string{"X_CALLBACK_PORT must", "X_API_URL must be https", "X_SCOPES is separated"}},
		{"half a pair", map[string]string{"X_CONSUMER_SECRET": ""}, []string{"X_CONSUMER_SECRET is missing"}},
		{"a user in a URL", map[string]string{"X_AUTHORIZE_URL": "https://a:b@x.com/"}, []string{"X_AUTHORIZE_URL must not have"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			for name, value := range c.env {
				l.env[name] = value
			}
			l.run("timeline").want(2, c.want...)
		})
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	clear(l.env)
	a := l.run("demo").want(0, "$ xpost whoami", "Hello from the command line", "[photo] Squares", "( ) Tea, 0 votes", "That was the tour")
	if !strings.Contains(a.stderr, "Nothing reaches X") || !strings.Contains(a.stderr, "opens it automatically") {
		t.Errorf("said\n%s", a.stderr)
	}
	_, name, _ := strings.Cut(a.stdout, "Signed in as ")
	name, _, _ = strings.Cut(name, "\n")
	if !strings.Contains(a.stderr, "allows the sign-in as "+name) {
		t.Errorf("%s signed in, but another was announced:\n%s", name, a.stderr)
	}
	var p posts
	l.run("demo", "-json", "timeline").want(0).json(&p)
	if len(p.Data) == 0 {
		t.Error("an empty timeline")
	}
	var tour []struct {
		Command string
		Result  any
	}
	l.run("demo", "-json").want(0).json(&tour)
	if len(tour) != 6 || tour[1].Command != "whoami" || tour[1].Result == nil {
		t.Errorf("%+v", tour)
	}
	l.run("demo", "-oauth1", "whoami").want(0, "OAuth 1.0a")
	l.runAs(t.Context(), person{stdin: strings.NewReader("From stdin")}, "demo", "text", "-").want(0, "Posted")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	l.runAs(ended, person{}, "demo").want(130, "stopped")
}
