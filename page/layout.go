package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"sync"
	"time"
)

//go:embed page.css
var css string

//go:embed page.html
var source string

// layout is the template, parsed at the first page; nothing changes it.
var layout = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Parse(source))
})

// policy lets the page have its own style, post to its own site, and nothing else.
func policy() string {
	sum := sha256.Sum256([]byte(css))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// Render answers r with p in the default layout, with status p.Status: no script, nothing
// loaded from anywhere, light and dark. It replaces any Content-Security-Policy by the one of
// the layout. Words that are empty are the English ones.
func (p Page) Render(w http.ResponseWriter, r *http.Request) {
	p = p.worded()
	data := struct {
		Page
		Style    template.CSS
		RetryISO string
	}{Page: p, Style: template.CSS(css)}
	if !p.RetryAt.IsZero() {
		data.RetryISO = p.RetryAt.UTC().Format(time.RFC3339)
	}
	var b bytes.Buffer
	// It cannot fail: strings go into a buffer.
	_ = layout().Execute(&b, data)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy())
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes())
	}
}
