package posttext_test

import (
	"runtime"
	"strings"
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

// TestALongTextIsCountedWithFewCopies: a stranger may send a text that has nothing but links.
func TestALongTextIsCountedWithFewCopies(t *testing.T) {
	const links = 10_000
	text := strings.Repeat("http://a ", links)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := posttext.Length(text)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; n != 24*links || used > 200*uint64(len(text)) {
		t.Errorf("length %d, %d bytes for a text of %d", n, used, len(text))
	}
}

func TestUnescapeIsDoneOnce(t *testing.T) {
	t.Parallel()
	if got := posttext.Unescape("a &lt; b &amp;amp; c"); got != "a < b &amp; c" {
		t.Errorf("got %q", got)
	}
}
