package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// options say how much load a run makes.
type options struct {
	clients  int
	requests int64
	time     time.Duration
	life     time.Duration // of X's access tokens
	seed     uint64
}

// result is the result of a run.
type result struct {
	Store                string
	Replicas, Clients    int
	Answers              int64
	Took                 time.Duration
	P50, P95, P99, Worst time.Duration
	Did, Faults, Events  map[string]int
	Refreshed, Again     int // refresh tokens that were used, and those used more than once
	Before, After        int // goroutines at rest
	MostGoroutines       int
	MaxRSS               int64 // of the replica with the highest value
	Samples              []sample
	Said                 []string // the last warnings of each replica
}

// arrival is the time between the arrivals of two visitors. A burst, in which some visitors may
// be refused, is a separate test.
const arrival = 20 * time.Millisecond

// replicas is the number of processes that share a store.
func replicas(kind string) int {
	switch kind {
	case inMemory:
		return 1
	case inSQLite:
		return 2
	}
	return 3
}

// load runs visitors against replicas of the application that share a place.
func load(ctx context.Context, app program, p place, o options) (res *result, err error) {
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
	for range replicas(p.Kind) {
		r, err := app.start(x, p)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	t := newTally()
	d := newDoor(t)
	d.open(all...)
	w := &watch{replicas: all, tally: t}
	defer w.client.CloseIdleConnections()
	res = &result{Store: p.Kind, Replicas: len(all), Clients: o.clients, Did: t.did, Faults: t.faults, Events: map[string]int{}}
	if res.Before, _, err = w.look(ctx); err != nil {
		return nil, err
	}

	limited, cancel := context.WithTimeout(ctx, o.time)
	defer cancel()
	watching := make(chan struct{})
	watched := make(chan error, 1)
	go func() { watched <- w.until(watching) }()
	t.began = time.Now()
	var wg sync.WaitGroup
	for i := range o.clients {
		v := newVisitor(userID(i), x, d, o.seed+uint64(i))
		wg.Go(func() {
			select {
			case <-time.After(time.Duration(i) * arrival):
			case <-limited.Done():
			}
			v.live(limited, ctx, o.requests)
		})
	}
	wg.Wait()
	res.Took, res.Answers = time.Since(t.began), t.answers.Load()
	close(watching)
	if err := <-watched; err != nil {
		return nil, err
	}

	d.base.CloseIdleConnections()
	// This ends the replicas' idle connections to X. Connections that were never used end once
	// they are five seconds old.
	hangUp := func() { x.srv.SetKeepAlivesEnabled(false) }
	if res.After, err = w.rest(ctx, res.Before, hangUp); err != nil {
		return nil, err
	}
	res.MostGoroutines, res.MaxRSS, res.Events = w.goroutines, w.rss, w.events
	slices.Sort(t.took)
	res.P50, res.P95, res.P99, res.Worst = percentile(t.took, 50), percentile(t.took, 95), percentile(t.took, 99), percentile(t.took, 100)
	res.Refreshed, res.Again = x.refreshes()
	res.Samples = t.samples
	for _, r := range all {
		res.Said = append(res.Said, r.stderr.warnings(5)...)
	}
	return res, ctx.Err()
}

// live signs in and acts until the time is over or there were enough answers. It finishes what
// it has begun by then.
func (v *visitor) live(limited, ctx context.Context, answers int64) {
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
			// The state of the session is unknown now, so begin again.
			v.forget()
			signedIn = false
			select {
			case <-time.After(100 * time.Millisecond):
			case <-limited.Done():
			}
		}
	}
}

// slack is how many more goroutines each replica may have after a run than before it. They
// belong to pools, which keep some connections.
const slack = 12

// bad returns what is wrong with a run, or nil.
func (r *result) bad() error {
	var errs []error
	for _, kind := range inOrder(r.Faults) {
		errs = append(errs, fmt.Errorf("%s: %d times", kind, r.Faults[kind]))
	}
	if r.Again > 0 {
		errs = append(errs, fmt.Errorf("%d refresh tokens were used more than once", r.Again))
	}
	if r.After > r.Before+slack*r.Replicas {
		errs = append(errs, fmt.Errorf("%d goroutines before, %d after", r.Before, r.After))
	}
	for _, kind := range []string{"sign_in_failed", "refresh_failed", "sign_in_again"} {
		for _, name := range inOrder(r.Events) {
			if name == "refresh_failed: superseded" {
				// The user signed out or signed in again meanwhile, so the newer state is right.
				continue
			}
			if name == kind || len(name) > len(kind) && name[:len(kind)+1] == kind+":" {
				errs = append(errs, fmt.Errorf("event %s: %d times", name, r.Events[name]))
			}
		}
	}
	if r.Answers == 0 {
		errs = append(errs, errors.New("nothing was answered"))
	}
	return errors.Join(errs...)
}

// print writes a result for people.
func (r *result) print(w io.Writer) {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }
	_, _ = fmt.Fprintf(w, "%s: %d clients, %d replicas, %d requests in %.1f s, %.0f a second\n",
		r.Store, r.Clients, r.Replicas, r.Answers, r.Took.Seconds(), float64(r.Answers)/r.Took.Seconds())
	_, _ = fmt.Fprintf(w, "  wrong identities %d, signed in after logout %d\n", r.Faults[wrongIdentity], r.Faults[aliveAfter])
	_, _ = fmt.Fprintf(w, "  latency: half below %s, 95 %% below %s, 99 %% below %s, worst %s\n", ms(r.P50), ms(r.P95), ms(r.P99), ms(r.Worst))
	for _, what := range inOrder(r.Did) {
		_, _ = fmt.Fprintf(w, "  %s: %d\n", what, r.Did[what])
	}
	_, _ = fmt.Fprintf(w, "  refresh tokens used: %d, more than once: %d\n", r.Refreshed, r.Again)
	_, _ = fmt.Fprintf(w, "  goroutines of all replicas: %d before, %d at most, %d after; memory of a replica: %d MiB at most\n",
		r.Before, r.MostGoroutines, r.After, r.MaxRSS>>20)
	for _, kind := range inOrder(r.Events) {
		_, _ = fmt.Fprintf(w, "  event %s: %d\n", kind, r.Events[kind])
	}
	faults := 0
	for _, kind := range inOrder(r.Faults) {
		faults += r.Faults[kind]
		_, _ = fmt.Fprintf(w, "  fault: %s: %d\n", kind, r.Faults[kind])
	}
	_, _ = fmt.Fprintf(w, "  errors: %d\n", faults)
	for _, line := range r.Said {
		if faults > 0 {
			_, _ = fmt.Fprintf(w, "  a replica said: %.500s\n", line)
		}
	}
}
