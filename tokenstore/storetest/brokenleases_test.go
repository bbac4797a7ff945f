package storetest_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/tokenstore/storetest"
)

func brokenLeases() []fault {
	const out = "a lease keeps others out"
	remaining := func(d time.Duration) func(s *store) {
		return func(s *store) {
			s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, most time.Duration) (tokenstore.LeaseID, error) {
				id, err := s.Store.Lease(ctx, k, v, most)
				if errors.Is(err, tokenstore.ErrLeased) {
					err = &tokenstore.LeasedError{Remaining: d}
				}
				return id, err
			}
		}
	}
	return []fault{
		with("everybody gets the lease", out, func(s *store) {
			s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
				id, err := s.Store.Lease(ctx, k, v, d)
				if errors.Is(err, tokenstore.ErrLeased) {
					return "mine", nil
				}
				return id, err
			}
		}),
		with("a lease is said to have ended", out, remaining(0)),
		with("a lease is said to last longer than it may", out, remaining(long+time.Second)),
		with("a held lease is a plain error", out, func(s *store) {
			s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
				id, err := s.Store.Lease(ctx, k, v, d)
				if errors.Is(err, tokenstore.ErrLeased) {
					err = tokenstore.ErrLeased
				}
				return id, err
			}
		}),
		{"a lease has all its time left always", out, func(*testing.T) storetest.Backend { return timeless() }},
		with("Lease makes a new version", "a lease changes neither value nor version", func(s *store) {
			s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
				id, err := s.Store.Lease(ctx, k, v, d)
				if err == nil {
					e, _ := s.Store.Get(ctx, k)
					_, _ = s.Store.Put(ctx, k, e.Value)
				}
				return id, err
			}
		}),
		with("a lease is for any version", "a lease is for the version named", func(s *store) {
			s.lease = func(ctx context.Context, k tokenstore.Key, _ tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
				e, err := s.Store.Get(ctx, k)
				if err != nil {
					return "", tokenstore.ErrConflict
				}
				return s.Store.Lease(ctx, k, e.Version, d)
			}
		}),
		with("a held lease hides a conflict", "a lease is for the version named", func(s *store) {
			s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
				if e, err := s.Store.Get(ctx, k); err == nil && e.Version != v {
					if _, err := s.Store.Lease(ctx, k, e.Version, time.Millisecond); err != nil {
						return "", err
					}
				}
				return s.Store.Lease(ctx, k, v, d)
			}
		}),
		with("only the holder writes", "a lease is not needed to write", func(s *store) {
			s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
				if id, err := s.Store.Lease(ctx, k, v, time.Minute); errors.Is(err, tokenstore.ErrLeased) {
					return "", err
				} else if err == nil {
					_ = s.Store.Release(ctx, k, id)
				}
				return s.Store.Replace(ctx, k, v, value)
			}
		}),
		with("a lease may be as short as you like", "a lease lasts at least one millisecond", func(s *store) {
			s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
				return s.Store.Lease(ctx, k, v, max(d, time.Millisecond))
			}
		}),
		with("a short lease is a conflict", "a lease lasts at least one millisecond", func(s *store) {
			s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
				if d < time.Millisecond {
					return "", tokenstore.ErrConflict
				}
				return s.Store.Lease(ctx, k, v, d)
			}
		}),
	}
}

const long = time.Minute

// timeless is a store whose leases stand still.
func timeless() storetest.Backend {
	m := tokenstore.NewMemory()
	return storetest.Backend{
		Open:    func(*testing.T) tokenstore.Store { return m },
		Advance: func(*testing.T, time.Duration) {},
	}
}

// clockBound is a store whose leases last until the clock says so.
func clockBound() storetest.Backend {
	s := &store{Store: tokenstore.NewMemory(), serial: new(sync.Mutex)}
	var offset time.Duration
	until := make(map[tokenstore.Version]time.Time)
	holder := make(map[tokenstore.Version]tokenstore.LeaseID)
	s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
		now := time.Now().Add(offset)
		if left := until[v].Sub(now); left > 0 {
			return "", &tokenstore.LeasedError{Remaining: left}
		}
		_ = s.Store.Release(ctx, k, holder[v])
		id, err := s.Store.Lease(ctx, k, v, d)
		if err == nil {
			until[v], holder[v] = now.Add(d), id
		}
		return id, err
	}
	s.release = func(ctx context.Context, k tokenstore.Key, id tokenstore.LeaseID) error {
		for v, h := range holder {
			if h == id {
				delete(until, v)
			}
		}
		return s.Store.Release(ctx, k, id)
	}
	return storetest.Backend{
		Open:    func(*testing.T) tokenstore.Store { return s },
		Advance: func(_ *testing.T, d time.Duration) { offset += d },
	}
}

// clinging makes a lease outlast what ends on true.
func clinging(s *store, ends func(write string) bool) {
	until := make(map[tokenstore.Key]time.Time)
	end := func(k tokenstore.Key, write string) {
		if ends(write) {
			delete(until, k)
		}
	}
	s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
		if left := time.Until(until[k]); left > 0 {
			return "", &tokenstore.LeasedError{Remaining: left}
		}
		id, err := s.Store.Lease(ctx, k, v, d)
		if err == nil {
			until[k] = time.Now().Add(d)
		}
		return id, err
	}
	s.put = func(ctx context.Context, k tokenstore.Key, value []byte) (tokenstore.Version, error) {
		if _, err := s.Store.Get(ctx, k); err == nil {
			end(k, "Put")
		}
		return s.Store.Put(ctx, k, value)
	}
	s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
		end(k, "Replace")
		return s.Store.Replace(ctx, k, v, value)
	}
	s.remove = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version) error {
		end(k, "Delete")
		return s.Store.Delete(ctx, k, v)
	}
	s.release = func(ctx context.Context, k tokenstore.Key, id tokenstore.LeaseID) error {
		end(k, "Release")
		return s.Store.Release(ctx, k, id)
	}
}

func brokenEnds() []fault {
	outlasts := func(write, breaks string) fault {
		return with("a lease outlasts "+write, breaks, func(s *store) {
			clinging(s, func(w string) bool { return w != write })
		})
	}
	// held is the lease that a key has now.
	held := func(s *store, f func(ctx context.Context, k tokenstore.Key, id, now tokenstore.LeaseID) error) {
		last := make(map[tokenstore.Key]tokenstore.LeaseID)
		s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
			id, err := s.Store.Lease(ctx, k, v, d)
			if err == nil {
				last[k] = id
			}
			return id, err
		}
		s.release = func(ctx context.Context, k tokenstore.Key, id tokenstore.LeaseID) error {
			return f(ctx, k, id, last[k])
		}
	}
	return []fault{
		{"no lease ends by itself", "a lease ends when its time has passed", func(*testing.T) storetest.Backend { return timeless() }},
		{"leases know their ends only", "a clock that is set back prolongs no lease", func(*testing.T) storetest.Backend { return clockBound() }},
		outlasts("Release", "a lease is given back"),
		outlasts("Put", "any write ends a lease"),
		outlasts("Replace", "any write ends a lease"),
		outlasts("Delete", "a delete ends a lease"),
		with("releasing twice is an error", "a lease is given back", func(s *store) {
			done := make(map[tokenstore.LeaseID]bool)
			s.release = func(ctx context.Context, k tokenstore.Key, id tokenstore.LeaseID) error {
				if done[id] {
					return tokenstore.ErrNotFound
				}
				done[id] = true
				return s.Store.Release(ctx, k, id)
			}
		}),
		with("anybody releases", "only the holder gives a lease back", func(s *store) {
			held(s, func(ctx context.Context, k tokenstore.Key, _, now tokenstore.LeaseID) error {
				return s.Store.Release(ctx, k, now)
			})
		}),
		with("nobody releases for all", "only the holder gives a lease back", func(s *store) {
			held(s, func(ctx context.Context, k tokenstore.Key, id, now tokenstore.LeaseID) error {
				if id == "" {
					id = now
				}
				return s.Store.Release(ctx, k, id)
			})
		}),
		with("who had a lease once may release", "a late release leaves the next holder's lease", func(s *store) {
			granted := make(map[tokenstore.LeaseID]bool)
			held(s, func(ctx context.Context, k tokenstore.Key, id, now tokenstore.LeaseID) error {
				if granted[id] {
					id = now
				}
				return s.Store.Release(ctx, k, id)
			})
			lease := s.lease
			s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
				id, err := lease(ctx, k, v, d)
				granted[id] = err == nil
				return id, err
			}
		}),
		with("a lease that ran out forbids to write", "a late holder may write if nobody else did", func(s *store) {
			until := make(map[tokenstore.Version]time.Time)
			s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
				until[v] = time.Now().Add(d)
				return s.Store.Lease(ctx, k, v, d)
			}
			s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
				if end, ok := until[v]; ok && time.Now().After(end) {
					return "", tokenstore.ErrConflict
				}
				return s.Store.Replace(ctx, k, v, value)
			}
		}),
		with("a holder overwrites what came after", "a late holder overwrites nobody", func(s *store) {
			leased := make(map[tokenstore.Version]bool)
			s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
				id, err := s.Store.Lease(ctx, k, v, d)
				leased[v] = leased[v] || err == nil
				return id, err
			}
			s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
				if leased[v] {
					return s.Store.Put(ctx, k, value)
				}
				return s.Store.Replace(ctx, k, v, value)
			}
		}),
	}
}
