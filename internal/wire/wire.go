// Package wire writes and reads the kit's records. One list of fields serves for both.
package wire

import (
	"encoding/binary"
	"slices"
	"time"
)

// Coder writes or reads a record. It never reads past the end. A field that is not there
// stays as it is, or becomes zero, and Bad stays true.
type Coder struct {
	Reading bool
	Bad     bool
	B       []byte // what is written, or what is left to read
	copied  string // B as it was when the first text was read: all texts are parts of it
}

// Done reports whether all was there, and all was read.
func (c *Coder) Done() bool { return !c.Bad && len(c.B) == 0 }

// skip passes over n bytes of what is read.
func (c *Coder) skip(n int) {
	if c.Bad || n < 0 || n > len(c.B) {
		c.Bad, n = true, len(c.B)
	}
	c.B = c.B[n:]
}

// Number codes a number.
func (c *Coder) Number(n *int64) {
	if !c.Reading {
		c.B = binary.AppendVarint(c.B, *n)
		return
	}
	if !c.Bad && len(c.B) > 0 && c.B[0] < 0x80 { // most lengths, at every request
		*n = int64(c.B[0]>>1) ^ -int64(c.B[0]&1)
		c.B = c.B[1:]
		return
	}
	v, size := binary.Varint(c.B)
	if size <= 0 {
		size = -1
	}
	c.skip(size)
	*n = v
}

// Text codes texts with their lengths in front.
func (c *Coder) Text(fields ...*string) {
	for _, s := range fields {
		n := int64(len(*s))
		c.Number(&n)
		if !c.Reading {
			c.B = append(c.B, *s...)
			continue
		}
		if c.copied == "" {
			c.copied = string(c.B)
		}
		from := len(c.copied) - len(c.B)
		if c.skip(int(n)); !c.Bad {
			*s = c.copied[from : len(c.copied)-len(c.B)]
		}
	}
}

// Time codes times in milliseconds, which hold any year.
func (c *Coder) Time(fields ...*time.Time) {
	for _, t := range fields {
		n := t.UnixMilli()
		c.Number(&n)
		if c.Reading && !c.Bad {
			*t = time.UnixMilli(n).UTC()
		}
	}
}

// Flag codes flags.
func (c *Coder) Flag(fields ...*bool) {
	for _, flag := range fields {
		var n int64
		if *flag {
			n = 1
		}
		c.Number(&n)
		*flag = n != 0
	}
}

// List codes a list with its length in front.
func List[T any](c *Coder, list *[]T, each func(*T)) {
	n := int64(len(*list))
	c.Number(&n)
	if c.Reading {
		*list = slices.Grow(*list, int(min(max(n, 0), int64(len(c.B)))))
	}
	for i := range n {
		if c.Bad {
			return
		}
		if c.Reading {
			*list = append(*list, *new(T))
		}
		each(&(*list)[i])
	}
}
