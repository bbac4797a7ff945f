package main

import (
	"context"
	"net/http"
	"time"
)

// watch polls the replicas for their goroutines, memory and events.
type watch struct {
	replicas []*process
	client   http.Client

	goroutines int            // the most so far, of all replicas together
	rss        int64          // the most so far, of one replica
	events     map[string]int // of all replicas, at the last poll
}

// poll asks all replicas once, and returns the sum of their goroutines.
func (w *watch) poll(ctx context.Context) (goroutines int, err error) {
	if w.client.Transport == nil {
		w.client = http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	}
	w.events = map[string]int{}
	for _, s := range w.replicas {
		st, err := s.stats(ctx, &w.client)
		if err != nil {
			return 0, err
		}
		goroutines += st.Goroutines
		w.rss = max(w.rss, st.MaxRSS)
		for kind, n := range st.Events {
			w.events[kind] += n
		}
	}
	w.goroutines = max(w.goroutines, goroutines)
	return goroutines, nil
}

// until polls every half second until stopped is closed.
func (w *watch) until(stopped <-chan struct{}) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stopped:
			return nil
		case <-tick.C:
		}
		if _, err := w.poll(context.Background()); err != nil {
			return err
		}
	}
}

// waitIdle waits until the replicas have as many goroutines as before, but at most a minute.
// It calls closeIdle before each poll.
func (w *watch) waitIdle(ctx context.Context, before int, closeIdle func()) (after int, err error) {
	for began := time.Now(); ; {
		closeIdle()
		if after, err = w.poll(ctx); err != nil || after <= before+2 || time.Since(began) > time.Minute {
			return after, err
		}
		select {
		case <-ctx.Done():
			return after, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
