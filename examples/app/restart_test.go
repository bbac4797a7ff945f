package main

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/examples/internal/keyfile"
	"github.com/xsignin/xsignin/examples/internal/storage"
)

func TestARestartKeepsPeopleSignedIn(t *testing.T) {
	for _, c := range endings {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			front := newBalancer(t)
			x, env := outsideX(t, front.URL)
			dir := t.TempDir()
			env = append(env, sqliteIn(dir))
			app := launch(t, dir, env...)
			front.put(0, app.at)
			one, two := newBrowser(t, front.URL), newBrowser(t, front.URL)
			one.signIn("OAuth 2.0")
			two.signIn("OAuth 1.0a")
			one.get("/tokens").press("Refresh now", nil).want(http.StatusOK, "The token is new")
			before := x.Count(http.MethodPost, "/2/oauth2/token") + x.Count(http.MethodPost, "/oauth/access_token")

			c.end(app)
			front.put(0, launch(t, dir, env...).at)
			one.signedIn("OAuth 2.0")
			two.signedIn("OAuth 1.0a")
			if n := x.Count(http.MethodPost, "/2/oauth2/token") + x.Count(http.MethodPost, "/oauth/access_token"); n != before {
				t.Errorf("%d more tokens from X: the stored ones were not used", n-before)
			}
			one.get("/").press("Sign out", nil).want(http.StatusOK, "Continue with X")
			if got := one.get("/me").url.Path; got == "/me" {
				t.Error("still signed in")
			}
		})
	}
}

func TestWithoutVariablesFilesAreMadeInTheWorkingDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app := launch(t, dir)
	file, err := filepath.EvalSymlinks(filepath.Join(dir, storage.DefaultFile))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(app.said, file) {
		t.Errorf("%s is not in %q", file, app.said)
	}
	keys, err := os.ReadFile(file + keyfile.Suffix)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		for _, name := range []string{file, file + keyfile.Suffix} {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
			}
		}
	}
	terminate(t, app.cmd)
	if strings.Contains(app.logged(), strings.TrimSpace(string(keys))) {
		t.Error("a key is in the log")
	}
	launch(t, dir)
	again, err := os.ReadFile(file + keyfile.Suffix)
	if err != nil || string(again) != string(keys) {
		t.Errorf("the second start made other keys, %v", err)
	}
	left, err := filepath.Glob(file + "*")
	if err != nil || len(left) > 6 {
		t.Errorf("files are left: %q, %v", left, err)
	}
}

// The simulator keeps its accounts and tokens beside the application's file.
func TestTheSimulatorRemembersPeopleAfterARestart(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			app := launch(t, dir)
			b := newBrowser(t, app.at)
			b.signIn(protocol).want(http.StatusOK, "coffee")
			b.get("/compose").press("Post", map[string]any{"text": "Before the restart"}).want(http.StatusOK)
			terminate(t, app.cmd)

			app = launch(t, dir)
			b.base = app.at
			b.get("/posts").want(http.StatusOK, "Before the restart")
			terminate(t, app.cmd)
			b.base = launch(t, dir).at
			if n := strings.Count(text(b.get("/posts").doc), "Before the restart"); n != 1 {
				t.Errorf("the post is there %d times", n)
			}
			me := b.get("/me").want(http.StatusOK, "Nora Lindqvist", "@nora_lindqvist", protocol)
			if !strings.Contains(me.body, `<img src="http`) {
				t.Error("the picture is missing")
			}
			b.signedIn(protocol)
			b.get("/timeline").want(http.StatusOK, "Timeline", "coffee")
		})
	}
}

// Without such a file it keeps nothing, and the application says so to users who come back.
func TestTheSimulatorWasRestarted(t *testing.T) {
	eachShared(t, func(t *testing.T, at string) {
		dir := t.TempDir()
		secrets := "SECRETS=" + replicaKey("r")
		app := launch(t, dir, at, secrets)
		b := newBrowser(t, app.at)
		b.signIn("OAuth 2.0").want(http.StatusOK, "coffee")
		terminate(t, app.cmd)

		b.base = launch(t, dir, at, secrets).at
		b.get("/me").want(http.StatusOK, "@nora_lindqvist")
		form := b.get("/compose").want(http.StatusOK, "New post")
		b.get("/tokens").press("Disconnect", nil)
		var p problem
		if resp := b.json("/timeline", &p); resp.StatusCode != http.StatusUnauthorized || p.Code != "simulator_restarted" || p.LoginURL == "" {
			t.Errorf("%d %+v", resp.StatusCode, p)
		}
		form.press("Post", map[string]any{"text": "Not lost"}).
			want(http.StatusUnauthorized, "The local simulator of X was restarted", "Not lost")
		again := b.get("/timeline").want(http.StatusUnauthorized, "The local simulator of X was restarted", "You are still signed in here")
		again.click("Sign in again").press("Authorize app", nil).want(http.StatusOK, "Timeline", "coffee")
		b.signedIn("OAuth 2.0")
	})
}

// Two that share a file find the same keys and tables, whoever is first.
func TestTogetherOnOneFile(t *testing.T) {
	t.Parallel()
	front := newBalancer(t)
	_, env := outsideX(t, front.URL)
	dir := t.TempDir()
	for i, app := range startTogether(t, 4, append(env, sqliteIn(dir))) {
		front.put(i, app.at)
	}
	b := newBrowser(t, front.URL)
	b.signIn("OAuth 2.0")
	for range 4 {
		b.signedIn("OAuth 2.0")
	}
}

// startTogether starts n instances in one directory at the same time.
func startTogether(t *testing.T, n int, env []string) []*instance {
	t.Helper()
	dir := t.TempDir()
	all := make([]*instance, n)
	for i := range all {
		all[i] = begin(t, dir, env...)
	}
	for _, app := range all {
		app.ready()
	}
	return all
}

func TestALostKeyFileIsToldAndDestroysNothing(t *testing.T) {
	t.Parallel()
	front := newBalancer(t)
	x, env := outsideX(t, front.URL)
	dir := t.TempDir()
	env = append(env, sqliteIn(dir))
	app := launch(t, dir, env...)
	front.put(0, app.at)
	b := newBrowser(t, front.URL)
	b.signIn("OAuth 2.0")
	terminate(t, app.cmd)
	keys, away := filepath.Join(dir, "app.db"+keyfile.Suffix), filepath.Join(dir, "away")
	if err := os.Rename(keys, away); err != nil {
		t.Fatal(err)
	}

	app = launch(t, dir, env...)
	front.put(0, app.at)
	if log := app.logged(); !strings.Contains(log, "secret of id ") || !strings.Contains(log, "cannot be opened") {
		t.Errorf("the start says only\n%s", log)
	}
	b.get("/me").want(http.StatusOK, "@nora_lindqvist")
	for _, path := range []string{"/timeline", "/tokens"} {
		page := b.get(path).want(http.StatusServiceUnavailable, "A key of this site is missing", "secret of id ", "nothing was deleted")
		_, id, _ := strings.Cut(text(page.doc), "secret of id ")
		if id, _, _ = strings.Cut(id, ","); len(id) != 8 || !strings.Contains(app.logged(), id) {
			t.Errorf("%s: the id %q is not that of the log", path, id)
		}
	}
	terminate(t, app.cmd)

	// reencrypt fails too, and names the missing secret.
	again := begin(t, dir, append(env, asProcess+"=reencrypt")...)
	if !again.out.Scan() || !strings.Contains(again.out.Text(), "2 with a missing secret") {
		t.Errorf("%q", again.out.Text())
	}
	if log := again.ends(1); !strings.Contains(log, "secret of id ") {
		t.Errorf("reencrypt says only\n%s", log)
	}

	// With the old secret after the new one, the stored tokens open without a new sign-in.
	before := x.Count(http.MethodPost, "/2/oauth2/token")
	old, err := os.ReadFile(away)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(keys, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(old); err != nil {
		t.Fatal(err)
	}
	f.Close()
	app = launch(t, dir, env...)
	front.put(0, app.at)
	b.signedIn("OAuth 2.0")
	if n := x.Count(http.MethodPost, "/2/oauth2/token"); n != before {
		t.Errorf("%d more tokens from X", n-before)
	}
	terminate(t, app.cmd)

	// If the secret is lost for good, a new sign-in helps.
	if err := os.Remove(keys); err != nil {
		t.Fatal(err)
	}
	front.put(0, launch(t, dir, env...).at)
	b.get("/timeline").want(http.StatusServiceUnavailable).click("Sign in again").press("Authorize app", nil).want(http.StatusOK, "coffee")
}
