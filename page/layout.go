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

// follow is the script of a page with Page.Follow. It takes the address from the link, so
// that it is the same for everybody and its hash can stand in the policy. The page does not
// stay in the history: "back" leads to where the visitor came from.
const follow = `location.replace(document.getElementById("follow").href)`

// policy lets the page have its own style, post to its own site, and nothing else but,
// where it is meant to, follow its link.
func policy(following bool) string {
	p := "default-src 'none'; style-src " + hash(css)
	if following {
		p += "; script-src " + hash(follow)
	}
	return p + "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// hash is how a policy names a text that stands in the page.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Render answers r with p in the default layout, with status p.Status: no script but
// that of [Page.Follow], nothing loaded from anywhere, light and dark. It replaces any Content-Security-Policy by the one of
// the layout. Words that are empty are the English ones.
func (p Page) Render(w http.ResponseWriter, r *http.Request) {
	p = p.worded()
	data := struct {
		Page
		Style    template.CSS
		Script   template.JS
		RetryISO string
	}{Page: p, Style: template.CSS(css)}
	if p.Follow {
		data.Script = follow
	}
	if !p.RetryAt.IsZero() {
		data.RetryISO = p.RetryAt.UTC().Format(time.RFC3339)
	}
	var b bytes.Buffer
	// It cannot fail: strings go into a buffer.
	_ = layout().Execute(&b, data)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy(p.Follow))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes())
	}
}
