package session

import (
	"bytes"
	"maps"
	"sync"
	"time"
)

// memory is the store of a manager that was given none. It is scs's memstore with a find
// that allocates nothing, because every request pays for it. Goroutines may share a memory.
type memory struct {
	mu       sync.RWMutex // guards what follows
	sessions map[string]memorySession
	swept    time.Time // when expired sessions were last deleted
}

// memorySession is never changed, nor is its data.
type memorySession struct {
	data   []byte
	expiry int64 // in milliseconds since 1970
}

func (s memorySession) expired(now time.Time) bool { return now.UnixMilli() > s.expiry }

// Find implements [scs.Store]. The caller must not change the data.
func (m *memory) Find(key string) ([]byte, bool, error) {
	b, found := m.find([]byte(key))
	return b, found, nil
}

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
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sessions == nil {
		m.sessions = make(map[string]memorySession)
	}
	if now.Sub(m.swept) > time.Minute {
		m.swept = now
		maps.DeleteFunc(m.sessions, func(_ string, s memorySession) bool { return s.expired(now) })
	}
	m.sessions[key] = memorySession{bytes.Clone(b), expiry.UnixMilli()}
	return nil
}

// Delete implements [scs.Store].
func (m *memory) Delete(key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, key)
	return nil
}

// All implements [scs.IterableStore].
func (m *memory) All() (map[string][]byte, error) {
	all := make(map[string][]byte)
	m.mu.RLock()
	defer m.mu.RUnlock()
	for key, s := range m.sessions {
		if !s.expired(time.Now()) {
			all[key] = s.data
		}
	}
	return all, nil
}
