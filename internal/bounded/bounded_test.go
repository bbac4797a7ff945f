package bounded_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xsignin/xsignin/internal/bounded"
)

// after returns how long done takes to close.
func after(done <-chan struct{}) time.Duration {
	begun := time.Now()
	<-done
	return time.Since(begun)
}

func TestACallEndsWhenItsTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls bounded.Calls
		for range 3 {
			c := calls.Begin(t.Context(), 5*time.Second)
			if at, ok := c.Deadline(); !ok || !at.Equal(time.Now().Add(5*time.Second)) {
				t.Errorf("deadline %v, %v", at, ok)
			}
			if err := c.Err(); err != nil {
				t.Error(err)
			}
			if d := after(c.Done()); d < 5*time.Second || d > 5*time.Second+bounded.Tick {
				t.Errorf("it ends after %v", d)
			}
			if !errors.Is(c.Err(), context.DeadlineExceeded) || !errors.Is(context.Cause(c), context.DeadlineExceeded) {
				t.Errorf("%v, %v", c.Err(), context.Cause(c))
			}
			c.End()
			if !errors.Is(c.Err(), context.DeadlineExceeded) {
				t.Error(c.Err())
			}
			time.Sleep(time.Minute) // the timer has gone, and the next call needs another
		}
	})
}

// TestDeadlinesAreExact: whenever the timer was set, and whoever's deadline it is.
func TestDeadlinesAreExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls bounded.Calls
		first := calls.Begin(t.Context(), time.Hour)
		defer first.End()
		first.Done()
		for i := range 20 {
			time.Sleep(time.Duration(i) * 7 * time.Millisecond)
			parent, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			for ctx, want := range map[context.Context]time.Duration{t.Context(): 2 * time.Second, parent: time.Second} {
				c := calls.Begin(ctx, 2*time.Second)
				if d := after(c.Done()); ctx != parent && d != want || d > want {
					t.Errorf("it ends after %v, want %v", d, want)
				}
				c.End()
			}
			c := calls.Begin(t.Context(), time.Millisecond)
			if d := after(c.Done()); d != time.Millisecond {
				t.Errorf("a short one ends after %v", d)
			}
			c.End()
		}
	})
}

func TestACallEndsWithItsParent(t *testing.T) {
	errWhy := errors.New("why")
	synctest.Test(t, func(t *testing.T) {
		var calls bounded.Calls
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		c := calls.Begin(ctx, time.Hour)
		defer c.End()
		time.AfterFunc(time.Second, func() { cancel(errWhy) })
		if d := after(c.Done()); d < time.Second || d > time.Second+bounded.Tick {
			t.Errorf("it ends after %v", d)
		}
		if !errors.Is(c.Err(), context.Canceled) || !errors.Is(context.Cause(c), errWhy) {
			t.Errorf("%v, %v", c.Err(), context.Cause(c))
		}
		// Who asks is told at once, and the channel agrees.
		ctx, cancel = context.WithCancelCause(t.Context())
		c = calls.Begin(ctx, time.Hour)
		defer c.End()
		done := c.Done()
		cancel(nil)
		if !errors.Is(c.Err(), context.Canceled) || after(done) != 0 {
			t.Errorf("%v", c.Err())
		}
		// The parent's deadline is the call's where it is the earlier one.
		early, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		c = calls.Begin(early, time.Hour)
		defer c.End()
		if at, ok := c.Deadline(); !ok || !at.Equal(time.Now().Add(time.Second)) {
			t.Errorf("deadline %v, %v", at, ok)
		}
		if after(c.Done()) > time.Second+bounded.Tick || !errors.Is(c.Err(), context.DeadlineExceeded) {
			t.Errorf("%v", c.Err())
		}
	})
}

func TestACallEndsAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls bounded.Calls
		c := calls.Begin(t.Context(), time.Hour)
		done := c.Done()
		c.End()
		c.End()
		if after(done) != 0 || after(c.Done()) != 0 || !errors.Is(c.Err(), context.Canceled) {
			t.Errorf("%v", c.Err())
		}
		// Nobody had asked before.
		c = calls.Begin(t.Context(), time.Hour)
		c.End()
		if after(c.Done()) != 0 || !errors.Is(c.Err(), context.Canceled) {
			t.Errorf("%v", c.Err())
		}
	})
}

// TestContextsAroundACall: they end with it, and no goroutine waits for that, as synctest
// would find it waiting still.
func TestContextsAroundACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls bounded.Calls
		for name, end := range map[string]func(c *bounded.Call){
			"its end":  (*bounded.Call).End,
			"its time": func(*bounded.Call) { time.Sleep(time.Minute) },
		} {
			c := calls.Begin(t.Context(), time.Second)
			child, cancel := context.WithCancel(c)
			defer cancel()
			_, left := context.WithCancel(c)
			left()
			called, stopped := make(chan struct{}), make(chan struct{})
			context.AfterFunc(c, func() { close(called) })
			if stop := context.AfterFunc(c, func() { close(stopped) }); !stop() || stop() {
				t.Error("it was not there to be stopped, or twice")
			}
			if child.Err() != nil {
				t.Error(child.Err())
			}
			end(c)
			synctest.Wait()
			select {
			case <-called:
			default:
				t.Errorf("%s: not called", name)
			}
			if !errors.Is(child.Err(), c.Err()) || c.Err() == nil {
				t.Errorf("%s: %v, %v", name, child.Err(), c.Err())
			}
			select {
			case <-stopped:
				t.Errorf("%s: what was stopped is called", name)
			default:
			}
			again := make(chan struct{})
			if c.AfterFunc(func() { close(again) })() {
				t.Error("stopped, although it had ended")
			}
			<-again
			c.End()
		}
	})
}

// TestManyCalls: those that end and those that begin share a timer.
func TestManyCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls bounded.Calls
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 7 * time.Millisecond)
				d := time.Duration(1+i%5) * time.Second
				c := calls.Begin(t.Context(), d)
				defer c.End()
				if i%2 == 0 {
					c.Done()
					return
				}
				if took := after(c.Done()); took < d || took > d+bounded.Tick {
					t.Errorf("%v, and not %v", took, d)
				}
			})
		}
		wg.Wait()
	})
}

func TestCallsOfManyGoroutines(t *testing.T) {
	var calls bounded.Calls
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				c := calls.Begin(ctx, time.Hour)
				var inner sync.WaitGroup
				inner.Go(func() { <-c.Done() })
				inner.Go(func() { <-c.Done() })
				inner.Go(func() { context.AfterFunc(c, func() {})() })
				if i%2 == 0 {
					cancel()
				}
				if i%3 == 0 {
					_ = c.Err()
				}
				c.End()
				inner.Wait()
				cancel()
			}
		})
	}
	wg.Wait()
}

// TestACallOutlivesItsBubble: the timer of a test's bubble is gone with it, and the calls
// that come later have one all the same.
func TestACallOutlivesItsBubble(t *testing.T) {
	var calls bounded.Calls
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Hour) // two bubbles have the same clock, one after the other
			if d := after(calls.Begin(t.Context(), time.Second).Done()); d > time.Second+bounded.Tick {
				t.Errorf("it ends after %v", d)
			}
			c := calls.Begin(t.Context(), time.Second)
			c.Done()
			c.End()
		})
		c := calls.Begin(t.Context(), time.Millisecond)
		<-c.Done()
		c.End()
	}
}

func TestACallPrintsNothingOfItsValues(t *testing.T) {
	type key struct{}
	var calls bounded.Calls
	c := calls.Begin(context.WithValue(context.Background(), key{}, []byte("secret")), time.Second)
	defer c.End()
	if got, _ := c.Value(key{}).([]byte); string(got) != "secret" {
		t.Errorf("%q", got)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, c); got != c.String() {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

func TestACallAllocates(t *testing.T) {
	var calls bounded.Calls
	parent, cancel := context.WithCancel(t.Context())
	defer cancel()
	for name, c := range map[string]struct {
		ask  func(*bounded.Call)
		most float64
	}{
		"a call":                 {func(*bounded.Call) {}, 1},
		"one that is waited for": {func(c *bounded.Call) { c.Done() }, 2},
	} {
		if got := testing.AllocsPerRun(200, func() {
			call := calls.Begin(parent, 5*time.Second)
			c.ask(call)
			call.End()
		}); got > c.most {
			t.Errorf("%s: %v allocations, and not %v", name, got, c.most)
		}
	}
}
