package tokenstore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// memory is the Store of [NewMemory].
type memory struct {
	mu sync.Mutex // guards all below
	// count numbers versions and leases of all keys, so that none comes again.
	count   uint64
	entries map[Key]memoryEntry
}

type memoryEntry struct {
	Entry
	lease  LeaseID
	until  time.Time
	length time.Duration
}

// NewMemory returns an empty [Store] for one process. Its entries are lost when the process
// ends, and then every user has to sign in again. It suits tests, development and single
// processes that can accept this.
//
// Values may have any length. Leases are timed by [time.Now]. List and Walk read the keys of
// all users.
func NewMemory() Store { return &memory{entries: make(map[Key]memoryEntry)} }

// lock locks m.mu unless ctx has ended.
func (m *memory) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	return nil
}

func (m *memory) Get(ctx context.Context, key Key) (Entry, error) {
	if err := m.lock(ctx); err != nil {
		return Entry{}, err
	}
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	if !ok {
		return Entry{}, ErrNotFound
	}
	return Entry{Value: bytes.Clone(e.Value), Version: e.Version}, nil
}

func (m *memory) Put(ctx context.Context, key Key, value []byte) (Version, error) {
	if err := m.lock(ctx); err != nil {
		return "", err
	}
	defer m.mu.Unlock()
	return m.write(key, value), nil
}

func (m *memory) Replace(ctx context.Context, key Key, v Version, value []byte) (Version, error) {
	if err := m.lock(ctx); err != nil {
		return "", err
	}
	defer m.mu.Unlock()
	if m.entries[key].Version != v {
		return "", ErrConflict
	}
	return m.write(key, value), nil
}

func (m *memory) Delete(ctx context.Context, key Key, v Version) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if now := m.entries[key].Version; now != "" && now != v {
		return ErrConflict
	}
	delete(m.entries, key)
	return nil
}

func (m *memory) Lease(ctx context.Context, key Key, v Version, d time.Duration) (LeaseID, error) {
	if d < time.Millisecond {
		return "", errors.New("tokenstore: a lease lasts at least one millisecond")
	}
	if err := m.lock(ctx); err != nil {
		return "", err
	}
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	if !ok || e.Version != v {
		return "", ErrConflict
	}
	now := time.Now()
	if left := e.until.Sub(now); e.lease != "" && left > 0 && left <= e.length {
		return "", &LeasedError{Remaining: left}
	}
	e.lease, e.until, e.length = LeaseID(m.next()), now.Add(d), d
	m.entries[key] = e
	return e.lease, nil
}

func (m *memory) Release(ctx context.Context, key Key, id LeaseID) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if e, ok := m.entries[key]; ok && e.lease == id {
		e.lease = ""
		m.entries[key] = e
	}
	return nil
}

func (m *memory) List(ctx context.Context, userID string) ([]Key, error) {
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	var keys []Key
	for k := range m.entries {
		if k.UserID == userID && !k.reserved() {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, compareKeys)
	return keys, nil
}

func (m *memory) Walk(ctx context.Context, visit func(Key) error) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	keys := slices.SortedFunc(maps.Keys(m.entries), compareKeys)
	m.mu.Unlock()
	for _, k := range keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := visit(k); err != nil {
			return err
		}
	}
	return nil
}

// write stores a copy of value in a new entry, which has no lease. m.mu must be held.
func (m *memory) write(key Key, value []byte) Version {
	e := Entry{Value: bytes.Clone(value), Version: Version(m.next())}
	m.entries[key] = memoryEntry{Entry: e}
	return e.Version
}

// next returns a number that was not used before. m.mu must be held.
func (m *memory) next() string {
	m.count++
	return strconv.FormatUint(m.count, 10)
}

func compareKeys(a, b Key) int {
	return cmp.Or(
		strings.Compare(a.UserID, b.UserID),
		strings.Compare(a.Provider, b.Provider),
		strings.Compare(a.AccountID, b.AccountID))
}
