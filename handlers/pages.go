package handlers

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"

	"github.com/xsignin/xsignin/internal/wants"
)

//go:embed page.css
var pageCSS string

//go:embed page.html
var pageHTML string

// pages are the pages of the kit: one layout, no script, no request to anywhere.
type pages struct {
	page *template.Template
	csp  string
}

// pageData fills the layout: a sentence or two, and a way on.
type pageData struct {
	Style       template.CSS
	Title, Text string
	// Code lets a visitor tell the site's people what was shown.
	Code string
	// RetryAt is a time for people, and the same for machines.
	RetryAt, RetryAtISO string
	// Link and its label lead on; Form posts there instead.
	Link, Label, Home string
	Form              bool
}

func newPages() *pages {
	sum := sha256.Sum256([]byte(pageCSS))
	return &pages{
		page: template.Must(template.New("page").Parse(pageHTML)),
		csp: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	}
}

// write shows a page with the headers that keep it harmless.
func (p *pages) write(w http.ResponseWriter, r *http.Request, status int, data pageData) {
	data.Style = template.CSS(pageCSS)
	var b bytes.Buffer
	// It cannot fail: strings go into a buffer.
	_ = p.page.Execute(&b, data)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes())
	}
}

// problem answers with p, as a page or as JSON. retry is where to try again.
func (h *Handlers) problem(w http.ResponseWriter, r *http.Request, p Problem, retry string) {
	p.RetryURL = retry
	p.setRetryAfter(w, h.cfg.Now())
	if wants.JSON(r) {
		writeProblem(w, p)
		return
	}
	data := pageData{Title: p.Title, Text: p.Detail, Code: p.Code, Link: retry, Label: "Try again", Home: h.cfg.Home}
	if !p.RetryAt.IsZero() {
		data.RetryAt = p.RetryAt.UTC().Format("15:04 UTC on 2 January 2006")
		data.RetryAtISO = p.RetryAt.UTC().Format("2006-01-02T15:04:05Z")
	}
	h.pages.write(w, r, p.Status, data)
}

func (h *Handlers) logoutPage(w http.ResponseWriter, r *http.Request) {
	h.pages.write(w, r, http.StatusOK, pageData{
		Title: "Sign out?", Text: "You will be signed out of this site in this browser. You stay signed in at X.",
		Link: h.cfg.Path + "/logout", Label: "Sign out", Form: true, Home: h.cfg.Home,
	})
}
