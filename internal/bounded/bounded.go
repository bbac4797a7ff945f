// Package bounded gives a call to a store or to a provider a context that ends with the call's
// request, when its time is up, or when the call is over.
//
// It is [context.WithTimeout] for calls that are made at every request, or one within another
// as in a sign-in, and are over in no time. That allocates five times where a driver asks for
// the channel, and three times more where the parent can end. Here it is the context and the
// channel: no call has a timer of its own, and none is registered with its parent. Those
// whose channel somebody has asked for are looked at every [Tick] while they are under way.
package bounded

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Tick is how much later than its parent is cancelled the channel of a call may close. Err is
// exact, and so are deadlines, the parent's too.
const Tick = 50 * time.Millisecond

// Calls bounds calls. The zero value is ready for use, and goroutines may share it.
type Calls struct {
	mu sync.Mutex // guards all below; nothing foreign is called under it
	// waited are the calls that somebody may wait for.
	waited map[*Call]struct{}
	// turn is the number of the timer that counts, which was set at armed. It is zero where
	// none is.
	turn  uint64
	armed time.Time
	due   time.Time // when it goes off
}

// Call is the context of one call. Goroutines may share it.
type Call struct {
	parent context.Context //nolint:containedctx // as in any context
	of     *Calls
	until  time.Time

	mu    sync.Mutex // guards all below
	err   error      // not nil once it has ended
	done  chan struct{}
	after map[*func()]struct{}
}

// Begin gives the context of a call that may take d. Who begins a call ends it.
func (s *Calls) Begin(ctx context.Context, d time.Duration) *Call {
	until := time.Now().Add(d)
	if t, ok := ctx.Deadline(); ok && t.Before(until) {
		until = t
	}
	return &Call{parent: ctx, of: s, until: until}
}

// End ends the context. Whoever has kept it finds it canceled.
func (c *Call) End() {
	c.mu.Lock()
	c.end(context.Canceled)
	waited := c.done != nil
	c.mu.Unlock()
	if waited {
		c.of.forget(c)
	}
}

// end is for who holds the lock.
func (c *Call) end(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
	for f := range c.after {
		go (*f)()
	}
	c.after = nil
}

// Deadline implements [context.Context].
func (c *Call) Deadline() (time.Time, bool) {
	return c.until, true
}

// Err implements [context.Context].
func (c *Call) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		if err := c.parent.Err(); err != nil {
			c.end(err)
		} else if !time.Now().Before(c.until) {
			c.end(context.DeadlineExceeded)
		}
	}
	return c.err
}

// Done implements [context.Context].
func (c *Call) Done() <-chan struct{} {
	c.mu.Lock()
	done := c.done
	first := done == nil
	if first {
		done = make(chan struct{})
		c.done = done
		if c.err != nil {
			close(done)
			first = false
		}
	}
	c.mu.Unlock()
	if first {
		c.of.wait(c)
	}
	return done
}

// AfterFunc calls f in a goroutine of its own when c has ended. [context.AfterFunc] and
// contexts around c go by it, and need no goroutine to wait for c.
func (c *Call) AfterFunc(f func()) (stop func() bool) {
	c.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	if c.after == nil {
		c.after = make(map[*func()]struct{})
	}
	c.after[&f] = struct{}{}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, ok := c.after[&f]
		delete(c.after, &f)
		return ok
	}
}

// Value implements [context.Context].
func (c *Call) Value(key any) any { return c.parent.Value(key) }

// String says what c is bounded in.
func (c *Call) String() string { return fmt.Sprint(c.parent) + ".bounded" }

// Format implements [fmt.Formatter], so that nothing else is printed, whatever the verb.
func (c *Call) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// wait sees to it that c is looked at.
func (s *Calls) wait(c *Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waited == nil {
		s.waited = make(map[*Call]struct{})
	}
	due := c.until.Before(s.due)
	if len(s.waited) == 0 {
		// The timer of the call before may be running still. One that is late is not
		// waited for: in a test it may have ended with the bubble that it was set in.
		now := time.Now()
		since := now.Sub(s.armed)
		due = due || s.armed.IsZero() || since < 0 || since > 2*Tick
	}
	s.waited[c] = struct{}{}
	if due {
		s.arm(time.Now())
	}
}

// arm is for who holds the lock.
func (s *Calls) arm(now time.Time) {
	s.turn++
	wait := Tick
	for c := range s.waited {
		wait = min(wait, max(0, c.until.Sub(now)))
	}
	s.armed, s.due = now, now.Add(wait)
	turn := s.turn
	time.AfterFunc(wait, func() { s.look(turn) })
}

// look ends the calls whose time is up or whose parent has ended.
func (s *Calls) look(turn uint64) {
	s.mu.Lock()
	if turn != s.turn {
		s.mu.Unlock()
		return
	}
	waited := make([]*Call, 0, len(s.waited))
	for c := range s.waited {
		waited = append(waited, c)
	}
	s.mu.Unlock()
	var over []*Call
	for _, c := range waited {
		if c.Err() != nil {
			over = append(over, c)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range over {
		delete(s.waited, c)
	}
	switch {
	case turn != s.turn:
	case len(s.waited) == 0:
		s.armed = time.Time{}
	default:
		s.arm(time.Now())
	}
}

func (s *Calls) forget(c *Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waited, c)
}
