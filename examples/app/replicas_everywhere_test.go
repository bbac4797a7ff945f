package main

import (
	"net/http"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

func TestSignOutEverywhereReachesAllReplicas(t *testing.T) {
	eachShared(t, func(t *testing.T, at string) {
		front := newBalancer(t)
		x, env := outsideX(t, front.URL)
		x.AddUser(xtest.User{ID: "100", Username: "person100"})
		for i, app := range startTogether(t, replicas, append(env, at, "SECRETS="+replicaKey("a"))) {
			front.put(i, app.at)
		}
		here, there, somebody := newBrowser(t, front.URL), newBrowser(t, front.URL), newBrowser(t, front.URL)
		here.signIn("OAuth 2.0")
		there.signIn("OAuth 2.0")
		somebody.signInAs(x.X, "/auth/login", "100")
		everywhere := func(b *browser, status int) bool {
			for range replicas {
				var answer any
				if resp := b.json("/me", &answer); resp.StatusCode != status {
					return false
				}
			}
			return true
		}
		if !everywhere(there, http.StatusOK) || !everywhere(somebody, http.StatusOK) {
			t.Fatal("not signed in to begin with")
		}
		here.get("/me").press("Sign out everywhere", nil).want(http.StatusOK, "Continue with X")
		// The other replicas share the sessions, so they see it at once.
		if !everywhere(here, http.StatusUnauthorized) || !everywhere(there, http.StatusUnauthorized) {
			t.Error("still signed in")
		}
		if !everywhere(somebody, http.StatusOK) {
			t.Error("somebody else is signed out")
		}
		// A new sign-in works at once, on all of them.
		there.signIn("OAuth 2.0")
		if !everywhere(there, http.StatusOK) {
			t.Error("a new sign-in does not hold")
		}
	})
}
