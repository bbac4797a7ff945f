package provider

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xsignin/xsignin/internal/redact"
)

const (
	// maxDetail bounds [Error.Detail], in bytes.
	maxDetail = 300
	// maxText bounds the texts that are examined. Anything longer is no message.
	maxText = 8 << 10
	// minSecret is the length, in bytes, of the shortest secret that is looked for. A
	// visitor chooses the code and could make X's messages unreadable with a code such as
	// "e". Shorter values are PINs, which the call has used up.
	minSecret = 8

	redacted = "[redacted]"
)

var (
	// credentialLike is a run of the characters of tokens, in any of the encodings in
	// which requests and answers carry them.
	credentialLike = regexp.MustCompile(`[A-Za-z0-9+/=_.~%&:\\-]{8,}`)
	// tokenLike is a run as long as the tokens of X are. Shorter runs are common in errors
	// of this machine, which have addresses.
	tokenLike = regexp.MustCompile(`[A-Za-z0-9+/=_.~%&:\\-]{40,}`)
	// wordLike is a run that is a word of a message, such as Application-Only or
	// code_verifier.
	wordLike = regexp.MustCompile(`^[A-Z]?[a-z]{1,24}(?:[-_./:]{1,2}[A-Z]?[a-z]{1,24}){0,4}[.:]{0,3}$`)
)

// mask replaces each secret of at least 8 bytes, and each match of runs that is not a
// word, by "[redacted]". The second rule covers every encoding of a secret, and secrets
// that this package does not know.
func mask(text string, secrets []string, runs *regexp.Regexp) string {
	known := make([]string, 0, len(secrets))
	for _, s := range secrets {
		if s = oneLine(s); len(s) >= minSecret {
			known = append(known, s)
		}
	}
	// The replacer tries the first pair first: a longer secret may begin with a shorter one.
	slices.SortFunc(known, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(known))
	for _, s := range known {
		pairs = append(pairs, s, redacted)
	}
	parts := strings.Split(strings.NewReplacer(pairs...).Replace(text), redacted)
	for i, part := range parts {
		parts[i] = runs.ReplaceAllStringFunc(part, func(run string) string {
			if wordLike.MatchString(run) {
				return run
			}
			return redacted
		})
	}
	return strings.Join(parts, redacted)
}

// detailText makes an untrusted text fit for [Error.Detail]: one printable line of at most
// 300 bytes, without secrets.
func detailText(text string, secrets []string) string {
	if len(text) > maxText {
		return ""
	}
	return clip(mask(oneLine(text), secrets, credentialLike), maxDetail)
}

var codeShape = regexp.MustCompile(`^[A-Za-z0-9_.\-]{1,39}$`)

// codeText makes an untrusted code fit for [Error.Code]. It drops a value that does not
// look like a code.
func codeText(code string, secrets []string) string {
	if !codeShape.MatchString(code) || mask(code, secrets, credentialLike) != code {
		return ""
	}
	return code
}

// secretKeys are the fields of an answer that are secrets.
var secretKeys = []string{"access_token", "refresh_token", "id_token", "oauth_token", "oauth_token_secret", "oauth_verifier", "code", "client_secret"}

// secretsIn returns the secrets of an answer, which is a JSON object or a form.
func secretsIn(body []byte) []string {
	answer, isJSON := jsonObject(body)
	form := url.Values{}
	if !isJSON {
		form, _ = url.ParseQuery(string(body))
	}
	var found []string
	for _, k := range secretKeys {
		if s := stringOf(answer[k]) + form.Get(k); s != "" {
			found = append(found, s)
		}
	}
	return found
}

// oneLine replaces unprintable characters and each run of white space by one space.
func oneLine(s string) string { return oneLineBut("", s) }

// oneLineBut is oneLine, but keeps the runes in keep.
func oneLineBut(keep, s string) string {
	odd := func(r rune) bool {
		return r == utf8.RuneError || !unicode.IsPrint(r) && !strings.ContainsRune(keep, r)
	}
	if !strings.ContainsFunc(s, odd) && !strings.Contains(s, "  ") && strings.Trim(s, " ") == s {
		return s
	}
	s = strings.Map(func(r rune) rune {
		if odd(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// clip cuts s to at most n bytes, between two runes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// safeCause makes an error fit for [Error.Err]. It unwraps a *url.Error, which repeats the
// address. An error whose text holds a secret keeps its nature but loses its text. Runs
// is tokenLike for errors of this machine, and credentialLike for others.
func safeCause(err error, secrets []string, runs *regexp.Regexp) error {
	for {
		wrapped, ok := err.(*url.Error) //nolint:errorlint // only the outermost errors are unwrapped
		if !ok || wrapped.Err == nil {
			break
		}
		err = wrapped.Err
	}
	text := err.Error()
	if safe := clip(mask(oneLine(clip(text, maxText)), secrets, runs), maxDetail); safe != text {
		return &cause{text: safe, err: err}
	}
	return err
}

// cause replaces an error whose text must not be shown. It answers [errors.Is] for that
// error and is a [net.Error] if that error is, but does not reveal it to [errors.As].
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

// The types below hold secrets: see package redact. OAuth2 and OAuth1 keep theirs behind
// two pointers.

// Format implements [fmt.Formatter].
func (c XConfig) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c XConfig) LogValue() slog.Value {
	return redact.Value("XConfig(%s, client %s, callback %s)", c.Name, c.ClientID, c.CallbackURL)
}

// Format implements [fmt.Formatter].
func (c OAuth2Config) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c OAuth2Config) LogValue() slog.Value {
	return redact.Value("OAuth2Config(%s, client %s, callback %s)", c.Name, c.ClientID, c.CallbackURL)
}

// Format implements [fmt.Formatter].
func (c XOAuth1Config) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c XOAuth1Config) LogValue() slog.Value {
	return redact.Value("XOAuth1Config(%s, key %s, callback %s)", c.Name, c.ConsumerKey, c.CallbackURL)
}

// Format implements [fmt.Formatter].
func (c OAuth1Config) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c OAuth1Config) LogValue() slog.Value {
	return redact.Value("OAuth1Config(%s, key %s, callback %s)", c.Name, c.ConsumerKey, c.CallbackURL)
}

// Format implements [fmt.Formatter].
func (o OAuth2) Format(f fmt.State, _ rune) { redact.Format(f, o) }

// LogValue implements [slog.LogValuer].
func (o OAuth2) LogValue() slog.Value {
	if o.oauth2App == nil {
		return redact.Value("OAuth2()")
	}
	return redact.Value("OAuth2(%s, %s)", o.name, o.api.Host)
}

// Format implements [fmt.Formatter].
func (o OAuth1) Format(f fmt.State, _ rune) { redact.Format(f, o) }

// LogValue implements [slog.LogValuer].
func (o OAuth1) LogValue() slog.Value {
	if o.oauth1App == nil {
		return redact.Value("OAuth1()")
	}
	return redact.Value("OAuth1(%s, %s)", o.name, o.api.Host)
}

// Format implements [fmt.Formatter].
func (p Pending) Format(f fmt.State, _ rune) { redact.Format(f, p) }

// LogValue implements [slog.LogValuer].
func (p Pending) LogValue() slog.Value { return redact.Value("pending(%s)", p.Provider) }
