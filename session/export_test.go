package session

import (
	"time"

	"github.com/xsignin/xsignin/internal/wire"
	"github.com/xsignin/xsignin/provider"
)

// UserIn is the user in a value of our codec.
func UserIn(value any) provider.User { return new(store).identityOf(value).user }

// Identity is the value under which a session with our codec keeps u.
func Identity(u provider.User) any { return identity{user: u} }

// SetClock replaces [time.Now].
func (s *PendingStore) SetClock(now func() time.Time) { s.now = now }

// Aged returns a record of our codec as if it was last used at t.
func Aged(b []byte, t time.Time) []byte {
	var rec record
	rest, ok := decodeHeader(b, &rec)
	if !ok {
		return nil
	}
	c := &wire.Coder{B: make([]byte, 0, 256)}
	c.B = append(c.B, recordVersion)
	c.Time(&rec.deadline)
	rec.touched = t
	rec.code(c)
	return append(c.B, rest...)
}
