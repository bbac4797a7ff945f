package main

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// tally counts the events of a run.
type tally struct {
	answers atomic.Int64

	mu      sync.Mutex // guards all below
	began   time.Time
	took    []time.Duration // of all answers
	window  []time.Duration // of the answers since the last sample
	paths   map[string]int  // answers by method and path
	did     map[string]int  // steps of visitors
	faults  map[string]int  // by kind; a good run has none
	samples []sample
}

// sample is the state of a run at a point in time.
type sample struct {
	At         time.Duration
	Rate       float64 // answers in a second
	P50, P99   time.Duration
	Goroutines int // of all replicas together
	RSS        int64
}

func newTally() *tally {
	return &tally{began: time.Now(), paths: map[string]int{}, did: map[string]int{}, faults: map[string]int{}}
}

func (t *tally) answered(what string, took time.Duration) {
	t.answers.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paths[what]++
	t.took = append(t.took, took)
	t.window = append(t.window, took)
}

func (t *tally) done(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.did[what]++
}

func (t *tally) fault(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults[what]++
}

// sample ends a measuring interval.
func (t *tally) sample(goroutines int, rss int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := sample{At: time.Since(t.began), Goroutines: goroutines, RSS: rss}
	last := time.Duration(0)
	if n := len(t.samples); n > 0 {
		last = t.samples[n-1].At
	}
	if len(t.window) > 0 {
		slices.Sort(t.window)
		s.Rate = float64(len(t.window)) / (s.At - last).Seconds()
		s.P50, s.P99 = percentile(t.window, 50), percentile(t.window, 99)
	}
	t.window = t.window[:0]
	t.samples = append(t.samples, s)
}

// percentile returns a percentile of sorted values.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := int(float64(len(sorted)) * p / 100)
	return sorted[min(i, len(sorted)-1)]
}

// inOrder returns the names of a count, sorted.
func inOrder(count map[string]int) []string { return slices.Sorted(maps.Keys(count)) }
