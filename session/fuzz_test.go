package session

import (
	"reflect"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
)

// FuzzEntry: an entry that is read is written to the byte.
func FuzzEntry(f *testing.F) {
	at := time.UnixMilli(1900000000123).UTC()
	whole := entry{
		last: 9, notBefore: 3,
		sessions:   []listed{{sessionID{1}, 9, "key", "x", "1", "agent", at, at, at}},
		ended:      []endedSession{{sessionID{2}, at}},
		unfinished: []unfinished{{"other", at}},
	}
	for _, seed := range [][]byte{nil, {1}, whole.encode(), (&entry{}).encode(), whole.encode()[:40]} {
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
	known := map[scopeHash]string{hashScope("a"): "a"}
	whole := content{kind: kindPending, foreign: true, path: true, PendingSignIn: PendingSignIn{
		Pending:  provider.Pending{Provider: "x", State: "state", Secret: "verifier", Scopes: []string{"a", "b"}},
		ReturnTo: "/photos", Wanted: []string{"c"}, At: time.UnixMilli(1900000000123),
	}}
	for _, seed := range [][]byte{nil, {0}, {1}, whole.encode(known), content{kind: kindOutcome}.encode(known), whole.encode(known)[:20]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeContent(b, known)
		if err != nil {
			return
		}
		again, err := decodeContent(c.encode(known), known)
		if err != nil || !again.At.Equal(c.At) {
			t.Fatalf("%x: the time %v came back as %v, %v", b, c.At, again.At, err)
		}
		again.At, c.At = time.Time{}, time.Time{}
		if !reflect.DeepEqual(again, c) {
			t.Fatalf("%x came back otherwise", b)
		}
	})
}
