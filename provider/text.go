package provider

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dghubble/oauth1"
)

// maxDetail bounds [Error.Detail], in bytes.
const maxDetail = 300

const redacted = "[redacted]"

// tokenLike is a run of characters as long as no word is but X's tokens, codes and
// client secrets are: 50 to 91 characters. It catches what this package was never
// told about.
var tokenLike = regexp.MustCompile(`[A-Za-z0-9_\-]{40,}`)

// minSecret is the length, in bytes, of the shortest secret that is looked for. Some
// come from the visitor, and one chosen as "e" would make what X says unreadable and
// unmatchable; what is shorter than this is a PIN, spent by the call, or no secret.
const minSecret = 8

// scrub returns text with every secret of at least 8 bytes, in each of the forms in
// which requests and answers carry it, replaced by "[redacted]".
func scrub(text string, secrets []string) string {
	var forms []string
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		escaped := url.QueryEscape(s)
		percent := oauth1.PercentEncode(s)
		quoted, _ := json.Marshal(s)
		forms = append(forms, s, escaped, percent, lowerEscapes(escaped), lowerEscapes(percent),
			strings.Trim(string(quoted), `"`),
			base64.StdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)))
	}
	// The replacer takes the first form that fits: the longest has to be asked first,
	// or a secret that begins with another would keep its tail.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range slices.Compact(forms) {
		pairs = append(pairs, f, redacted)
	}
	return tokenLike.ReplaceAllString(strings.NewReplacer(pairs...).Replace(text), redacted)
}

// lowerEscapes turns %2F into %2f: RFC 3986, 2.1 takes them for the same.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			b[i+1], b[i+2] = byte(unicode.ToLower(rune(b[i+1]))), byte(unicode.ToLower(rune(b[i+2])))
			i += 2
		}
	}
	return string(b)
}

// maxText is the longest text that is looked at: more than that is no message.
const maxText = 8 << 10

// detailText makes a stranger's text fit for [Error.Detail]: one line, printable, at
// most 300 bytes, without secrets.
func detailText(text string, secrets []string) string {
	if len(text) > maxText {
		return ""
	}
	// Cleaning can bring two halves of a secret together, and cutting can hide the end
	// of one from the search: so it is searched before and after the first and before
	// the second. The second search leaves the marks of the first alone.
	parts := strings.Split(oneLine(scrub(text, secrets)), redacted)
	for i, part := range parts {
		parts[i] = scrub(part, secrets)
	}
	return clip(strings.Join(parts, redacted), maxDetail)
}

// oneLine replaces what does not print and every run of white space by one space.
func oneLine(s string) string { return oneLineBut("", s) }

// oneLineBut is oneLine, but leaves the runes in keep alone.
func oneLineBut(keep, s string) string {
	if isOneLine(keep, s) {
		return s // as nearly all texts are
	}
	return squeeze(keep, s)
}

func squeeze(keep, s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) && !strings.ContainsRune(keep, r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// isOneLine reports whether oneLineBut leaves s as it is.
func isOneLine(keep, s string) bool {
	blank := true // before r
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) && !strings.ContainsRune(keep, r) || r == ' ' && blank {
			return false
		}
		blank = r == ' '
	}
	return s == "" || !blank
}

// clip cuts s to at most n bytes at a rune's border.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

var codeShape = regexp.MustCompile(`^[A-Za-z0-9_.\-]{1,39}$`)

// codeText makes a stranger's code fit for [Error.Code]: what does not look like a
// code is dropped.
func codeText(code string, secrets []string) string {
	if !codeShape.MatchString(code) || scrub(code, secrets) != code {
		return ""
	}
	return code
}

// secretKeys are the fields of an answer that are secrets.
var secretKeys = []string{"access_token", "refresh_token", "id_token", "oauth_token", "oauth_token_secret", "oauth_verifier", "code", "client_secret"}

// secretsIn finds the secrets of an answer, a JSON object or a form.
func secretsIn(body []byte) []string {
	var found []string
	if answer, ok := jsonObject(body); ok {
		for _, k := range secretKeys {
			if s := stringOf(answer[k]); s != "" {
				found = append(found, s)
			}
		}
		return found
	}
	form, _ := url.ParseQuery(string(body))
	for _, k := range secretKeys {
		if s := form.Get(k); s != "" {
			found = append(found, s)
		}
	}
	return found
}

// safeCause makes a transport's error fit for [Error.Err]. A *url.Error is opened,
// since it repeats the address; an error whose text holds a secret keeps its nature
// but not its text.
func safeCause(err error, secrets []string) error {
	for {
		wrapped, ok := err.(*url.Error)
		if !ok || wrapped.Err == nil {
			break
		}
		err = wrapped.Err
	}
	text := err.Error()
	if safe := detailText(text, secrets); safe != text {
		return &cause{text: safe, err: err}
	}
	return err
}

// cause stands for an error whose text may not be shown. It answers [errors.Is] for
// it and is a [net.Error] as it is, but does not give it away to [errors.As].
type cause struct {
	text string
	err  error
}

func (c *cause) Error() string        { return c.text }
func (c *cause) Is(target error) bool { return errors.Is(c.err, target) }

// Timeout implements [net.Error].
func (c *cause) Timeout() bool {
	var n net.Error
	return errors.As(c.err, &n) && n.Timeout()
}

// Temporary implements [net.Error].
func (c *cause) Temporary() bool { return c.Timeout() }
