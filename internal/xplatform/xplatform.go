// Package xplatform has facts about X that several packages need.
package xplatform

import (
	"encoding/base64"
	"strings"
	"time"
)

// APIURL is the address of X's API.
const APIURL = "https://api.x.com"

// MaxClockSkew is how far the clocks of a signer and of X may be apart. X does not
// document its limit. Signatures with an error of five minutes have failed.
const MaxClockSkew = 5 * time.Minute

// IsClientID reports whether id has the shape of X's OAuth 2.0 client ids. X does not
// promise that shape, so it serves for hints only.
func IsClientID(id string) bool {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(id, "="))
	return err == nil && strings.HasSuffix(string(b), ":1:ci")
}
