package storetest

import (
	"context"
	"slices"

	"github.com/xsignin/xsignin/tokenstore"
)

// listing is a rule of [tokenstore.Lister].
func listing(name, text string, test func(s *subject, l tokenstore.Lister)) rule {
	return rule{name, text, func(s *subject) {
		l, ok := s.Store.(tokenstore.Lister)
		if !ok {
			s.t.Logf("not tested: %T is no tokenstore.Lister, which is optional", s.Store)
			return
		}
		test(s, l)
	}}
}

// lists checks a user's keys.
func (s *subject) lists(l tokenstore.Lister, userID string, want ...tokenstore.Key) {
	s.t.Helper()
	got, err := l.Keys(s.ctx, userID)
	s.check(err == nil && slices.Equal(got, want), "Keys(%s) = %q, error %v, want %q", short(userID), got, err, want)
}

func listerRules() []rule {
	return []rule{
		listing(
			"a list has all keys of the user, in order",
			"Keys returns the keys of all entries with this UserID, ordered by Provider. A user without entries has none, and that is not an error.",
			func(s *subject, l tokenstore.Lister) {
				s.lists(l, "12")
				a, b, c := tokenstore.Key{Provider: "X", UserID: "12"}, tokenstore.Key{Provider: "x", UserID: "12"}, tokenstore.Key{Provider: "x-oauth1", UserID: "12"}
				s.put(c, "value")
				s.put(a, "")
				v := s.put(b, "value")
				s.lease(b, v, long)
				s.lists(l, "12", a, b, c)
				s.lists(s.replica().Store.(tokenstore.Lister), "12", a, b, c)
				s.put(b, "again")
				s.remove(a)
				s.lists(l, "12", b, c)
				s.remove(b)
				s.remove(c)
				s.lists(l, "12")
			},
		),
		listing(
			"a list has nobody else's keys",
			"Keys compares the UserID byte by byte. The keys that it returns are those that were written.",
			func(s *subject, l tokenstore.Lister) {
				byUser := make(map[string][]tokenstore.Key)
				for _, k := range strangeKeys() {
					s.put(k, "value")
					byUser[k.UserID] = append(byUser[k.UserID], k)
				}
				for userID, keys := range byUser {
					slices.SortFunc(keys, func(a, b tokenstore.Key) int { return slices.Compare([]byte(a.Provider), []byte(b.Provider)) })
					s.lists(l, userID, keys...)
				}
				s.lists(l, "nobody")
			},
		),
		listing(
			"an ended context ends Keys",
			"Keys stops when ctx ends and then returns ctx's error, wrapped or not.",
			func(s *subject, l tokenstore.Lister) {
				s.put(key(), "value")
				ctx, cancel := context.WithCancel(s.ctx)
				cancel()
				_, err := l.Keys(ctx, "12")
				s.is("Keys with a cancelled context", err, context.Canceled)
			},
		),
	}
}
