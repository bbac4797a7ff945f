package session

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
)

func fuzzedSignOuts() []signOut {
	return []signOut{
		{signOutKeyOf("1"), 7, time.UnixMilli(1900000000123).UTC()},
		{signOutKeyOf("2"), 1 << 63, time.UnixMilli(-1).UTC()},
	}
}

// FuzzSignOutPage: a page that is read is written to the byte, and whom it ended is ended.
func FuzzSignOutPage(f *testing.F) {
	whole := encodeSignOutPage(fuzzedSignOuts())
	for _, seed := range [][]byte{nil, {signOutsV1}, {signOutsV1 + 1}, whole, whole[:len(whole)-1], append(bytes.Clone(whole), 0)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := decodeSignOutPage(b)
		if err != nil {
			return
		}
		if again := encodeSignOutPage(entries); !bytes.Equal(again, b) {
			t.Fatalf("%x was written as %x", b, again)
		}
		list := &signOutList{closed: positions(nil, entries)}
		for _, e := range entries {
			if e.position > 0 && list.closed[e.key].position < e.position {
				t.Fatalf("%x at %d is not ended", e.key, e.position)
			}
		}
	})
}

// FuzzSignOutHead: a head that is read says the same when it is written and read again, and
// nothing that is cut off or goes on counts as one.
func FuzzSignOutHead(f *testing.F) {
	whole := signOutHead{
		position: 9, entries: fuzzedSignOuts(),
		pages: []signOutPage{{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", time.UnixMilli(1900000000000).UTC()}, {"", time.UnixMilli(0).UTC()}},
	}.encode()
	for _, seed := range [][]byte{
		nil, {signOutsV1}, whole, whole[:len(whole)-1], append(bytes.Clone(whole), 0), signOutHead{}.encode(),
		append(bytes.Clone(whole[:9]), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeSignOutHead(b)
		if err != nil {
			return
		}
		written := h.encode()
		again, err := decodeSignOutHead(written)
		if err != nil || !reflect.DeepEqual(again, h) {
			t.Fatalf("%x: %+v came back as %+v, %v", b, h, again, err)
		}
		if _, err := decodeSignOutHead(written[:len(written)-1]); err == nil && len(h.entries) > 0 {
			t.Fatalf("%x cut short is a head", written)
		}
	})
}

// FuzzBegun: what the inside of a pending sign-in's cookie says is what is written again.
func FuzzBegun(f *testing.F) {
	whole := PendingSignIn{
		Pending:  provider.Pending{Provider: "x", State: "handle", Secret: "verifier", Scopes: []string{"a", "b"}},
		ReturnTo: "/photos", Wanted: []string{"c"}, At: time.UnixMilli(1900000000123),
	}
	for _, seed := range [][]byte{nil, {0}, {1}, whole.encode(), PendingSignIn{}.encode(), whole.encode()[:20]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		begun, err := decodeBegun(b)
		if err != nil {
			return
		}
		again, err := decodeBegun(begun.encode())
		if err != nil || !again.At.Equal(begun.At) {
			t.Fatalf("%x: the time %v came back as %v, %v", b, begun.At, again.At, err)
		}
		again.At, begun.At = time.Time{}, time.Time{}
		if !reflect.DeepEqual(again, begun) {
			t.Fatalf("%x came back otherwise", b)
		}
	})
}
