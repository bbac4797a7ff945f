package storetest

import (
	"strings"

	"github.com/xsignin/xsignin/tokenstore"
)

// maxValue is the length of values, and maxPart that of a key's part, which every
// store takes that does not say otherwise.
const (
	maxValue = 64 << 10
	maxPart  = 1 << 10
)

// noise is n bytes of every kind.
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
			`Both parts of a key are arbitrary strings of up to 1 KiB. Keys are equal when both parts are, byte by byte: {"a", "bc"} and {"ab", "c"} are two.`,
			func(s *subject) {
				keys := strangeKeys()
				versions := make([]tokenstore.Version, len(keys))
				for i, k := range keys {
					_, err := s.Get(s.ctx, k)
					s.is("Get of "+describe(k)+" before it was written", err, tokenstore.ErrNotFound)
					versions[i] = s.put(k, describe(k))
				}
				for i, k := range keys {
					s.holds(k, describe(k), versions[i])
				}
				for i, k := range keys {
					s.release(k, s.lease(k, versions[i], long))
					versions[i] = s.replace(k, versions[i], describe(k))
				}
				for i, k := range keys {
					s.holds(k, describe(k), versions[i])
					s.remove(k)
					s.absent(k)
				}
			},
		},
	}
}

func describe(k tokenstore.Key) string {
	return "{" + short(k.Provider) + ", " + short(k.UserID) + "}"
}

func strangeKeys() []tokenstore.Key {
	keys := []tokenstore.Key{{Provider: "", UserID: ""}}
	for _, p := range [][2]string{
		{"a", "bc"}, {"ab", "c"}, {"", "abc"}, {"abc", ""},
		{"A", "BC"}, {"a ", "bc"}, {"a", " bc"}, {"a", "bc "},
		{"a", "b"}, {"a", "b\x00"}, {"a\x00", "b"}, {"a", "\x00b"}, {"", "a\x00b"},
		{"ä", "漢"}, {"a\u0308", "漢"}, {"\xff", "\xfe"}, {"\xfe", "\xff"}, {"\ufffd", "\ufffd"},
		{"'\";--", "\\"}, {"\\x61", "bc"}, {"%", "_"}, {"*", "?"}, {"[a]", "{b}"}, {"\r\n", "\t"},
		{strings.Repeat("a", maxPart), "b"}, {strings.Repeat("a", maxPart-1), "b"},
		{"a", noise(maxPart)}, {noise(maxPart), noise(maxPart)}, {noise(maxPart - 1), noise(maxPart)},
	} {
		keys = append(keys, tokenstore.Key{Provider: p[0], UserID: p[1]})
	}
	// What a store might put between the parts.
	for _, sep := range []string{":", "/", "|", ".", ",", "-", "_", "#", "\x00", "\x1f", "\n"} {
		keys = append(keys,
			tokenstore.Key{Provider: "a" + sep + "b", UserID: "c"},
			tokenstore.Key{Provider: "a", UserID: "b" + sep + "c"})
	}
	return keys
}
