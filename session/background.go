package session

import (
	"context"
	"sync"
	"time"
)

const (
	// maxWaiting bounds the functions that wait. The next touch replaces a dropped deletion.
	maxWaiting = 100_000
	// atOnce is how many sessions are deleted at the same time.
	atOnce = 8
)

// background runs functions later, and at once when it is closed. No goroutine waits for a
// function whose time has not come.
type background struct {
	mu      sync.Mutex // guards waiting and closed
	waiting map[*time.Timer]func(context.Context)
	closed  bool
	pending sync.WaitGroup // functions that wait or run
}

// after calls f when d has passed, or when the process closes. If too many functions wait, it
// drops f, unless d is 0.
func (b *background) after(d time.Duration, f func(context.Context)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || d > 0 && len(b.waiting) >= maxWaiting {
		return
	}
	if b.waiting == nil {
		b.waiting = make(map[*time.Timer]func(context.Context))
	}
	var timer *time.Timer
	run := func(ctx context.Context) {
		defer b.pending.Done()
		b.mu.Lock()
		delete(b.waiting, timer)
		b.mu.Unlock()
		if ctx.Err() == nil {
			f(ctx)
		}
	}
	b.pending.Add(1)
	timer = time.AfterFunc(d, func() { run(context.Background()) })
	b.waiting[timer] = run
}

// close runs what waits, and waits for what runs, until ctx ends.
func (b *background) close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	var calls []func(context.Context)
	for timer, run := range b.waiting {
		if timer.Stop() {
			calls = append(calls, run)
		}
	}
	b.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		forEach(calls, func(call func(context.Context)) { call(ctx) })
		b.pending.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// forEach calls f for each item, a few at the same time.
func forEach[T any](items []T, f func(T)) {
	var running sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for _, item := range items {
		slots <- struct{}{}
		running.Go(func() {
			f(item)
			<-slots
		})
	}
	running.Wait()
}

// recent remembers the keys that were claimed lately: at least max, and at most twice as many.
type recent[K comparable] struct {
	max      int
	mu       sync.Mutex // guards the maps
	now, old map[K]time.Time
}

// due reports whether the key was not claimed within the interval, and claims it if claim is
// set. Of several claims exactly one succeeds.
func (r *recent[K]) due(key K, now time.Time, interval time.Duration, claim bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, ok := r.now[key]
	if !ok {
		last, ok = r.old[key]
	}
	if ok && now.Sub(last) < interval {
		return false
	}
	if claim {
		if r.now == nil || len(r.now) >= r.max {
			r.now, r.old = make(map[K]time.Time), r.now
		}
		r.now[key] = now
	}
	return true
}
