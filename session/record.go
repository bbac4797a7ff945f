package session

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/gob"
	"errors"
	"maps"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/internal/seal"
	"github.com/xsignin/xsignin/internal/wire"
	"github.com/xsignin/xsignin/provider"
)

// identityKey is the key of the identity among the session's values.
const identityKey = "xsignin"

const (
	idLength  = 12 // of an identity's id: 72 bits of the hash of the first session id
	keyPrefix = 8  // how much of a key an identity has: 48 bits of a hash
)

// identity is the user of a session, as its record holds it.
type identity struct {
	user provider.User // the zero User for a session without a user
	// id names the session in the list of the user's sessions. It stays when the session
	// id is renewed, and opens nothing.
	id string
	// stamp is the order of the sign-ins and sign-outs of a user, see [entry].
	stamp int64
	// key is the beginning of the key under which the list has the record.
	key string
	// touched is when the use of the session was last recorded.
	touched time.Time
}

func (i *identity) code(c *wire.Coder) {
	u := &i.user
	c.Time(&i.touched, &u.SignedInAt)
	c.Number(&i.stamp)
	c.Text(&i.id, &i.key, &u.Provider, &u.AccountID, &u.ID, &u.Username, &u.Name, &u.AvatarURL, &u.Email)
}

// signedIn reports whether the session has a user.
func (i *identity) signedIn() bool { return i.user.Provider != "" && i.user.ID != "" }

// idOf returns the id of a session that begins under a key.
func idOf(key string) string { return key[keyPrefix:][:idLength] }

// record is a session as the store has it.
type record struct {
	identity
	deadline time.Time
	raw      []byte
}

// codec writes records, and reads those of scs's default codec, too. A record is
//
//	recordVersion, one byte
//	the deadline
//	the identity
//	the application's values in scs's default codec, absent without values
//
// The first byte of a gob stream or of JSON never lies between 0x80 and 0xf7. A record of
// another version does not decode: the user has to sign in again.
type codec struct{}

var errMalformed = errors.New("session: malformed record")

const recordVersion = 0xb3

// Encode implements scs.Codec. The record counts as used now.
func (codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	i, signedIn := values[identityKey].(identity)
	i.touched = time.Now()
	c := &wire.Coder{B: make([]byte, 0, 256)}
	c.B = append(c.B, recordVersion)
	c.Time(&deadline)
	i.code(c)
	if len(values) == 0 || signedIn && len(values) == 1 {
		return bytes.Clone(c.B), nil // memory keeps it
	}
	// The caller's map is the live session, which keeps the identity.
	values = maps.Clone(values)
	delete(values, identityKey)
	rest, err := scs.GobCodec{}.Encode(time.Time{}, values)
	return append(c.B, rest...), err
}

// decodeHeader reads a record without the application's values, which it returns as rest. It
// makes one allocation. Every request calls it, and a record is large, so rec is a pointer.
func decodeHeader(b []byte, rec *record) (rest []byte, ok bool) {
	if len(b) == 0 || b[0] != recordVersion {
		return nil, false
	}
	c := wire.Coder{B: b[1:], Reading: true}
	c.Time(&rec.deadline)
	rec.code(&c)
	rec.raw = b
	return c.B, !c.Bad
}

// Decode implements scs.Codec.
func (codec) Decode(b []byte) (time.Time, map[string]any, error) {
	var rec record
	rest, own := decodeHeader(b, &rec)
	if !own {
		rest = b
	}
	// With a nil map, gob would make a map of the size that a damaged record states.
	gobbed := struct {
		Deadline time.Time
		Values   map[string]any
	}{rec.deadline, make(map[string]any)}
	if !own || len(rest) > 0 {
		err := gob.NewDecoder(bytes.NewReader(rest)).Decode(&gobbed)
		if y := gobbed.Deadline.Year(); err == nil && (y < 1 || y > 9999) {
			err = errMalformed // milliseconds would overflow
		}
		if err != nil {
			return time.Time{}, nil, err
		}
	}
	// An identity in gob was sealed for another configuration.
	delete(gobbed.Values, identityKey)
	if rec.signedIn() {
		gobbed.Values[identityKey] = rec.identity
	}
	return gobbed.Deadline, gobbed.Values, nil
}

// decode reads a record. With the kit's codec it does not read the application's values.
func (s *store) decode(b []byte, rec *record) bool {
	if _, ok := decodeHeader(b, rec); ok && s.box == nil {
		return true
	}
	deadline, values, err := s.sm.Codec.Decode(b)
	*rec = record{identity: s.identityOf(values[identityKey]), deadline: deadline, raw: b}
	return err == nil
}

// encode returns the record with its identity as it is now, used now.
func (s *store) encode(rec record) ([]byte, error) {
	_, values, err := s.sm.Codec.Decode(rec.raw)
	if err != nil {
		return nil, err
	}
	if rec.signedIn() {
		values[identityKey] = s.identityValue(rec.identity)
	}
	return s.sm.Codec.Encode(rec.deadline, values)
}

// identityValue returns i as a value of a session. For any other codec than the kit's, it is a
// sealed string, so that no value of the application can be taken for an identity.
func (s *store) identityValue(i identity) any {
	if s.box == nil {
		return i
	}
	i.touched = time.Now()
	c := &wire.Coder{B: make([]byte, 0, 256)}
	i.code(c)
	return sealText(s.box, "", c.B)
}

// identityOf reads the identity from a session's value.
func (s *store) identityOf(value any) (i identity) {
	switch value := value.(type) {
	case identity:
		return value
	case string:
		plain, err := openText(s.box, "", value)
		c := &wire.Coder{B: plain, Reading: true}
		if i.code(c); err == nil && c.Done() {
			return i
		}
	}
	return identity{}
}

// sealText seals plain for one place. The result is text.
func sealText(box *seal.Box, place string, plain []byte) string {
	var text [maxPendingCookie]byte // enough for most
	return string(base64.RawURLEncoding.AppendEncode(text[:0], box.Seal(plain, place)))
}

// openText opens a text of sealText. Without a box it always fails.
func openText(box *seal.Box, place, text string) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || box == nil {
		return nil, cmp.Or(err, seal.ErrOpen)
	}
	return box.Open(sealed, place)
}

func (m *Manager) identityIn(ctx context.Context) identity {
	return m.store.identityOf(m.sm.Get(ctx, identityKey))
}
