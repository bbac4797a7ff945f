package provider

import (
	"context"

	"github.com/xsignin/xsignin/tokenstore"
)

// Refresh implements [Refresher]. It makes one call and does not try again: X's
// refresh tokens work once, so a second call could spend a token that the first one
// brought.
//
// X refuses a spent or revoked refresh token with "invalid_request" and a text,
// where RFC 6749 has "invalid_grant"; both are [ErrTokenRefused]. Wrong client
// credentials, limits and outages never are. The new token keeps t's account, and
// t's refresh token and scopes where the answer names none (RFC 6749, 6 and 5.1). An
// access token that the answer calls already expired is returned as such: the
// refresh token beside it is good. Of the scopes that an answer names, 256 are kept.
func (x *X) Refresh(ctx context.Context, t tokenstore.Token) (tokenstore.Token, error) {
	if t.RefreshToken == "" {
		return tokenstore.Token{}, x.svc.misuse("refresh", ReasonScope, "the token has no refresh token: ask for the scope offline.access at sign-in")
	}
	return x.refresh(ctx, t, classifyRefresh)
}

// judgeRefresh weighs a refused refresh.
func classifyRefresh(c *call, f fault) verdict {
	if f.has("invalid_grant", "invalid_token") || f.has("invalid_request") && tokenInvalid(f) {
		return tokenRefused
	}
	return classifyClient(c, f)
}

// tokenInvalid reports whether an invalid_request is about the token: X says "Value passed
// for the token was invalid." and other servers something like it or nothing. What else is
// required is always sent, so a request that is refused without a word is refused for its
// token.
func tokenInvalid(f fault) bool {
	if f.says("missing required parameter", "client", "header", "grant_type", "grant type") {
		return false
	}
	return f.text() == "" ||
		f.says("token") && f.says("invalid", "expired", "revoked", "not found", "unknown", "does not exist", "already used")
}

// Revoke implements [Revoker], by RFC 7009: the refresh token first, then the access
// token, since X does not say that the one takes the other along. Both are tried; the
// first error is returned. X insists on token_type_hint, although the RFC does not.
func (x *X) Revoke(ctx context.Context, t tokenstore.Token) error { return x.revoke(ctx, t) }
