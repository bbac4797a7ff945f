package session

import (
	"encoding/binary"
	"time"

	"github.com/xsignin/xsignin/internal/wire"
	"github.com/xsignin/xsignin/provider"
)

// MaxReturnTo is the longest [PendingSignIn.ReturnTo], in bytes, that a [PendingStore] keeps. It
// leaves room in a request's headers for the sign-ins of several tabs.
const MaxReturnTo = 512

// PendingSignIn is what a browser keeps of a sign-in that it has begun.
type PendingSignIn struct {
	// Pending is what the provider needs to finish.
	Pending provider.Pending
	// ReturnTo is where to go afterwards. The jar keeps it as it is; whether it is
	// safe to go there is for the caller to check. Above [MaxReturnTo] it is kept as
	// "", so that the cookie stays within what browsers take.
	ReturnTo string
	// Wanted are those of Pending.Scopes that the visitor was sent for: without them, to
	// go back where they come from leads nowhere.
	Wanted []string
	// At is when the sign-in was begun. The zero time means now.
	At time.Time
}

const begunVersion = 2

// maxScopes bounds what a cookie makes us allocate.
const maxScopes = 256

func (b PendingSignIn) encode() []byte {
	out := append(make([]byte, 0, 512), begunVersion)
	// Microseconds, so that tabs that were opened together keep their order.
	out = binary.BigEndian.AppendUint64(out, uint64(b.At.UnixMicro()))
	for _, s := range [...]string{b.Pending.Provider, b.Pending.State, b.Pending.Secret, b.ReturnTo} {
		out = wire.AppendString(out, s)
	}
	out = binary.AppendUvarint(out, uint64(len(b.Wanted)))
	for _, list := range [...][]string{b.Wanted, b.Pending.Scopes} {
		for _, s := range list {
			out = wire.AppendString(out, s)
		}
	}
	return out
}

func decodeBegun(p []byte) (PendingSignIn, error) {
	r := &wire.Reader{Rest: string(p)}
	version := r.Byte()
	b := PendingSignIn{At: time.UnixMicro(int64(r.Uint64())).UTC()}
	for _, s := range [...]*string{&b.Pending.Provider, &b.Pending.State, &b.Pending.Secret, &b.ReturnTo} {
		*s = r.Text()
	}
	for n := r.Uvarint(); n > 0 && !r.Bad && len(b.Wanted) < maxScopes; n-- {
		b.Wanted = append(b.Wanted, r.Text())
	}
	for r.Rest != "" && len(b.Pending.Scopes) < maxScopes {
		b.Pending.Scopes = append(b.Pending.Scopes, r.Text())
	}
	if !r.Done() || version != begunVersion {
		return PendingSignIn{}, errMalformed
	}
	return b, nil
}
