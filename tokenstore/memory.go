package tokenstore

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/xsignin/xsignin/internal/wire"
)

// Memory is a [Store] and a [Walker] for one process. Its entries are lost when the
// process ends, and then every user has to sign in again. It suits tests, development and
// single processes that can accept this.
//
// Values may have any length. Leases are timed by [time.Now]. Goroutines may share a
// Memory. [NewMemory] makes one.
type Memory struct {
	mu sync.Mutex // guards all below
	// count numbers versions and leases of all keys. It only grows, so a version does not
	// come again after its entry was deleted.
	count   uint64
	entries map[Key]*memoryEntry
}

var (
	_ Store  = (*Memory)(nil)
	_ Walker = (*Memory)(nil)
)

type memoryEntry struct {
	value       []byte
	version     Version
	lease       LeaseID
	leaseUntil  time.Time
	leaseLength time.Duration
}

// leaseLeft returns how long the entry's lease still runs.
func (e *memoryEntry) leaseLeft(now time.Time) time.Duration {
	left := e.leaseUntil.Sub(now)
	if e.lease == "" || left > e.leaseLength {
		return 0
	}
	return left
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory {
	return &Memory{entries: make(map[Key]*memoryEntry)}
}

// Get implements [Store].
func (m *Memory) Get(ctx context.Context, key Key) (Entry, error) {
	if err := ctx.Err(); err != nil {
		return Entry{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	if !ok {
		return Entry{}, ErrNotFound
	}
	return Entry{Value: bytes.Clone(e.value), Version: e.version}, nil
}

// Put implements [Store].
func (m *Memory) Put(ctx context.Context, key Key, value []byte) (Version, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.write(key, value), nil
}

// Replace implements [Store].
func (m *Memory) Replace(ctx context.Context, key Key, v Version, value []byte) (Version, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.version(key) != v {
		return "", ErrConflict
	}
	return m.write(key, value), nil
}

// Delete implements [Store].
func (m *Memory) Delete(ctx context.Context, key Key, v Version) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.version(key); now != "" && now != v {
		return ErrConflict
	}
	delete(m.entries, key)
	return nil
}

// Lease implements [Store].
func (m *Memory) Lease(ctx context.Context, key Key, v Version, d time.Duration) (LeaseID, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if d < time.Millisecond {
		return "", errors.New("tokenstore: a lease lasts at least one millisecond")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	if !ok || e.version != v {
		return "", ErrConflict
	}
	now := time.Now()
	if left := e.leaseLeft(now); left > 0 {
		return "", &LeasedError{Remaining: left}
	}
	e.lease, e.leaseUntil, e.leaseLength = LeaseID(m.next()), now.Add(d), d
	return e.lease, nil
}

// Release implements [Store].
func (m *Memory) Release(ctx context.Context, key Key, id LeaseID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.entries[key]; ok && e.lease == id {
		e.lease = ""
	}
	return nil
}

// List implements [Store]. It reads the keys of all users.
func (m *Memory) List(ctx context.Context, userID string) ([]Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return m.keys(func(k Key) bool { return k.UserID == userID && !k.reserved() }), nil
}

// Walk implements [Walker], in the order of user, provider and account. Each page reads
// the keys of all entries.
func (m *Memory) Walk(ctx context.Context, after Cursor, limit int) ([]Key, Cursor, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	if limit < 1 {
		return nil, "", errors.New("tokenstore: a page has at least one key")
	}
	var from Key
	if after != "" {
		var err error
		if from, err = parseKeyCursor(after); err != nil {
			return nil, "", err
		}
	}
	keys := m.keys(func(k Key) bool { return after == "" || compareKeys(k, from) > 0 })
	if len(keys) <= limit {
		return keys, "", nil
	}
	return keys[:limit:limit], keyCursor(keys[limit-1]), nil
}

// keyCursor is the position after k.
func keyCursor(k Key) Cursor {
	return Cursor(wire.AppendString(wire.AppendString(nil, k.UserID), k.Provider)) + Cursor(k.AccountID)
}

func parseKeyCursor(c Cursor) (Key, error) {
	r := wire.Reader{Rest: string(c)}
	k := Key{UserID: r.Text(), Provider: r.Text()}
	k.AccountID = r.Rest
	if r.Bad {
		return Key{}, errors.New("tokenstore: the cursor does not come from this store")
	}
	return k, nil
}

// keys returns the keys that match, in order.
func (m *Memory) keys(match func(Key) bool) []Key {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []Key
	for key := range m.entries {
		if match(key) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

// version returns the version of an entry, or the zero Version. m.mu must be held.
func (m *Memory) version(key Key) Version {
	if e, ok := m.entries[key]; ok {
		return e.version
	}
	return ""
}

// write stores a copy of value in a new entry, which has no lease. m.mu must be held.
func (m *Memory) write(key Key, value []byte) Version {
	e := &memoryEntry{value: bytes.Clone(value), version: Version(m.next())}
	m.entries[key] = e
	return e.version
}

// next returns a number that was not used before. m.mu must be held.
func (m *Memory) next() string {
	m.count++
	return strconv.FormatUint(m.count, 10)
}
