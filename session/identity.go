package session

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/xsignin/xsignin/internal/wire"
	"github.com/xsignin/xsignin/provider"
)

// identityKey is what the identity is kept under among the session's values.
const identityKey = "xsignin"

// appendUser writes the fields of u.
func appendUser(b []byte, u provider.User) []byte {
	for _, s := range [...]string{u.Provider, u.AccountID, u.ID, u.Username, u.Name, u.AvatarURL, u.Email} {
		b = wire.AppendString(b, s)
	}
	return wire.AppendTime(b, u.SignedInAt)
}

func readUser(r *wire.Reader) provider.User {
	var u provider.User
	for _, s := range [...]*string{&u.Provider, &u.AccountID, &u.ID, &u.Username, &u.Name, &u.AvatarURL, &u.Email} {
		*s = r.Text()
	}
	u.SignedInAt = r.Time()
	return u
}

// identity is who is signed in to a session, as its values hold it where the codec is
// ours.
type identity struct {
	touched time.Time     // kept here by foreign codecs only
	user    provider.User // the zero User for a session of nobody
	// position is where the list of sign-outs stood when the user signed in; 0 where
	// there was none.
	position uint64
}

// identityVersion begins an encoded identity.
const identityVersion = 2

// encode is for foreign codecs. It is a base64 string, because that is what every
// codec can carry: gob without registration, and JSON, which would give back another
// type for bytes.
func (i identity) encode() string {
	b := wire.AppendTime([]byte{identityVersion}, i.touched)
	b = binary.AppendUvarint(b, i.position)
	return base64.RawStdEncoding.EncodeToString(appendUser(b, i.user))
}

func decodeIdentity(s string) (identity, error) {
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return identity{}, errMalformed
	}
	r := &wire.Reader{Rest: string(b)}
	version := r.Byte()
	i := identity{touched: r.Time(), position: r.Uvarint()}
	i.user = readUser(r)
	if !r.Done() || version != identityVersion {
		return identity{}, errMalformed
	}
	return i, nil
}

// identityOf reads the identity from a session's value, however it is kept.
func identityOf(value any) identity {
	switch v := value.(type) {
	case identity:
		return v
	case string:
		if i, err := decodeIdentity(v); err == nil {
			return i
		}
	}
	return identity{}
}

// signedIn reports whether u is somebody.
func signedIn(u provider.User) bool { return u.Provider != "" && u.ID != "" }

// identityIn returns what the session that ctx holds says, whether it has ended since
// or not.
func (m *Manager) identityIn(ctx context.Context) identity {
	return identityOf(m.sm.Get(ctx, identityKey))
}

// userIn returns who is signed in to the session that ctx holds. It may have ended
// since it was loaded.
func (m *Manager) userIn(ctx context.Context) (provider.User, bool, error) {
	i := m.identityIn(ctx)
	if ended, err := m.store.ended(ctx, i); ended || err != nil || !signedIn(i.user) {
		return provider.User{}, false, err
	}
	return i.user, true, nil
}

// putIdentity signs i.user in to the session that ctx holds.
func (m *Manager) putIdentity(ctx context.Context, i identity) {
	if m.own {
		m.sm.Put(ctx, identityKey, i)
		return
	}
	i.touched = time.Now()
	m.sm.Put(ctx, identityKey, i.encode())
}
