// Package frame has the common parts of the pages of some examples: their layout, their style,
// and their security headers.
package frame

import (
	"bytes"
	_ "embed"
	"html/template"
	"log"
	"net/http"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/xtest"
)

//go:embed frame.html
var frame string

//go:embed frame.css
var style []byte

// Policy is the Content-Security-Policy of the pages: only their own files, and no inline
// script.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Pages are an example's templates.
type Pages struct{ all *template.Template }

// New creates the pages of an example from text, which defines a template for each. A template
// begins with {{template "top" "Its title"}} and ends with {{template "end" .}}. text may also
// define "head" and "foot", which are added to each page.
func New(example string, cfg xsignin.Config, text string) Pages {
	funcs := template.FuncMap{
		"example": func() string { return example },
		"local":   func() bool { return cfg.ClientID == xtest.DefaultClientID },
	}
	return Pages{template.Must(template.Must(template.New(example).Funcs(funcs).Parse(frame)).Parse(text))}
}

// Show sends a page.
func (p Pages) Show(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := p.all.ExecuteTemplate(&b, name, data); err != nil {
		log.Print(err)
		http.Error(w, "This page could not be shown.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// Guard sets the headers of every response of next, which may replace them, and serves the style
// sheet.
func Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", Policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if r.URL.Path == "/frame.css" {
			h.Set("Content-Type", "text/css; charset=utf-8")
			_, _ = w.Write(style)
			return
		}
		next.ServeHTTP(w, r)
	})
}
