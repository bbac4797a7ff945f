// Package requestkind tells who sent a request, so that a redirect goes only to
// somebody who can follow it, and a page only to somebody who can read it.
package requestkind

import (
	"net/http"
	"strings"
)

// Page reports whether r loads a page: a browser that can be sent through a
// sign-in and come back.
//
// Browsers say so by Sec-Fetch-Mode (Fetch Metadata). Those that do not send it ask
// for text/html when they load a page and for */* when a script fetches; a client
// that sends no Accept header at all is taken for a simple browser.
func Page(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	if HTMX(r) || r.Header.Get("Upgrade") != "" || r.Header.Get("X-Requested-With") != "" {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	accept := r.Header.Values("Accept")
	return len(accept) == 0 || has(accept, "text/html") || has(accept, "application/xhtml+xml")
}

// Form reports whether r is a form that a person has sent and waits for the page of.
func Form(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && !HTMX(r) &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && has(r.Header.Values("Accept"), "text/html")
}

// HTMX reports whether r was sent by htmx, which follows HX-Redirect. A boosted
// link is one too: htmx sends it as a fetch.
func HTMX(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

// JSON reports whether an answer in JSON is what r asks for: it accepts JSON and
// not HTML, or a script sent it.
func JSON(r *http.Request) bool {
	accept := r.Header.Values("Accept")
	if has(accept, "text/html") {
		return false
	}
	if has(accept, "application/json") || has(accept, "application/problem+json") {
		return true
	}
	mode := r.Header.Get("Sec-Fetch-Mode")
	return (mode != "" && mode != "navigate") || r.Header.Get("X-Requested-With") != ""
}

// has reports whether one of the values of an Accept header names media type t
// with a quality other than 0.
func has(accept []string, t string) bool {
	for _, line := range accept {
		for item := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(item, ";")
			if strings.EqualFold(strings.TrimSpace(name), t) {
				q := strings.ReplaceAll(strings.ToLower(params), " ", "")
				return q != "q=0" && q != "q=0.0"
			}
		}
	}
	return false
}
