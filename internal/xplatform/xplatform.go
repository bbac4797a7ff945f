// Package xplatform has facts about X that several packages need.
package xplatform

import (
	"encoding/base64"
	"regexp"
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

// The types of OAuth 2.0 clients at X. X gives only confidential clients a secret.
const (
	Confidential = "ci" // Web App, Automated App or Bot
	Public       = "na" // Native App, Single page App
)

// TypeOf returns the type of client that a client id shows, or "" if id does not have the
// shape of X's client ids. X does not promise that shape.
func TypeOf(id string) string {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(id, "="))
	_, t, _ := strings.Cut(string(b), ":1:")
	if err != nil || t != Confidential && t != Public {
		return ""
	}
	return t
}

var (
	consumerKey    = regexp.MustCompile(`^[A-Za-z0-9]{25}$`)
	consumerSecret = regexp.MustCompile(`^[A-Za-z0-9]{50}$`)
)

// IsConsumerKey reports whether s has the shape of X's API keys. No client id has it: base64
// never has 25 characters.
func IsConsumerKey(s string) bool { return consumerKey.MatchString(s) }

// IsConsumerSecret reports whether s has the shape of X's API secrets.
func IsConsumerSecret(s string) bool { return consumerSecret.MatchString(s) }

// Scopes returns the OAuth 2.0 scopes that X documents.
func Scopes() []string {
	return strings.Fields(`tweet.read tweet.write tweet.moderate.write users.read users.email
		follows.read follows.write offline.access space.read mute.read mute.write like.read like.write
		list.read list.write block.read block.write bookmark.read bookmark.write dm.read dm.write
		media.write broadcast.read broadcast.write timeline.read ads.read ads.write`)
}
