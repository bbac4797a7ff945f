package bench

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/xsignin/xsignin/session"
)

// BenchmarkSessionsInMemory finds one of many sessions in memory. It also reports the memory
// that a session takes.
func BenchmarkSessionsInMemory(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprintf("sessions=%d", n), func(b *testing.B) {
			m := newSessions(b)
			users, bytes := newUsers(b, m, n)
			random := rand.New(rand.NewPCG(1, 2))
			r, header := get(b, "/", ""), make([]string, 1)
			rival{"", func() error {
				header[0] = users.cookie(random.IntN(n))
				r.Header["Cookie"] = header
				_, ok, err := m.Get(context.Background(), r)
				if err == nil && !ok {
					err = errSignedOut
				}
				return err
			}}.bench(b)
			b.ReportMetric(bytes, "B/session")
		})
	}
}

func newSessions(tb testing.TB) *session.Manager {
	tb.Helper()
	m, err := session.New(session.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// users are the cookies of signed-in users. All cookies have the same length and share one
// piece of memory, so that it does not count as memory of the sessions.
type users struct {
	cookies []byte
	length  int
}

func (u users) cookie(i int) string { return string(u.cookies[i*u.length : (i+1)*u.length]) }

// newUsers signs n users in. It also returns how many bytes each session takes.
func newUsers(tb testing.TB, m *session.Manager, n int) (u users, bytes float64) {
	tb.Helper()
	w, r := newResponse(), get(tb, "/", "")
	before := heap()
	for i := range n {
		w.reset()
		one := user
		one.AccountID = fmt.Sprintf("1529384756%09d", i)
		one.ID = one.AccountID
		if err := m.SignIn(w, r, one); err != nil {
			tb.Fatal(err)
		}
		cookie := w.cookies()
		if i == 0 {
			u = users{make([]byte, 0, n*len(cookie)), len(cookie)}
		}
		u.cookies = append(u.cookies, cookie...)
	}
	bytes = (heap() - before - float64(cap(u.cookies))) / float64(n)
	runtime.KeepAlive(m)
	return u, bytes
}

// heap returns how many bytes of the heap are in use.
func heap() float64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc)
}
