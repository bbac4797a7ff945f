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

// FuzzEntry: an entry that is read comes back as it was read.
func FuzzEntry(f *testing.F) {
	whole := testEntry().encode()
	for _, seed := range [][]byte{nil, {1}, whole, (&entry{}).encode(), whole[:40]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEntry(b)
		if err != nil {
			return
		}
		again, err := decodeEntry(e.encode())
		if err != nil || !reflect.DeepEqual(again, e) {
			t.Fatalf("%x came back otherwise: %v", b, err)
		}
	})
}

// FuzzBegun: the inside of a pending sign-in's cookie comes back as it was read.
func FuzzBegun(f *testing.F) {
	s, err := NewPendingStore(PendingStoreConfig{Secrets: [][]byte{make([]byte, 32)}, Scopes: []string{"a"}})
	if err != nil {
		f.Fatal(err)
	}
	inside := func(p PendingSignIn) []byte {
		c := &wire.Coder{}
		s.code(c, &p)
		return c.B
	}
	whole := inside(PendingSignIn{
		Pending:  provider.Pending{Provider: "x", State: "state", Secret: "verifier", Scopes: []string{"a", "b"}},
		ReturnTo: "/photos", Wanted: []string{"c"}, At: time.UnixMilli(1900000000123), foreign: true, path: true,
	})
	for _, seed := range [][]byte{nil, {0}, {1}, whole, inside(PendingSignIn{Ended: true}), whole[:20]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, again PendingSignIn
		c := &wire.Coder{B: b, Reading: true}
		if s.code(c, &p); !c.Done() {
			return
		}
		c = &wire.Coder{B: inside(p), Reading: true}
		if s.code(c, &again); !c.Done() || !again.At.Equal(p.At) {
			t.Fatalf("%x: the time %v came back as %v", b, p.At, again.At)
		}
		again.At, p.At = time.Time{}, time.Time{}
		if !reflect.DeepEqual(again, p) {
			t.Fatalf("%x came back otherwise", b)
		}
	})
}
