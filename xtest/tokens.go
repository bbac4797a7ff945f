package xtest

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"time"
)

const (
	accessLifetime       = 2 * time.Hour
	codeLifetime         = 30 * time.Second
	requestTokenLifetime = 15 * time.Minute
	spentLifetime        = 24 * time.Hour // how long a spent refresh token is remembered, for the switch RefreshReuseRevokes
)

// The kinds of token, which are also the kinds of principal.
const (
	kindOAuth1  = "oauth1"
	kindOAuth2  = "oauth2"
	kindRefresh = "refresh"
	kindSpent   = "spent" // a refresh token that was used
	kindApp     = "app"
)

// token is an access, refresh or app-only token that is alive.
type token struct {
	kind     string
	user     *account // nil for an app-only token
	app      string   // client id or consumer key
	secret   string   // OAuth 1.0a
	readOnly bool     // OAuth 1.0a
	grant    *grant   // OAuth 2.0
	expires  time.Time
}

// grant ties together the tokens that descend from one authorization code.
type grant struct {
	user   *account
	client string
	scopes []string // as asked
}

// requestToken is a sign-in under way by OAuth 1.0a.
type requestToken struct {
	value, secret string
	callback      string
	readOnly      bool
	expires       time.Time
	user          *account // set by approval
	verifier      string   // set by approval
}

// code is an authorization code of OAuth 2.0.
type code struct {
	user        *account
	client      string
	redirectURI string
	challenge   string
	method      string // "S256" or "plain"
	scopes      []string
	expires     time.Time
}

// live finds a token that has not expired. mu is held.
func (x *X) live(value string) *token {
	t := x.tokens[value]
	if t == nil || t.kind == kindSpent || !x.liveToken(t) {
		return nil
	}
	return t
}

func (x *X) liveToken(t *token) bool { return t.expires.IsZero() || x.Now().Before(t.expires) }

// Live reports whether X would accept a token now: an access, refresh or app-only token of OAuth 2.0, or an access
// token of OAuth 1.0a.
func (x *X) Live(token string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.live(token) != nil
}

// endGrant kills all tokens of one authorization, or those of one kind. mu is held.
func (x *X) endGrant(g *grant, kind string) {
	maps.DeleteFunc(x.tokens, func(_ string, t *token) bool { return t.grant == g && (kind == "" || t.kind == kind) })
}

// sweep forgets what has expired, at most once a minute, so that the state is bounded by what a minute brings. mu is
// held.
func (x *X) sweep() {
	now := x.Now()
	if d := now.Sub(x.swept); d >= 0 && d < time.Minute {
		return
	}
	x.swept = now
	maps.DeleteFunc(x.nonces, func(_ string, until time.Time) bool { return !now.Before(until) })
	maps.DeleteFunc(x.requestTokens, func(_ string, t *requestToken) bool { return !now.Before(t.expires) })
	maps.DeleteFunc(x.codes, func(_ string, c *code) bool { return !now.Before(c.expires) })
	maps.DeleteFunc(x.tokens, func(_ string, t *token) bool { return !t.expires.IsZero() && !now.Before(t.expires) })
}

const (
	alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	digits       = "0123456789"
)

func random(n int, alphabet string) string {
	out, b := make([]byte, 0, n), make([]byte, n)
	// Bytes above the highest multiple of the alphabet's length would favour its first characters.
	limit := 256 - 256%len(alphabet)
	for len(out) < n {
		_, _ = rand.Read(b)
		for _, c := range b {
			if int(c) < limit && len(out) < n {
				out = append(out, alphabet[int(c)%len(alphabet)])
			}
		}
	}
	return string(out)
}

// newOpaque makes a code ("ac"), access ("at") or refresh token ("rt") in the shape of X's: 91 characters of base64url
// that hold random characters, the time in milliseconds, and the kind.
func (x *X) newOpaque(kind string) string {
	const size = 68 // bytes that base64 makes into 91 characters
	tail := fmt.Sprintf(":%d:1:1:%s:1", x.Now().UnixMilli(), kind)
	return base64.RawURLEncoding.EncodeToString([]byte(random(size-len(tail), alphanumeric) + tail))
}

// newRequestToken makes 27 characters such as X's, which have a run of A inside.
func newRequestToken() string {
	return random(6, alphanumeric) + strings.Repeat("A", 8) + random(13, alphanumeric)
}
