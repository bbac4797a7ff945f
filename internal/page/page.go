// Package page is the one layout of the pages that the kit shows: no script, no request to
// anywhere, and headers that keep it harmless.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"time"
)

//go:embed page.css
var css string

//go:embed page.html
var layout string

// Page is a sentence or two, and a way on.
type Page struct {
	Title, Text string
	// Code lets a visitor tell the site's people what was shown; it may be empty.
	Code string
	// RetryAt is when it makes sense to try again; the zero time says nothing.
	RetryAt time.Time
	// Link and its Label lead on. With Post the link is a form that posts there.
	Link, Label string
	Post        bool
	// Home leads back to the site; it may be empty.
	Home string
}

// Writer writes pages. Goroutines may share it.
type Writer struct {
	layout *template.Template
	csp    string
}

// NewWriter prepares the layout.
func NewWriter() *Writer {
	sum := sha256.Sum256([]byte(css))
	return &Writer{
		layout: template.Must(template.New("page").Parse(layout)),
		csp: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	}
}

// Write answers r with p.
func (pw *Writer) Write(w http.ResponseWriter, r *http.Request, status int, p Page) {
	data := struct {
		Page
		Style               template.CSS
		RetryText, RetryISO string
	}{Page: p, Style: template.CSS(css)}
	if !p.RetryAt.IsZero() {
		data.RetryText = p.RetryAt.UTC().Format("15:04 UTC on 2 January 2006")
		data.RetryISO = p.RetryAt.UTC().Format(time.RFC3339)
	}
	var b bytes.Buffer
	// It cannot fail: strings go into a buffer.
	_ = pw.layout.Execute(&b, data)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pw.csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes())
	}
}
