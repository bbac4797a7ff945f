package storetest

import (
	"slices"
	"strings"

	"github.com/xsignin/xsignin/tokenstore"
)

// The lengths of values, and of the parts of keys, that every store takes. A store may
// document a shorter length of values.
const (
	maxValue     = 64 << 10
	maxProvider  = 256
	maxUserID    = 1 << 10
	maxAccountID = 256
)

// noise returns n bytes with all values.
func noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return string(b)
}

func byteRules() []rule {
	return []rule{
		{
			"values come back byte by byte",
			"Values are opaque: any bytes, from none to 64 KiB of them. An empty value is an entry.",
			func(s *subject) {
				for _, value := range []string{"", "\x00", "\x00\xff", "\xff\xfe\xfd", "'\";--%", "\r\n ", " ", noise(4096), noise(maxValue)} {
					v := s.put(key(), value)
					s.holds(key(), value, v)
					v = s.replace(key(), v, value)
					s.holds(key(), value, v)
				}
				v, err := s.Put(s.ctx, key(), nil)
				s.must(err == nil, "Put of a nil value: %v", err)
				s.holds(key(), "", v)
			},
		},
		{
			"keys hold any byte and are kept apart",
			`The parts of a key are arbitrary strings. Keys are equal when all parts are, byte by byte: {"a", "bc", "d"} and {"ab", "c", "d"} are two.`,
			func(s *subject) { s.apart(strangeKeys()) },
		},
		{
			"keys may have the longest parts",
			"Every store takes a Provider of 256 bytes, a UserID of 1 KiB and an AccountID of 256 bytes, whatever the bytes are, and all three in one key.",
			func(s *subject) {
				var keys []tokenstore.Key
				for _, text := range []func(n int) string{noise, func(n int) string { return strings.Repeat("a", n) }, func(n int) string { return strings.Repeat("\xff", n) }} {
					for n := range 2 {
						keys = append(keys,
							tokenstore.Key{Provider: text(maxProvider - n), UserID: text(maxUserID), AccountID: text(maxAccountID)},
							tokenstore.Key{Provider: text(maxProvider), UserID: text(maxUserID - 1 - n), AccountID: text(maxAccountID)},
							tokenstore.Key{Provider: text(maxProvider), UserID: text(maxUserID), AccountID: text(maxAccountID - 1 - n)})
					}
				}
				s.apart(keys)
			},
		},
	}
}

// apart uses each of keys with every method, and checks that each has its own entry.
func (s *subject) apart(keys []tokenstore.Key) {
	s.t.Helper()
	versions := make([]tokenstore.Version, len(keys))
	for i, k := range keys {
		_, err := s.Get(s.ctx, k)
		s.is("Get of "+describe(k)+" before it was written", err, tokenstore.ErrNotFound)
		versions[i] = s.put(k, describe(k))
	}
	for i, k := range keys {
		s.holds(k, describe(k), versions[i])
		s.release(k, s.lease(k, versions[i], long))
		versions[i] = s.replace(k, versions[i], describe(k))
	}
	for i, k := range keys {
		s.holds(k, describe(k), versions[i])
		list, err := s.List(s.ctx, k.UserID)
		reserved := strings.HasPrefix(k.Provider, ".")
		s.check(err == nil && slices.Contains(list, k) != reserved, "List of %s: error %v, reserved %t", describe(k), err, reserved)
		s.remove(k)
		s.absent(k)
	}
}

func describe(k tokenstore.Key) string {
	return "{" + short(k.Provider) + ", " + short(k.UserID) + ", " + short(k.AccountID) + "}"
}

func strangeKeys() []tokenstore.Key {
	keys := []tokenstore.Key{{}, {Provider: "a"}, {UserID: "a"}, {AccountID: "a"}}
	for _, p := range [][2]string{
		{"a", "bc"}, {"ab", "c"}, {"", "abc"}, {"abc", ""},
		{"A", "BC"}, {"a ", "bc"}, {"a", " bc"}, {"a", "bc "},
		{"a", "b"}, {"a", "b\x00"}, {"a\x00", "b"}, {"a", "\x00b"}, {"", "a\x00b"},
		{"ä", "漢"}, {"a\u0308", "漢"}, {"\xff", "\xfe"}, {"\xfe", "\xff"}, {"\ufffd", "\ufffd"},
		{"'\";--", "\\"}, {"\\x61", "bc"}, {"%", "_"}, {"*", "?"}, {"[a]", "{b}"}, {"\r\n", "\t"},
		{"1", "2"}, {"12", ""}, {"", "12"}, {"1:1", "1"}, {"1", "1:1"},
	} {
		keys = append(keys,
			tokenstore.Key{Provider: p[0], UserID: p[1], AccountID: "d"},
			tokenstore.Key{Provider: p[0], UserID: "d", AccountID: p[1]},
			tokenstore.Key{Provider: "d", UserID: p[0], AccountID: p[1]})
	}
	// Separators that a store may use.
	for _, sep := range []string{":", "/", "|", ".", ",", "-", "_", "#", "\x00", "\x1f", "\n"} {
		keys = append(keys,
			tokenstore.Key{Provider: "a" + sep + "b", UserID: "c", AccountID: "d"},
			tokenstore.Key{Provider: "a", UserID: "b" + sep + "c", AccountID: "d"},
			tokenstore.Key{Provider: "a", UserID: "b", AccountID: "c" + sep + "d"},
			tokenstore.Key{Provider: "a" + sep + "c", UserID: "b", AccountID: "d"},
			tokenstore.Key{Provider: "a", UserID: "b", AccountID: "d" + sep + "c"})
	}
	return keys
}
