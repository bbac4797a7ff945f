package sqlstore_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/xsignin/xsignin/tokenstore/sqlstore"
)

// BenchmarkStore measures what a request with an unknown token costs, a read, and what
// a refresh costs, a lease and a write. PostgreSQL does not wait for the disk here,
// and SQLite does.
func BenchmarkStore(b *testing.B) {
	for _, test := range []struct {
		name string
		open func(b *testing.B) sqlstore.Store
	}{
		{"SQLite", func(b *testing.B) sqlstore.Store { return sqlite(b).open(b, "") }},
		{"PostgreSQL", func(b *testing.B) sqlstore.Store { return postgres(b).open(b, "") }},
	} {
		value := bytes.Repeat([]byte("t"), 500)
		b.Run(test.name+"/read", func(b *testing.B) {
			s := test.open(b)
			put(b, s, string(value))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Get(b.Context(), key()); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(test.name+"/refresh", func(b *testing.B) {
			s := test.open(b)
			v := put(b, s, string(value))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Lease(b.Context(), key(), v, time.Minute); err != nil {
					b.Fatal(err)
				}
				var err error
				if v, err = s.Replace(b.Context(), key(), v, value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
