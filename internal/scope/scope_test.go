package scope_test

import (
	"testing"

	"github.com/xsignin/xsignin/internal/scope"
)

func TestValid(t *testing.T) {
	for s, want := range map[string]bool{
		"tweet.read": true, "https://example.com/auth#x": true, "!#+-[]~": true,
		"": false, " ": false, "a b": false, "a,b": false, `a"`: false, `a\`: false, "a\n": false, "\x7f": false, "é": false, "\xff": false,
	} {
		if scope.Valid(s) != want {
			t.Errorf("Valid(%q) is %t", s, !want)
		}
	}
}
