package client

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/xsignin/xsignin/tokenstore"
)

// slotMap finds slots by their keys, without a lock and without an allocation. A
// [sync.Map] allocates at each look for a key that is a struct, as it takes any.
type slotMap struct {
	seed maphash.Seed
	// heads of chains, whose nodes are never changed.
	heads atomic.Pointer[[]atomic.Pointer[node]]

	mu sync.Mutex // guards n and every write of a head
	n  int
}

type node struct {
	key  tokenstore.Key
	slot *slot
	next *node
}

const (
	// firstHeads is how many chains there are at first.
	firstHeads = 64
	// chainLength is how long they get before there are four times as many.
	chainLength = 2
)

func newSlotMap() *slotMap {
	m := &slotMap{seed: maphash.MakeSeed()}
	heads := make([]atomic.Pointer[node], firstHeads)
	m.heads.Store(&heads)
	return m
}

func (m *slotMap) head(key tokenstore.Key) *atomic.Pointer[node] {
	heads := *m.heads.Load()
	return &heads[maphash.Comparable(m.seed, key)%uint64(len(heads))]
}

// load returns the slot of key, or nil.
func (m *slotMap) load(key tokenstore.Key) *slot {
	for n := m.head(key).Load(); n != nil; n = n.next {
		if n.key == key {
			return n.slot
		}
	}
	return nil
}

// loadOrStore returns the slot of s.key, which is s where there was none.
func (m *slotMap) loadOrStore(s *slot) (have *slot, loaded bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if have := m.load(s.key); have != nil {
		return have, true
	}
	if m.n >= chainLength*len(*m.heads.Load()) {
		m.grow()
	}
	head := m.head(s.key)
	head.Store(&node{s.key, s, head.Load()})
	m.n++
	return s, false
}

// grow makes chains of new nodes: who reads the old ones meanwhile reads all of them.
func (m *slotMap) grow() {
	old := *m.heads.Load()
	heads := make([]atomic.Pointer[node], 4*len(old))
	for i := range old {
		for n := old[i].Load(); n != nil; n = n.next {
			head := &heads[maphash.Comparable(m.seed, n.key)%uint64(len(heads))]
			head.Store(&node{n.key, n.slot, head.Load()})
		}
	}
	m.heads.Store(&heads)
}

// delete takes key out.
func (m *slotMap) delete(key tokenstore.Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	head := m.head(key)
	var kept *node
	found := false
	for n := head.Load(); n != nil; n = n.next {
		if n.key == key {
			found = true
			continue
		}
		kept = &node{n.key, n.slot, kept}
	}
	if found {
		head.Store(kept)
		m.n--
	}
}

// each calls f for every slot until it returns false. f may delete.
func (m *slotMap) each(f func(*slot) bool) {
	heads := *m.heads.Load()
	for i := range heads {
		for n := heads[i].Load(); n != nil; n = n.next {
			if !f(n.slot) {
				return
			}
		}
	}
}
