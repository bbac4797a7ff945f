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
	maxDetail = 300     // bytes of [Error.Detail]
	maxText   = 8 << 10 // bytes that are examined: a longer text is not a message
	// minSecret is the length of the shortest secret that is looked for. A visitor chooses
	// the code, and "e" would make messages unreadable. Shorter values are spent PINs.
	minSecret = 8
	// shortRun and longRun are the lengths of runs that mask takes for credentials: in
	// an answer, and in an error of this machine, which has addresses.
	shortRun, longRun = 8, 40
	redacted          = "[redacted]"
)

var (
	// credentialLike is a run of the characters of tokens, in any encoding.
	credentialLike = regexp.MustCompile(`[A-Za-z0-9+/=_.~%&:\\-]{8,}`)
	// wordLike is a word of a message, such as Application-Only or code_verifier.
	wordLike  = regexp.MustCompile(`^[A-Z]?[a-z]{1,24}(?:[-_./:]{1,2}[A-Z]?[a-z]{1,24}){0,4}[.:]{0,3}$`)
	codeShape = regexp.MustCompile(`^[A-Za-z0-9_.\-]{1,39}$`)
)

// mask replaces each secret, and each run of at least minRun characters that is like a
// credential and not a word. The second rule covers every encoding of a secret, and secrets
// that this package does not know.
func mask(text string, secrets []string, minRun int) string {
	const mark = "\x00" // does not print, so text and secrets do not have it
	secrets = slices.Clone(secrets)
	// A longer secret may begin with a shorter one.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, s := range secrets {
		if s = oneLine(s); len(s) >= minSecret {
			text = strings.ReplaceAll(text, s, mark)
		}
	}
	text = credentialLike.ReplaceAllStringFunc(text, func(run string) string {
		if len(run) < minRun || wordLike.MatchString(run) {
			return run
		}
		return mark
	})
	return strings.ReplaceAll(text, mark, redacted)
}

func detailText(text string, secrets []string) string {
	if len(text) > maxText {
		return ""
	}
	return clip(mask(oneLine(text), secrets, shortRun), maxDetail)
}

// codeText returns an untrusted code for [Error.Code], or "" if it does not look like a code.
func codeText(code string, secrets []string) string {
	if !codeShape.MatchString(code) || mask(code, secrets, shortRun) != code {
		return ""
	}
	return code
}

// oneLine replaces unprintable characters, except those to keep, and each run of white
// space by one space.
func oneLine(s string, keep ...func(rune) bool) string {
	odd := func(r rune) bool {
		return r == utf8.RuneError || !unicode.IsPrint(r) && !slices.ContainsFunc(keep, func(kept func(rune) bool) bool { return kept(r) })
	}
	if !strings.ContainsFunc(s, odd) && !strings.Contains(s, "  ") && strings.Trim(s, " ") == s {
		return s
	}
	return strings.Join(strings.Fields(strings.Join(strings.FieldsFunc(s, odd), " ")), " ")
}

// clip cuts s to at most n bytes, between two runes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// safeCause makes an error fit for [Error.Err]. It unwraps a *url.Error, which repeats the
// address, and masks the text.
func safeCause(err error, secrets []string, minRun int) error {
	for outer := (*url.Error)(nil); errors.As(err, &outer) && outer.Err != nil; {
		err = outer.Err
	}
	text := err.Error()
	if safe := clip(mask(oneLine(clip(text, maxText)), secrets, minRun), maxDetail); safe != text {
		return &cause{safe, err}
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
func (c *cause) Temporary() bool      { return c.Timeout() }

func (c *cause) Timeout() bool {
	var n net.Error
	return errors.As(c.err, &n) && n.Timeout()
}

// The types below hold secrets: see package redact. Providers are pointers.

func (s *service) Format(f fmt.State, _ rune) { redact.Format(f, s) }

func (s *service) LogValue() slog.Value {
	return redact.Value("Provider(%s, %s)", s.cfg.Name, s.api.Host)
}

// Format implements [fmt.Formatter].
func (c OAuth2Config) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c OAuth2Config) LogValue() slog.Value {
	return redact.Value("OAuth2Config(%s, client %s, callback %s)", c.Name, c.ClientID, c.CallbackURL)
}

// Format implements [fmt.Formatter].
func (c OAuth1Config) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c OAuth1Config) LogValue() slog.Value {
	return redact.Value("OAuth1Config(%s, key %s, callback %s)", c.Name, c.ConsumerKey, c.CallbackURL)
}

// Format implements [fmt.Formatter].
func (p Pending) Format(f fmt.State, _ rune) { redact.Format(f, p) }

// LogValue implements [slog.LogValuer].
func (p Pending) LogValue() slog.Value { return redact.Value("pending(%s)", p.Provider) }
