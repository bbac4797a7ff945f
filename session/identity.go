package session

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/xsignin/xsignin/internal/wire"
	"github.com/xsignin/xsignin/provider"
)

// identityKey is the key of the identity among the session's values.
const identityKey = "xsignin"

// identity is the user of a session, as its record holds it.
type identity struct {
	user provider.User // the zero User for a session without a user
	// id names the session in the list of the user's sessions. It stays when the session
	// id is renewed.
	id sessionID
	// stamp is the order of the sign-ins and sign-outs of a user, see [entry].
	stamp uint64
	// key is the beginning of the key under which the list has the record.
	key [keyPrefix]byte
	// touched is when the use of the session was last recorded. Only records of foreign
	// codecs have it here.
	touched time.Time
}

// sessionID names a session in the list. It opens nothing.
type sessionID [12]byte

// keyPrefix is how much of a key an identity has: 48 bits of a hash.
const keyPrefix = 8

func newSessionID() (id sessionID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

func (id sessionID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// identityHead is the length of what appendIdentity writes before the user.
const identityHead = len(sessionID{}) + 8 + keyPrefix

func appendIdentity(b []byte, i identity) []byte {
	b = append(b, i.id[:]...)
	b = binary.BigEndian.AppendUint64(b, i.stamp)
	b = append(b, i.key[:]...)
	u := i.user
	for _, s := range [...]string{u.Provider, u.AccountID, u.ID, u.Username, u.Name, u.AvatarURL, u.Email} {
		b = wire.AppendString(b, s)
	}
	return wire.AppendTime(b, u.SignedInAt)
}

// readIdentity reads what appendIdentity has written. It allocates once, for the user.
func readIdentity(b []byte) (i identity, ok bool) {
	if len(b) < identityHead {
		return identity{}, false
	}
	b = b[copy(i.id[:], b):]
	i.stamp = binary.BigEndian.Uint64(b)
	b = b[8:]
	b = b[copy(i.key[:], b):]
	r := &wire.Reader{Rest: string(b)}
	u := &i.user
	for _, s := range [...]*string{&u.Provider, &u.AccountID, &u.ID, &u.Username, &u.Name, &u.AvatarURL, &u.Email} {
		*s = r.Text()
	}
	u.SignedInAt = r.Time()
	if !r.Done() {
		return identity{}, false
	}
	return i, true
}

// signedIn reports whether u is a user.
func signedIn(u provider.User) bool { return u.Provider != "" && u.ID != "" }

// sealIdentity returns the value that foreign codecs carry. It is a string, because every
// codec carries strings. It is sealed, so that no other value of the application passes for
// an identity.
func (s *store) sealIdentity(i identity) string {
	plain := wire.AppendTime(nil, i.touched)
	return base64.RawStdEncoding.EncodeToString(s.box.Seal(appendIdentity(plain, i), nil))
}

// identityOf reads the identity from a session's value.
func (s *store) identityOf(value any) identity {
	if i, ok := value.(identity); ok {
		return i
	}
	text, ok := value.(string)
	if !ok || s.box == nil {
		return identity{}
	}
	sealed, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return identity{}
	}
	plain, err := s.box.Open(sealed, nil)
	if err != nil || len(plain) < 8 {
		return identity{}
	}
	i, ok := readIdentity(plain[8:])
	if !ok {
		return identity{}
	}
	i.touched = time.UnixMilli(int64(binary.BigEndian.Uint64(plain)))
	return i
}

// identityIn returns the identity of the session that ctx holds.
func (m *Manager) identityIn(ctx context.Context) identity {
	return m.store.identityOf(m.sm.Get(ctx, identityKey))
}

// userIn returns the user of the session that ctx holds.
func (m *Manager) userIn(ctx context.Context) (provider.User, bool, error) {
	i := m.identityIn(ctx)
	if !signedIn(i.user) {
		return provider.User{}, false, nil
	}
	return i.user, true, nil
}

// putIdentity signs i.user in to the session that ctx holds.
func (m *Manager) putIdentity(ctx context.Context, i identity) {
	m.sm.Put(ctx, identityKey, m.store.identityValue(i))
}

// identityValue is i as a value of a session.
func (s *store) identityValue(i identity) any {
	if s.own {
		return i
	}
	i.touched = time.Now()
	return s.sealIdentity(i)
}
