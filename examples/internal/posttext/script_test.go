package posttext

import (
	"os"
	"strings"
	"testing"
)

// TestTheScriptCountsAlike: the counter on a page has the same patterns and weights.
func TestTheScriptCountsAlike(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("../../app/static/count.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"`" + strings.TrimPrefix(linkPattern.String(), "(?i)") + "`, \"gi\"",
		"`" + strings.ReplaceAll(emojiPattern.String(), `\x{`, `\u{`) + "`, \"gu\"",
		"within(0, 0x10ff) || within(0x2000, 0x200d) || within(0x2010, 0x201f) || within(0x2032, 0x2037) ? 1 : 2",
		"if (within(0x300, 0x36f)) return 0", "n += 23", "n > 280",
	} {
		if !strings.Contains(string(script), want) {
			t.Errorf("the script has no %s", want)
		}
	}
}
