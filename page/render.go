package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/xsignin/xsignin/internal/requestkind"
)

//go:embed page.css
var css string

//go:embed page.html
var source string

// layout returns the template, which is parsed at the first page.
var layout = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Parse(source))
})

// follow is the script of a page with Page.Follow. It reads the address from the link, so
// the script is the same for all visitors and the policy can name its hash. The page does not
// stay in the browser's history.
const follow = `location.replace(document.getElementById("follow").href)`

// policy allows the page's own style, and the script that follows the link if p.Follow is set.
// It allows forms to the page's own site, which may redirect to other sites by https.
func policy(p Page, style string, framed bool) string {
	policy := "default-src 'none'; style-src " + hash(style)
	if p.Follow {
		policy += "; script-src " + hash(follow)
	}
	ancestors := "'none'"
	if framed {
		ancestors = "'self'"
	}
	action := "'self'"
	if p.Post { // Chromium applies it to the redirect after the form, such as that of LoggedOut
		action = "'self' https:"
	}
	return policy + "; form-action " + action + "; base-uri 'none'; frame-ancestors " + ancestors
}

// hash is the name of a text in a policy.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// styleFor returns the style sheet with the accent colour. The text on the button is black
// or white, whichever has more contrast.
func styleFor(accent string) string {
	if !colour.MatchString(accent) {
		return css
	}
	digits := accent[1:]
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	rgb, _ := strconv.ParseUint(digits, 16, 32) // the expression has checked the digits
	text := "#fff"
	luminance := 0.2126*linear(rgb>>16) + 0.7152*linear(rgb>>8&255) + 0.0722*linear(rgb&255)
	if luminance > 0.179 { // black and white have the same contrast there
		text = "#000"
	}
	return css + ":root { --key: " + accent + "; --key-ink: " + text + " }\n"
}

// linear returns the light of a channel of sRGB (WCAG 2.2, relative luminance).
func linear(channel uint64) float64 { return math.Pow(float64(channel)/255, 2.2) }

// direction returns the attribute dir for a language (BCP 47). A script in it decides.
func direction(lang string) string {
	tags := strings.FieldsFunc(strings.ToLower(lang), func(r rune) bool { return r == '-' || r == '_' })
	for i, tag := range tags {
		switch tag {
		case "arab", "aran", "hebr", "nkoo", "rohg", "syrc", "thaa":
			return "rtl"
		}
		if i > 0 && len(tag) == 4 && tag[0] > '9' { // another script
			return "ltr"
		}
	}
	switch strings.Join(tags[:min(len(tags), 1)], "") {
	case "ar", "arc", "ckb", "dv", "fa", "he", "iw", "ks", "nqo", "ps", "sd", "syr", "ug", "ur", "yi":
		return "rtl"
	}
	return "ltr"
}

// plain returns a text from outside as one line of at most n bytes, without characters that
// do not print. These include the marks that change the direction of other text. Only the
// joiners stay, which Persian and emoji need.
func plain(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) && r != '\u200c' && r != '\u200d' {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	return strings.ToValidUTF8(text[:min(len(text), n)], "")
}

// safe returns a text without control characters, and without the overrides of the direction.
// The application's own texts may have other marks.
func safe(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case r >= '\u202a' && r <= '\u202e':
			return -1
		}
		return r
	}, text)
}

// Render answers r with p in the default layout, with status p.Status. The layout has no
// script except that of [Page.Follow], loads nothing, and has a dark mode. It sets the
// Content-Security-Policy of the page. Empty texts are the English ones.
func (p Page) Render(w http.ResponseWriter, r *http.Request) {
	p = p.withDefaults()
	for _, text := range []*string{&p.Title, &p.Text, &p.Label, &p.Everywhere, &p.SiteName, &p.RetryText, &p.HomeLabel, &p.CodeLabel, &p.Code} {
		*text = safe(*text)
	}
	style := styleFor(p.Accent)
	data := struct {
		Page
		Style    template.CSS
		Script   template.JS
		Dir      string
		RetryISO string
	}{Page: p, Style: template.CSS(style), Dir: direction(p.Lang)}
	if p.Follow {
		data.Script = follow
	}
	if !p.RetryAt.IsZero() {
		data.RetryISO = p.RetryAt.UTC().Format(time.RFC3339)
	}
	var b bytes.Buffer
	_ = layout().Execute(&b, data) // it writes strings into a buffer, which does not fail
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy(p, style, requestkind.Framed(r)))
	h.Set("X-Content-Type-Options", "nosniff")
	if !requestkind.Framed(r) {
		h.Set("X-Frame-Options", "DENY")
	}
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes())
	}
}
