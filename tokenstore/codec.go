package tokenstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// tokenFormat is the first byte of an encoded token. A change that older programs
// would misread gets a new one.
const tokenFormat = 1

// wireToken is how a token is stored. [Token] itself encodes to a description
// without secrets.
type wireToken struct {
	AccessToken  string    `json:"a,omitempty"`
	TokenSecret  string    `json:"s,omitempty"`
	RefreshToken string    `json:"r,omitempty"`
	Expiry       time.Time `json:"e,omitzero"`
	Scopes       []string  `json:"c,omitempty"`
	AccountID    string    `json:"u,omitempty"`
	ObtainedAt   time.Time `json:"o,omitzero"`
	SignInAgain  bool      `json:"x,omitempty"`
}

func encodeToken(t Token) ([]byte, error) {
	for _, s := range append([]string{t.AccessToken, t.TokenSecret, t.RefreshToken, t.AccountID}, t.Scopes...) {
		// JSON would put U+FFFD for such bytes and store a token that does not work.
		if !utf8.ValidString(s) {
			return nil, errors.New("tokenstore: a token holds bytes that are not UTF-8 and cannot be stored")
		}
	}
	b, err := json.Marshal(wireToken{
		AccessToken: t.AccessToken, TokenSecret: t.TokenSecret, RefreshToken: t.RefreshToken,
		Expiry: t.Expiry.UTC(), Scopes: t.Scopes, AccountID: t.AccountID,
		ObtainedAt: t.ObtainedAt.UTC(), SignInAgain: t.SignInAgain,
	})
	if err != nil {
		return nil, fmt.Errorf("tokenstore: a token cannot be stored: %w", err)
	}
	return append([]byte{tokenFormat}, b...), nil
}

func decodeToken(b []byte) (Token, error) {
	if len(b) == 0 {
		return Token{}, ErrUnreadable
	}
	if b[0] != tokenFormat {
		// Not ErrUnreadable: a newer replica reads it, so nothing is lost.
		return Token{}, fmt.Errorf("tokenstore: the token has format %d and this program reads %d; update it", b[0], tokenFormat)
	}
	var w wireToken
	if err := json.Unmarshal(b[1:], &w); err != nil {
		// Without the cause: it would quote the token.
		return Token{}, ErrUnreadable
	}
	return Token{
		AccessToken: w.AccessToken, TokenSecret: w.TokenSecret, RefreshToken: w.RefreshToken,
		Expiry: w.Expiry, Scopes: w.Scopes, AccountID: w.AccountID,
		ObtainedAt: w.ObtainedAt, SignInAgain: w.SignInAgain,
	}, nil
}
