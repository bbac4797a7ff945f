package session

import (
	"bytes"
	"context"
	"testing"
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
