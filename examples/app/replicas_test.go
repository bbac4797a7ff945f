package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/examples/internal/keyfile"
	"github.com/xsignin/xsignin/internal/testservers"
)

// replicaKey is a secret for replicas.
func replicaKey(letter string) string { return strings.Repeat(letter, keyfile.Min) }

// eachShared runs a test for each kind of place that replicas can share, with its variable.
func eachShared(t *testing.T, test func(t *testing.T, at string)) {
	t.Helper()
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, "DATABASE_URL="+testservers.Postgres(t))
	})
	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		test(t, "REDIS_URL=redis://"+testservers.Redis(t)+"/0")
	})
}

const replicas = 3

func TestReplicasShareEverything(t *testing.T) {
	eachShared(t, func(t *testing.T, at string) {
		front := newBalancer(t)
		_, env := outsideX(t, front.URL)
		// Start all at once: each finds no tables.
		for i, app := range startTogether(t, replicas, append(env, at, "SECRETS="+replicaKey("a"))) {
			front.put(i, app.at)
		}
		for i, protocol := range protocols {
			b := newBrowser(t, front.URL)
			b.signIn(protocol)
			begun := front.by([]string{"/auth/login", "/auth/login/x-oauth1"}[i])
			finished := front.by(callbackPath)
			if len(begun) != 1 || len(finished) != i+1 || begun[0] == finished[i] {
				t.Errorf("begun at %q and finished at %q: that is no test", begun, finished)
			}
			seen := len(front.by("/timeline"))
			for range replicas {
				b.get("/timeline").want(http.StatusOK, "coffee")
				b.get("/tokens").want(http.StatusOK, protocol, "ready")
			}
			if all := front.by("/timeline")[seen:]; len(slices.Compact(slices.Sorted(slices.Values(all)))) < replicas {
				t.Errorf("the timeline is from %q: that is no test", all)
			}
		}

		// A sign-out at one replica ends the session at all of them, at once.
		b, other := newBrowser(t, front.URL), newBrowser(t, front.URL)
		b.signIn("OAuth 2.0")
		other.signIn("OAuth 1.0a")
		b.get("/").press("Sign out", nil).want(http.StatusOK, "Continue with X")
		for range replicas {
			var p problem
			if resp := b.json("/me", &p); resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("after the sign-out: status %d", resp.StatusCode)
			}
			if resp := other.json("/me", &p); resp.StatusCode != http.StatusOK {
				t.Errorf("another browser after the sign-out: status %d", resp.StatusCode)
			}
		}
	})
}
