// Package frame is what the pages of some examples have in common: what is around them, how
// they look, and the headers that keep them to themselves.
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

// Policy is the Content-Security-Policy of the pages: their own files, and no script that
// stands in a page.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Pages are an example's templates.
type Pages struct{ all *template.Template }

// New makes the pages of an example from text, which defines a template for each. One
// begins with {{template "top" "Its title"}} and ends with {{template "end" .}}; text may
// define "head" and "foot" besides, for what goes there.
func New(example string, cfg xsignin.Config, text string) Pages {
	funcs := template.FuncMap{
		"example": func() string { return example },
		"local":   func() bool { return cfg.ClientID == xtest.DefaultClientID },
	}
	return Pages{template.Must(template.Must(template.New(example).Funcs(funcs).Parse(frame)).Parse(text))}
}

// Show answers with a page.
func (p Pages) Show(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := p.all.ExecuteTemplate(&b, name, data); err != nil {
		log.Print(err)
		http.Error(w, "This page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// Guard sets the headers of every answer of next, which may replace them, and serves the
// style sheet.
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
