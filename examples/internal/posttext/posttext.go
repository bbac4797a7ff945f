// Package posttext counts the texts of posts as X does, and reads those that X answers with.
package posttext

import (
	"html"
	"regexp"
	"strings"
)

const (
	// Max is the longest text of a post.
	Max        = 280
	linkLength = 23
)

var (
	// linkPattern finds links with a scheme, and bare domains of the top-level domains that people post most. Its group
	// is the link. A domain behind an @ is an address of e-mail.
	linkPattern = func() *regexp.Regexp {
		const domain = `(?:[a-z0-9][a-z0-9-]*\.)+(?:com|org|net|edu|gov|io|dev|app|co|me|tv|info|xyz|uk|de|fr|jp|eu)\b`
		const path = `[^\s<>"]*[^\s<>".,;:!?)'\]]`
		return regexp.MustCompile(`(?i)(?:^|[^@\w.-])(https?://` + path + `|` + domain + `(?:/(?:` + path + `)?)?)`)
	}()

	// emojiPattern finds an emoji with all its modifiers and joined emojis, a flag, or a keycap.
	emojiPattern = func() *regexp.Regexp {
		const one = `[\x{2600}-\x{27bf}\x{1f000}-\x{1faff}\x{2190}-\x{21ff}\x{2b00}-\x{2bff}\x{2300}-\x{23ff}]` +
			`[\x{fe0f}\x{1f3fb}-\x{1f3ff}\x{e0020}-\x{e007f}]*`
		const text = `[\x{a9}\x{ae}\x{203c}\x{2049}\x{2122}]\x{fe0f}`
		return regexp.MustCompile(text + `|[\x{1f1e6}-\x{1f1ff}]{2}|[0-9#*]\x{fe0f}?\x{20e3}|` + one + `(?:\x{200d}` + one + `)*`)
	}()
)

// Length is the length of a post's text as X weighs it: [Max] is the most. A link counts 23, an emoji with all its
// modifiers 2, and any other character 1 or 2. Package twitter-text of X has the rules; combining marks count as if
// they were composed.
func Length(text string) int {
	n, last := 0, 0
	var others strings.Builder // += would copy a long text for each of its links
	for _, span := range linkPattern.FindAllStringSubmatchIndex(text, -1) {
		n += linkLength
		others.WriteString(text[last:span[2]])
		last = span[3]
	}
	others.WriteString(text[last:])
	rest := emojiPattern.ReplaceAllStringFunc(others.String(), func(string) string {
		n += 2
		return ""
	})
	for _, r := range rest {
		n += runeWeight(r)
	}
	return n
}

// runeWeight has the ranges of twitter-text's configuration of version 3.
func runeWeight(r rune) int {
	switch {
	case 0x300 <= r && r <= 0x36f: // combining marks, which NFC composes with the letter before them
		return 0
	case r <= 0x10ff, 0x2000 <= r && r <= 0x200d, 0x2010 <= r && r <= 0x201f, 0x2032 <= r && r <= 0x2037:
		return 1
	}
	return 2
}

// Unescape undoes X's escaping of texts in its answers. Do it once.
func Unescape(text string) string { return html.UnescapeString(text) }
