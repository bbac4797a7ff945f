package session

import (
	"encoding/binary"
	"errors"
	"time"
)

// errMalformed says that bytes are not what this package writes.
var errMalformed = errors.New("session: malformed record")

// coder writes or reads a record. One function names the fields for both directions. After a
// fault in reading, every value is zero and bad stays true.
type coder struct {
	out     []byte // what is written
	in      string // what is left to read
	reading bool
	bad     bool
}

func newWriter(size int) *coder { return &coder{out: make([]byte, 0, size)} }

func newReader(b []byte) *coder { return &coder{in: string(b), reading: true} }

// done reports whether all was there, and all was read.
func (c *coder) done() bool { return !c.bad && c.in == "" }

// take reads n bytes. It returns a part of the string that is read, not a copy.
func (c *coder) take(n int64) string {
	if c.bad || n < 0 || n > int64(len(c.in)) {
		c.bad, c.in = true, ""
		return ""
	}
	v := c.in[:n]
	c.in = c.in[n:]
	return v
}

func (c *coder) number(n *int64) {
	if !c.reading {
		c.out = binary.AppendVarint(c.out, *n)
		return
	}
	v, size := binary.Varint([]byte(c.in[:min(len(c.in), binary.MaxVarintLen64)]))
	if size <= 0 {
		size = -1
	}
	c.take(int64(size))
	*n = v
}

func (c *coder) text(fields ...*string) {
	for _, s := range fields {
		n := int64(len(*s))
		c.number(&n)
		if c.reading {
			*s = c.take(n)
		} else {
			c.out = append(c.out, *s...)
		}
	}
}

// time keeps milliseconds, which hold any year.
func (c *coder) time(fields ...*time.Time) {
	for _, t := range fields {
		n := t.UnixMilli()
		c.number(&n)
		if c.reading && !c.bad {
			*t = time.UnixMilli(n).UTC()
		}
	}
}

func (c *coder) flag(fields ...*bool) {
	for _, flag := range fields {
		var n int64
		if *flag {
			n = 1
		}
		c.number(&n)
		*flag = n != 0
	}
}

// codeList codes a list with its length in front.
func codeList[T any](c *coder, list *[]T, each func(*T)) {
	n := int64(len(*list))
	c.number(&n)
	for i := range n {
		if c.bad {
			return
		}
		if c.reading {
			*list = append(*list, *new(T))
		}
		each(&(*list)[i])
	}
}
