package session

import (
	"encoding/binary"
	"errors"
	"time"
)

// errMalformed says that bytes are not what this package writes.
var errMalformed = errors.New("session: malformed record")

// appendString writes s with its length in front.
func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendTime writes t in milliseconds, which hold any year; the zero time stays
// the zero time.
func appendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t.UnixMilli()))
}

// wireReader reads what the functions above wrote. It never reads past the end and
// never allocates: after a fault every value is zero and bad stays true.
type wireReader struct {
	s   string
	bad bool
}

func (r *wireReader) take(n uint64) string {
	if r.bad || n > uint64(len(r.s)) {
		r.bad, r.s = true, ""
		return ""
	}
	v := r.s[:n]
	r.s = r.s[n:]
	return v
}

func (r *wireReader) byte() byte {
	if v := r.take(1); v != "" {
		return v[0]
	}
	return 0
}

func (r *wireReader) uvarint() uint64 {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		c := r.byte()
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
	}
	r.bad, r.s = true, ""
	return 0
}

// string returns a part of the string that is read, not a copy.
func (r *wireReader) string() string { return r.take(r.uvarint()) }

func (r *wireReader) uint64() uint64 {
	var n uint64
	for _, c := range []byte(r.take(8)) {
		n = n<<8 | uint64(c)
	}
	return n
}

func (r *wireReader) time() time.Time {
	n := r.uint64()
	if r.bad {
		return time.Time{}
	}
	return time.UnixMilli(int64(n)).UTC()
}
