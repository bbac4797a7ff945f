// Package scope has the one rule for the characters of a scope.
package scope

import "strings"

// Valid reports whether s is a scope-token of RFC 6749, 3.3, without a comma. No known
// provider has a comma in a scope, and lists joined by commas are a common mistake.
func Valid(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`",\`, r)
	})
}
