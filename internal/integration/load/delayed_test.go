package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/tokenstore"
)

// TestDelayedCommandsReviveNothing disturbs commands between the kit and a real Redis: each
// kind alone, then all kinds. It acts like a bad network and a driver that repeats commands. The
// first copies of some commands arrive after all sign-outs. After one touch, no ended session
// is open, and no other session is lost.
func TestDelayedCommandsReviveNothing(t *testing.T) {
	for _, kinds := range [][]string{{recordWrite}, {tombstoneWrite}, {recordDelete}, {recordWrite, tombstoneWrite, recordDelete}} {
		t.Run(strings.Join(kinds, ", "), func(t *testing.T) {
			eachStore(t, []string{inRedis}, func(t *testing.T, p backend) { delayedCommands(t, p, kinds) })
		})
	}
}

func delayedCommands(t *testing.T, p backend, kinds []string) {
	const users = 96
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := newRelay(t, u.Host, kinds...)
	disturbed := newReplicas(t, backend{inRedis, "redis://" + r.addr + "/0"}, 2)
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
			err = two.UserSessions().End(t.Context(), "x:"+gone, nil)
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
			t.Errorf("%s: only %d came late", kind, sent[kind])
		}
	}
	restored := restoredRecords(t, p, "gone-")
	if sent[recordWrite] > 0 && restored == 0 {
		t.Error("no late write restored a record: this tests nothing")
	}
	t.Logf("%v came late and restored %d records; %d sessions were open until a touch", sent, restored, touchAll(t, p, ended))
	last := newReplicas(t, p, 1)[0]
	for _, c := range ended {
		if user, ok, err := last.Get(t.Context(), request(c)); ok || err != nil {
			t.Errorf("%q is signed in after a touch, error %v", user.ID, err)
		}
	}
	for i, c := range open {
		if user, ok, err := last.Get(t.Context(), request(c)); !ok || err != nil || user.AccountID != fmt.Sprint("stays-", i) {
			t.Errorf("session %d: signed in as %q, error %v", i, user.ID, err)
		}
	}
	if err := last.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// restoredRecords returns how many records of users with a prefix the store has.
func restoredRecords(t *testing.T, p backend, prefix string) (n int) {
	t.Helper()
	opened, err := p.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = opened.close() }()
	for _, b := range allRecords(t, opened.sessions) {
		if ownRecord(b) && bytes.Contains(b, []byte(prefix)) {
			n++
		}
	}
	return n
}

// touchAll touches the sessions, and returns how many were open before.
func touchAll(t *testing.T, p backend, sessions []*http.Cookie) (open int) {
	t.Helper()
	const atOnce = 16 // a replica skips touches beyond this number
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
func newReplicas(t *testing.T, p backend, n int) []*replica {
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
