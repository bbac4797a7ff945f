package page

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/xsignin/xsignin/internal/answer"
	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/internal/requestkind"
)

// Pages shows pages. The zero value shows the default pages in English.
type Pages struct {
	// Render answers a request with a page, in the application's layout. Goroutines call
	// Render at the same time. Nil means the default layout, [Page.Render].
	//
	// The kit sets headers before the call: Cache-Control (no-store), Referrer-Policy (the
	// address may hold a code), X-Content-Type-Options, X-Frame-Options, and a Content-Type
	// of HTML. Keep the first two. Set a Content-Security-Policy that fits the page, and load
	// nothing from other sites. The status is p.Status unless Render writes another.
	Render func(w http.ResponseWriter, r *http.Request, p Page)
	// Translate replaces the texts of a page or of a problem document by those of the
	// visitor's language, and sets p.Lang. p.Kind and p.Code say which text it is, and
	// p.Provider names the provider. Only Title and Text are used in a problem document. Nil
	// means English.
	Translate func(r *http.Request, p *Page)
	// SiteName is shown above the title. It may be empty.
	SiteName string
	// Accent is the colour of the main button, such as "#1d9bf0". The default is black, or
	// white in dark mode.
	Accent string
}

var colour = regexp.MustCompile(`^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$`)

// Validate reports invalid settings. Field names begin with prefix.
func (s Pages) Validate(faults *configerr.List, prefix string) {
	if s.Accent != "" && !colour.MatchString(s.Accent) {
		faults.Add(prefix+".Accent", "must be a colour such as #1d9bf0, and is %.40q", s.Accent)
	}
}

// Show answers r with p.
func (s Pages) Show(w http.ResponseWriter, r *http.Request, p Page) {
	p.SiteName, p.Accent = s.SiteName, s.Accent
	p = s.translated(r, p).withDefaults()
	if p.Target == "" && requestkind.Framed(r) {
		p.Target = "_top" // the pages of providers refuse frames
	}
	setHeaders(w.Header(), r, p)
	setRetryAfter(w.Header(), p.wait)
	if s.Render == nil {
		p.Render(w, r)
		return
	}
	out := &answer.Writer{ResponseWriter: w, Status: p.Status}
	s.Render(out, r, p)
	out.End(r)
}

// setHeaders sets the headers of every page.
func setHeaders(h http.Header, r *http.Request, p Page) {
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Type", "text/html; charset=utf-8")
	if p.Post {
		// With no-referrer, browsers send the form with "Origin: null", and
		// http.CrossOriginProtection refuses the form.
		h.Set("Referrer-Policy", "same-origin")
	}
	if requestkind.Framed(r) {
		h.Set("X-Frame-Options", "SAMEORIGIN")
	}
}

func (s Pages) translated(r *http.Request, p Page) Page {
	if s.Translate != nil {
		s.Translate(r, &p)
	}
	return p
}

// setRetryAfter sets the header Retry-After if waiting helps.
func setRetryAfter(h http.Header, wait time.Duration) {
	if wait > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10))
	}
}

// Write answers r with p as a problem document, in the visitor's language.
func (s Pages) Write(w http.ResponseWriter, r *http.Request, p Problem) {
	h := w.Header()
	if s.Translate != nil {
		words := s.translated(r, p.Page())
		p.Title, p.Detail = words.Title, words.Text
		if words.Lang != "" {
			h.Set("Content-Language", words.Lang)
		}
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	setRetryAfter(h, p.RetryAfter)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}
