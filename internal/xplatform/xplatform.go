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

// ClientType is a type of client at X.
type ClientType string

// The types: X gives a Web App, Automated App or Bot a secret, and no other app.
const (
	Confidential ClientType = "ci"
	Public       ClientType = "na" // Native App, Single page App
)

// TypeOf returns the type of client that an OAuth 2.0 client id of X shows, or "" if id does
// not have the shape of one. X does not promise that shape.
func TypeOf(id string) ClientType {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(id, "="))
	if _, t, ok := strings.Cut(string(b), ":1:"); err == nil && ok {
		for _, known := range []ClientType{Confidential, Public} {
			if t == string(known) {
				return known
			}
		}
	}
	return ""
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

// Scopes are the OAuth 2.0 scopes that X documents.
var Scopes = strings.Fields(`tweet.read tweet.write tweet.moderate.write users.read users.email
	follows.read follows.write offline.access space.read mute.read mute.write like.read like.write
	list.read list.write block.read block.write bookmark.read bookmark.write dm.read dm.write
	media.write broadcast.read broadcast.write timeline.read ads.read ads.write`)
