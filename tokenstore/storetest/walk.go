package storetest

import (
	"context"
	"errors"
	"strconv"

	"github.com/xsignin/xsignin/tokenstore"
)

// walk visits all entries and counts the visits. It calls during, unless nil, at each visit.
func (s *subject) walk(during func(k tokenstore.Key)) map[tokenstore.Key]int {
	s.t.Helper()
	visits := make(map[tokenstore.Key]int)
	n := 0
	err := s.Walk(s.ctx, func(k tokenstore.Key) error {
		visits[k]++
		if during != nil {
			during(k)
		}
		if n++; n > 10_000 {
			return errors.New("a walk does not end")
		}
		return nil
	})
	s.must(err == nil, "Walk: %v", err)
	return visits
}

// crowded fills the store with entries of many users.
func (s *subject) crowded(n int) []tokenstore.Key {
	s.t.Helper()
	var keys []tokenstore.Key
	for i := range n {
		k := tokenstore.Key{Provider: "x", UserID: strconv.Itoa(i)}
		s.put(k, "value")
		keys = append(keys, k)
	}
	return keys
}

func walkRules() []rule {
	return []rule{
		{
			"a walk visits every entry",
			"Walk visits the keys of all entries, byte by byte as they were written, also those whose Provider begins with a dot, and no other.",
			func(s *subject) {
				s.check(len(s.walk(nil)) == 0, "a walk through nothing visits something")
				keys := append(strangeKeys(), tokenstore.Key{Provider: ".sessions", UserID: "12"})
				for _, k := range keys {
					s.lease(k, s.put(k, "value"), long)
				}
				gone := tokenstore.Key{Provider: "x", UserID: "gone"}
				s.put(gone, "value")
				s.remove(gone)
				for range 2 {
					visits := s.replica().walk(nil)
					for _, k := range keys {
						s.check(visits[k] > 0, "a walk does not visit %s", describe(k))
						delete(visits, k)
					}
					for k := range visits {
						s.check(false, "a walk visits %s, which is not there", describe(k))
					}
				}
			},
		},
		{
			"a walk visits what is there throughout",
			"An entry that exists all the time is visited, whatever is written and deleted meanwhile, also by visit.",
			func(s *subject) {
				keys := s.crowded(700)
				stays := func(k tokenstore.Key) bool { n, _ := strconv.Atoi(k.UserID); return n%2 == 0 }
				n := 0
				visits := s.walk(func(k tokenstore.Key) {
					if k.Provider == "x" && !stays(k) {
						s.remove(k)
					}
					if n++; n%10 == 0 {
						s.put(tokenstore.Key{Provider: "new", UserID: strconv.Itoa(n)}, "value")
						k := keys[(n*34)%len(keys)] // one that stays
						s.replace(k, s.get(k).Version, "again")
					}
				})
				for _, k := range keys {
					s.check(!stays(k) || visits[k] > 0, "a walk does not visit %s, which was there throughout", describe(k))
				}
			},
		},
		{
			"an error of visit ends Walk",
			"Walk stops at the first error of visit, and returns it.",
			func(s *subject) {
				s.crowded(3)
				enough, n := errors.New("enough"), 0
				err := s.Walk(s.ctx, func(tokenstore.Key) error { n++; return enough })
				s.check(errors.Is(err, enough) && n == 1, "Walk visits %d entries and returns %v where the first visit failed", n, err)
			},
		},
		{
			"an ended context ends Walk",
			"Walk stops when ctx ends and then returns ctx's error, wrapped or not.",
			func(s *subject) {
				s.put(key(), "value")
				ctx, cancel := context.WithCancel(s.ctx)
				cancel()
				s.is("Walk with a cancelled context", s.Walk(ctx, func(tokenstore.Key) error { return nil }), context.Canceled)
			},
		},
	}
}
