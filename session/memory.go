package session

import (
	"bytes"
	"maps"
	"sync"
	"time"
)

const (
	// memorySwept is how many sessions each write looks at for expired ones. More
	// than one, so that expired sessions go faster than new ones come.
	memorySwept = 8
	// memoryShrunk is the size below which the map is never copied into a smaller one.
	memoryShrunk = 1024
)

// memory is the store of a manager that was given none. It is like scs's memstore,
// but needs no goroutine for the expired sessions: each write deletes a few of them.
//
// Goroutines may share it.
type memory struct {
	mu       sync.RWMutex // guards what follows
	sessions map[string]memorySession
	largest  int // the most sessions that the map held since it was made
}

// memorySession is never changed, nor is its data.
type memorySession struct {
	data   []byte
	expiry int64 // in milliseconds since 1970
}

func newMemory() *memory { return &memory{sessions: make(map[string]memorySession)} }

func (s memorySession) expired(now time.Time) bool { return now.UnixMilli() > s.expiry }

// Find implements [scs.Store]. The caller must not change the data.
func (m *memory) Find(key string) ([]byte, bool, error) {
	b, found := m.find([]byte(key))
	return b, found, nil
}

// find is Find without the key as a string, which would be allocated.
func (m *memory) find(key []byte) ([]byte, bool) {
	m.mu.RLock()
	s, found := m.sessions[string(key)]
	m.mu.RUnlock()
	if !found || s.expired(time.Now()) {
		return nil, false
	}
	return s.data, true
}

// Commit implements [scs.Store]. It keeps a copy of b.
func (m *memory) Commit(key string, b []byte, expiry time.Time) error {
	s := memorySession{bytes.Clone(b), expiry.UnixMilli()}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(time.Now())
	m.sessions[key] = s
	m.largest = max(m.largest, len(m.sessions))
	return nil
}

// Delete implements [scs.Store].
func (m *memory) Delete(key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, key)
	m.shrink()
	return nil
}

// All implements [scs.IterableStore].
func (m *memory) All() (map[string][]byte, error) {
	now := time.Now()
	all := make(map[string][]byte)
	m.mu.RLock()
	defer m.mu.RUnlock()
	for key, s := range m.sessions {
		if !s.expired(now) {
			all[key] = bytes.Clone(s.data)
		}
	}
	return all, nil
}

// sweep deletes the expired ones among a few sessions. A range over a map begins
// at a random place.
func (m *memory) sweep(now time.Time) {
	looked := 0
	for key, s := range m.sessions {
		if s.expired(now) {
			delete(m.sessions, key)
		}
		if looked++; looked == memorySwept {
			break
		}
	}
	m.shrink()
}

// shrink makes a new map if the sessions need less than a quarter of this one. A
// map keeps its memory, and a range over an almost empty one takes long.
func (m *memory) shrink() {
	if m.largest > memoryShrunk && 4*len(m.sessions) < m.largest {
		sessions := make(map[string]memorySession, len(m.sessions))
		maps.Copy(sessions, m.sessions)
		m.sessions = sessions
		m.largest = len(m.sessions)
	}
}
