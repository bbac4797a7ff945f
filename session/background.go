package session

import (
	"cmp"
	"context"
	"sync"
	"time"
)

const (
	maxWaiting = 100_000 // functions; the next touch replaces a dropped deletion
	atOnce     = 64      // functions that run at the same time
	maxRecent  = 100_000 // keys
)

// background runs functions later, and at once when it is closed. No goroutine waits for a
// function whose time has not come.
type background struct {
	mu      sync.Mutex // guards waiting and closing
	waiting map[*time.Timer]bool
	closing context.Context // of close
	pending sync.WaitGroup  // functions that wait or run
	slots   chan struct{}   // full while atOnce functions run
}

// after calls f when d has passed, or when the process closes. If too many functions wait, it
// drops f, unless d is 0.
func (b *background) after(d time.Duration, f func(context.Context)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing != nil || d > 0 && len(b.waiting) >= maxWaiting {
		return
	}
	b.pending.Add(1)
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		defer b.pending.Done()
		b.slots <- struct{}{}
		defer func() { <-b.slots }()
		b.mu.Lock()
		delete(b.waiting, timer)
		ctx := cmp.Or(b.closing, context.Background())
		b.mu.Unlock()
		if ctx.Err() == nil {
			f(ctx)
		}
	})
	b.waiting[timer] = true
}

// close runs what waits, and waits for what runs, until ctx ends.
func (b *background) close(ctx context.Context) error {
	b.mu.Lock()
	b.closing = ctx
	for timer := range b.waiting {
		if timer.Stop() {
			timer.Reset(0)
		}
	}
	b.mu.Unlock()
	done := make(chan struct{})
	go func() {
		b.pending.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// recent remembers the keys claimed last: at least maxRecent, and at most twice as many.
type recent[K comparable] struct {
	mu       sync.Mutex // guards the maps
	now, old map[K]time.Time
}

// due reports whether the key was not claimed within the interval, and claims it if claim is
// set. Of several claims exactly one succeeds.
func (r *recent[K]) due(key K, now time.Time, interval time.Duration, claim bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(cmp.Or(r.now[key], r.old[key])) < interval {
		return false
	}
	if claim {
		if r.now == nil || len(r.now) >= maxRecent {
			r.now, r.old = make(map[K]time.Time), r.now
		}
		r.now[key] = now
	}
	return true
}
