package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
	"github.com/tsenart/vegeta/v12/lib/plot"
)

// options configure a run.
type options struct {
	clients  int
	requests int64
	time     time.Duration
	life     time.Duration // of X's access tokens
	seed     uint64
	plot     *plot.Plot // nil for no plot
}

// result is the result of a run.
type result struct {
	Store                   string
	Replicas, Clients       int
	Answers                 int64
	Metrics                 vegeta.Metrics // of all requests
	Actions, Faults, Events map[string]int
	Refreshed, Reused       int // refresh tokens that were used, and those used more than once
	Before, After           int // goroutines of idle replicas
	MostGoroutines          int
	MaxRSS                  int64    // of the replica that needed most
	Warnings                []string // the last ones of each replica
}

// arrivalInterval is the time between the arrivals of two visitors. Bursts are a test of their
// own, in which the application may refuse sign-ins.
const arrivalInterval = 20 * time.Millisecond

// replicas returns how many processes share a store.
func replicas(kind string) int {
	switch kind {
	case inMemory:
		return 1
	case inSQLite:
		return 2
	}
	return 3
}

// load runs visitors against replicas of the application that share a backend.
func load(ctx context.Context, app program, b backend, o options) (res *result, err error) {
	x, err := newX(o.clients, o.life)
	if err != nil {
		return nil, err
	}
	defer x.close()
	var all []*process
	defer func() {
		for _, s := range all {
			err = errors.Join(err, s.stop())
		}
	}()
	for range replicas(b.Kind) {
		r, err := app.start(x, b)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	t := newTally(b.Kind, o.plot)
	d := newBalancer(t)
	d.setReplicas(all...)
	w := &watch{replicas: all}
	defer w.client.CloseIdleConnections()
	res = &result{Store: b.Kind, Replicas: len(all), Clients: o.clients, Actions: t.actions, Faults: t.faults}
	if res.Before, err = w.poll(ctx); err != nil {
		return nil, err
	}
	stop := make(chan struct{})
	watched := make(chan error, 1)
	go func() { watched <- w.until(stop) }()
	visit(ctx, x, d, o)
	close(stop)
	if err := <-watched; err != nil {
		return nil, err
	}

	d.base.CloseIdleConnections()
	// This closes the replicas' idle connections to X. The server closes connections that were
	// never used once they are five seconds old.
	closeIdle := func() { x.srv.SetKeepAlivesEnabled(false) }
	if res.After, err = w.waitIdle(ctx, res.Before, closeIdle); err != nil {
		return nil, err
	}
	res.MostGoroutines, res.MaxRSS, res.Events = w.goroutines, w.rss, w.events
	res.Refreshed, res.Reused = x.refreshes()
	res.Answers = t.answers.Load()
	if res.Metrics, err = t.report(); err != nil {
		return nil, err
	}
	for _, r := range all {
		res.Warnings = append(res.Warnings, r.stderr.warnings(5)...)
	}
	return res, ctx.Err()
}

// visit runs the visitors until they have enough answers or the time is over. Vegeta's
// attacker sends requests that do not depend on each other. A visitor's requests do, so
// each visitor is a goroutine that waits for its answers.
func visit(ctx context.Context, x *localX, d *balancer, o options) {
	limited, cancel := context.WithTimeout(ctx, o.time)
	defer cancel()
	var wg sync.WaitGroup
	for i := range o.clients {
		v := newVisitor(userID(i), x, d, o.seed+uint64(i))
		wg.Go(func() {
			select {
			case <-time.After(time.Duration(i) * arrivalInterval):
			case <-limited.Done():
			}
			v.loop(limited, ctx, o.requests)
		})
	}
	wg.Wait()
}

// loop signs in and acts until limited ends or the visitors have enough answers. It completes
// the action that has begun.
func (v *visitor) loop(limited, ctx context.Context, answers int64) {
	signedIn := false
	for limited.Err() == nil && v.tally.answers.Load() < answers {
		var err error
		if signedIn {
			err = v.act(ctx)
		} else if err = v.signIn(); err == nil {
			signedIn = true
		}
		if err != nil && ctx.Err() == nil {
			v.tally.fault(kindOf(err))
			// The state of the session is unknown now, so begin with a new browser.
			v.forget()
			signedIn = false
			select {
			case <-time.After(100 * time.Millisecond):
			case <-limited.Done():
			}
		}
	}
}

// slack is how many goroutines a replica may have more after a run than before it. Pools keep
// some connections, which have goroutines.
const slack = 12

// bad returns an error that lists all that is wrong with a run.
func (r *result) bad() error {
	var errs []error
	for _, kind := range sortedKeys(r.Faults) {
		errs = append(errs, fmt.Errorf("%s: %d times", kind, r.Faults[kind]))
	}
	if r.Reused > 0 {
		errs = append(errs, fmt.Errorf("%d refresh tokens were used more than once", r.Reused))
	}
	if r.After > r.Before+slack*r.Replicas {
		errs = append(errs, fmt.Errorf("%d goroutines before, %d after", r.Before, r.After))
	}
	for _, kind := range []string{"sign_in_failed", "refresh_failed", "sign_in_again"} {
		for _, name := range sortedKeys(r.Events) {
			if name == "refresh_failed: superseded" {
				// The user signed out or signed in again during the refresh.
				continue
			}
			if name == kind || len(name) > len(kind) && name[:len(kind)+1] == kind+":" {
				errs = append(errs, fmt.Errorf("event %s: %d times", name, r.Events[name]))
			}
		}
	}
	if r.Answers == 0 {
		errs = append(errs, errors.New("no request was answered"))
	}
	return errors.Join(errs...)
}

// print writes a result as text.
func (r *result) print(w io.Writer) {
	_, _ = fmt.Fprintf(w, "%s: %d clients, %d replicas\n", r.Store, r.Clients, r.Replicas)
	_ = vegeta.NewTextReporter(&r.Metrics).Report(w)
	_, _ = fmt.Fprintf(w, "  wrong identities %d, signed in after logout %d\n", r.Faults[wrongIdentity], r.Faults[openAfterLogout])
	for _, action := range sortedKeys(r.Actions) {
		_, _ = fmt.Fprintf(w, "  %s: %d\n", action, r.Actions[action])
	}
	_, _ = fmt.Fprintf(w, "  refresh tokens used: %d, more than once: %d\n", r.Refreshed, r.Reused)
	_, _ = fmt.Fprintf(w, "  goroutines of all replicas: %d before, %d at most, %d after\n", r.Before, r.MostGoroutines, r.After)
	_, _ = fmt.Fprintf(w, "  memory of a replica: %d MiB at most\n", r.MaxRSS>>20)
	for _, kind := range sortedKeys(r.Events) {
		_, _ = fmt.Fprintf(w, "  event %s: %d\n", kind, r.Events[kind])
	}
	faults := 0
	for _, kind := range sortedKeys(r.Faults) {
		faults += r.Faults[kind]
		_, _ = fmt.Fprintf(w, "  fault: %s: %d\n", kind, r.Faults[kind])
	}
	_, _ = fmt.Fprintf(w, "  faults: %d\n", faults)
	for _, line := range r.Warnings {
		if faults > 0 {
			_, _ = fmt.Fprintf(w, "  warning of a replica: %.500s\n", line)
		}
	}
}
