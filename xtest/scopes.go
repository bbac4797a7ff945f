package xtest

import (
	_ "embed"
	"strings"
)

//go:embed scopes.txt
var scopesFile string

// scopeWords are the scopes that X knows, in plain words for the consent page.
var scopeWords = func() map[string]string {
	words := map[string]string{}
	for line := range strings.Lines(scopesFile) {
		scope, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		words[scope] = text
	}
	return words
}()

// oauth1Words are what an OAuth 1.0a app may do, for the consent page: the permission is one for all.
func oauth1Words(readOnly bool) []string {
	words := []string{
		"See the posts from your timeline, including those of protected accounts, and your lists",
		"See your profile information and account settings",
		"See the accounts that you follow, mute and block",
	}
	if !readOnly {
		words = append(words,
			"Post and delete posts for you, and engage with those of others",
			"Follow, mute and block accounts for you",
			"Update your profile and account settings")
	}
	return words
}
