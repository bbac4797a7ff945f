package session

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/xsignin/xsignin/provider"
)

// identityKey is what the identity is kept under among the session's values.
const identityKey = "xsignin"

// appendUser writes the fields of u.
func appendUser(b []byte, u provider.User) []byte {
	for _, s := range [...]string{u.Provider, u.ID, u.Subject, u.Username, u.Name, u.AvatarURL, u.Email} {
		b = appendString(b, s)
	}
	return appendTime(b, u.SignedInAt)
}

func readUser(r *wireReader) provider.User {
	var u provider.User
	for _, s := range [...]*string{&u.Provider, &u.ID, &u.Subject, &u.Username, &u.Name, &u.AvatarURL, &u.Email} {
		*s = r.string()
	}
	u.SignedInAt = r.time()
	return u
}

// identity is what a foreign codec keeps for us. It is a base64 string, because
// that is what every codec can carry: gob without registration, and JSON, which
// would give back another type for bytes.
type identity struct {
	touched time.Time
	user    provider.User // the zero User for a session of nobody
}

const identityVersion = 1

func (i identity) encode() string {
	b := appendTime([]byte{identityVersion}, i.touched)
	return base64.RawStdEncoding.EncodeToString(appendUser(b, i.user))
}

func decodeIdentity(s string) (identity, error) {
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return identity{}, errMalformed
	}
	r := &wireReader{s: string(b)}
	version := r.byte()
	i := identity{touched: r.time(), user: readUser(r)}
	if r.bad || version != identityVersion || r.s != "" {
		return identity{}, errMalformed
	}
	return i, nil
}

// identityOf reads the identity from a session's value, however it is kept.
func identityOf(value any) identity {
	switch v := value.(type) {
	case provider.User:
		return identity{user: v}
	case string:
		if i, err := decodeIdentity(v); err == nil {
			return i
		}
	}
	return identity{}
}

// signedIn reports whether u is somebody.
func signedIn(u provider.User) bool { return u.Provider != "" && u.Subject != "" }

// userIn returns who is signed in to the session that ctx holds.
func (m *Manager) userIn(ctx context.Context) (provider.User, bool) {
	u := identityOf(m.sm.Get(ctx, identityKey)).user
	return u, signedIn(u)
}

// putUser signs u in to the session that ctx holds.
func (m *Manager) putUser(ctx context.Context, u provider.User) {
	if m.own {
		m.sm.Put(ctx, identityKey, u)
		return
	}
	m.sm.Put(ctx, identityKey, identity{touched: time.Now(), user: u}.encode())
}
