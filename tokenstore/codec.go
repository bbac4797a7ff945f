package tokenstore

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/xsignin/xsignin/internal/wire"
)

// An encoded token is
//
//	1 byte    tokenV2
//	1 byte    signInAgain, or 0
//	...       expiry, and when it was obtained: 8 bytes of seconds since 1970, big-endian,
//	          and 4 of nanoseconds
//	...       access token, token secret, refresh token, account id, and then the scopes,
//	          with their lengths
//
// tokenV1 was JSON, and is still read. A change that older programs would misread gets a
// new first byte.
const (
	tokenV1 = 1
	tokenV2 = 2
)

// signInAgain says that the token was refused for good.
const signInAgain = 1

func encodeToken(t Token) ([]byte, error) {
	texts := [...]string{t.AccessToken, t.TokenSecret, t.RefreshToken, t.AccountID}
	size := 64
	for _, list := range [...][]string{texts[:], t.Scopes} {
		for _, s := range list {
			// What is no text was not given by a provider (RFC 6749, appendix A).
			if !utf8.ValidString(s) {
				return nil, errors.New("tokenstore: a token holds bytes that are not UTF-8 and cannot be stored")
			}
			size += binary.MaxVarintLen16 + len(s)
		}
	}
	var again byte
	if t.SignInAgain {
		again = signInAgain
	}
	b := append(make([]byte, 0, size), tokenV2, again)
	for _, at := range [...]time.Time{t.Expiry, t.ObtainedAt} {
		if !inCalendar(at) {
			return nil, errors.New("tokenstore: a token cannot be stored: one of its times is after the year 9999")
		}
		b = binary.BigEndian.AppendUint64(b, uint64(at.Unix()))
		b = binary.BigEndian.AppendUint32(b, uint32(at.Nanosecond()))
	}
	for _, list := range [...][]string{texts[:], t.Scopes} {
		for _, s := range list {
			b = wire.AppendString(b, s)
		}
	}
	return b, nil
}

// inCalendar reports whether t is what a calendar shows. Others are mistakes, and overflow
// in sums.
func inCalendar(t time.Time) bool {
	y := t.UTC().Year()
	return y >= 0 && y <= 9999
}

func decodeToken(b []byte) (Token, error) {
	if len(b) == 0 {
		return Token{}, ErrUnreadable
	}
	switch b[0] {
	case tokenV1:
		return decodeTokenV1(b[1:])
	case tokenV2:
		return decodeTokenV2(b[1:])
	}
	// Not ErrUnreadable: a newer replica reads it, so nothing is lost.
	return Token{}, fmt.Errorf("tokenstore: the token has format %d and this program reads %d; update it", b[0], tokenV2)
}

func decodeTokenV2(b []byte) (Token, error) {
	r := wire.Reader{Rest: string(b)}
	again := r.Byte()
	t := Token{SignInAgain: again == signInAgain}
	for _, at := range [...]*time.Time{&t.Expiry, &t.ObtainedAt} {
		seconds := r.Uint64()
		nanos := r.Take(4)
		if r.Bad {
			return Token{}, ErrUnreadable
		}
		*at = time.Unix(int64(seconds), int64(binary.BigEndian.Uint32([]byte(nanos)))).UTC()
	}
	// What is not written is not read.
	text := func() string {
		s := r.Text()
		r.Bad = r.Bad || !utf8.ValidString(s)
		return s
	}
	for _, s := range [...]*string{&t.AccessToken, &t.TokenSecret, &t.RefreshToken, &t.AccountID} {
		*s = text()
	}
	if r.Rest != "" {
		t.Scopes = make([]string, 0, 4) // more than most have
	}
	for r.Rest != "" {
		t.Scopes = append(t.Scopes, text())
	}
	if r.Bad || again > signInAgain || !inCalendar(t.Expiry) || !inCalendar(t.ObtainedAt) {
		return Token{}, ErrUnreadable
	}
	return t, nil
}

// tokenJSON is how a token was stored in tokenV1. [Token] itself encodes to a description
// without secrets.
type tokenJSON struct {
	AccessToken  string    `json:"a"`
	TokenSecret  string    `json:"s"`
	RefreshToken string    `json:"r"`
	Expiry       time.Time `json:"e"`
	Scopes       []string  `json:"c"`
	AccountID    string    `json:"u"`
	ObtainedAt   time.Time `json:"o"`
	SignInAgain  bool      `json:"x"`
}

func decodeTokenV1(b []byte) (Token, error) {
	var w tokenJSON
	if err := json.Unmarshal(b, &w); err != nil {
		// Without the cause: it would quote the token.
		return Token{}, ErrUnreadable
	}
	return Token{
		AccessToken: w.AccessToken, TokenSecret: w.TokenSecret, RefreshToken: w.RefreshToken,
		Expiry: w.Expiry, Scopes: w.Scopes, AccountID: w.AccountID,
		ObtainedAt: w.ObtainedAt, SignInAgain: w.SignInAgain,
	}, nil
}
