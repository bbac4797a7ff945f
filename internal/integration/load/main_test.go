package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// here has the servers of all tests.
var here machine

func TestMain(m *testing.M) {
	code := m.Run()
	here.end()
	os.Exit(code)
}

// eachStore runs a test for each kind of store. Each store is empty at first.
func eachStore(t *testing.T, kinds []string, test func(t *testing.T, p place)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			p, err := here.place(kind)
			switch {
			case errors.Is(err, errMissing):
				t.Skip(err)
			case err != nil:
				t.Fatal(err)
			}
			test(t, p)
		})
	}
}

func allStores() []string { return []string{inMemory, inSQLite, inPostgres, inRedis} }

// theApp is the application, which is built once for all tests.
func theApp(t *testing.T) program {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM, which ends the processes of this test")
	}
	app, err := here.app(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// oneOf starts an X with users, and one process of the application with a place.
func oneOf(t *testing.T, p place, users int) (*localX, *process) {
	t.Helper()
	x, err := newX(users, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.close)
	r, err := theApp(t).start(x, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	return x, r
}

// statsOf is the state of a process after a garbage collection.
func statsOf(t *testing.T, r *process) stats {
	t.Helper()
	c := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	// Collect twice: the second collection empties pools.
	for range 2 {
		if _, err := r.ask(t.Context(), c, "/debug/pprof/heap?gc=1"); err != nil {
			t.Fatal(err)
		}
	}
	st, err := r.stats(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// recordsOf is the number of sessions and tokens that are stored at a place. For a store in
// memory ok is false, because only the process itself can see it.
func recordsOf(t *testing.T, p place) (sessions, tokens int, ok bool) {
	t.Helper()
	if p.Kind == inMemory {
		return 0, 0, false
	}
	s, err := p.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.close() }()
	if sessions, tokens, err = s.counts(t.Context()); err != nil {
		t.Fatal(err)
	}
	return sessions, tokens, true
}

// TestAShortRun is a short run of the command.
func TestAShortRun(t *testing.T) {
	eachStore(t, allStores(), func(t *testing.T, p place) {
		r, err := load(t.Context(), theApp(t), p, options{clients: 20, requests: 2000, time: 2 * time.Minute, life: 5 * time.Second, seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.bad(); err != nil {
			t.Errorf("%v\nworst %v; replicas said %q", err, r.Worst, r.Said)
		}
		if r.Answers < 2000 || r.Did["sign-ins"] < 20 || r.Did["sign-outs"] == 0 || r.Did["API calls"] == 0 || r.Refreshed == 0 {
			t.Errorf("it did too little: %d answers, %v, %d refreshes", r.Answers, r.Did, r.Refreshed)
		}
	})
}

func TestACancelledRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := load(ctx, theApp(t), place{inMemory, "memory:"}, options{clients: 1, requests: 1 << 40, time: time.Hour}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestTheResultIsDrawn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "load.svg")
	r := &result{Store: "<memory>", Replicas: 1, Samples: []sample{{At: time.Second, Rate: 1234}, {At: 2 * time.Second, P99: time.Millisecond}}}
	if err := drawResults(file, []*result{r, r}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for d := xml.NewDecoder(bytes.NewReader(b)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "polyline" {
			lines++
		}
	}
	if lines != 2*5 {
		t.Errorf("%d lines are drawn", lines)
	}
	if drawResults(file, nil) == nil {
		t.Error("nothing was drawn without an error")
	}
}

func TestWhatIsOutOfBoundsIsRefused(t *testing.T) {
	for _, args := range [][]string{{"-clients", "0"}, {"-clients", "2001"}, {"-requests", "0"}, {"-time", "3h"}, {"-life", "1s"}, {"-store", "disk"}, {"more"}} {
		if err := command(t.Context(), args, io.Discard); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

func TestABadRunIsTold(t *testing.T) {
	for name, r := range map[string]*result{
		"nothing was answered":  {},
		"wrong identity":        {Answers: 1, Faults: map[string]int{wrongIdentity: 1}},
		"a token used twice":    {Answers: 1, Again: 1},
		"goroutines are left":   {Answers: 1, Replicas: 1, After: slack + 1},
		"users were signed out": {Answers: 1, Events: map[string]int{"sign_in_again": 1}},
		"a refresh that failed": {Answers: 1, Events: map[string]int{"refresh_failed: unavailable": 1}},
	} {
		if r.bad() == nil {
			t.Errorf("%s: nothing is said", name)
		}
	}
	r := &result{Answers: 1, Events: map[string]int{"refresh_failed: superseded": 1, "refreshed": 3}}
	if err := r.bad(); err != nil {
		t.Error(err)
	}
}

// TestTheChecksSee checks that a run detects the faults it looks for.
func TestTheChecksSee(t *testing.T) {
	x, s := oneOf(t, place{Kind: inMemory}, 2)
	d := newDoor(newTally())
	d.open(s)
	t.Cleanup(d.base.CloseIdleConnections)
	one, two := newVisitor(userID(0), x, d, 1), newVisitor(userID(1), x, d, 2)
	for _, v := range []*visitor{one, two} {
		if err := v.signIn(); err != nil {
			t.Fatal(err)
		}
	}
	if err := one.gone(t.Context(), one.cookies()); !errors.Is(err, errAlive) {
		t.Errorf("a session that has not ended: %v", err)
	}
	if err := one.keep(t.Context(), "mine & <b>no</b> other's"); err != nil {
		t.Error(err)
	}
	own := one.client.Jar
	one.client.Jar = two.client.Jar
	for _, path := range []string{"/", "/me", "/timeline", "/compose", "/tokens"} {
		if _, err := one.ask(t.Context(), path); !errors.Is(err, errWrongIdentity) {
			t.Errorf("%s as another user: %v", path, err)
		}
	}
	one.client.Jar = own
	if w, err := one.ask(t.Context(), "/compose"); err != nil || w.draft != one.draft {
		t.Errorf("the draft is %q, %v", w.draft, err)
	}
	if err := one.signOut(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := one.ask(t.Context(), "/me"); err == nil || kindOf(err) != "GET /me: status 401" {
		t.Errorf("after the sign-out: %v", err)
	}
	if _, err := two.ask(t.Context(), "/timeline"); err != nil {
		t.Errorf("the other user: %v", err)
	}
}

func TestAnApplicationThatDoesNotStartSaysWhy(t *testing.T) {
	x, err := newX(1, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.close)
	missing := "sqlite://" + filepath.ToSlash(filepath.Join(t.TempDir(), "missing", "load.db"))
	if _, err := theApp(t).start(x, place{inSQLite, missing}); err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
		t.Errorf("got %v", err)
	}
}
