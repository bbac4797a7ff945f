package session

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/xsignin/xsignin/internal/wire"
	"github.com/xsignin/xsignin/provider"
)

// PendingSignIn is a sign-in that a browser has begun.
type PendingSignIn struct {
	// Pending is what the provider needs to finish.
	Pending provider.Pending
	// ReturnTo is the path to return to afterwards. The store does not check whether it is
	// safe. Above [MaxReturnTo] it is dropped.
	ReturnTo string
	// Wanted are those of Pending.Scopes that the visitor was sent for. Without them the
	// page that the visitor came from does not work.
	Wanted []string
	// At is when the sign-in was begun. The zero time means now.
	At time.Time
}

// Outcome is how a sign-in has ended. It answers a callback that arrives again.
type Outcome struct {
	Provider string
	// Code is the code of the problem, or "" if the user was signed in.
	Code string
	// ReturnTo and Wanted are those of the sign-in.
	ReturnTo string
	Wanted   []string
}

// kind is the first byte of a sealed cookie.
type kind byte

const (
	kindPending kind = iota + 1
	kindOutcome
	kindPath
)

const (
	// flagForeign marks a sign-in that another site has started.
	flagForeign = 1 << iota
	// flagPath says that the return path is in the shared cookie.
	flagPath
)

// maxScopes bounds what a cookie makes us allocate.
const maxScopes = 256

// scopeHash is how a cookie names a configured scope.
type scopeHash [4]byte

func hashScope(scope string) (h scopeHash) {
	sum := sha256.Sum256([]byte(scope))
	copy(h[:], sum[:])
	return h
}

// content is what a cookie holds: a pending sign-in or an outcome.
type content struct {
	kind    kind
	foreign bool
	path    bool // the return path is in the shared cookie
	PendingSignIn
	code string
}

func (c content) encode(known map[scopeHash]string) []byte {
	var flags byte
	if c.foreign {
		flags |= flagForeign
	}
	if c.path {
		flags |= flagPath
	}
	b := append(make([]byte, 0, 512), byte(c.kind), flags)
	// Microseconds keep the order of tabs that were opened together.
	b = binary.BigEndian.AppendUint64(b, uint64(c.At.UnixMicro()))
	for _, s := range [...]string{c.Pending.Provider, c.Pending.State, c.Pending.Secret, c.ReturnTo, c.code} {
		b = wire.AppendString(b, s)
	}
	b = appendScopes(b, c.Wanted, known)
	return appendScopes(b, c.Pending.Scopes, known)
}

// appendScopes writes a configured scope as a zero byte and its hash, and others as text.
func appendScopes(b []byte, scopes []string, known map[scopeHash]string) []byte {
	b = binary.AppendUvarint(b, uint64(len(scopes)))
	for _, s := range scopes {
		if h := hashScope(s); known[h] == s && s != "" {
			b = append(append(b, 0), h[:]...)
		} else {
			b = wire.AppendString(b, s)
		}
	}
	return b
}

func readScopes(r *wire.Reader, known map[scopeHash]string) []string {
	var scopes []string
	for n := r.Uvarint(); n > 0 && !r.Bad && len(scopes) < maxScopes; n-- {
		s := r.Text()
		if s == "" {
			var h scopeHash
			copy(h[:], r.Take(uint64(len(h))))
			if s = known[h]; s == "" {
				r.Bad = true // a replica with other scopes has begun this sign-in
			}
		}
		scopes = append(scopes, s)
	}
	return scopes
}

func decodeContent(plain []byte, known map[scopeHash]string) (content, error) {
	r := &wire.Reader{Rest: string(plain)}
	c := content{kind: kind(r.Byte())}
	flags := r.Byte()
	c.foreign, c.path = flags&flagForeign != 0, flags&flagPath != 0
	c.At = time.UnixMicro(int64(r.Uint64())).UTC()
	for _, s := range [...]*string{&c.Pending.Provider, &c.Pending.State, &c.Pending.Secret, &c.ReturnTo, &c.code} {
		*s = r.Text()
	}
	c.Wanted = readScopes(r, known)
	c.Pending.Scopes = readScopes(r, known)
	if !r.Done() || c.kind != kindPending && c.kind != kindOutcome {
		return content{}, errMalformed
	}
	return c, nil
}

// stateHash is how the shared cookie names its sign-in.
func stateHash(state string) []byte {
	sum := hashToken(state)
	return sum[:8]
}

func encodePath(state, path string) []byte {
	return slices.Concat([]byte{byte(kindPath)}, stateHash(state), []byte(path))
}

// decodePath returns the path of the sign-in with the state.
func decodePath(plain []byte, state string) (path string, ok bool) {
	path, ok = "", len(plain) >= 9 && plain[0] == byte(kindPath) && bytes.Equal(plain[1:9], stateHash(state))
	if ok {
		path = string(plain[9:])
	}
	return path, ok
}
