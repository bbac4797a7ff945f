package background

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestBackgroundRunsAFewFunctionsAtOnce: closing runs all that wait, a few at the same time.
func TestBackgroundRunsAFewFunctionsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New()
		var mu sync.Mutex // guards all below
		running, most, ran := 0, 0, 0
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			running += n
			most = max(most, running)
			ran += max(n, 0)
		}
		f := func(context.Context) {
			count(1)
			time.Sleep(time.Second)
			count(-1)
		}
		const all = 10 * atOnce
		for range all {
			q.After(time.Hour, f)
		}
		begun := time.Now()
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		q.After(0, f) // too late
		synctest.Wait()
		if took := time.Since(begun); ran != all || most != atOnce || took > time.Minute {
			t.Errorf("%d ran, %d at once, after %v", ran, most, took)
		}
	})
}

// TestCloseEndsWithItsContext: what has not begun does not run.
func TestCloseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ran := 0
		for range atOnce {
			q.After(0, func(context.Context) { time.Sleep(time.Hour) })
		}
		synctest.Wait()
		q.After(time.Hour, func(context.Context) { ran++ })
		if err := q.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		time.Sleep(2 * time.Hour)
		if ran != 0 {
			t.Error("a function began after the end of the context")
		}
	})
}
