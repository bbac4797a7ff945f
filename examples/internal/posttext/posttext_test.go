package posttext_test

import (
	"testing"

	"github.com/xsignin/xsignin/examples/internal/posttext"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// TestLengthIsThatOfTheLocalX: a text that an example takes must not be refused.
func TestLengthIsThatOfTheLocalX(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"plain text": 10, "日本語": 6, "👨‍👩‍👧‍👦": 2, "see example.com, and http://a.io/b.": 57, "me@example.com": 14,
	} {
		if n, x := posttext.Length(text), xapi.Length(text); n != want || n != x {
			t.Errorf("%q: got %d, want %d, and the local X has %d", text, n, want, x)
		}
	}
}

func TestUnescapeIsDoneOnce(t *testing.T) {
	t.Parallel()
	if got := posttext.Unescape("a &lt; b &amp;amp; c"); got != "a < b &amp; c" {
		t.Errorf("got %q", got)
	}
}
