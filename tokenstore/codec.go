package tokenstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/xsignin/xsignin/internal/wire"
)

// An encoded token is
//
//	1 byte    tokenFormat
//	1 byte    signInAgain, or 0
//	...       expiry, and when it was obtained: 8 bytes of seconds since 1970, big-endian,
//	          and 4 of nanoseconds
//	...       access token, token secret, refresh token, account id, username, name, and
//	          then the scopes, each after its length
//
// A change that older programs would misread gets a new first byte.
const tokenFormat = 2

// signInAgain marks a token that was refused for good.
const signInAgain = 1

func encodeToken(t Token) ([]byte, error) {
	var again byte
	if t.NeedsReauth {
		again = signInAgain
	}
	b := []byte{tokenFormat, again}
	for _, at := range [...]time.Time{t.Expiry, t.ObtainedAt} {
		if !inCalendar(at) {
			return nil, errors.New("tokenstore: a token cannot be stored: one of its times is after the year 9999")
		}
		b = binary.BigEndian.AppendUint64(b, uint64(at.Unix()))
		b = binary.BigEndian.AppendUint32(b, uint32(at.Nanosecond()))
	}
	texts := []string{t.AccessToken, t.TokenSecret, t.RefreshToken, t.AccountID, t.Username, t.Name}
	for _, s := range append(texts, t.Scopes...) {
		// Providers send text only (RFC 6749, appendix A).
		if !utf8.ValidString(s) {
			return nil, errors.New("tokenstore: a token holds bytes that are not UTF-8 and cannot be stored")
		}
		b = wire.AppendString(b, s)
	}
	return b, nil
}

// inCalendar reports whether the year of t has four digits. Other times are mistakes,
// and overflow in sums.
func inCalendar(t time.Time) bool {
	y := t.UTC().Year()
	return y >= 0 && y <= 9999
}

func decodeToken(b []byte) (Token, error) {
	if len(b) == 0 {
		return Token{}, ErrUnreadable
	}
	if b[0] != tokenFormat {
		// Not ErrUnreadable: a newer replica reads the token, so nothing is lost.
		return Token{}, fmt.Errorf("tokenstore: the token has format %d and this program reads %d; update it", b[0], tokenFormat)
	}
	r := wire.Reader{Rest: string(b[1:])}
	again := r.Byte()
	t := Token{NeedsReauth: again == signInAgain}
	for _, at := range [...]*time.Time{&t.Expiry, &t.ObtainedAt} {
		seconds := r.Uint64()
		nanos := r.Take(4)
		if r.Bad {
			return Token{}, ErrUnreadable
		}
		*at = time.Unix(int64(seconds), int64(binary.BigEndian.Uint32([]byte(nanos)))).UTC()
	}
	// encodeToken writes no invalid UTF-8.
	text := func() string {
		s := r.Text()
		r.Bad = r.Bad || !utf8.ValidString(s)
		return s
	}
	for _, s := range [...]*string{&t.AccessToken, &t.TokenSecret, &t.RefreshToken, &t.AccountID, &t.Username, &t.Name} {
		*s = text()
	}
	for r.Rest != "" {
		t.Scopes = append(t.Scopes, text())
	}
	if r.Bad || again > signInAgain || !inCalendar(t.Expiry) || !inCalendar(t.ObtainedAt) {
		return Token{}, ErrUnreadable
	}
	return t, nil
}
