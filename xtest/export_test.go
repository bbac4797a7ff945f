package xtest

// For tests in package xtest_test.
var (
	PercentEncode    = percentEncode
	ParseOAuthHeader = parseOAuthHeader
	BaseString       = baseString
	Sign             = sign
)

// Kept counts what is remembered: nonces, request tokens, codes and tokens.
func (x *X) Kept() (nonces, requestTokens, codes, tokens int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.nonces), len(x.requestTokens), len(x.codes), len(x.tokens)
}

// AddRequestToken plants an approved request token.
func (x *X) AddRequestToken(value, secret, verifier, userID string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.requestTokens[value] = &requestToken{
		value: value, secret: secret, verifier: verifier, user: x.users[userID], expires: x.Now().Add(requestTokenLifetime),
	}
}

const (
	MaxRecord = maxRecord
)
