package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/tokenstore"
)

// TestDelayedCommandsReviveNothing disturbs commands between the kit and a real Redis, like a
// network under a driver that repeats commands. It disturbs each kind of command alone, then
// all. The first copies of some commands arrive after all others. After one touch no ended
// session is open, and no other session is lost.
func TestDelayedCommandsReviveNothing(t *testing.T) {
	for _, kinds := range [][]string{{recordWrite}, {tombstoneWrite}, {recordDelete}, {recordWrite, tombstoneWrite, recordDelete}} {
		t.Run(strings.Join(kinds, ", "), func(t *testing.T) {
			eachStore(t, []string{inRedis}, func(t *testing.T, p place) { delayedCommands(t, p, kinds) })
		})
	}
}

func delayedCommands(t *testing.T, p place, kinds []string) {
	const users = 96
	u, err := url.Parse(p.At)
	if err != nil {
		t.Fatal(err)
	}
	r := newRelay(t, u.Host, kinds...)
	disturbed := newReplicas(t, place{inRedis, "redis://" + r.addr + "/0"}, 2)
	var ended, open []*http.Cookie
	for i := range users {
		one, two := disturbed[i%2], disturbed[(i+1)%2]
		gone, stays := fmt.Sprint("gone-", i), fmt.Sprint("stays-", i)
		first, err := one.signIn(gone)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range two.writes {
			h.ServeHTTP(httptest.NewRecorder(), request(first))
		}
		if i%2 == 0 {
			err = two.UserSessions().EndAll(t.Context(), "x:"+gone)
		} else {
			err = two.SignOut(httptest.NewRecorder(), request(first))
		}
		if err != nil {
			t.Fatal(err)
		}
		ended = append(ended, first)
		second, err := one.signIn(stays)
		if err != nil {
			t.Fatal(err)
		}
		two.writes[i%2].ServeHTTP(httptest.NewRecorder(), request(second))
		open = append(open, second)
	}
	for _, one := range disturbed {
		if err := one.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sent := r.release(t)
	for _, kind := range kinds {
		if sent[kind] < users/8 {
			t.Errorf("%s: %d came late, too few to tell", kind, sent[kind])
		}
	}
	revived := touchAll(t, p, ended)
	if sent[recordWrite] > 0 && revived == 0 {
		t.Error("no write came back: this tests nothing")
	}
	t.Logf("%v came late, %d sessions opened until their touch", sent, revived)
	last := newReplicas(t, p, 1)[0]
	for _, c := range ended {
		if user, ok, err := last.Get(t.Context(), request(c)); ok || err != nil {
			t.Errorf("%s is signed in after a touch, %v", user.ID, err)
		}
	}
	for i, c := range open {
		if user, ok, err := last.Get(t.Context(), request(c)); !ok || err != nil || user.AccountID != fmt.Sprint("stays-", i) {
			t.Errorf("%d: signed in as %q, %v", i, user.ID, err)
		}
	}
	if err := last.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// touchAll touches the sessions, and returns how many were open until then.
func touchAll(t *testing.T, p place, sessions []*http.Cookie) (open int) {
	t.Helper()
	const atOnce = 16 // a replica skips more touches than these
	for i := 0; i < len(sessions); i += atOnce {
		r := newReplicas(t, p, 1)[0]
		for _, c := range sessions[i:min(i+atOnce, len(sessions))] {
			if _, ok, _ := r.Get(t.Context(), request(c)); ok {
				open++
			}
		}
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return open
}

// newReplicas returns n replicas that share the stores of p.
func newReplicas(t *testing.T, p place, n int) []*replica {
	t.Helper()
	opened, err := p.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.close() })
	vault, err := tokenstore.NewVault(opened.tokens, []byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	var replicas []*replica
	for range n {
		replicas = append(replicas, newReplica(t, opened.sessions, vault))
	}
	return replicas
}
