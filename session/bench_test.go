package session_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin/session"
)

func BenchmarkIdentity(b *testing.B) {
	for _, c := range []struct {
		name string
		m    *session.Manager
	}{
		{"New", newManager(b, session.Config{})},
		{"New, idle timeout", newManager(b, session.Config{IdleTimeout: time.Hour})},
		{"New, memstore", newManager(b, session.Config{Store: memstore.NewWithCleanupInterval(0)})},
		{"Over", newOver(b, memstore.NewWithCleanupInterval(0))},
	} {
		_, r := request(c.m, signIn(b, c.m, "ann"))
		_, garbage := request(c.m, "garbage")
		h := make(http.Header)
		b.Run(c.name+"/Read", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok, err := c.m.Get(r.Context(), r); !ok || err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/Load", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				clear(h)
				if _, ok, err := c.m.Load(headerOnly{header: h}, r); !ok || err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/Read, garbage", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.m.Get(garbage.Context(), garbage)
			}
		})
		b.Run(c.name+"/LoadAndSave", func(b *testing.B) {
			b.ReportAllocs()
			next := c.m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, ok, err := c.m.Get(r.Context(), r); !ok || err != nil {
					b.Error(err)
				}
			}))
			for b.Loop() {
				clear(h)
				next.ServeHTTP(headerOnly{header: h}, r)
			}
		})
	}
}

type headerOnly struct {
	http.ResponseWriter
	header http.Header
}

func (h headerOnly) Header() http.Header { return h.header }

func TestReadingTheIdentityIsCheap(t *testing.T) {
	m := newManager(t, session.Config{Store: memstore.NewWithCleanupInterval(0)})
	_, r := request(m, signIn(t, m, "ann"))
	if n := testing.AllocsPerRun(200, func() { m.Get(r.Context(), r) }); n > 5 {
		t.Errorf("%v allocations", n)
	}
}
