// Package wire encodes and decodes the fields of the kit's records: strings with their
// lengths in front, numbers, and times.
package wire

import (
	"encoding/binary"
	"time"
)

// AppendString writes s with its length in front.
func AppendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// AppendTime writes t in milliseconds, which hold any year; the zero time stays
// the zero time.
func AppendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t.UnixMilli()))
}

// Reader reads what the functions above wrote. It never reads past the end and
// never allocates: after a fault every value is zero and Bad stays true.
type Reader struct {
	// Rest is what has not been read yet.
	Rest string
	// Bad says that more was asked for than there was.
	Bad bool
}

// Done reports whether all was there, and all was read.
func (r *Reader) Done() bool { return !r.Bad && r.Rest == "" }

// Take reads n bytes.
func (r *Reader) Take(n uint64) string {
	if r.Bad || n > uint64(len(r.Rest)) {
		r.Bad, r.Rest = true, ""
		return ""
	}
	v := r.Rest[:n]
	r.Rest = r.Rest[n:]
	return v
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if v := r.Take(1); v != "" {
		return v[0]
	}
	return 0
}

// Uvarint reads a number as [binary.AppendUvarint] writes it.
func (r *Reader) Uvarint() uint64 {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		c := r.Byte()
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
	}
	r.Bad, r.Rest = true, ""
	return 0
}

// Text returns a part of the string that is read, not a copy.
func (r *Reader) Text() string { return r.Take(r.Uvarint()) }

// Uint64 reads eight bytes.
func (r *Reader) Uint64() uint64 {
	var n uint64
	for _, c := range []byte(r.Take(8)) {
		n = n<<8 | uint64(c)
	}
	return n
}

// Time reads a time.
func (r *Reader) Time() time.Time {
	n := r.Uint64()
	if r.Bad {
		return time.Time{}
	}
	return time.UnixMilli(int64(n)).UTC()
}
