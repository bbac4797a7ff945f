package session

import (
	"context"
	"sync"
	"time"
)

// maxDelayed bounds the functions that wait. A deletion beyond it is dropped: the next
// touch of the session finds what the deletion would have caught.
const maxDelayed = 100_000

// delayed runs functions later, and at once when it is closed. No goroutine waits for a
// function whose time has not come.
type delayed struct {
	mu      sync.Mutex // guards all below
	waiting map[*delayedCall]struct{}
	running int
	closed  bool
	idle    chan struct{} // closed by the last call that ends after close
}

type delayedCall struct {
	timer *time.Timer
	f     func(context.Context)
}

// after calls f when d has passed, or when the process closes.
func (q *delayed) after(d time.Duration, f func(context.Context)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.waiting) >= maxDelayed {
		return
	}
	if q.waiting == nil {
		q.waiting = make(map[*delayedCall]struct{})
	}
	c := &delayedCall{f: f}
	q.waiting[c] = struct{}{}
	c.timer = time.AfterFunc(d, func() { q.fire(c) })
}

// background calls f in a new goroutine, unless q is closed.
func (q *delayed) background(f func(context.Context)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.running++
	go q.run(f)
}

// fire runs c when its time has come.
func (q *delayed) fire(c *delayedCall) {
	q.mu.Lock()
	_, waits := q.waiting[c]
	delete(q.waiting, c)
	if waits {
		q.running++
	}
	q.mu.Unlock()
	if waits {
		q.run(c.f)
	}
}

func (q *delayed) run(f func(context.Context)) {
	f(context.Background())
	q.mu.Lock()
	q.running--
	last := q.closed && q.running == 0
	q.mu.Unlock()
	if last { // nothing of q is in use any more
		close(q.idle)
	}
}

// close runs what waits, and waits for what runs, until ctx ends.
func (q *delayed) close(ctx context.Context) error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil
	}
	q.closed, q.idle = true, make(chan struct{})
	calls := make(chan *delayedCall, len(q.waiting))
	for c := range q.waiting {
		c.timer.Stop()
		calls <- c
	}
	q.waiting = nil
	close(calls)
	workers := min(len(calls), eraseAtOnce)
	q.running += workers
	if q.running == 0 {
		close(q.idle)
	}
	q.mu.Unlock()
	for range workers {
		go q.run(func(context.Context) {
			for c := range calls {
				if ctx.Err() != nil {
					return
				}
				c.f(ctx)
			}
		})
	}
	select {
	case <-q.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
