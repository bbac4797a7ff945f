package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

func TestLoginThroughARedirect(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	pages := make(chan string, 1)
	said := l.runAs(t.Context(), person{browse: func(_ context.Context, address string) {
		u, err := url.Parse(address)
		if err != nil || u.Query().Get("code_challenge_method") != "S256" || u.Query().Get("client_id") != xtest.DefaultPublicClientID {
			t.Errorf("the address is %s, %v", address, err)
		}
		go func() {
			resp, page := l.consent(address, xtest.SecondUserID, "authorize")
			if resp.StatusCode != http.StatusOK || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("the browser ended on %s %v", resp.Status, resp.Header)
			}
			pages <- page
		}()
	}}, "login").want(0, "Signed in as @demo_two", "OAuth 2.0", "tweet.write")
	if page := <-pages; !strings.Contains(page, "You are signed in as @demo_two") {
		t.Errorf("the browser ended on\n%s", page)
	}
	if !strings.Contains(said.stderr, "Open this address in a browser") {
		t.Errorf("said\n%s", said.stderr)
	}
	l.run("whoami").want(0, "@demo_two", xtest.SecondUserID, "and is then refreshed")
	if n := l.x.Count(http.MethodGet, "/2/users/me"); n != 1 {
		t.Errorf("X was asked %d times who it is, and once is enough", n)
	}
}

func TestLoginByPIN(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.x.SetCallbacks("https://example.com/registered")
	said := l.signIn(byOAuth1, xtest.DefaultUserID).want(0, "Signed in as @demo", "OAuth 1.0a", "does not expire")
	// X's documentation names this page for PINs: it asks each time.
	if !strings.Contains(said.stderr, "PIN: ") || !strings.Contains(said.stderr, l.url+"/oauth/authorize?") {
		t.Errorf("said\n%s", said.stderr)
	}
	l.run("whoami").want(0, "@demo", xtest.DefaultUserID)
	if n := l.x.Count("", "/2/*"); n != 0 {
		t.Errorf("%d API calls, which X bills", n)
	}
}

// With OAuth 1.0a alone no flag is needed.
func TestLoginByWhatIsConfigured(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	delete(l.env, "X_CLIENT_ID")
	l.runAs(t.Context(), person{stdin: strings.NewReader("\n")}, "login").want(1, "no PIN was typed in")
	delete(l.env, "X_CONSUMER_KEY")
	delete(l.env, "X_CONSUMER_SECRET")
	l.env["X_CLIENT_ID"] = xtest.DefaultPublicClientID
	l.run("-oauth1", "login").want(2, "X_CONSUMER_KEY is missing")
}

func TestLoginIsRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.runAs(t.Context(), person{browse: func(_ context.Context, address string) {
		go l.consent(address, xtest.DefaultUserID, "cancel")
	}}, "login").want(1, "declined at X")
	l.runAs(t.Context(), person{stdin: strings.NewReader("1234567\n")}, "-oauth1", "login").want(1, "run xpost -oauth1 login again")
	var failed struct{ Error problem }
	l.runAs(t.Context(), person{stdin: strings.NewReader("1234567\n")}, "-json", "-oauth1", "login").json(&failed)
	if failed.Error.Code != "expired" {
		t.Errorf("%+v", failed)
	}
	l.run("accounts").want(0, "Nobody is signed in")
	l.run("whoami").want(1, "run xpost login")
}

// Any page in the browser can call the callback's address. A request that is not the pending
// sign-in's callback does not end that sign-in.
func TestStrangersDoNotEndALogin(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.runAs(t.Context(), person{browse: func(_ context.Context, address string) {
		go func() {
			callback, err := l.x.Approve(address, xtest.DefaultUserID)
			if err != nil {
				t.Error(err)
				return
			}
			u, _ := url.Parse(callback)
			get := func(method, host, rest string) int {
				r, _ := http.NewRequest(method, "http://"+u.Host+rest, nil)
				r.Host = host
				resp, err := (&http.Client{Transport: &http.Transport{}}).Do(r)
				if err != nil {
					t.Error(err)
					return 0
				}
				_ = resp.Body.Close()
				return resp.StatusCode
			}
			for _, c := range []struct {
				method, host, rest string
				status             int
			}{
				{"GET", u.Host, "/", 404},
				{"GET", u.Host, "/callback", 400},
				{"GET", u.Host, "/callback?error=access_denied", 400},
				{"GET", u.Host, "/callback?state=another&code=another", 400},
				{"POST", u.Host, u.RequestURI(), 404},
				{"GET", "evil.example", u.RequestURI(), 404},
				{"GET", u.Host, u.RequestURI(), 200},
			} {
				if got := get(c.method, c.host, c.rest); got != c.status {
					t.Errorf("%s %s%s: %d, not %d", c.method, c.host, c.rest, got, c.status)
				}
			}
		}()
	}}, "login").want(0, "Signed in as @demo")
}

func TestLoginIsStopped(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, args := range [][]string{{"login"}, {"-oauth1", "login"}} {
		ctx, cancel := context.WithCancel(t.Context())
		silent, keyboard := io.Pipe()
		l.runAs(ctx, person{stdin: silent, browse: func(context.Context, string) { cancel() }}, args...).want(130, "stopped")
		_ = keyboard.Close()
	}
}

// Ctrl-C while X issues the token, which would otherwise be lost.
func TestLoginIsStoppedTooLate(t *testing.T) {
	for _, protocol := range []string{byOAuth2, byOAuth1} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			reached, hold := make(chan struct{}), make(chan struct{})
			l.x.Fail(xtest.Fault{Path: "/2/oauth2/token", Reached: reached, Hold: hold})
			l.x.Fail(xtest.Fault{Path: "/oauth/access_token", Reached: reached, Hold: hold})
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-reached
				cancel()
				close(hold)
			}()
			l.signInAs(ctx, protocol, xtest.DefaultUserID).want(0, "Signed in as @demo")
			l.run("whoami").want(0, "@demo")
		})
	}
}

func TestThePortIsTaken(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, l.env["X_CALLBACK_PORT"], _ = net.SplitHostPort(taken.Addr().String())
	l.run("login", "-json=false").want(1, "X_CALLBACK_PORT", "register http://127.0.0.1:PORT/callback")
}

func TestSeveralAccounts(t *testing.T) {
	t.Parallel()
	l := signedIn(t, byOAuth2)
	l.signIn(byOAuth1, xtest.DefaultUserID).want(0)
	l.signIn(byOAuth2, xtest.SecondUserID).want(0)
	var all []described
	l.run("accounts", "-json").want(0).json(&all)
	var got []string
	for _, d := range all {
		s := d.Username + " " + d.Protocol
		if d.Current {
			s += " current"
		}
		got = append(got, s)
	}
	if want := "demo_two OAuth 2.0 current, demo OAuth 1.0a, demo OAuth 2.0"; strings.Join(got, ", ") != want {
		t.Errorf("%q, not %q", strings.Join(got, ", "), want)
	}
	l.run("-account", "@DEMO", "whoami").want(0, "@demo,", "OAuth 1.0a")
	l.run("whoami", "-oauth1").want(0, "@demo,", "OAuth 1.0a")
	l.run("-account", xtest.SecondUserID, "text", "From the second").want(0, "as @demo_two")
	l.run("-account", "nobody", "whoami").want(1, `"nobody" is not signed in here`)

	// A token of one X is not sent to another X.
	l.env["X_API_URL"] = "http://127.0.0.1:1"
	l.run("text", "Elsewhere").want(1, "signed in at "+l.url)
	delete(l.env, "X_CLIENT_ID")
	l.env["X_API_URL"] = l.url
	l.run("-account", "demo_two", "text", "Elsewhere").want(1, "set X_CLIENT_ID")
	l.run("whoami").want(0, "@demo,", "OAuth 1.0a")
}
