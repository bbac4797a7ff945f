package xtest

import "time"

// Switches choose between behaviours of X on which the sources are silent or disagree. The zero value is the default
// everywhere. [X.SetSwitches] changes them while an X runs.
type Switches struct {
	APISwitches

	// Strict refuses what the RFCs forbid and X takes, for authors of clients: parameters of token and revoke that are
	// not a form, Basic beside a client_secret in the body, PKCE verifiers outside the 43 to 128 characters of RFC
	// 7636, the method s256, GET for tokens of OAuth 1.0a, a repeated oauth_ parameter, oauth_version 1.0A, and an
	// access_token request that is signed without the secret of the request token.
	Strict bool

	// TimestampTolerance is how far oauth_timestamp may be from X's clock. 0 means 300 seconds; negative means any.
	TimestampTolerance time.Duration
	// CallbackErrorJSON gives the 403 code 415 for an unregistered callback as JSON instead of XML.
	CallbackErrorJSON bool
	// CallbackQueryCounts makes the query of an oauth_callback part of the comparison, as it is for OAuth 2.0.
	CallbackQueryCounts bool
	// RequestTokenLifetime is how long a request token can be used. 0 means 15 minutes.
	RequestTokenLifetime time.Duration
	// OmitUserID leaves user_id and screen_name out of the access_token answer, as one page of X's guides does.
	OmitUserID bool
	// SameOAuth1Token gives a user who authorizes the app again the OAuth 1.0a token that is still alive, instead of a
	// new one beside it.
	SameOAuth1Token bool

	// LongStatePage shows the error page for a state above 500 characters, instead of a callback with
	// error=invalid_request and no state.
	LongStatePage bool
	// InvalidScopeCallback answers an unknown scope with a callback that carries error=invalid_scope, instead of the
	// error page.
	InvalidScopeCallback bool
	// DenyWithoutState leaves the state out of the callback after Cancel.
	DenyWithoutState bool
	// ScopeOrderAsAsked lists granted scopes in the order of the authorize request. By default the order is another.
	ScopeOrderAsAsked bool
	// ErrorsArray adds an errors array to the error bodies of the token endpoint.
	ErrorsArray bool
	// RefreshReuseRevokes ends the whole grant when a spent refresh token is used again.
	RefreshReuseRevokes bool
	// AccessLifetime is how long an access token of OAuth 2.0 works, in whole seconds. 0 means two hours, as X's. A short one
	// makes an application refresh within a test that moves no clock.
	AccessLifetime time.Duration
	// RefreshLifetime is how long a refresh token can be used. 0 means until it is spent or revoked.
	RefreshLifetime time.Duration
	// RefreshEndsAccess ends the old access token at each refresh. By default it lives on until it expires.
	RefreshEndsAccess bool
	// RevokeWithoutHint accepts a revocation without token_type_hint.
	RevokeWithoutHint bool
	// RevokeEmptyBody answers a revocation with 200 and no body, instead of {"revoked":true}.
	RevokeEmptyBody bool
	// RevokeEndsGrant makes a revocation end the access and the refresh token, whichever is named. By default only
	// the named one.
	RevokeEndsGrant bool

	// TokenRateLimit is the number of requests that each token endpoint of OAuth 1.0a and 2.0 answers in a window of
	// 15 minutes, with x-rate-limit headers; further ones get 429. 0 means no limit and no headers.
	TokenRateLimit int
}

// SetSwitches replaces the switches while the X runs.
func (x *X) SetSwitches(s Switches) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cfg.Switches = s
}
