package storetest

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// key is the entry of tests that need one.
func key() tokenstore.Key {
	return tokenstore.Key{Provider: "x", UserID: "12", AccountID: "2244994945"}
}

// long is the length of a lease that does not run out during a test.
const long = time.Minute

// subject is a handle on a backend in one subtest. Unless stated otherwise, its methods end
// the subtest if the store does something else.
type subject struct {
	tokenstore.Store
	t       *testing.T
	ctx     context.Context
	backend Backend
}

func newSubject(t *testing.T, b Backend) *subject {
	t.Helper()
	// A store that hangs until its context ends fails with the name of the rule.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return &subject{Store: b.Open(t), t: t, ctx: ctx, backend: b}
}

// replica is another handle on the same backend.
func (s *subject) replica() *subject {
	s.t.Helper()
	other := *s
	other.Store = s.backend.Open(s.t)
	return &other
}

// check reports a failure and does not end the subtest.
func (s *subject) check(ok bool, format string, args ...any) {
	s.t.Helper()
	if !ok {
		s.t.Errorf(format, args...)
	}
}

func (s *subject) must(ok bool, format string, args ...any) {
	s.t.Helper()
	if !ok {
		s.t.Fatalf(format, args...)
	}
}

// is checks an error.
func (s *subject) is(what string, err, want error) {
	s.t.Helper()
	s.check(errors.Is(err, want), "%s: error %v, want %v", what, err, want)
}

func (s *subject) put(k tokenstore.Key, value string) tokenstore.Version {
	s.t.Helper()
	v, err := s.Put(s.ctx, k, []byte(value))
	s.must(err == nil && v != "", "Put = version %q, error %v, want a version", v, err)
	return v
}

func (s *subject) get(k tokenstore.Key) tokenstore.Entry {
	s.t.Helper()
	e, err := s.Get(s.ctx, k)
	s.must(err == nil, "Get: %v", err)
	return e
}

// holds checks the entry.
func (s *subject) holds(k tokenstore.Key, value string, v tokenstore.Version) {
	s.t.Helper()
	e := s.get(k)
	s.check(string(e.Value) == value, "Get = value %s, want %s", short(string(e.Value)), short(value))
	s.check(e.Version == v, "Get = version %q, want %q", e.Version, v)
}

// absent checks that there is no entry.
func (s *subject) absent(k tokenstore.Key) {
	s.t.Helper()
	_, err := s.Get(s.ctx, k)
	s.is("Get of a key without an entry", err, tokenstore.ErrNotFound)
}

func (s *subject) replace(k tokenstore.Key, v tokenstore.Version, value string) tokenstore.Version {
	s.t.Helper()
	next, err := s.Replace(s.ctx, k, v, []byte(value))
	s.must(err == nil && next != "", "Replace of the entry's version = version %q, error %v, want a version", next, err)
	return next
}

// conflicts checks that a write of value is refused.
func (s *subject) conflicts(k tokenstore.Key, v tokenstore.Version, value string) {
	s.t.Helper()
	_, err := s.Replace(s.ctx, k, v, []byte(value))
	s.is("Replace of a version that the entry does not have", err, tokenstore.ErrConflict)
}

// remove deletes the entry in the version that it has.
func (s *subject) remove(k tokenstore.Key) {
	s.t.Helper()
	s.removeVersion(k, s.get(k).Version)
}

func (s *subject) removeVersion(k tokenstore.Key, v tokenstore.Version) {
	s.t.Helper()
	err := s.Delete(s.ctx, k, v)
	s.must(err == nil, "Delete: %v", err)
}

func (s *subject) lease(k tokenstore.Key, v tokenstore.Version, d time.Duration) tokenstore.LeaseID {
	s.t.Helper()
	id, err := s.Lease(s.ctx, k, v, d)
	s.must(err == nil && id != "", "Lease of a version without a lease = id %q, error %v, want an id", id, err)
	return id
}

// leased checks that v is leased, and for at most this time.
func (s *subject) leased(k tokenstore.Key, v tokenstore.Version, most time.Duration) {
	s.t.Helper()
	_, err := s.Lease(s.ctx, k, v, long)
	var held *tokenstore.LeasedError
	s.must(errors.As(err, &held), "Lease of a leased version: error %v, want a *tokenstore.LeasedError", err)
	s.is("Lease of a leased version", err, tokenstore.ErrLeased)
	s.check(0 < held.Remaining && held.Remaining <= most, "LeasedError.Remaining = %v, want more than 0 and at most %v", held.Remaining, most)
}

func (s *subject) release(k tokenstore.Key, id tokenstore.LeaseID) {
	s.t.Helper()
	err := s.Release(s.ctx, k, id)
	s.must(err == nil, "Release: %v", err)
}

// leaseThatEnds takes a lease and lets its time pass.
func (s *subject) leaseThatEnds(k tokenstore.Key, v tokenstore.Version) tokenstore.LeaseID {
	s.t.Helper()
	if s.backend.Advance != nil {
		id := s.lease(k, v, long)
		s.backend.Advance(s.t, long)
		return id
	}
	const d = 50 * time.Millisecond
	id := s.lease(k, v, d)
	time.Sleep(d)
	return id
}

// leaseAfterEnd takes a lease after the previous one has run out.
func (s *subject) leaseAfterEnd(k tokenstore.Key, v tokenstore.Version) tokenstore.LeaseID {
	s.t.Helper()
	for began := time.Now(); ; {
		id, err := s.Lease(s.ctx, k, v, long)
		var held *tokenstore.LeasedError
		if s.backend.Advance != nil || !errors.As(err, &held) || time.Since(began) > 5*time.Second {
			s.must(err == nil && id != "", "Lease after the time of the one before = id %q, error %v, want an id", id, err)
			return id
		}
		// The store's clock may differ from this program's clock.
		time.Sleep(min(held.Remaining, time.Second))
	}
}

// short prints a value or key part of any length.
func short(value string) string {
	if len(value) <= 40 {
		return strconv.Quote(value)
	}
	return strconv.Quote(value[:20]) + "..." + strconv.Quote(value[len(value)-20:])
}
