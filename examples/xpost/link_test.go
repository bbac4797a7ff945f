package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

// begin runs link, and returns the address that it prints.
func (l *lab) begin(args ...string) string {
	l.Helper()
	a := l.run(append(args, "link")...).want(0)
	if strings.Count(a.stdout, "\n") != 1 || !strings.HasPrefix(a.stdout, l.url) {
		l.Fatalf("link printed more than an address:\n%s", a.stdout)
	}
	return strings.TrimSpace(a.stdout)
}

// approve returns the last address that the browser opens.
func (l *lab) approve(address, user string) string {
	l.Helper()
	callback, err := l.x.Approve(address, user)
	if err != nil {
		l.Fatal(err)
	}
	return callback
}

// The browser is on another machine, so no page answers at the callback.
func TestABrowserOnAnotherMachine(t *testing.T) {
	t.Parallel()
	for name, pasted := range map[string]func(callback string) string{
		"the whole address": func(callback string) string { return callback },
		"its query":         func(callback string) string { _, q, _ := strings.Cut(callback, "?"); return q },
		"the code":          func(callback string) string { u, _ := url.Parse(callback); return u.Query().Get("code") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.x.SetCallbacks("http://127.0.0.1:8722/callback")
			end := pasted(l.approve(l.begin(), xtest.SecondUserID))
			l.run("code", end).want(0, "Signed in as @demo_two", "OAuth 2.0")
			l.run("text", "From far away").want(0, "as @demo_two")
			// A code works once, and the sign-in is over.
			l.run("code", end).want(1, "run xpost link first")
		})
	}
}

// Arguments stay in the shell's history. Standard input does not.
func TestACodeIsTypedIn(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.x.SetCallbacks("http://127.0.0.1:8722/callback")
	callback := l.approve(l.begin(), xtest.DefaultUserID)
	l.runAs(t.Context(), person{stdin: strings.NewReader("")}, "code").want(1, "no code was typed in")
	a := l.runAs(t.Context(), person{stdin: strings.NewReader(callback + "\n")}, "code").want(0, "Signed in as @demo")
	if !strings.Contains(a.stderr, "Code or address: ") {
		t.Errorf("said\n%s", a.stderr)
	}
}

func TestAPINOnAnotherMachine(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	pin := l.pin(l.begin("-oauth1"), xtest.DefaultUserID)
	l.run("code", "7654321").want(1, "run xpost login again, or xpost link")
	l.runAs(t.Context(), person{stdin: strings.NewReader("7654321\n")}, "code").want(1, "is wrong")
	l.runAs(t.Context(), person{stdin: strings.NewReader("7654321\n" + pin + "\n")}, "-oauth1", "code").want(0, "Signed in as @demo", "OAuth 1.0a")
	l.run("-oauth1", "revoke").want(0)
	pin = l.pin(l.begin("-oauth1"), xtest.DefaultUserID)
	l.run("-oauth1", "code", pin).want(0, "Signed in as @demo", "OAuth 1.0a")
	l.run("whoami").want(0, "@demo,")
}

func TestCodesThatEndNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.x.SetCallbacks("http://127.0.0.1:8722/callback")
	l.run("code", "anything").want(1, "run xpost link first")
	old := l.approve(l.begin(), xtest.DefaultUserID)
	address := l.begin()
	// Only the newest sign-in counts. The address of another one ends nothing.
	var failed struct{ Error problem }
	l.run("-json", "code", old).want(1, "another sign-in").json(&failed)
	if failed.Error.Code != "other_sign_in" {
		t.Errorf("%+v", failed)
	}
	callback, err := l.x.Deny(address, xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	l.run("code", callback).want(1, "declined at X")
	l.run("code", "mistyped-code").want(1, "wrong, too old or used already")
	// After a mistake the same sign-in continues.
	l.run("code", l.approve(address, xtest.DefaultUserID)).want(0, "Signed in as @demo")

	late := l.approve(l.begin(), xtest.DefaultUserID)
	l.x.Advance(31 * time.Second)
	l.run("code", late).want(1, "too old")
	l.run("accounts").want(0, "@demo")
	if n := l.x.Count(http.MethodGet, "/2/users/me"); n != 1 {
		t.Errorf("%d calls for who signed in", n)
	}
}

func TestAWrongPINAsksAgain(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	address, keyboard := make(chan string, 1), newKeyboard()
	go func() {
		pin := l.pin(<-address, xtest.DefaultUserID)
		keyboard.typed("1234567\n" + pin + "\n")
	}()
	a := l.runAs(t.Context(), person{stdin: keyboard, browse: tell(address)}, "-oauth1", "login").want(0, "Signed in as @demo")
	if strings.Count(a.stderr, "PIN: ") != 2 || !strings.Contains(a.stderr, "X does not accept this") {
		t.Errorf("said\n%s", a.stderr)
	}
	l.runAs(t.Context(), person{stdin: strings.NewReader("1\n2\n3\n4\n")}, "-oauth1", "login").want(1, "the PIN or code is wrong")
	if n := l.x.Count(http.MethodPost, "/oauth/access_token"); n != 5 {
		t.Errorf("%d PINs were tried, not 2 and 3", n)
	}
}
