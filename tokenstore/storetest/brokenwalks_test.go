package storetest_test

import (
	"context"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/xsignin/xsignin/tokenstore"
)

// walks returns a fault of a store that walks in another way.
func walks(name, breaks string, walk func(m *tokenstore.Memory, ctx context.Context, after tokenstore.Cursor, limit int) ([]tokenstore.Key, tokenstore.Cursor, error)) fault {
	return with(name, breaks, func(s *store) {
		s.walk = func(ctx context.Context, after tokenstore.Cursor, limit int) ([]tokenstore.Key, tokenstore.Cursor, error) {
			return walk(s.Memory, ctx, after, limit)
		}
	})
}

func brokenWalks() []fault {
	const every = "a walk visits every entry"
	type (
		keys   = []tokenstore.Key
		cursor = tokenstore.Cursor
	)
	all := func(m *tokenstore.Memory, ctx context.Context) keys {
		page, _, _ := m.Walk(ctx, "", 1<<20)
		return page
	}
	return []fault{
		walks("a walk leaves reserved keys out", every, func(m *tokenstore.Memory, ctx context.Context, after cursor, limit int) (keys, cursor, error) {
			page, next, err := m.Walk(ctx, after, limit)
			var some keys
			for _, k := range page {
				if !strings.HasPrefix(k.Provider, ".") {
					some = append(some, k)
				}
			}
			return some, next, err
		}),
		walks("a walk begins after the empty key", every, func(m *tokenstore.Memory, ctx context.Context, after cursor, limit int) (keys, cursor, error) {
			if after == "" {
				after = "\x00\x00"
			}
			return m.Walk(ctx, after, limit)
		}),
		walks("a walk is one page", every, func(m *tokenstore.Memory, ctx context.Context, after cursor, limit int) (keys, cursor, error) {
			page, _, err := m.Walk(ctx, after, limit)
			return page, "", err
		}),
		walks("a walk goes on with the next user", every, func(m *tokenstore.Memory, ctx context.Context, after cursor, limit int) (keys, cursor, error) {
			if after != "" {
				// The user's id, after its length, with a provider behind all others.
				n, size := binary.Uvarint([]byte(after))
				after = after[:size+int(n)] + "\x7f" + cursor(strings.Repeat("\xff", 127))
			}
			return m.Walk(ctx, after, limit)
		}),
		walks("a walk does not end", every, func(m *tokenstore.Memory, ctx context.Context, after cursor, limit int) (keys, cursor, error) {
			page, next, err := m.Walk(ctx, after, limit)
			if next == "" {
				next = "\x00\x00"
			}
			return page, next, err
		}),
		with("a walk visits what was deleted", every, func(s *store) {
			var gone keys
			s.remove = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version) error {
				gone = append(gone, k)
				return s.Memory.Delete(ctx, k, v)
			}
			s.walk = func(ctx context.Context, after cursor, limit int) (keys, cursor, error) {
				page, next, err := s.Memory.Walk(ctx, after, limit)
				return append(page, gone...), next, err
			}
		}),
		walks("a page is everything", "a page is about as long as asked", func(m *tokenstore.Memory, ctx context.Context, after cursor, _ int) (keys, cursor, error) {
			if after != "" {
				return nil, "", nil
			}
			return all(m, ctx), "end", nil
		}),
		walks("a cursor counts", "a walk visits what is there throughout", func(m *tokenstore.Memory, ctx context.Context, after cursor, limit int) (keys, cursor, error) {
			n, _ := strconv.Atoi(string(after))
			page := all(m, ctx)
			if n+limit >= len(page) {
				return page[min(n, len(page)):], "", nil
			}
			return page[n : n+limit], cursor(strconv.Itoa(n + limit)), nil
		}),
		walks("Walk minds no context", "an ended context ends Walk", func(m *tokenstore.Memory, ctx context.Context, after cursor, limit int) (keys, cursor, error) {
			return m.Walk(context.WithoutCancel(ctx), after, limit)
		}),
	}
}
