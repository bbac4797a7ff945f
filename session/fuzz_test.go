package session

import (
	"reflect"
	"testing"
	"time"

	"github.com/xsignin/xsignin/internal/wire"
	"github.com/xsignin/xsignin/provider"
)

func testEntry() *entry {
	at := time.UnixMilli(1900000000123).UTC()
	return &entry{
		last: 9, notBefore: 3,
		sessions: []UserSession{{"id", "x", "1", "agent", at, at, at, "key", 9}},
		ended:    []ended{{"2", "", at}, {"3", "other", at}},
	}
}

func written(code func(*wire.Coder)) []byte {
	c := &wire.Coder{}
	code(c)
	return c.B
}

func read(b []byte, code func(*wire.Coder)) bool {
	c := &wire.Coder{B: b, Reading: true}
	code(c)
	return c.Done()
}

// FuzzEntry: an entry that is read comes back as it was read.
func FuzzEntry(f *testing.F) {
	whole := written(testEntry().code)
	for _, seed := range [][]byte{nil, {1}, whole, written(new(entry).code), whole[:40]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var e, again entry
		if !read(b, e.code) {
			return
		}
		if !read(written(e.code), again.code) || !reflect.DeepEqual(again, e) {
			t.Fatalf("%x came back otherwise", b)
		}
	})
}

// FuzzBegun: the inside of a pending sign-in's cookie comes back as it was read.
func FuzzBegun(f *testing.F) {
	s, err := NewPendingStore(PendingStoreConfig{Secrets: [][]byte{make([]byte, 32)}, Scopes: []string{"a"}})
	if err != nil {
		f.Fatal(err)
	}
	code := func(p *PendingSignIn) func(*wire.Coder) {
		return func(c *wire.Coder) { s.code(c, p) }
	}
	inside := func(p PendingSignIn) []byte { return written(code(&p)) }
	whole := inside(PendingSignIn{
		Pending:  provider.Pending{Provider: "x", State: "state", Secret: "verifier", Scopes: []string{"a", "b"}},
		ReturnTo: "/photos", Wanted: []string{"c"}, At: time.UnixMilli(1900000000123), foreign: true,
	})
	for _, seed := range [][]byte{nil, {0}, {1}, whole, inside(PendingSignIn{Ended: true}), whole[:20]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, again PendingSignIn
		if !read(b, code(&p)) {
			return
		}
		if !read(inside(p), code(&again)) || !again.At.Equal(p.At) {
			t.Fatalf("%x: the time %v came back as %v", b, p.At, again.At)
		}
		again.At, p.At = time.Time{}, time.Time{}
		if !reflect.DeepEqual(again, p) {
			t.Fatalf("%x came back otherwise", b)
		}
	})
}
