package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/storetest"
)

// fault is a store that breaks a rule.
type fault struct {
	name   string // ends the sentence "a store where ..."
	breaks string // the rule's name
	open   func(t *testing.T) storetest.Backend
}

// with returns a fault of a store after damage. One caller uses it at a time, so that
// what it does wrong is the fault and no data race.
func with(name, breaks string, damage func(s *store)) fault {
	return together(name, breaks, func(s *store) {
		damage(s)
		s.serial = new(sync.Mutex)
	})
}

// together is with for a store that all use at a time.
func together(name, breaks string, damage func(s *store)) fault {
	return fault{name, breaks, func(*testing.T) storetest.Backend {
		s := &store{Store: tokenstore.NewMemory()}
		damage(s)
		return storetest.Backend{Open: func(*testing.T) tokenstore.Store { return s }}
	}}
}

func faults() []fault {
	return slices.Concat(brokenEntries(), brokenVersions(), brokenLeases(), brokenEnds(), brokenRaces(), brokenBytes(), brokenContexts(), brokenLists(), brokenWalks())
}

func brokenEntries() []fault {
	const absent = "a key without an entry is not found"
	return []fault{
		with("an absent entry is an empty one", absent, func(s *store) {
			s.get = func(ctx context.Context, k tokenstore.Key) (tokenstore.Entry, error) {
				e, err := s.Store.Get(ctx, k)
				if errors.Is(err, tokenstore.ErrNotFound) {
					err = nil
				}
				return e, err
			}
		}),
		with("an absent entry is an error of its own", absent, func(s *store) {
			s.get = func(ctx context.Context, k tokenstore.Key) (tokenstore.Entry, error) {
				e, err := s.Store.Get(ctx, k)
				if errors.Is(err, tokenstore.ErrNotFound) {
					err = errors.New("no rows")
				}
				return e, err
			}
		}),
		with("deleting nothing is an error", absent, func(s *store) {
			s.remove = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version) error {
				if _, err := s.Store.Get(ctx, k); err != nil {
					return err
				}
				return s.Store.Delete(ctx, k, v)
			}
		}),
		with("Put does not overwrite", "a write replaces whatever was there", func(s *store) {
			s.put = func(ctx context.Context, k tokenstore.Key, value []byte) (tokenstore.Version, error) {
				if e, err := s.Store.Get(ctx, k); err == nil {
					return e.Version, nil
				}
				return s.Store.Put(ctx, k, value)
			}
		}),
		with("Delete keeps the entry", "a deleted entry is gone", func(s *store) {
			s.remove = func(context.Context, tokenstore.Key, tokenstore.Version) error { return nil }
		}),
		with("the slice given is kept", "a slice belongs to whoever made or got it", func(s *store) {
			given := make(map[tokenstore.Key][]byte)
			s.put = func(ctx context.Context, k tokenstore.Key, value []byte) (tokenstore.Version, error) {
				given[k] = value
				return s.Store.Put(ctx, k, value)
			}
			s.get = func(ctx context.Context, k tokenstore.Key) (tokenstore.Entry, error) {
				e, err := s.Store.Get(ctx, k)
				e.Value = bytes.Clone(given[k])
				return e, err
			}
		}),
		with("all who read get one slice", "a slice belongs to whoever made or got it", func(s *store) {
			shared := make(map[tokenstore.Version]tokenstore.Entry)
			s.get = func(ctx context.Context, k tokenstore.Key) (tokenstore.Entry, error) {
				e, err := s.Store.Get(ctx, k)
				if old, ok := shared[e.Version]; ok {
					return old, nil
				}
				shared[e.Version] = e
				return e, err
			}
		}),
		with("Delete takes all of a provider", "keys leave each other alone", func(s *store) {
			s.remove = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version) error {
				other := k
				other.UserID = "13"
				return errors.Join(s.Store.Delete(ctx, k, v), removeAny(ctx, s.Store, other))
			}
		}),
		{"each handle has entries of its own", "two handles are one store", func(*testing.T) storetest.Backend {
			return storetest.Backend{Open: func(*testing.T) tokenstore.Store { return tokenstore.NewMemory() }}
		}},
	}
}

// removeAny deletes an entry in any version.
func removeAny(ctx context.Context, m tokenstore.Store, k tokenstore.Key) error {
	e, err := m.Get(ctx, k)
	if err != nil {
		return nil
	}
	return m.Delete(ctx, k, e.Version)
}

func brokenVersions() []fault {
	const conditional = "a conditional write needs the version that was read"
	const deletion = "a delete needs the version that was read"
	const creation = "the zero version makes an entry where there is none"
	return []fault{
		with("Replace ignores versions", conditional, func(s *store) {
			s.replace = func(ctx context.Context, k tokenstore.Key, _ tokenstore.Version, value []byte) (tokenstore.Version, error) {
				if _, err := s.Store.Get(ctx, k); err != nil {
					return "", tokenstore.ErrConflict
				}
				return s.Store.Put(ctx, k, value)
			}
		}),
		with("a conflict writes all the same", conditional, func(s *store) {
			s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
				next, err := s.Store.Replace(ctx, k, v, value)
				if err != nil {
					_, _ = s.Store.Put(ctx, k, value)
				}
				return next, err
			}
		}),
		with("a version that it did not make is an error", "a version that never was conflicts", func(s *store) {
			s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
				if _, err := strconv.ParseUint(string(v), 10, 64); err != nil {
					return "", err
				}
				return s.Store.Replace(ctx, k, v, value)
			}
		}),
		with("an empty version means any", "a version that never was conflicts", func(s *store) {
			s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
				if v == "" {
					return s.Store.Put(ctx, k, value)
				}
				return s.Store.Replace(ctx, k, v, value)
			}
		}),
		with("nothing is made by Replace", creation, func(s *store) {
			s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
				if v == "" {
					return "", tokenstore.ErrConflict
				}
				return s.Store.Replace(ctx, k, v, value)
			}
		}),
		with("Delete ignores versions", deletion, func(s *store) {
			s.remove = func(ctx context.Context, k tokenstore.Key, _ tokenstore.Version) error {
				return removeAny(ctx, s.Store, k)
			}
		}),
		with("a delete of no version means any", deletion, func(s *store) {
			s.remove = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version) error {
				if v == "" {
					return removeAny(ctx, s.Store, k)
				}
				return s.Store.Delete(ctx, k, v)
			}
		}),
		with("a delete of another version does nothing", deletion, func(s *store) {
			s.remove = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version) error {
				if err := s.Store.Delete(ctx, k, v); !errors.Is(err, tokenstore.ErrConflict) {
					return err
				}
				return nil
			}
		}),
		with("versions are hashes of values", "a version does not come again", hashVersions),
		with("Replace brings a deleted entry back", "a late writer brings nothing back", func(s *store) {
			s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
				if _, err := s.Store.Get(ctx, k); err != nil {
					return s.Store.Put(ctx, k, value)
				}
				return s.Store.Replace(ctx, k, v, value)
			}
		}),
	}
}

// hashVersions makes equal values have equal versions.
func hashVersions(s *store) {
	hash := func(value []byte) tokenstore.Version { return tokenstore.Version("v" + string(value)) }
	s.get = func(ctx context.Context, k tokenstore.Key) (tokenstore.Entry, error) {
		e, err := s.Store.Get(ctx, k)
		e.Version = hash(e.Value)
		return e, err
	}
	s.put = func(ctx context.Context, k tokenstore.Key, value []byte) (tokenstore.Version, error) {
		_, err := s.Store.Put(ctx, k, value)
		return hash(value), err
	}
	s.remove = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version) error {
		e, err := s.Store.Get(ctx, k)
		if err == nil && hash(e.Value) != v {
			return tokenstore.ErrConflict
		}
		return s.Store.Delete(ctx, k, e.Version)
	}
	s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
		e, err := s.Store.Get(ctx, k)
		if err != nil || hash(e.Value) != v {
			return "", tokenstore.ErrConflict
		}
		_, err = s.Store.Replace(ctx, k, e.Version, value)
		return hash(value), err
	}
}

// wait returns when c is closed, or at the end of the rule's time.
func wait(ctx context.Context, c <-chan struct{}) {
	select {
	case <-c:
	case <-ctx.Done():
	}
}

// signal returns a channel, and a function that closes it at its first call.
func signal() (c chan struct{}, once func()) {
	c = make(chan struct{})
	return c, sync.OnceFunc(func() { close(c) })
}

// meeting makes the first caller wait for the second. No later caller waits.
func meeting() func(ctx context.Context) {
	two, second := signal()
	var callers atomic.Int32
	return func(ctx context.Context) {
		if callers.Add(1) > 1 {
			second()
		}
		wait(ctx, two)
	}
}

// racing is together for damage in which callers wait for each other. Only the rule that this
// breaks gets the damaged store, because other rules make no callers that could meet.
func racing(name, breaks string, damage func(s *store)) fault {
	f := together(name, breaks, damage)
	return fault{name, breaks, func(t *testing.T) storetest.Backend {
		if !strings.HasSuffix(t.Name(), "/"+strings.ReplaceAll(breaks, " ", "_")) {
			return together(name, breaks, func(*store) {}).open(t)
		}
		return f.open(t)
	}}
}

func brokenRaces() []fault {
	checkThenPut := func(s *store) {
		meet := meeting()
		s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
			if e, err := s.Store.Get(ctx, k); err != nil || e.Version != v {
				return "", tokenstore.ErrConflict
			}
			meet(ctx)
			return s.Store.Put(ctx, k, value)
		}
	}
	checkThenCreate := func(s *store) {
		meet := meeting()
		s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
			if v != "" {
				return s.Store.Replace(ctx, k, v, value)
			}
			if _, err := s.Store.Get(ctx, k); err == nil {
				return "", tokenstore.ErrConflict
			}
			meet(ctx)
			return s.Store.Put(ctx, k, value)
		}
	}
	return []fault{
		racing("Replace checks, then writes", "one of many conditional writes wins", checkThenPut),
		racing("Replace checks, then writes, once more", "no conditional write is lost", checkThenPut),
		racing("Replace looks for an entry, then makes one", "one of many makes an entry", checkThenCreate),
		racing("Replace looks for an owner, then makes one", "one of many owns an account", checkThenCreate),
		racing("Delete checks, then removes", "a delete and a write do not both succeed", func(s *store) {
			checked, check := signal()
			written, write := signal()
			s.remove = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version) error {
				if e, err := s.Store.Get(ctx, k); err != nil || e.Version != v {
					return s.Store.Delete(ctx, k, v)
				}
				check()
				wait(ctx, written)
				return removeAny(ctx, s.Store, k)
			}
			s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
				wait(ctx, checked)
				defer write()
				return s.Store.Replace(ctx, k, v, value)
			}
		}),
		racing("Lease checks, then takes", "one of many gets the lease", func(s *store) {
			meet := meeting()
			var checking sync.Mutex // no caller sees the lease by which another one checks
			s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
				checking.Lock()
				before, err := s.Store.Lease(ctx, k, v, d)
				if err == nil {
					_ = s.Store.Release(ctx, k, before)
				}
				checking.Unlock()
				if err != nil {
					return "", err
				}
				meet(ctx)
				id, err := s.Store.Lease(ctx, k, v, d)
				if errors.Is(err, tokenstore.ErrLeased) {
					return before, nil
				}
				return id, err
			}
		}),
		racing("Get reads the version after the value", "no reader sees half of a write", func(s *store) {
			begun, begin := signal() // a reader has the value
			written, write := signal()
			var writers atomic.Int32
			s.get = func(ctx context.Context, k tokenstore.Key) (tokenstore.Entry, error) {
				first, err := s.Store.Get(ctx, k)
				if err != nil {
					return first, err
				}
				begin()
				wait(ctx, written)
				second, err := s.Store.Get(ctx, k)
				return tokenstore.Entry{Value: first.Value, Version: second.Version}, err
			}
			s.put = func(ctx context.Context, k tokenstore.Key, value []byte) (tokenstore.Version, error) {
				if writers.Add(1) == 1 {
					return s.Store.Put(ctx, k, value)
				}
				wait(ctx, begun)
				defer write()
				return s.Store.Put(ctx, k, value)
			}
		}),
	}
}
