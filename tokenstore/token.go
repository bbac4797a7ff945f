package tokenstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/xsignin/xsignin/internal/redact"
	"github.com/xsignin/xsignin/internal/wire"
)

// Token is a user's token from a provider, either of OAuth 2.0 (AccessToken, perhaps
// RefreshToken and Expiry) or of OAuth 1.0a (AccessToken and TokenSecret, no expiry).
//
// With every fmt verb, in slog and in JSON, a Token prints its kind, account, expiry and
// scopes, and no secret.
type Token struct {
	// AccessToken is OAuth 2.0's access_token or OAuth 1.0a's oauth_token.
	AccessToken string
	// TokenSecret is OAuth 1.0a's oauth_token_secret. It is empty for OAuth 2.0.
	TokenSecret string
	// RefreshToken is OAuth 2.0's refresh_token. X gives one only with the scope
	// offline.access, and a new one at each refresh.
	RefreshToken string
	// Expiry is when AccessToken expires. The zero time means never, as with OAuth 1.0a. A
	// [Vault] keeps the milliseconds of times.
	Expiry time.Time
	// Scopes are the scopes that the provider granted, a set in no order.
	Scopes []string
	// AccountID is the provider's id of the account that the token acts for.
	AccountID string
	// Username and Name are those that the account had at the sign-in. They may be empty.
	Username, Name string
	// ObtainedAt is when the provider gave this token.
	ObtainedAt time.Time
	// NeedsReauth records that the provider refused the token permanently, so that the
	// provider is not asked again at every request. Only a new sign-in helps.
	NeedsReauth bool

	// Redacted sets these, since it removes the secrets that show them.
	wasOAuth1, wasRefreshable bool
}

// IsOAuth1 reports whether the token is an OAuth 1.0a token.
func (t Token) IsOAuth1() bool { return t.TokenSecret != "" || t.wasOAuth1 }

// Refreshable reports whether the token came with a refresh token.
func (t Token) Refreshable() bool { return t.RefreshToken != "" || t.wasRefreshable }

// HasScopes reports whether all of scopes were granted.
func (t Token) HasScopes(scopes ...string) bool {
	return !slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(t.Scopes, s) })
}

// Redacted returns t without its secrets, for display and logs. [Token.IsOAuth1] and
// [Token.Refreshable] return the same as for t.
func (t Token) Redacted() Token {
	t.wasOAuth1, t.wasRefreshable = t.IsOAuth1(), t.Refreshable()
	t.AccessToken, t.TokenSecret, t.RefreshToken = "", "", ""
	return t
}

// Format implements [fmt.Formatter]. Every verb prints a description without secrets.
func (t Token) Format(f fmt.State, _ rune) { redact.Format(f, t) }

// LogValue implements [slog.LogValuer].
func (t Token) LogValue() slog.Value {
	kind := "OAuth 2.0"
	if t.IsOAuth1() {
		kind = "OAuth 1.0a"
	}
	expiry := "never"
	if !t.Expiry.IsZero() {
		expiry = t.Expiry.UTC().Format(time.RFC3339)
	}
	return redact.Value("token(%s, account %s, expires %s, refreshable %t, scopes %v)",
		kind, t.AccountID, expiry, t.Refreshable(), t.Scopes)
}

// MarshalJSON writes what [Token.Format] prints, not the token. A [Vault] stores tokens.
func (t Token) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(t)) }

// tokenFormat is the first byte of an encoded token. Change it with every change that older
// programs would misread.
const tokenFormat = 4

func (t *Token) code(c *wire.Coder) {
	c.Flag(&t.NeedsReauth)
	c.Time(&t.Expiry, &t.ObtainedAt)
	c.Text(&t.AccessToken, &t.TokenSecret, &t.RefreshToken, &t.AccountID, &t.Username, &t.Name)
	wire.List(c, &t.Scopes, func(scope *string) { c.Text(scope) })
}

func encodeToken(t Token) ([]byte, error) {
	texts := [...]string{t.AccessToken, t.TokenSecret, t.RefreshToken, t.AccountID, t.Username, t.Name}
	for _, list := range [...][]string{texts[:], t.Scopes} {
		for _, s := range list {
			// Providers send text only (RFC 6749, appendix A).
			if !utf8.ValidString(s) {
				return nil, errors.New("tokenstore: the token has bytes that are not UTF-8")
			}
		}
	}
	c := wire.Coder{B: append(make([]byte, 0, 512), tokenFormat)}
	t.code(&c)
	return c.B, nil
}

func decodeToken(b []byte) (t Token, err error) {
	if len(b) == 0 {
		return Token{}, ErrUnreadable
	}
	if b[0] != tokenFormat {
		// Not ErrUnreadable, since a newer program can read the token.
		return Token{}, fmt.Errorf("tokenstore: the token has format %d (update this program, which reads format %d)",
			b[0], tokenFormat)
	}
	c := wire.Coder{B: b[1:], Reading: true}
	if t.code(&c); !c.Done() {
		return Token{}, ErrUnreadable
	}
	return t, nil
}
