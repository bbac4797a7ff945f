package tokenstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Memory is a [Store] for one process: what it holds is gone when the process
// ends, and then every user has to sign in again. It suits tests, development and
// single processes that can live with that.
//
// Values may be of any length. Leases run by [time.Now]. Goroutines may share a
// Memory; make one with [NewMemory].
type Memory struct {
	mu sync.Mutex // guards all below
	// count numbers versions and leases. It is one for all keys and never set back,
	// so a version does not come again after its entry was deleted.
	count   uint64
	entries map[Key]*memoryEntry
}

var (
	_ Store  = (*Memory)(nil)
	_ Lister = (*Memory)(nil)
	_ Walker = (*Memory)(nil)
)

type memoryEntry struct {
	value      []byte
	version    Version
	lease      LeaseID
	leaseUntil time.Time
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
	var now Version
	if e, ok := m.entries[key]; ok {
		now = e.version
	}
	if now != v {
		return "", ErrConflict
	}
	return m.write(key, value), nil
}

// Delete implements [Store].
func (m *Memory) Delete(ctx context.Context, key Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
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
	if left := e.leaseUntil.Sub(now); e.lease != "" && left > 0 {
		return "", &LeasedError{Remaining: left}
	}
	e.lease, e.leaseUntil = LeaseID(m.next()), now.Add(d)
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

// Keys implements [Lister]. It looks at every entry.
func (m *Memory) Keys(ctx context.Context, userID string) ([]Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []Key
	for key := range m.entries {
		if key.UserID == userID {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.Provider, b.Provider) })
	return keys, nil
}

// Walk implements [Walker], in the order of user and provider. Each page looks at every
// entry.
func (m *Memory) Walk(ctx context.Context, after Cursor, limit int) ([]Key, Cursor, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	var from Key
	if after != "" {
		length, rest, _ := strings.Cut(string(after), ":")
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || n > len(rest) {
			return nil, "", errors.New("tokenstore: this cursor is not one of a Memory")
		}
		from = Key{UserID: rest[:n], Provider: rest[n:]}
	}
	if limit < 1 {
		return nil, "", errors.New("tokenstore: a page has at least one key")
	}
	keys := m.after(after != "", from)
	slices.SortFunc(keys, compareKeys)
	if len(keys) <= limit {
		return keys, "", nil
	}
	keys = slices.Clone(keys[:limit])
	last := keys[limit-1]
	return keys, Cursor(strconv.Itoa(len(last.UserID)) + ":" + last.UserID + last.Provider), nil
}

// after returns all keys, or those behind from.
func (m *Memory) after(behind bool, from Key) []Key {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []Key
	for key := range m.entries {
		if !behind || compareKeys(key, from) > 0 {
			keys = append(keys, key)
		}
	}
	return keys
}

func compareKeys(a, b Key) int {
	return cmp.Or(strings.Compare(a.UserID, b.UserID), strings.Compare(a.Provider, b.Provider))
}

// write stores a copy of value in a new entry, which has no lease.
func (m *Memory) write(key Key, value []byte) Version {
	e := &memoryEntry{value: bytes.Clone(value), version: Version(m.next())}
	m.entries[key] = e
	return e.version
}

func (m *Memory) next() string {
	m.count++
	return strconv.FormatUint(m.count, 10)
}
