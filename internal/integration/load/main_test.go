package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// shared has the servers of all tests.
var shared environment

func TestMain(m *testing.M) {
	code := m.Run()
	shared.end()
	os.Exit(code)
}

// eachStore runs a test with an empty backend of each kind.
func eachStore(t *testing.T, kinds []string, test func(t *testing.T, p backend)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			p, err := shared.backend(kind)
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

// buildApp returns the application, which is built once for all tests.
func buildApp(t *testing.T) program {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("this test stops processes with SIGTERM, which Windows does not have")
	}
	app, err := shared.app(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// startOne starts an X with users and one process of the application.
func startOne(t *testing.T, p backend, users int) (*localX, *process) {
	t.Helper()
	x, err := newX(users, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.close)
	r, err := buildApp(t).start(x, p)
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

// statsOf returns the state of a process after a garbage collection.
func statsOf(t *testing.T, r *process) stats {
	t.Helper()
	c := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	// The second collection empties pools.
	for range 2 {
		if _, err := r.get(t.Context(), c, "/debug/pprof/heap?gc=1"); err != nil {
			t.Fatal(err)
		}
	}
	st, err := r.stats(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// recordsOf returns how many sessions and tokens a backend has stored. For the memory of
// another process ok is false.
func recordsOf(t *testing.T, p backend) (sessions, tokens int, ok bool) {
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

// TestAShortRun makes a short run of the command on each store.
func TestAShortRun(t *testing.T) {
	eachStore(t, allStores(), func(t *testing.T, p backend) {
		r, err := load(t.Context(), buildApp(t), p, options{clients: 20, requests: 2000, time: 2 * time.Minute, life: 5 * time.Second, seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.bad(); err != nil {
			t.Errorf("%v\nlatency at most %v; warnings of replicas %q", err, r.Metrics.Latencies.Max, r.Warnings)
		}
		if m := r.Metrics; uint64(r.Answers) > m.Requests || m.Latencies.P50 <= 0 || m.Latencies.P50 > m.Latencies.P99 {
			t.Errorf("%d answers to %d requests, latencies %v", r.Answers, m.Requests, m.Latencies)
		}
		if r.Answers < 2000 || r.Actions["sign-ins"] < 20 || r.Actions["sign-outs"] == 0 || r.Actions["API calls"] == 0 || r.Refreshed == 0 {
			t.Errorf("too few actions: %d answers, %v, %d refreshes", r.Answers, r.Actions, r.Refreshed)
		}
	})
}

func TestACancelledRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := load(ctx, buildApp(t), backend{inMemory, "memory:"}, options{clients: 1, requests: 1 << 40, time: time.Hour}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestTheResultIsDrawn checks that requests of several runs get into one plot, in whatever
// order they end.
func TestTheResultIsDrawn(t *testing.T) {
	p := newPlot()
	for _, run := range []string{"<memory>", inRedis} {
		ta := newTally(run, p)
		r := httptest.NewRequest(http.MethodGet, publicURL, http.NoBody)
		first, second, third := ta.begin(r), ta.begin(r), ta.begin(r)
		ta.answered(third, http.StatusOK, 1)
		ta.failed(second, io.ErrUnexpectedEOF)
		ta.answered(first, http.StatusOK, 1)
		if _, err := ta.report(); err != nil {
			t.Error(err)
		}
	}
	file := filepath.Join(t.TempDir(), "load.html")
	if err := writePlot(file, p); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`"\u003cmemory\u003e: OK"`, `"\u003cmemory\u003e: ERROR"`, `"redis: OK"`, `"redis: ERROR"`} {
		if !bytes.Contains(b, []byte(line)) {
			t.Errorf("the plot has no line %s", line)
		}
	}
	if points := regexp.MustCompile(`\n {4}\[[0-9.]+,`).FindAll(b, -1); len(points) != 6 {
		t.Errorf("the plot has %d points, want 6", len(points))
	}
	if writePlot(filepath.Join(t.TempDir(), "missing", "load.html"), newPlot()) == nil {
		t.Error("no error for a directory that does not exist")
	}
}

// TestTheReportCountsRequests checks what the balancer passes to Vegeta.
func TestTheReportCountsRequests(t *testing.T) {
	const delay = 20 * time.Millisecond
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/cut":
			w.Header().Set("Content-Length", "10")
		case "/no":
			w.WriteHeader(http.StatusUnauthorized)
		case "/slow":
			_, _ = io.WriteString(w, "begin")
			_ = http.NewResponseController(w).Flush()
			<-time.After(delay) // the latency includes the body
			_, _ = io.WriteString(w, "end")
		}
	}))
	t.Cleanup(srv.Close)
	ta := newTally("", nil)
	d := newBalancer(ta)
	t.Cleanup(d.base.CloseIdleConnections)
	d.setReplicas(&process{addr: srv.Listener.Addr().String()})
	c := &http.Client{Transport: d}
	for _, path := range []string{"/", "/no", "/slow", "/cut"} {
		resp, err := c.Post(publicURL+path, "text/plain", strings.NewReader("four"))
		if (err != nil) != (path == "/cut") {
			t.Errorf("%s: %v", path, err)
		}
		if err == nil {
			_ = resp.Body.Close()
		}
	}
	m, err := ta.report()
	if err != nil {
		t.Error(err)
	}
	if codes := map[string]int{"0": 1, "200": 2, "401": 1}; !maps.Equal(m.StatusCodes, codes) || len(m.Errors) != 1 || ta.answers.Load() != 3 {
		t.Errorf("%d answers, status codes %v, errors %q", ta.answers.Load(), m.StatusCodes, m.Errors)
	}
	if m.Requests != 4 || m.BytesOut.Total != 16 || m.BytesIn.Total != 8 {
		t.Errorf("%d requests with %d bytes, and %d bytes back", m.Requests, m.BytesOut.Total, m.BytesIn.Total)
	}
	if l := m.Latencies; l.Max < delay || l.P50 >= l.Max || l.Min <= 0 {
		t.Errorf("latencies: at least %v, median %v, at most %v", l.Min, l.P50, l.Max)
	}
}

func TestWhatIsOutOfBoundsIsRefused(t *testing.T) {
	for _, args := range [][]string{{"-clients", "0"}, {"-clients", "2001"}, {"-requests", "0"}, {"-time", "3h"}, {"-life", "1s"}, {"-store", "disk"}, {"more"}} {
		if err := command(t.Context(), args, io.Discard); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

func TestABadRunIsTold(t *testing.T) {
	for name, r := range map[string]*result{
		"nothing was answered":  {},
		"wrong identity":        {Answers: 1, Faults: map[string]int{wrongIdentity: 1}},
		"a token used twice":    {Answers: 1, Reused: 1},
		"goroutines are left":   {Answers: 1, Replicas: 1, After: slack + 1},
		"users were signed out": {Answers: 1, Events: map[string]int{"sign_in_again": 1}},
		"a refresh that failed": {Answers: 1, Events: map[string]int{"refresh_failed: unavailable": 1}},
	} {
		if r.bad() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	r := &result{Answers: 1, Events: map[string]int{"refresh_failed: superseded": 1, "refreshed": 3}}
	if err := r.bad(); err != nil {
		t.Error(err)
	}
}

// TestTheChecksSee checks that the checks of a run find faults.
func TestTheChecksSee(t *testing.T) {
	x, s := startOne(t, backend{Kind: inMemory}, 2)
	d := newBalancer(newTally("", nil))
	d.setReplicas(s)
	t.Cleanup(d.base.CloseIdleConnections)
	one, two := newVisitor(userID(0), x, d, 1), newVisitor(userID(1), x, d, 2)
	for _, v := range []*visitor{one, two} {
		if err := v.signIn(); err != nil {
			t.Fatal(err)
		}
	}
	if err := one.checkSignedOut(t.Context(), one.cookies()); !errors.Is(err, errOpenAfterLogout) {
		t.Errorf("checking a session that has not ended: %v", err)
	}
	if err := one.saveDraft(t.Context(), "mine & <b>no</b> other's"); err != nil {
		t.Error(err)
	}
	own := one.client.Jar
	one.client.Jar = two.client.Jar
	for _, path := range []string{"/", "/me", "/timeline", "/compose", "/tokens"} {
		if _, err := one.get(t.Context(), path); !errors.Is(err, errWrongIdentity) {
			t.Errorf("%s as another user: %v", path, err)
		}
	}
	one.client.Jar = own
	if w, err := one.get(t.Context(), "/compose"); err != nil || w.draft != one.draft {
		t.Errorf("the draft is %q, %v", w.draft, err)
	}
	if err := one.signOut(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := one.get(t.Context(), "/me"); err == nil || kindOf(err) != "GET /me: status 401" {
		t.Errorf("after the sign-out: %v", err)
	}
	if _, err := two.get(t.Context(), "/timeline"); err != nil {
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
	if _, err := buildApp(t).start(x, backend{inSQLite, missing}); err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
		t.Errorf("got %v", err)
	}
}
