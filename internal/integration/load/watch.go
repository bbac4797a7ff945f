package main

import (
	"context"
	"net/http"
	"time"
)

// watch checks the replicas from time to time.
type watch struct {
	replicas []*process
	tally    *tally
	client   http.Client

	goroutines int   // the maximum so far, of all together
	rss        int64 // the maximum so far, of one
	events     map[string]int
}

// look adds up the values of the replicas.
func (w *watch) look(ctx context.Context) (goroutines int, rss int64, err error) {
	if w.client.Transport == nil {
		w.client = http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	}
	w.events = map[string]int{}
	for _, s := range w.replicas {
		st, err := s.stats(ctx, &w.client)
		if err != nil {
			return 0, 0, err
		}
		goroutines += st.Goroutines
		rss += st.RSS
		w.rss = max(w.rss, st.MaxRSS)
		for kind, n := range st.Events {
			w.events[kind] += n
		}
	}
	w.goroutines = max(w.goroutines, goroutines)
	return goroutines, rss, nil
}

// until looks every half second.
func (w *watch) until(stopped <-chan struct{}) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stopped:
			return nil
		case <-tick.C:
		}
		goroutines, rss, err := w.look(context.Background())
		if err != nil {
			return err
		}
		w.tally.sample(goroutines, rss)
	}
}

// rest waits until the replicas have as many goroutines as before, or for 20 seconds.
func (w *watch) rest(ctx context.Context, before int, hangUp func()) (after int, err error) {
	most := w.goroutines
	for began := time.Now(); ; {
		hangUp()
		if after, _, err = w.look(ctx); err != nil || after <= before+2 || time.Since(began) > 20*time.Second {
			w.goroutines = max(most, w.goroutines)
			return after, err
		}
		select {
		case <-ctx.Done():
			return after, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
