package wire_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/internal/wire"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 7e6, time.UTC)
	b := wire.AppendString([]byte{7}, "text")
	b = wire.AppendTime(wire.AppendTime(b, now), time.Time{})
	b = wire.AppendString(b, strings.Repeat("long", 100))
	b = binary.BigEndian.AppendUint64(binary.AppendUvarint(b, 1<<63), 1<<63)
	r := wire.Reader{Rest: string(b)}
	if r.Byte() != 7 || r.Text() != "text" || !r.Time().Equal(now) || !r.Time().IsZero() ||
		r.Text() != strings.Repeat("long", 100) || r.Uvarint() != 1<<63 || r.Done() || r.Uint64() != 1<<63 || !r.Done() {
		t.Errorf("%x is read otherwise: %+v", b, r)
	}
}

func TestNothingIsReadPastTheEnd(t *testing.T) {
	for name, read := range map[string]func(r *wire.Reader) bool{
		"a byte":            func(r *wire.Reader) bool { return r.Take(12) == "" && r.Byte() == 0 },
		"an endless number": func(r *wire.Reader) bool { return r.Uvarint() == 0 },
		"a text":            func(r *wire.Reader) bool { return r.Text() == "" },
		"a time":            func(r *wire.Reader) bool { _ = r.Take(4); return r.Time().IsZero() },
		"a number":          func(r *wire.Reader) bool { _ = r.Take(4); return r.Uint64() == 0 },
	} {
		r := wire.Reader{Rest: strings.Repeat("\xff", 11)}
		if !read(&r) || !r.Bad || r.Done() || r.Text() != "" || r.Byte() != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
