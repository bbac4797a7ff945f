package session

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
)

func TestSpentHandlesAreBounded(t *testing.T) {
	t.Parallel()
	s := newSpent(100)
	now := time.Now()
	for i := range 1000 {
		if !s.add(fmt.Sprint(i), now) {
			t.Fatalf("%d counts as spent", i)
		}
		if len(s.known) > 100 || len(s.order) > 100 {
			t.Fatalf("%d known, %d in order", len(s.known), len(s.order))
		}
	}
	for i := 900; i < 1000; i++ {
		if s.add(fmt.Sprint(i), now) {
			t.Fatalf("%d was forgotten", i)
		}
	}
	// The oldest were dropped, and time drops the others.
	if !s.add("0", now) {
		t.Error("0 is still known")
	}
	later := now.Add(spentTime + time.Second)
	if !s.add("999", later) || len(s.known) != 1 {
		t.Errorf("%d known", len(s.known))
	}
}

func TestTouchesAreBounded(t *testing.T) {
	t.Parallel()
	s := newTouches[string](touchMemory)
	now := time.Now()
	for i := range 10 * touchMemory {
		if !s.claim(fmt.Sprint(i), now, time.Minute) {
			t.Fatalf("%d counts as touched", i)
		}
		if len(s.now) > touchMemory || len(s.old) > touchMemory {
			t.Fatalf("%d and %d", len(s.now), len(s.old))
		}
	}
	recent := fmt.Sprint(10*touchMemory - touchMemory/2)
	if s.claim(recent, now.Add(59*time.Second), time.Minute) || !s.claim(recent, now.Add(time.Minute), time.Minute) {
		t.Error("the interval is not kept")
	}
}

func TestWireReadsNothingPastTheEnd(t *testing.T) {
	t.Parallel()
	b := contentOf("handle").encode(nil)
	for n := range b {
		if _, err := decodeContent(b[:n], nil); err == nil {
			t.Errorf("%d of %d bytes decode", n, len(b))
		}
	}
	if _, err := decodeContent(append([]byte{9}, b[1:]...), nil); err == nil {
		t.Error("another kind decodes")
	}
	if _, ok := readIdentity(nil); ok {
		t.Error("nothing is an identity")
	}
}

func contentOf(state string) content {
	return content{kind: kindPending, PendingSignIn: PendingSignIn{At: time.Now(), Pending: provider.Pending{Provider: "x", State: state, Secret: "s", Scopes: []string{"scope"}}}}
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

func TestOnlyBase64URLIsAnID(t *testing.T) {
	t.Parallel()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if !isBase64URL(alphabet) {
		t.Error("the alphabet is refused")
	}
	for c := range 256 {
		s := "aZ9" + string([]byte{byte(c)}) + "-_0"
		if got, want := isBase64URL(s), strings.IndexByte(alphabet, byte(c)) >= 0; got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}
