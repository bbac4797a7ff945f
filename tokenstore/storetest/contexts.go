package storetest

import (
	"context"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

func contextRules() []rule {
	call := func(name string, f func(s *subject, ctx context.Context, v tokenstore.Version, id tokenstore.LeaseID) error) rule {
		return rule{
			"an ended context ends " + name,
			name + " stops when ctx ends and then returns ctx's error, wrapped or not.",
			func(s *subject) {
				v := s.put(key(), "one")
				id := s.lease(key(), v, long)
				canceled, cancel := context.WithCancel(s.ctx)
				cancel()
				s.is(name+" with a cancelled context", f(s, canceled, v, id), context.Canceled)
				late, cancel := context.WithDeadline(s.ctx, time.Now().Add(-time.Second))
				defer cancel()
				s.is(name+" after its context's deadline", f(s, late, v, id), context.DeadlineExceeded)
				// A call whose context ends meanwhile may have an effect. Here the contexts
				// ended before the calls.
				s.holds(key(), "one", v)
				s.leased(key(), v, long)
			},
		}
	}
	return []rule{
		call("Get", func(s *subject, ctx context.Context, _ tokenstore.Version, _ tokenstore.LeaseID) error {
			_, err := s.Get(ctx, key())
			return err
		}),
		call("Put", func(s *subject, ctx context.Context, _ tokenstore.Version, _ tokenstore.LeaseID) error {
			_, err := s.Put(ctx, key(), []byte("two"))
			return err
		}),
		call("Replace", func(s *subject, ctx context.Context, v tokenstore.Version, _ tokenstore.LeaseID) error {
			_, err := s.Replace(ctx, key(), v, []byte("two"))
			return err
		}),
		call("Delete", func(s *subject, ctx context.Context, v tokenstore.Version, _ tokenstore.LeaseID) error {
			return s.Delete(ctx, key(), v)
		}),
		call("Lease", func(s *subject, ctx context.Context, v tokenstore.Version, _ tokenstore.LeaseID) error {
			_, err := s.Lease(ctx, key(), v, long)
			return err
		}),
		call("Release", func(s *subject, ctx context.Context, _ tokenstore.Version, id tokenstore.LeaseID) error {
			return s.Release(ctx, key(), id)
		}),
	}
}
