package storetest

import (
	"errors"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// leaseRules are about leases while they run.
func leaseRules() []rule {
	return []rule{
		{
			"a lease keeps others out",
			"While a lease runs the error of Lease is a *LeasedError, whose Remaining is how long the lease still runs. " +
				"The caller who has the lease cannot prolong it either.",
			func(s *subject) {
				v := s.put(key(), "one")
				s.lease(key(), v, long)
				s.leased(key(), v, long)
				s.replica().leased(key(), v, long)
				if s.backend.Advance != nil {
					s.backend.Advance(s.t, 40*time.Second)
					s.leased(key(), v, long-40*time.Second)
				}
			},
		},
		{
			"a lease changes neither value nor version",
			"Lease, Release and the end of a lease change neither value nor version.",
			func(s *subject) {
				v := s.put(key(), "one")
				id := s.lease(key(), v, long)
				s.holds(key(), "one", v)
				s.release(key(), id)
				s.holds(key(), "one", v)
				s.leaseThatEnds(key(), v)
				s.holds(key(), "one", v)
			},
		},
		{
			"a lease is for the version named",
			"If the entry has another version or was deleted, the error of Lease is ErrConflict, whether or not a lease runs.",
			func(s *subject) {
				conflict := func(what string, v tokenstore.Version) {
					s.t.Helper()
					_, err := s.Lease(s.ctx, key(), v, long)
					s.is("Lease of "+what, err, tokenstore.ErrConflict)
				}
				v1 := s.put(key(), "one")
				v2 := s.put(key(), "two")
				conflict("an old version", v1)
				s.lease(key(), v2, long)
				conflict("an old version while the new one is leased", v1)
				s.remove(key())
				conflict("a deleted entry", v2)
			},
		},
		{
			"a lease is not needed to write",
			"Replace needs the version only: a caller without a lease may write while another caller has one.",
			func(s *subject) {
				v := s.put(key(), "one")
				s.lease(key(), v, long)
				v2 := s.replica().replace(key(), v, "two")
				s.holds(key(), "two", v2)
			},
		},
		{
			"a lease lasts at least one millisecond",
			"d is at least one millisecond. A shorter d is an error, but not ErrConflict or ErrLeased.",
			func(s *subject) {
				v := s.put(key(), "one")
				for _, d := range []time.Duration{0, -time.Minute, time.Millisecond - 1} {
					_, err := s.Lease(s.ctx, key(), v, d)
					s.check(err != nil, "a lease of %v is granted", d)
					s.check(!errors.Is(err, tokenstore.ErrConflict) && !errors.Is(err, tokenstore.ErrLeased), "Lease for %v: %v", d, err)
				}
				s.lease(key(), v, time.Millisecond)
			},
		},
	}
}

// endRules are about how leases end.
func endRules() []rule {
	return []rule{
		{
			"a lease ends when its time has passed",
			"A lease ends when d has passed on the store's own clock. Then another caller may take a lease, with another id.",
			func(s *subject) {
				v := s.put(key(), "one")
				first := s.leaseThatEnds(key(), v)
				second := s.replica().leaseAfterEnd(key(), v)
				s.check(first != second, "two holders have the same lease id %q", first)
				s.leased(key(), v, long)
			},
		},
		{
			"a clock that is set back prolongs no lease",
			"A lease never has longer to run than was asked for. With more time left than that, after the clock was set back, it has ended.",
			func(s *subject) {
				if s.backend.Advance == nil {
					s.t.Log("not tested: the backend's clock cannot be moved")
					return
				}
				v := s.put(key(), "one")
				id := s.lease(key(), v, long)
				s.backend.Advance(s.t, 40*time.Second)
				s.backend.Advance(s.t, -30*time.Second)
				s.leased(key(), v, long)
				s.backend.Advance(s.t, -time.Hour)
				next := s.replica().lease(key(), v, long)
				s.check(id != next, "two holders have the same lease id %q", id)
				s.leased(key(), v, long)
				s.release(key(), id)
				s.leased(key(), v, long)
			},
		},
		{
			"a lease is given back",
			"Release ends the lease before its time. Doing it twice is not an error.",
			func(s *subject) {
				v := s.put(key(), "one")
				id := s.lease(key(), v, long)
				s.release(key(), id)
				s.release(key(), id)
				next := s.replica().lease(key(), v, long)
				s.check(id != next, "two holders have the same lease id %q", id)
			},
		},
		{
			"only the holder gives a lease back",
			"Release does not end another caller's lease. The zero LeaseID identifies no lease.",
			func(s *subject) {
				v := s.put(key(), "one")
				id := s.lease(key(), v, long)
				for _, strange := range []tokenstore.LeaseID{"", "0", "none", "\x00\xff", "' OR ''='", "%", id + " "} {
					s.release(key(), strange)
					s.leased(key(), v, long)
				}
			},
		},
		{
			"a late release leaves the next holder's lease",
			"Release of a lease that has ended, by its time or by a write, changes nothing, also if another caller has a lease now.",
			func(s *subject) {
				v := s.put(key(), "one")
				first := s.leaseThatEnds(key(), v)
				second := s.replica().leaseAfterEnd(key(), v)
				s.release(key(), first)
				s.leased(key(), v, long)

				v = s.put(key(), "two")
				s.lease(key(), v, long)
				s.release(key(), second)
				s.leased(key(), v, long)

				s.remove(key())
				s.release(key(), second)
				s.absent(key())
			},
		},
		{
			"a late holder may write if nobody else did",
			"A caller whose lease ran out may still Replace if no other caller wrote, even if another caller has a lease now.",
			func(s *subject) {
				v := s.put(key(), "one")
				s.leaseThatEnds(key(), v)
				v2 := s.replace(key(), v, "two")
				s.holds(key(), "two", v2)

				s.leaseThatEnds(key(), v2)
				other := s.replica()
				other.leaseAfterEnd(key(), v2)
				v3 := s.replace(key(), v2, "three")
				other.conflicts(key(), v2, "the next holder's")
				s.holds(key(), "three", v3)
			},
		},
		{
			"a late holder overwrites nobody",
			"A caller whose lease ran out gets ErrConflict from Replace if another caller wrote: the version decides, not the lease.",
			func(s *subject) {
				v := s.put(key(), "one")
				s.leaseThatEnds(key(), v)
				other := s.replica()
				other.leaseAfterEnd(key(), v)
				v2 := other.replace(key(), v, "the next holder's")
				s.conflicts(key(), v, "late")
				s.holds(key(), "the next holder's", v2)
			},
		},
		{
			"any write ends a lease",
			"Put and Replace end any lease on the key: the new version is free.",
			func(s *subject) {
				v := s.put(key(), "one")
				s.lease(key(), v, long)
				v = s.put(key(), "two")
				s.lease(key(), v, long)
				v = s.replace(key(), v, "three")
				s.lease(key(), v, long)
			},
		},
		{
			"a delete ends a lease",
			"Delete ends any lease on the key: the next entry is free.",
			func(s *subject) {
				v := s.put(key(), "one")
				s.lease(key(), v, long)
				s.remove(key())
				v = s.put(key(), "two")
				s.lease(key(), v, long)
			},
		},
	}
}
