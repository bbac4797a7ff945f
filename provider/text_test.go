package provider

import "testing"

// TestOneLineLeavesNothingOut: texts that are let through unchanged are those that would not
// be changed.
func TestOneLineLeavesNothingOut(t *testing.T) {
	for _, s := range []string{
		"", " ", "a", "a b", "a  b", " a", "a ", "a\tb", "a\nb", "a\u00a0b", "a\u2003b", "\xff", "a\ufffdb", "\u00e9t\u00e9", "\U0001f44d a",
		"a\u200db", "\u200d", "a\u200c b", "a \u200d b", "a\u202eb", "a\u0085b", "a\x00", "a\x7fb",
	} {
		for _, keep := range []string{"", joiners} {
			want := squeeze(keep, s)
			if got := oneLineBut(keep, s); got != want || isOneLine(keep, s) != (s == want) {
				t.Errorf("%q but %q: %q, want %q", s, keep, got, want)
			}
		}
	}
}
