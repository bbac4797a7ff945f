package client

import (
	"fmt"
	"sync"
	"testing"

	"github.com/xsignin/xsignin/tokenstore"
)

func TestSlotsAreFoundByTheirKeys(t *testing.T) {
	t.Parallel()
	m := newSlotMap()
	key := func(i int) tokenstore.Key { return tokenstore.Key{Provider: "x", UserID: fmt.Sprint(i)} }
	const n = 10_000
	for i := range n {
		s := &slot{key: key(i)}
		if have, loaded := m.loadOrStore(s); loaded || have != s {
			t.Fatal("a new key is there already")
		}
		if have, loaded := m.loadOrStore(&slot{key: key(i)}); !loaded || have != s {
			t.Fatal("a known key is not there")
		}
	}
	for i := 0; i < n; i += 2 {
		m.delete(key(i))
		m.delete(key(i))
	}
	left := 0
	m.each(func(*slot) bool { left++; return true })
	if left != n/2 || m.n != n/2 {
		t.Errorf("%d slots, counted as %d", left, m.n)
	}
	for i := range n {
		if s := m.load(key(i)); (s != nil) != (i%2 == 1) || s != nil && s.key != key(i) {
			t.Fatalf("%d is %v", i, s)
		}
	}
	stopped := 0
	m.each(func(*slot) bool { stopped++; return stopped < 3 })
	if stopped != 3 {
		t.Errorf("went on to %d", stopped)
	}
}

func TestSlotsAreReadWhileOthersWrite(t *testing.T) {
	t.Parallel()
	m := newSlotMap()
	always := &slot{key: user}
	m.loadOrStore(always)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				key := tokenstore.Key{Provider: fmt.Sprint(g), UserID: fmt.Sprint(i)}
				m.loadOrStore(&slot{key: key})
				if i%3 == 0 {
					m.delete(key)
				}
				if m.load(user) != always {
					t.Error("what was not touched is not there")
				}
			}
		})
	}
	wg.Wait()
}

func TestALookForASlotAllocatesNothing(t *testing.T) {
	m := newSlotMap()
	m.loadOrStore(&slot{key: user})
	if n := testing.AllocsPerRun(100, func() {
		if m.load(user) == nil {
			t.Error("not there")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
