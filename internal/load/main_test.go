package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"
)

// here has the servers of all tests.
var here machine

func TestMain(m *testing.M) {
	if os.Getenv(asSite) != "" {
		if err := runSite(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "site:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	here.end()
	os.Exit(code)
}

// eachStore runs a test for each kind of store, empty at its beginning.
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

// siteOf starts an X with users and one site on a place.
func siteOf(t *testing.T, p place, users int) (*localX, *process) {
	t.Helper()
	x, err := newX(users, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.close)
	s, err := startSite(siteConfig{x.url, p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return x, s
}

// statsOf is what a site says of itself after a garbage collection.
func statsOf(t *testing.T, s *process) siteStats {
	t.Helper()
	st, err := s.stats(t.Context(), &http.Client{Timeout: time.Minute}, "gc=1&records=1")
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// TestAShortRun is the command's run in small.
func TestAShortRun(t *testing.T) {
	eachStore(t, allStores(), func(t *testing.T, p place) {
		r, err := load(t.Context(), p, options{clients: 20, requests: 2000, time: 2 * time.Minute, life: 5 * time.Second, seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.bad(); err != nil {
			t.Error(err)
		}
		if r.Answers < 2000 || r.Did["sign-ins"] < 20 || r.Did["sign-outs"] == 0 || r.Did["API calls"] == 0 || r.Refreshed == 0 {
			t.Errorf("it did too little: %d answers, %v, %d refreshes", r.Answers, r.Did, r.Refreshed)
		}
	})
}

func TestACancelledRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := load(ctx, place{Kind: inMemory}, options{clients: 1, requests: 1 << 40, time: time.Hour}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
