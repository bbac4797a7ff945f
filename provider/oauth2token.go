package provider

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

const (
	// maxLife is the longest life of an access token that is believed.
	maxLife = 10 * 365 * 24 * time.Hour
	// maxScopes bounds the scopes that are kept of an answer: they are stored with the
	// token and compared at every check. X has about 25.
	maxScopes = 256
)

// parseToken reads RFC 6749, 5.1. Its Scopes are nil where the answer has none.
func parseToken(body []byte, now time.Time) (t tokenstore.Token, problem string) {
	answer, ok := jsonObject(body)
	if !ok {
		return t, "the answer is not a JSON object"
	}
	if isError(answer) {
		return t, "the answer is an error with the status of a success"
	}
	access := stringOf(answer["access_token"])
	if access == "" || strings.ContainsFunc(access, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return t, "the answer has no usable access_token"
	}
	// X says "bearer". Any other type would have to be used in another way (RFC 6749,
	// 7.1).
	if kind := stringOf(answer["token_type"]); kind != "" && !strings.EqualFold(kind, "bearer") {
		return t, "the answer's token_type is not bearer"
	}
	return tokenstore.Token{
		AccessToken:  access,
		RefreshToken: stringOf(answer["refresh_token"]),
		Expiry:       expiry(answer["expires_in"], now),
		Scopes:       grantedScopes(answer["scope"]),
		ObtainedAt:   now,
	}, ""
}

// expiry reads expires_in: seconds, as a number or as a string. Missing or unreadable
// is never: X then refuses the token with 401, and package client refreshes it. Zero
// and less is now, which is not an error, since a refresh token may have come along
// that exists nowhere else. The most is ten years.
func expiry(v any, now time.Time) time.Time {
	seconds, err := strconv.ParseFloat(strings.TrimSpace(scalarOf(v)), 64)
	switch {
	case err != nil && !math.IsInf(seconds, 0), math.IsNaN(seconds):
		return time.Time{}
	case seconds <= 0:
		return now
	case seconds >= maxLife.Seconds():
		return now.Add(maxLife)
	}
	return now.Add(time.Duration(seconds * float64(time.Second)))
}

// grantedScopes reads scope: words separated by blanks (RFC 6749, 3.3), or by commas,
// or a JSON array, as other servers have it. It is nil where there is none, and has
// the first 256 where there are more.
func grantedScopes(v any) []string {
	words := []string{stringOf(v)}
	if list, ok := v.([]any); ok {
		for _, e := range list {
			words = append(words, stringOf(e))
		}
	}
	list := strings.FieldsFunc(strings.Join(words, " "), func(r rune) bool { return r == ',' || r <= ' ' })
	if len(list) == 0 {
		return nil
	}
	if list = unique(list); len(list) > maxScopes {
		list = slices.Clone(list[:maxScopes])
	}
	return list
}
