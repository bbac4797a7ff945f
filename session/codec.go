package session

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"maps"
	"time"

	"github.com/xsignin/xsignin/internal/wire"
)

// A record is
//
//	1 byte    recordVersion
//	8 bytes   deadline, in milliseconds since 1970, big-endian
//	8 bytes   when its use was last recorded, the same way
//	uvarint   length of the identity, 0 for a session without a user
//	...       the identity: id (12 bytes), stamp (8), key (8), seven strings with their
//	          lengths, and 8 bytes of time
//	...       the application's values in gob, absent without values
//
// The first byte of a gob stream or of JSON never lies between 0x80 and 0xf7, so the first
// byte tells this format from other codecs. A record of a later version does not decode:
// the user has to sign in again, or returns to a replica of that version.
const (
	recordVersion = 0xb3
	// lastVersion is the last first byte of this package's records.
	lastVersion = 0xbf

	touchedAt  = 9
	headerSize = 17
)

// errMalformed says that bytes are not what this package writes.
var errMalformed = errors.New("session: malformed record")

// codec writes records, and reads those of scs's default codec, too.
type codec struct{}

// Encode implements scs.Codec. The record counts as used now.
func (codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	b := append(make([]byte, 0, 256), recordVersion)
	b = wire.AppendTime(b, deadline)
	b = wire.AppendTime(b, time.Now())
	i, ok := values[identityKey].(identity)
	if !ok || !signedIn(i.user) {
		b = append(b, 0) // no identity
	} else {
		user := appendIdentity(make([]byte, 0, 256), i)
		b = append(binary.AppendUvarint(b, uint64(len(user))), user...)
		if len(values) == 1 {
			return b, nil
		}
		// The caller's map is the live session, which keeps the identity.
		values = maps.Clone(values)
		delete(values, identityKey)
	}
	if len(values) == 0 {
		return b, nil
	}
	buf := bytes.NewBuffer(b)
	if err := gob.NewEncoder(buf).Encode(values); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Decode implements scs.Codec.
func (codec) Decode(b []byte) (time.Time, map[string]any, error) {
	if !ownRecord(b) {
		return decodeGob(b)
	}
	h, err := decodeHeader(b)
	if err != nil {
		return time.Time{}, nil, err
	}
	values := make(map[string]any)
	if len(h.rest) > 0 {
		if err := gob.NewDecoder(bytes.NewReader(h.rest)).Decode(&values); err != nil {
			return time.Time{}, nil, err
		}
	}
	delete(values, identityKey)
	if signedIn(h.user) {
		values[identityKey] = h.identity
	}
	return h.deadline, values, nil
}

// decodeGob reads a record from before the application changed to [New].
func decodeGob(b []byte) (time.Time, map[string]any, error) {
	// scs decodes into a map that is nil, which gob then makes with the size that a
	// damaged record tells: hours and all memory for 4,000,000,000 values.
	record := struct {
		Deadline time.Time
		Values   map[string]any
	}{Values: make(map[string]any)}
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&record); err != nil {
		return time.Time{}, nil, err
	}
	if y := record.Deadline.Year(); y < 1 || y > 9999 {
		return time.Time{}, nil, errMalformed // milliseconds would overflow
	}
	// An identity in gob was sealed for another configuration.
	delete(record.Values, identityKey)
	return record.Deadline, record.Values, nil
}

// header is the part of a record that is read at every request.
type header struct {
	identity
	deadline time.Time
	rest     []byte // the application's values
}

// ownRecord reports whether b is a record of this package, in this version.
func ownRecord(b []byte) bool { return len(b) > 0 && b[0] == recordVersion }

// decodeHeader copies the identity out of b, in one allocation.
func decodeHeader(b []byte) (header, error) {
	if len(b) < headerSize || !ownRecord(b) {
		return header{}, errMalformed
	}
	length, n := binary.Uvarint(b[headerSize:])
	if n <= 0 || length > uint64(len(b)-headerSize-n) {
		return header{}, errMalformed
	}
	end := headerSize + n + int(length)
	h := header{
		deadline: time.UnixMilli(int64(binary.BigEndian.Uint64(b[1:]))).UTC(),
		rest:     b[end:],
	}
	h.touched = time.UnixMilli(int64(binary.BigEndian.Uint64(b[touchedAt:])))
	if length == 0 {
		return h, nil
	}
	touched := h.touched
	var ok bool
	if h.identity, ok = readIdentity(b[headerSize+n : end]); !ok {
		return header{}, errMalformed
	}
	h.touched = touched
	return h, nil
}

// touchHeader returns a copy of the record b with its use recorded at t. Stores
// may hand out the slice that they keep, so b stays as it is.
func touchHeader(b []byte, t time.Time) []byte {
	b = bytes.Clone(b)
	binary.BigEndian.PutUint64(b[touchedAt:], uint64(t.UnixMilli()))
	return b
}
