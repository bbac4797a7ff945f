package wire_test

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/internal/wire"
)

type fields struct {
	small, large int64
	text, long   string
	at, never    time.Time
	yes, no      bool
	list         []string
}

func (f *fields) code(c *wire.Coder) {
	c.Number(&f.small)
	c.Text(&f.text, &f.long)
	c.Time(&f.at, &f.never)
	c.Flag(&f.yes, &f.no)
	wire.List(c, &f.list, func(s *string) { c.Text(s) })
	c.Number(&f.large)
}

func whole() fields {
	return fields{
		small: -7, large: math.MinInt64, text: "text", long: strings.Repeat("long", 100),
		at: time.Date(2026, 3, 1, 12, 0, 0, 7e6, time.UTC), yes: true, list: []string{"a", "", "\xff"},
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	want, got := whole(), fields{}
	c := wire.Coder{}
	want.code(&c)
	r := wire.Coder{B: c.B, Reading: true}
	if got.code(&r); !r.Done() || !reflect.DeepEqual(got, want) {
		t.Errorf("%x is read otherwise: %+v", c.B, got)
	}
	r = wire.Coder{B: append(c.B, 0), Reading: true}
	if got.code(&r); r.Done() {
		t.Error("a byte too many was accepted")
	}
}

func TestNothingIsReadPastTheEnd(t *testing.T) {
	f := whole()
	c := wire.Coder{}
	f.code(&c)
	bad := [][]byte{[]byte(strings.Repeat("\xff", 11))}
	for n := range c.B {
		bad = append(bad, c.B[:n])
	}
	for _, b := range bad {
		var got fields
		r := wire.Coder{B: b, Reading: true}
		got.code(&r)
		var text string
		at := time.Time{}
		r.Text(&text)
		r.Time(&at)
		if !r.Bad || r.Done() || got.large != 0 || text != "" || !at.IsZero() {
			t.Errorf("%x: %+v, %+v", b, r, got)
		}
	}
}
