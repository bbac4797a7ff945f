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
//	1 byte    needsReauth, or 0
//	24 bytes  Expiry and ObtainedAt, each 8 bytes of seconds since 1970 (big-endian) and 4
//	          of nanoseconds
//	...       access token, token secret, refresh token, account id, username, name, and
//	          then the scopes, each after its length
//
// Change the first byte with every change that older programs would misread.
const tokenFormat = 2

// needsReauth is the encoding of Token.NeedsReauth.
const needsReauth = 1

func encodeToken(t Token) ([]byte, error) {
	var again byte
	if t.NeedsReauth {
		again = needsReauth
	}
	b := append(make([]byte, 0, 512), tokenFormat, again)
	for _, at := range [...]time.Time{t.Expiry, t.ObtainedAt} {
		if !inCalendar(at) {
			return nil, errors.New("tokenstore: the token has a time outside of the years 0 to 9999")
		}
		b = binary.BigEndian.AppendUint64(b, uint64(at.Unix()))
		b = binary.BigEndian.AppendUint32(b, uint32(at.Nanosecond()))
	}
	texts := [...]string{t.AccessToken, t.TokenSecret, t.RefreshToken, t.AccountID, t.Username, t.Name}
	for _, list := range [...][]string{texts[:], t.Scopes} {
		for _, s := range list {
			// Providers send text only (RFC 6749, appendix A).
			if !utf8.ValidString(s) {
				return nil, errors.New("tokenstore: the token has bytes that are not UTF-8")
			}
			b = wire.AppendString(b, s)
		}
	}
	return b, nil
}

// inCalendar reports whether the year of t has at most four digits. Other times are
// mistakes, and sums with them overflow.
func inCalendar(t time.Time) bool {
	y := t.UTC().Year()
	return y >= 0 && y <= 9999
}

func decodeToken(b []byte) (Token, error) {
	if len(b) == 0 {
		return Token{}, ErrUnreadable
	}
	if b[0] != tokenFormat {
		// Not ErrUnreadable, since a newer program can read the token.
		return Token{}, fmt.Errorf("tokenstore: the token has format %d (update this program, which reads format %d)", b[0], tokenFormat)
	}
	r := wire.Reader{Rest: string(b[1:])}
	again := r.Byte()
	t := Token{NeedsReauth: again == needsReauth}
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
	if r.Bad || again > needsReauth || !inCalendar(t.Expiry) || !inCalendar(t.ObtainedAt) {
		return Token{}, ErrUnreadable
	}
	return t, nil
}
