package session

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRecentKeysAreBounded(t *testing.T) {
	t.Parallel()
	const most = maxRecent
	var r recent[int]
	now := time.Now()
	for i := range 3 * most {
		if !r.due(i, now, time.Minute, true) {
			t.Fatalf("%d counts as claimed", i)
		}
		if len(r.now) > most || len(r.old) > most {
			t.Fatalf("%d and %d", len(r.now), len(r.old))
		}
	}
	for i := 2 * most; i < 3*most; i++ {
		if r.due(i, now, time.Minute, false) || r.due(i, now.Add(59*time.Second), time.Minute, true) {
			t.Fatalf("%d was forgotten", i)
		}
	}
	if !r.due(3*most-1, now.Add(time.Minute), time.Minute, true) {
		t.Error("the interval is not kept")
	}
}

func TestNothingIsReadPastTheEnd(t *testing.T) {
	t.Parallel()
	whole := testEntry()
	b := written(whole.code)
	for n := range b {
		if read(b[:n], new(entry).code) {
			t.Errorf("%d of %d bytes decode", n, len(b))
		}
	}
	for _, bad := range [][]byte{append(b, 0), append([]byte{9}, b[1:]...), bytes.Repeat([]byte{0xff}, 20)} {
		if read(bad, new(entry).code) {
			t.Errorf("%x decodes", bad)
		}
	}
}

func TestScsShowsItsKey(t *testing.T) {
	t.Parallel()
	m, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if m.loaded(context.Background()) {
		t.Error("an empty context holds a session")
	}
	ctx, err := m.sm.Load(t.Context(), "")
	if err != nil || !m.loaded(ctx) {
		t.Errorf("a loaded session is not seen, %v", err)
	}
}

// TestBackgroundRunsAFewFunctionsAtOnce: closing runs all that wait, a few at the same time.
func TestBackgroundRunsAFewFunctionsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := background{waiting: make(map[*time.Timer]bool), slots: make(chan struct{}, atOnce)}
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
			b.after(time.Hour, f)
		}
		begun := time.Now()
		if err := b.close(t.Context()); err != nil {
			t.Error(err)
		}
		b.after(0, f) // too late
		synctest.Wait()
		if took := time.Since(begun); ran != all || most != atOnce || took > time.Minute {
			t.Errorf("%d ran, %d at once, after %v", ran, most, took)
		}
	})
}

// TestCloseEndsWithItsContext: what has not begun does not run.
func TestCloseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := background{waiting: make(map[*time.Timer]bool), slots: make(chan struct{}, atOnce)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ran := 0
		for range atOnce {
			b.after(0, func(context.Context) { time.Sleep(time.Hour) })
		}
		synctest.Wait()
		b.after(time.Hour, func(context.Context) { ran++ })
		if err := b.close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		time.Sleep(2 * time.Hour)
		if ran != 0 {
			t.Error("a function began after the end of the context")
		}
	})
}
