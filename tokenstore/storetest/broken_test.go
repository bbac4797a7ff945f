package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
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

// signal lets one await of c return, now or later.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// await returns after a signal of c, or when none seems to come.
func await(c chan struct{}) {
	select {
	case <-c:
	case <-time.After(200 * time.Millisecond):
	}
}

func brokenRaces() []fault {
	pause := func() { time.Sleep(2 * time.Millisecond) }
	// meet returns when another caller has checked what this one has just checked, or
	// when none seems to come.
	meet := func() func() {
		checked := make(chan struct{})
		return func() {
			select {
			case checked <- struct{}{}:
			case <-checked:
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
	checkThenPut := func(s *store) {
		meet := meet()
		s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
			if e, err := s.Store.Get(ctx, k); err != nil || e.Version != v {
				return "", tokenstore.ErrConflict
			}
			meet()
			return s.Store.Put(ctx, k, value)
		}
	}
	checkThenCreate := func(s *store) {
		meet := meet()
		s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
			if v != "" {
				return s.Store.Replace(ctx, k, v, value)
			}
			if _, err := s.Store.Get(ctx, k); err == nil {
				return "", tokenstore.ErrConflict
			}
			meet()
			return s.Store.Put(ctx, k, value)
		}
	}
	return []fault{
		together("Replace checks, then writes", "one of many conditional writes wins", checkThenPut),
		together("Replace checks, then writes, once more", "no conditional write is lost", checkThenPut),
		together("Replace looks for an entry, then makes one", "one of many makes an entry", checkThenCreate),
		together("Replace looks for an owner, then makes one", "one of many owns an account", checkThenCreate),
		together("Delete checks, then removes", "a delete and a write do not both succeed", func(s *store) {
			checked, written := make(chan struct{}, 1), make(chan struct{}, 1)
			s.remove = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version) error {
				if e, err := s.Store.Get(ctx, k); err != nil || e.Version != v {
					return s.Store.Delete(ctx, k, v)
				}
				signal(checked)
				await(written)
				return removeAny(ctx, s.Store, k)
			}
			replace := s.Store.Replace
			s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
				if string(value) == "two" { // what the rule writes beside its deletes
					await(checked)
				}
				v, err := replace(ctx, k, v, value)
				if err == nil {
					signal(written)
				}
				return v, err
			}
		}),
		together("Lease checks, then takes", "one of many gets the lease", func(s *store) {
			meet := meet()
			s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
				before, err := s.Store.Lease(ctx, k, v, d)
				if err != nil {
					return "", err
				}
				_ = s.Store.Release(ctx, k, before)
				meet()
				id, err := s.Store.Lease(ctx, k, v, d)
				if errors.Is(err, tokenstore.ErrLeased) {
					return before, nil
				}
				return id, err
			}
		}),
		together("Get reads the version after the value", "no reader sees half of a write", func(s *store) {
			s.get = func(ctx context.Context, k tokenstore.Key) (tokenstore.Entry, error) {
				first, err := s.Store.Get(ctx, k)
				if err != nil {
					return first, err
				}
				pause()
				second, err := s.Store.Get(ctx, k)
				return tokenstore.Entry{Value: first.Value, Version: second.Version}, err
			}
			put := s.Store.Put
			s.put = func(ctx context.Context, k tokenstore.Key, value []byte) (tokenstore.Version, error) {
				_, _ = put(ctx, k, value)
				pause()
				return put(ctx, k, value)
			}
		}),
	}
}
