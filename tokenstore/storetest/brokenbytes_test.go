package storetest_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// renamed returns a fault of a store that takes one key for another.
func renamed(name, breaks string, f func(k tokenstore.Key) tokenstore.Key) fault {
	return with(name, breaks, func(s *store) {
		m := s.Store
		s.get = func(ctx context.Context, k tokenstore.Key) (tokenstore.Entry, error) { return m.Get(ctx, f(k)) }
		s.put = func(ctx context.Context, k tokenstore.Key, value []byte) (tokenstore.Version, error) {
			return m.Put(ctx, f(k), value)
		}
		s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
			return m.Replace(ctx, f(k), v, value)
		}
		s.remove = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version) error {
			return m.Delete(ctx, f(k), v)
		}
		s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
			return m.Lease(ctx, f(k), v, d)
		}
		s.release = func(ctx context.Context, k tokenstore.Key, id tokenstore.LeaseID) error {
			return m.Release(ctx, f(k), id)
		}
	})
}

// kept returns a fault of a store that keeps something else than it was given.
func kept(name string, f func(value []byte) []byte) fault {
	return with(name, "values come back byte by byte", func(s *store) {
		s.put = func(ctx context.Context, k tokenstore.Key, value []byte) (tokenstore.Version, error) {
			return s.Store.Put(ctx, k, f(value))
		}
	})
}

func brokenBytes() []fault {
	const apart = "keys hold any byte and are kept apart"
	const longest = "keys may have the longest parts"
	each := func(f func(part string) string) func(k tokenstore.Key) tokenstore.Key {
		return func(k tokenstore.Key) tokenstore.Key {
			return tokenstore.Key{Provider: f(k.Provider), UserID: f(k.UserID), AccountID: f(k.AccountID)}
		}
	}
	cut := func(s string, n int) string { return s[:min(len(s), n)] }
	return []fault{
		kept("values end after 4 KiB", func(value []byte) []byte { return value[:min(len(value), 4096)] }),
		kept("values are UTF-8", func(value []byte) []byte { return bytes.ToValidUTF8(value, nil) }),
		kept("values are trimmed", bytes.TrimSpace),
		with("an empty value is no entry", "values come back byte by byte", func(s *store) {
			s.get = func(ctx context.Context, k tokenstore.Key) (tokenstore.Entry, error) {
				e, err := s.Store.Get(ctx, k)
				if err == nil && len(e.Value) == 0 {
					return e, tokenstore.ErrNotFound
				}
				return e, err
			}
		}),
		renamed("the parts are joined by nothing", apart, func(k tokenstore.Key) tokenstore.Key {
			return tokenstore.Key{Provider: k.Provider + k.UserID + k.AccountID}
		}),
		renamed("the parts are joined by a colon", apart, func(k tokenstore.Key) tokenstore.Key {
			return tokenstore.Key{Provider: k.Provider + ":" + k.UserID + ":" + k.AccountID}
		}),
		renamed("the parts are joined by a NUL", apart, func(k tokenstore.Key) tokenstore.Key {
			return tokenstore.Key{Provider: k.Provider + "\x00" + k.UserID + "\x00" + k.AccountID}
		}),
		renamed("provider and account are joined", apart, func(k tokenstore.Key) tokenstore.Key {
			return tokenstore.Key{Provider: k.Provider + ":" + k.AccountID, UserID: k.UserID}
		}),
		renamed("accounts are one", apart, func(k tokenstore.Key) tokenstore.Key {
			return tokenstore.Key{Provider: k.Provider, UserID: k.UserID}
		}),
		renamed("parts end at a NUL", apart, each(func(s string) string { first, _, _ := strings.Cut(s, "\x00"); return first })),
		renamed("parts have no case", apart, each(strings.ToLower)),
		renamed("parts are trimmed", apart, each(strings.TrimSpace)),
		renamed("parts are UTF-8", apart, each(func(s string) string { return strings.ToValidUTF8(s, "\ufffd") })),
		renamed("providers end after 255 bytes", longest, func(k tokenstore.Key) tokenstore.Key {
			k.Provider = cut(k.Provider, 255)
			return k
		}),
		renamed("users end after 1,000 bytes", longest, func(k tokenstore.Key) tokenstore.Key {
			k.UserID = cut(k.UserID, 1000)
			return k
		}),
		renamed("accounts end after 255 bytes", longest, func(k tokenstore.Key) tokenstore.Key {
			k.AccountID = cut(k.AccountID, 255)
			return k
		}),
		with("long keys are refused", longest, func(s *store) {
			s.put = func(ctx context.Context, k tokenstore.Key, value []byte) (tokenstore.Version, error) {
				if len(k.Provider)+len(k.UserID)+len(k.AccountID) > 1500 {
					return "", errors.New("the index entry is too long")
				}
				return s.Store.Put(ctx, k, value)
			}
		}),
	}
}

func brokenContexts() []fault {
	free := context.WithoutCancel
	return []fault{
		with("Get minds no context", "an ended context ends Get", func(s *store) {
			s.get = func(ctx context.Context, k tokenstore.Key) (tokenstore.Entry, error) {
				return s.Store.Get(free(ctx), k)
			}
		}),
		with("Get hides the context's error", "an ended context ends Get", func(s *store) {
			s.get = func(ctx context.Context, k tokenstore.Key) (tokenstore.Entry, error) {
				e, err := s.Store.Get(ctx, k)
				if ctx.Err() != nil {
					err = errors.New("gone away")
				}
				return e, err
			}
		}),
		with("Put minds no context", "an ended context ends Put", func(s *store) {
			s.put = func(ctx context.Context, k tokenstore.Key, value []byte) (tokenstore.Version, error) {
				return s.Store.Put(free(ctx), k, value)
			}
		}),
		with("Replace minds no context", "an ended context ends Replace", func(s *store) {
			s.replace = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
				return s.Store.Replace(free(ctx), k, v, value)
			}
		}),
		with("Delete minds its context too late", "an ended context ends Delete", func(s *store) {
			s.remove = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version) error {
				_ = s.Store.Delete(free(ctx), k, v)
				return ctx.Err()
			}
		}),
		with("Lease minds no context", "an ended context ends Lease", func(s *store) {
			s.lease = func(ctx context.Context, k tokenstore.Key, v tokenstore.Version, d time.Duration) (tokenstore.LeaseID, error) {
				return s.Store.Lease(free(ctx), k, v, d)
			}
		}),
		with("Release minds no context", "an ended context ends Release", func(s *store) {
			s.release = func(ctx context.Context, k tokenstore.Key, id tokenstore.LeaseID) error {
				return s.Store.Release(free(ctx), k, id)
			}
		}),
		with("List minds no context", "an ended context ends List", func(s *store) {
			s.list = func(ctx context.Context, userID string) ([]tokenstore.Key, error) {
				return s.Store.List(free(ctx), userID)
			}
		}),
	}
}

func brokenLists() []fault {
	list := func(f func(keys []tokenstore.Key) []tokenstore.Key) func(s *store) {
		return func(s *store) {
			s.list = func(ctx context.Context, userID string) ([]tokenstore.Key, error) {
				keys, err := s.Store.List(ctx, userID)
				return f(keys), err
			}
		}
	}
	return []fault{
		with("a list is backwards", "a list has all keys of the user, in order", list(func(keys []tokenstore.Key) []tokenstore.Key {
			slices.Reverse(keys)
			return keys
		})),
		with("a list is short", "a list has all keys of the user, in order", list(func(keys []tokenstore.Key) []tokenstore.Key {
			return keys[:min(len(keys), 1)]
		})),
		with("an empty list is an error", "a list has all keys of the user, in order", func(s *store) {
			s.list = func(ctx context.Context, userID string) ([]tokenstore.Key, error) {
				keys, err := s.Store.List(ctx, userID)
				if len(keys) == 0 && err == nil {
					err = tokenstore.ErrNotFound
				}
				return keys, err
			}
		}),
		with("a list goes by the beginning of a name", "a list has no keys of other users", func(s *store) {
			s.list = func(ctx context.Context, userID string) ([]tokenstore.Key, error) {
				keys, err := s.Store.List(ctx, userID)
				longer, _ := s.Store.List(ctx, userID+"c")
				return append(keys, longer...), err
			}
		}),
		with("a list has reserved keys", "a list has no reserved keys", func(s *store) {
			s.list = func(ctx context.Context, userID string) ([]tokenstore.Key, error) {
				var keys []tokenstore.Key
				err := s.Store.Walk(ctx, func(k tokenstore.Key) error { keys = append(keys, k); return nil })
				return slices.DeleteFunc(keys, func(k tokenstore.Key) bool { return k.UserID != userID }), err
			}
		}),
		with("a list is ordered by provider only", "a list has all keys of the user, in order", list(func(keys []tokenstore.Key) []tokenstore.Key {
			slices.Reverse(keys)
			slices.SortStableFunc(keys, func(a, b tokenstore.Key) int { return strings.Compare(a.Provider, b.Provider) })
			return keys
		})),
	}
}
