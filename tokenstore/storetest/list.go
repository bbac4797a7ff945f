package storetest

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/xsignin/xsignin/tokenstore"
)

// lists checks a user's keys.
func (s *subject) lists(userID string, want ...tokenstore.Key) {
	s.t.Helper()
	got, err := s.List(s.ctx, userID)
	s.check(err == nil && slices.Equal(got, want), "List(%s) = %q, error %v, want %q", short(userID), got, err, want)
}

func listRules() []rule {
	return []rule{
		{
			"a list has all keys of the user, in order",
			"List returns the keys of all entries with this UserID, ordered by Provider and then AccountID. A user without entries is not an error.",
			func(s *subject) {
				s.lists("12")
				keys := []tokenstore.Key{
					{Provider: "X", UserID: "12", AccountID: "9"},
					{Provider: "x", UserID: "12", AccountID: "10"},
					{Provider: "x", UserID: "12", AccountID: "7"},
					{Provider: "x-oauth1", UserID: "12", AccountID: "10"},
				}
				for _, k := range slices.Backward(keys) {
					s.lease(k, s.put(k, ""), long)
				}
				s.lists("12", keys...)
				s.replica().lists("12", keys...)
				s.put(keys[1], "again")
				s.remove(keys[0])
				s.lists("12", keys[1:]...)
				for _, k := range keys[1:] {
					s.remove(k)
				}
				s.lists("12")
			},
		},
		{
			"a list has no reserved keys",
			"List omits keys whose Provider begins with a dot.",
			func(s *subject) {
				for _, provider := range []string{".", ".owner", ".sessions"} {
					s.put(tokenstore.Key{Provider: provider, UserID: "12"}, "value")
				}
				s.lists("12")
				s.put(key(), "value")
				s.lists("12", key())
			},
		},
		{
			"a list has no keys of other users",
			"List compares the UserID byte by byte. The keys that it returns are those that were written.",
			func(s *subject) {
				byUser := make(map[string][]tokenstore.Key)
				for _, k := range strangeKeys() {
					s.put(k, "value")
					byUser[k.UserID] = append(byUser[k.UserID], k)
				}
				for userID, keys := range byUser {
					keys = slices.DeleteFunc(keys, func(k tokenstore.Key) bool { return strings.HasPrefix(k.Provider, ".") })
					slices.SortFunc(keys, func(a, b tokenstore.Key) int {
						return cmp.Or(strings.Compare(a.Provider, b.Provider), strings.Compare(a.AccountID, b.AccountID))
					})
					s.lists(userID, keys...)
				}
				s.lists("nobody")
			},
		},
		{
			"an ended context ends List",
			"List stops when ctx ends and then returns ctx's error, wrapped or not.",
			func(s *subject) {
				s.put(key(), "value")
				ctx, cancel := context.WithCancel(s.ctx)
				cancel()
				_, err := s.List(ctx, "12")
				s.is("List with a cancelled context", err, context.Canceled)
			},
		},
	}
}
