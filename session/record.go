package session

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/gob"
	"errors"
	"maps"
	"time"

	"github.com/xsignin/xsignin/internal/seal"
	"github.com/xsignin/xsignin/internal/wire"
	"github.com/xsignin/xsignin/provider"
)

// identityKey is the key of the identity among the session's values.
const identityKey = "xsignin"

const (
	// idLength is the length of an identity's id: 72 bits of the hash of the first session id.
	idLength = 12
	// keyPrefix is how much of a key an identity has: 48 bits of a hash.
	keyPrefix = 8
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
//	the application's values in gob, absent without values
//
// The first byte of a gob stream or of JSON never lies between 0x80 and 0xf7. A record of
// another version does not decode: the user has to sign in again.
type codec struct{}

// errMalformed says that bytes are not what this package writes.
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
	buf := bytes.NewBuffer(c.B)
	err := gob.NewEncoder(buf).Encode(values)
	return buf.Bytes(), err
}

// decodeHeader reads all but the application's values, which are the rest, into rec. It makes one
// allocation. Every request calls it, and a record is long, so it is not returned.
func decodeHeader(b []byte, rec *record) (rest []byte, ok bool) {
	if !ownRecord(b) {
		return nil, false
	}
	c := wire.Coder{B: b[1:], Reading: true}
	c.Time(&rec.deadline)
	rec.code(&c)
	rec.raw = b
	return c.B, !c.Bad
}

func ownRecord(b []byte) bool { return len(b) > 0 && b[0] == recordVersion }

// Decode implements scs.Codec.
func (codec) Decode(b []byte) (time.Time, map[string]any, error) {
	// Decoding into a nil map, gob would make one of the size that a damaged record tells.
	gobbed := struct {
		Deadline time.Time
		Values   map[string]any
	}{Values: make(map[string]any)}
	if !ownRecord(b) {
		err := gob.NewDecoder(bytes.NewReader(b)).Decode(&gobbed)
		if y := gobbed.Deadline.Year(); err == nil && (y < 1 || y > 9999) {
			err = errMalformed // milliseconds would overflow
		}
		// An identity in gob was sealed for another configuration.
		delete(gobbed.Values, identityKey)
		return gobbed.Deadline, gobbed.Values, err
	}
	var rec record
	rest, ok := decodeHeader(b, &rec)
	if !ok {
		return time.Time{}, nil, errMalformed
	}
	values := gobbed.Values
	if len(rest) > 0 {
		if err := gob.NewDecoder(bytes.NewReader(rest)).Decode(&values); err != nil {
			return time.Time{}, nil, err
		}
	}
	delete(values, identityKey)
	if rec.signedIn() {
		values[identityKey] = rec.identity
	}
	return rec.deadline, values, nil
}

// decode reads the identity, and nothing else where the record has our codec. It reports
// whether the record is readable.
func (s *store) decode(b []byte, rec *record) bool {
	if s.box == nil && ownRecord(b) {
		_, ok := decodeHeader(b, rec)
		return ok
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
	delete(values, identityKey)
	if rec.signedIn() {
		values[identityKey] = s.identityValue(rec.identity)
	}
	return s.sm.Codec.Encode(rec.deadline, values)
}

// identityValue returns i as a value of a session. Other codecs than ours carry a string,
// as every codec does. It is sealed, so that no value of the application passes for an identity.
func (s *store) identityValue(i identity) any {
	if s.box == nil {
		return i
	}
	i.touched = time.Now()
	return sealText(s.box, "", i.code)
}

// identityOf reads the identity from a session's value.
func (s *store) identityOf(value any) (i identity) {
	switch value := value.(type) {
	case identity:
		return value
	case string:
		if s.box != nil && openText(s.box, "", value, i.code) == nil {
			return i
		}
	}
	return identity{}
}

// sealText returns what code writes, sealed for one place, as text.
func sealText(box *seal.Box, place string, code func(*wire.Coder)) string {
	c := &wire.Coder{B: make([]byte, 0, 512)}
	code(c)
	var text [maxPendingCookie]byte // enough for most
	return string(base64.RawURLEncoding.AppendEncode(text[:0], box.Seal(c.B, place)))
}

// openText reads with code what sealText has sealed for the place. After an error some fields
// may be set.
func openText(box *seal.Box, place, text string, code func(*wire.Coder)) error {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	plain, err := box.Open(sealed, place)
	c := &wire.Coder{B: plain, Reading: true}
	if code(c); err == nil && !c.Done() {
		err = errMalformed
	}
	return err
}

// identityIn returns the identity in the session that ctx holds.
func (m *Manager) identityIn(ctx context.Context) identity {
	return m.store.identityOf(m.sm.Get(ctx, identityKey))
}
