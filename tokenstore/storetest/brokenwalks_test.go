package storetest_test

import (
	"context"
	"strings"

	"github.com/xsignin/xsignin/tokenstore"
)

type visit = func(tokenstore.Key) error

// walks returns a fault of a store that walks in another way.
func walks(name, breaks string, walk func(ctx context.Context, m tokenstore.Store, visit visit) error) fault {
	return with(name, breaks, func(s *store) {
		s.walk = func(ctx context.Context, visit visit) error { return walk(ctx, s.Store, visit) }
	})
}

// skipping visits only some entries.
func skipping(visit visit, some func(n int, k tokenstore.Key) bool) visit {
	n := 0
	return func(k tokenstore.Key) error {
		n++
		if !some(n, k) {
			return nil
		}
		return visit(k)
	}
}

func brokenWalks() []fault {
	const (
		every = "a walk visits every entry"
		stays = "a walk visits what is there throughout"
	)
	return []fault{
		walks("a walk leaves reserved keys out", every, func(ctx context.Context, m tokenstore.Store, visit visit) error {
			return m.Walk(ctx, skipping(visit, func(_ int, k tokenstore.Key) bool { return !strings.HasPrefix(k.Provider, ".") }))
		}),
		walks("a walk begins after the empty key", every, func(ctx context.Context, m tokenstore.Store, visit visit) error {
			return m.Walk(ctx, skipping(visit, func(_ int, k tokenstore.Key) bool { return k != tokenstore.Key{} }))
		}),
		walks("a walk is one page", stays, func(ctx context.Context, m tokenstore.Store, visit visit) error {
			return m.Walk(ctx, skipping(visit, func(n int, _ tokenstore.Key) bool { return n <= 256 }))
		}),
		walks("a walk visits one entry of each user", every, func(ctx context.Context, m tokenstore.Store, visit visit) error {
			seen := make(map[string]bool)
			return m.Walk(ctx, skipping(visit, func(_ int, k tokenstore.Key) bool {
				again := seen[k.UserID]
				seen[k.UserID] = true
				return !again
			}))
		}),
		walks("a walk does not end", every, func(ctx context.Context, m tokenstore.Store, visit visit) error {
			for {
				if err := m.Walk(ctx, visit); err != nil {
					return err
				}
				if err := visit(tokenstore.Key{}); err != nil {
					return err
				}
			}
		}),
		with("a walk visits what was deleted", every, func(s *store) {
			var gone []tokenstore.Key
			s.remove = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version) error {
				gone = append(gone, k)
				return s.Store.Delete(ctx, k, v)
			}
			s.walk = func(ctx context.Context, visit visit) error {
				for _, k := range gone {
					if err := visit(k); err != nil {
						return err
					}
				}
				return s.Store.Walk(ctx, visit)
			}
		}),
		walks("a walk counts", stays, func(ctx context.Context, m tokenstore.Store, visit visit) error {
			for n := 0; ; n += 10 {
				var keys []tokenstore.Key
				err := m.Walk(ctx, func(k tokenstore.Key) error { keys = append(keys, k); return nil })
				if err != nil || n >= len(keys) {
					return err
				}
				for _, k := range keys[n:min(n+10, len(keys))] {
					if err := visit(k); err != nil {
						return err
					}
				}
			}
		}),
		walks("Walk goes on after an error", "an error of visit ends Walk", func(ctx context.Context, m tokenstore.Store, visit visit) error {
			var first error
			err := m.Walk(ctx, func(k tokenstore.Key) error {
				if err := visit(k); first == nil {
					first = err
				}
				return nil
			})
			if err == nil {
				err = first
			}
			return err
		}),
		walks("Walk loses an error", "an error of visit ends Walk", func(ctx context.Context, m tokenstore.Store, visit visit) error {
			_ = m.Walk(ctx, visit)
			return ctx.Err()
		}),
		walks("Walk minds no context", "an ended context ends Walk", func(ctx context.Context, m tokenstore.Store, visit visit) error {
			return m.Walk(context.WithoutCancel(ctx), visit)
		}),
	}
}
