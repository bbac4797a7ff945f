package session

import (
	"encoding/binary"
	"time"

	"github.com/xsignin/xsignin/internal/wire"
	"github.com/xsignin/xsignin/tokenstore"
)

// The list is kept in a head and in closed pages. The head is
//
//	1 byte    signOutsV1
//	8 bytes   the position of the newest sign-out, big-endian
//	uvarint   how many closed pages there are
//	...       for each its name, with its length, and 8 bytes: the end of its last entry
//	...       the open page: entries
//
// and a closed page is a byte signOutsV1 and entries. An entry is 16 bytes for the
// user, 8 for the position and 8 for when no session can be left that it ends, in
// milliseconds since 1970.
//
// The head alone is changed, by compare-and-set. A page that is full is closed: written
// once under a name that nobody else has, then named in the head, which begins an empty
// one. So nobody ever waits for, or overwrites, another's half of a change.
const (
	signOutsV1 = 1
	// headName is no name of a page, which are 26 letters and digits.
	headName = "head"
	// signOutPageSize entries and signOutMaxPages names make a head of 45 KiB; stores
	// take 64.
	signOutPageSize = 1000
	signOutMaxPages = 250
	signOutSize     = 16 + 8 + 8
)

// signOutKey is the first half of the SHA-256 of a user's ID.
type signOutKey [16]byte

type signOut struct {
	key      signOutKey
	position uint64
	until    time.Time
}

type signOutPage struct {
	name  string
	until time.Time
}

// signOutsKey is what a part of the list is kept under. Keys whose Provider begins with
// a dot are no tokens.
func signOutsKey(name string) tokenstore.Key {
	return tokenstore.Key{Provider: ".signouts", UserID: name}
}

func (h signOutHead) encode() []byte {
	b := make([]byte, 0, 32+len(h.pages)*40+len(h.entries)*signOutSize)
	b = append(b, signOutsV1)
	b = binary.BigEndian.AppendUint64(b, h.position)
	b = binary.AppendUvarint(b, uint64(len(h.pages)))
	for _, p := range h.pages {
		b = wire.AppendTime(wire.AppendString(b, p.name), p.until)
	}
	return appendSignOuts(b, h.entries)
}

func appendSignOuts(b []byte, entries []signOut) []byte {
	for _, e := range entries {
		b = append(b, e.key[:]...)
		b = binary.BigEndian.AppendUint64(b, e.position)
		b = wire.AppendTime(b, e.until)
	}
	return b
}

func decodeSignOutHead(b []byte) (signOutHead, error) {
	r := &wire.Reader{Rest: string(b)}
	version := r.Byte()
	h := signOutHead{position: r.Uint64()}
	for n := r.Uvarint(); n > 0 && !r.Bad; n-- {
		h.pages = append(h.pages, signOutPage{name: r.Text(), until: r.Time()})
	}
	h.entries = readSignOuts(r)
	if r.Bad || version != signOutsV1 {
		return signOutHead{}, errSignOuts
	}
	return h, nil
}

func encodeSignOutPage(entries []signOut) []byte {
	return appendSignOuts([]byte{signOutsV1}, entries)
}

func decodeSignOutPage(b []byte) ([]signOut, error) {
	r := &wire.Reader{Rest: string(b)}
	version := r.Byte()
	entries := readSignOuts(r)
	if r.Bad || version != signOutsV1 {
		return nil, errSignOuts
	}
	return entries, nil
}

// readSignOuts reads entries to the end.
func readSignOuts(r *wire.Reader) []signOut {
	entries := make([]signOut, 0, len(r.Rest)/signOutSize)
	for r.Rest != "" {
		var e signOut
		copy(e.key[:], r.Take(uint64(len(e.key))))
		e.position, e.until = r.Uint64(), r.Time()
		entries = append(entries, e)
	}
	return entries
}
