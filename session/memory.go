package session

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/bits"
	"sync"
	"time"
)

// memory is the store of a manager that was given none. scs's memstore takes 341
// bytes for a session where this takes 274, holds one lock for all of them, and cleans up with a
// goroutine that cannot be stopped. Here each write looks at a few other sessions and drops
// those that have expired, so nothing runs by itself, and what is expired stays no longer
// than it takes to write as many sessions again.
//
// Goroutines may share it.
type memory struct {
	epoch  time.Time // the second from which slots count
	shards [memoryShards]memoryShard
}

const (
	memoryShards = 64
	// memoryFirst is the room of a shard at first.
	memoryFirst = 16
	// memorySwept is how many places each write looks at for what has expired.
	memorySwept = 8
	// memoryHead is what an entry has in front of its data: the key and the exact time of
	// its end.
	memoryHead = sha256.Size + 8
)

// memoryKey is what scs calls a key: a hash, here of 32 bytes and not in base64.
type memoryKey [sha256.Size]byte

// memoryShard is a table with open addressing: a hash leads to a place, and what is there
// already is followed by what comes later.
type memoryShard struct {
	mu    sync.RWMutex // guards all below; an entry never changes
	slots []memorySlot
	used  int
	hand  int // where the next sweep begins
	_     [64]byte
}

// memorySlot is a place. It is free where entry is nil.
type memorySlot struct {
	hash  uint32 // a part of the key's
	until uint32 // seconds after the epoch at which the entry has certainly expired
	entry []byte
}

func newMemory() *memory { return &memory{epoch: time.Now().Add(-time.Second)} }

// keyOf turns scs's key into ours: 43 characters of base64url are a hash, and anything else
// is hashed.
func keyOf(key string) (k memoryKey) {
	var raw [sha256.Size]byte
	var text [tokenLength]byte
	if len(key) == tokenLength {
		copy(text[:], key)
		if n, err := base64.RawURLEncoding.Strict().Decode(raw[:], text[:]); err == nil && n == len(raw) {
			return raw
		}
	}
	return sha256.Sum256([]byte("xsignin other key\x00" + key))
}

// shard returns where k is kept, and its hash there. The bits that choose the shard are not
// among those of the hash.
func (m *memory) shard(k *memoryKey) (*memoryShard, uint32) {
	return &m.shards[k[0]%memoryShards], binary.BigEndian.Uint32(k[1:])
}

// home is the place that a hash leads to, in a table of any size.
func (s *memoryShard) home(hash uint32) int {
	hi, _ := bits.Mul32(hash, uint32(len(s.slots)))
	return int(hi)
}

func (s *memoryShard) next(i int) int {
	if i++; i == len(s.slots) {
		return 0
	}
	return i
}

// place returns where k is, or the free place where it would be. The table is never full.
func (s *memoryShard) place(k *memoryKey, hash uint32) (i int, found bool) {
	for i = s.home(hash); s.slots[i].entry != nil; i = s.next(i) {
		if s.slots[i].hash == hash && memoryKey(s.slots[i].entry) == *k {
			return i, true
		}
	}
	return i, false
}

// find returns the data under k, which must not be changed.
func (m *memory) find(k *memoryKey, now time.Time) ([]byte, bool) {
	s, hash := m.shard(k)
	s.mu.RLock()
	var entry []byte
	if s.used > 0 {
		if i, found := s.place(k, hash); found {
			entry = s.slots[i].entry
		}
	}
	s.mu.RUnlock()
	if entry == nil || now.UnixNano() > entryEnd(entry) {
		return nil, false
	}
	return entry[memoryHead:], true
}

func entryEnd(entry []byte) int64 { return int64(binary.LittleEndian.Uint64(entry[sha256.Size:])) }

// commit keeps a copy of b under k.
func (m *memory) commit(k *memoryKey, b []byte, expiry, now time.Time) {
	entry := make([]byte, memoryHead+len(b))
	copy(entry, k[:])
	binary.LittleEndian.PutUint64(entry[sha256.Size:], uint64(expiry.UnixNano()))
	copy(entry[memoryHead:], b)
	s, hash := m.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now, m.seconds(now))
	// Four fifths at most, so that the way to a place stays short.
	if 5*(s.used+1) > 4*len(s.slots) {
		s.resize(max(memoryFirst, len(s.slots)+len(s.slots)/2))
	}
	i, found := s.place(k, hash)
	if !found {
		s.used++
	}
	s.slots[i] = memorySlot{hash, m.seconds(expiry) + 1, entry}
}

// seconds is t in whole seconds since the epoch, as far as they go.
func (m *memory) seconds(t time.Time) uint32 {
	return uint32(min(max(0, t.Sub(m.epoch)/time.Second), math.MaxUint32-1))
}

// delete takes k out.
func (m *memory) delete(k *memoryKey) {
	s, hash := m.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used == 0 {
		return
	}
	if i, found := s.place(k, hash); found {
		s.remove(i)
		s.shrink()
	}
}

// remove frees a place, and moves up what stands behind it because it was taken.
func (s *memoryShard) remove(i int) {
	s.used--
	n := len(s.slots)
	for j := s.next(i); s.slots[j].entry != nil; j = s.next(j) {
		// What is at j may stand at i if i is on its way from home to j.
		if home := s.home(s.slots[j].hash); (j-home+n)%n >= (j-i+n)%n {
			s.slots[i] = s.slots[j]
			i = j
		}
	}
	s.slots[i] = memorySlot{}
}

// sweep drops what has expired at the next few places.
func (s *memoryShard) sweep(now time.Time, seconds uint32) {
	for range min(memorySwept, len(s.slots)) {
		if s.hand >= len(s.slots) {
			s.hand = 0
		}
		slot := s.slots[s.hand]
		if slot.entry != nil && slot.until <= seconds && now.UnixNano() > entryEnd(slot.entry) {
			s.remove(s.hand) // something else may stand here now
			continue
		}
		s.hand++
	}
	s.shrink()
}

// shrink gives room back that a rush of visitors has left.
func (s *memoryShard) shrink() {
	if len(s.slots) > memoryFirst && 5*s.used < len(s.slots) {
		s.resize(max(memoryFirst, 2*s.used))
	}
}

func (s *memoryShard) resize(n int) {
	old := s.slots
	s.slots = make([]memorySlot, n)
	// Places are in the order of hashes in a table of any size.
	s.hand = s.hand * n / max(1, len(old))
	for _, slot := range old {
		if slot.entry == nil {
			continue
		}
		i := s.home(slot.hash)
		for s.slots[i].entry != nil {
			i = s.next(i)
		}
		s.slots[i] = slot
	}
}

// Find implements [scs.Store].
func (m *memory) Find(key string) ([]byte, bool, error) {
	k := keyOf(key)
	b, found := m.find(&k, time.Now())
	return b, found, nil
}

// Commit implements [scs.Store].
func (m *memory) Commit(key string, b []byte, expiry time.Time) error {
	k := keyOf(key)
	m.commit(&k, b, expiry, time.Now())
	return nil
}

// Delete implements [scs.Store].
func (m *memory) Delete(key string) error {
	k := keyOf(key)
	m.delete(&k)
	return nil
}

// All implements [scs.IterableStore].
func (m *memory) All() (map[string][]byte, error) {
	now := time.Now()
	all := make(map[string][]byte)
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.RLock()
		for _, slot := range s.slots {
			if slot.entry != nil && now.UnixNano() <= entryEnd(slot.entry) {
				all[hash43(memoryKey(slot.entry))] = bytes.Clone(slot.entry[memoryHead:])
			}
		}
		s.mu.RUnlock()
	}
	return all, nil
}
