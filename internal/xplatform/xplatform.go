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

// RefusesScheme reports whether X refuses the scheme in a callback. A browser would execute
// such an address or open it locally.
func RefusesScheme(scheme string) bool {
	switch strings.ToLower(scheme) {
	case "javascript", "data", "file", "ftp", "mailto", "telnet", "vbscript":
		return true
	}
	return false
}

// IsClientID reports whether id has the shape of X's OAuth 2.0 client ids. X does not
// promise that shape, so it serves for hints only.
func IsClientID(id string) bool {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(id, "="))
	return err == nil && strings.HasSuffix(string(b), ":1:ci")
}
