package storetest

import (
	"context"
	"strconv"

	"github.com/xsignin/xsignin/tokenstore"
)

// walking is a rule of [tokenstore.Walker].
func walking(name, text string, test func(s *subject)) rule {
	return rule{name, text, func(s *subject) {
		if _, ok := s.Store.(tokenstore.Walker); !ok {
			s.t.Logf("not tested: %T is no tokenstore.Walker, which is optional", s.Store)
			return
		}
		test(s)
	}}
}

// walk visits all entries and counts the visits. It calls between, unless nil, after each
// page except the last.
func (s *subject) walk(limit int, between func(page []tokenstore.Key)) map[tokenstore.Key]int {
	s.t.Helper()
	visits := make(map[tokenstore.Key]int)
	handles := []*subject{s, s.replica()}
	after := tokenstore.Cursor("")
	for n := 0; ; n++ {
		s.must(n < 10_000, "a walk does not end")
		keys, next, err := handles[n%2].Store.(tokenstore.Walker).Walk(s.ctx, after, limit)
		s.must(err == nil, "Walk of page %d: %v", n+1, err)
		for _, k := range keys {
			visits[k]++
		}
		if next == "" {
			return visits
		}
		if between != nil {
			between(keys)
		}
		after = next
	}
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

func walkerRules() []rule {
	return []rule{
		walking(
			"a walk visits every entry",
			"A walk visits the keys of all entries, byte by byte as they were written, also those whose Provider begins with a dot, and no other. Each page may be read by another replica.",
			func(s *subject) {
				s.check(len(s.walk(10, nil)) == 0, "a walk through nothing visits something")
				keys := append(strangeKeys(), tokenstore.Key{Provider: ".sessions", UserID: "12"})
				for _, k := range keys {
					s.lease(k, s.put(k, "value"), long)
				}
				gone := tokenstore.Key{Provider: "x", UserID: "gone"}
				s.put(gone, "value")
				s.remove(gone)
				for _, limit := range []int{1, 7, len(keys), 1000} {
					visits := s.walk(limit, nil)
					for _, k := range keys {
						s.check(visits[k] > 0, "a walk by pages of %d does not visit %s", limit, describe(k))
						delete(visits, k)
					}
					for k := range visits {
						s.check(false, "a walk by pages of %d visits %s, which is not there", limit, describe(k))
					}
				}
			},
		),
		walking(
			"a page is about as long as asked",
			"limit is about how many keys to return: what the store and the caller hold at a time does not grow with the store.",
			func(s *subject) {
				keys := s.crowded(300)
				var most int
				visits := s.walk(10, func(page []tokenstore.Key) { most = max(most, len(page)) })
				s.check(len(visits) == len(keys), "a walk visits %d of %d entries", len(visits), len(keys))
				s.check(0 < most && most <= 100, "the longest page has %d keys where 10 were asked for", most)
			},
		),
		walking(
			"a walk visits what is there throughout",
			"An entry that exists all the time is visited, whatever is written and deleted meanwhile.",
			func(s *subject) {
				keys := s.crowded(200)
				stays := func(k tokenstore.Key) bool { n, _ := strconv.Atoi(k.UserID); return n%2 == 0 }
				n := 0
				visits := s.walk(10, func(page []tokenstore.Key) {
					for _, k := range page {
						if k.Provider == "x" && !stays(k) {
							s.remove(k)
						}
					}
					n++
					s.put(tokenstore.Key{Provider: "new", UserID: strconv.Itoa(n)}, "value")
					k := keys[(n*34)%len(keys)] // one that stays
					s.replace(k, s.get(k).Version, "again")
				})
				for _, k := range keys {
					s.check(!stays(k) || visits[k] > 0, "a walk does not visit %s, which was there throughout", describe(k))
				}
			},
		),
		walking(
			"an ended context ends Walk",
			"Walk stops when ctx ends and then returns ctx's error, wrapped or not.",
			func(s *subject) {
				s.put(key(), "value")
				ctx, cancel := context.WithCancel(s.ctx)
				cancel()
				_, _, err := s.Store.(tokenstore.Walker).Walk(ctx, "", 10)
				s.is("Walk with a cancelled context", err, context.Canceled)
			},
		),
	}
}
