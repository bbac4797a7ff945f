package session

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// errMalformed says that bytes are not what this package writes.
var errMalformed = errors.New("session: malformed record")

// coder writes or reads a record: one function names the fields for both. After a fault in
// reading, every value is zero and bad stays true.
type coder struct {
	reading bool
	bad     bool
	b       []byte // what is written, or what is left to read
	copied  string // b as it was when the first text was read: all texts are parts of it
}

// done reports whether all was there, and all was read.
func (c *coder) done() bool { return !c.bad && len(c.b) == 0 }

// skip passes over n bytes of what is read.
func (c *coder) skip(n int) {
	if c.bad || n < 0 || n > len(c.b) {
		c.bad, n = true, len(c.b)
	}
	c.b = c.b[n:]
}

func (c *coder) number(n *int64) {
	if !c.reading {
		c.b = binary.AppendVarint(c.b, *n)
		return
	}
	v, size := binary.Varint(c.b)
	if size <= 0 {
		size = -1
	}
	c.skip(size)
	*n = v
}

func (c *coder) text(fields ...*string) {
	for _, s := range fields {
		n := int64(len(*s))
		c.number(&n)
		if !c.reading {
			c.b = append(c.b, *s...)
			continue
		}
		if c.copied == "" {
			c.copied = string(c.b)
		}
		from := len(c.copied) - len(c.b)
		c.skip(int(n))
		*s = c.copied[from : len(c.copied)-len(c.b)]
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
	if c.reading {
		*list = slices.Grow(*list, int(min(max(n, 0), int64(len(c.b)))))
	}
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
