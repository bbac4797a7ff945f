// Package background runs functions later, a few at the same time.
package background

import (
	"cmp"
	"context"
	"sync"
	"time"
)

const (
	maxWaiting = 100_000 // functions
	atOnce     = 64      // functions that run at the same time
)

// Queue runs functions later, and at once when it is closed. No goroutine waits for a
// function whose time has not come. Goroutines may share a Queue.
type Queue struct {
	mu      sync.Mutex // guards waiting and closing
	waiting map[*time.Timer]bool
	closing context.Context // of Close
	pending sync.WaitGroup  // functions that wait or run
	slots   chan struct{}   // full while atOnce functions run
}

// New makes a Queue.
func New() *Queue {
	return &Queue{waiting: make(map[*time.Timer]bool), slots: make(chan struct{}, atOnce)}
}

// Running returns how many functions run.
func (q *Queue) Running() int { return len(q.slots) }

// After calls f when d has passed, or when Close is called. It drops f if Close was called
// before. Unless d is 0, it also drops f if too many functions wait.
func (q *Queue) After(d time.Duration, f func(context.Context)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing != nil || d > 0 && len(q.waiting) >= maxWaiting {
		return
	}
	q.pending.Add(1)
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		defer q.pending.Done()
		q.slots <- struct{}{}
		defer func() { <-q.slots }()
		q.mu.Lock()
		delete(q.waiting, timer)
		ctx := cmp.Or(q.closing, context.Background())
		q.mu.Unlock()
		if ctx.Err() == nil {
			f(ctx)
		}
	})
	q.waiting[timer] = true
}

// Close runs the waiting functions, and waits for the running ones, until ctx ends.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	q.closing = ctx
	for timer := range q.waiting {
		if timer.Stop() {
			timer.Reset(0)
		}
	}
	q.mu.Unlock()
	done := make(chan struct{})
	go func() {
		q.pending.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
