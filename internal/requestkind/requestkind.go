// Package requestkind decides what sent a request: a browser that loads a page, a form, a
// script or another program. A redirect is only for clients that can follow it to another
// site, and a page only for clients that show it.
package requestkind

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Kind is what sent a request.
type Kind int

// The kinds of request.
const (
	// Script is fetch, XMLHttpRequest, JSON, an event stream, a WebSocket, an image, or any
	// method but GET and HEAD.
	Script Kind = iota
	// PageLoad is a browser that loads a page. It can go to another site and come back.
	PageLoad
	// Frame is a page load inside of a frame, which cannot show X's pages.
	Frame
	// Form is a form that a person sent.
	Form
	// HTMX is a request of htmx, which follows HX-Redirect.
	HTMX
	// Boosted is a request of htmx in place of a page load.
	Boosted
	// Office is an office program that follows a link in a document. It follows redirects
	// by itself, and opens the last address in the browser, which lacks its cookies.
	Office
)

// Of returns the kind of r. Fetch Metadata (Sec-Fetch-Mode) decides first: scripts cannot
// change it. Browsers without Fetch Metadata accept text/html when they load a page, and */*
// in scripts. A client without an Accept header counts as a simple browser.
func Of(r *http.Request) Kind {
	h := r.Header // whose canonical names Get finds without allocating
	mode := h.Get("Sec-Fetch-Mode")
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case mode == "navigate":
		return navigation(r, reads)
	case h.Get("Hx-Request") == "true":
		return htmx(h, reads)
	case !reads && accepts(r, "text/vnd.turbo-stream.html"):
		return Form // if the answer is a page, Turbo shows it in place of the current page
	case mode != "" || IsWebSocket(r) || isXHR(r):
		return Script
	case r.Method == http.MethodPost && accepts(r, "text/html"):
		return Form
	case !reads:
		return Script
	case office(r):
		return Office
	case h.Get("Accept") == "" || accepts(r, "text/html") || accepts(r, "application/xhtml+xml"):
		return PageLoad
	}
	return Script
}

func htmx(h http.Header, reads bool) Kind {
	if reads && (h.Get("Hx-Boosted") == "true" || h.Get("Hx-History-Restore-Request") == "true") {
		return Boosted
	}
	return HTMX
}

func navigation(r *http.Request, reads bool) Kind {
	switch {
	case reads && Framed(r):
		return Frame
	case reads:
		return PageLoad
	case accepts(r, "text/html"):
		return Form
	}
	return Script
}

// Page reports whether r loads a page in the whole window.
func Page(r *http.Request) bool { return Of(r) == PageLoad }

// IsHTMX reports whether htmx sent r.
func IsHTMX(r *http.Request) bool { return Of(r) == HTMX || Of(r) == Boosted }

// isPrefetch reports whether a browser loads a page that the visitor may never open.
func isPrefetch(r *http.Request) bool {
	// Turbo sends X-Sec-Purpose, since scripts cannot set Sec-Purpose.
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz", "X-Sec-Purpose"} {
		switch value, _, _ := strings.Cut(strings.ToLower(r.Header.Get(name)), ";"); strings.TrimSpace(value) {
		case "prefetch", "preview", "prerender", "instant":
			return true
		}
	}
	return false
}

// MaySignIn reports whether a sign-in can begin with r. Requests that say nothing about
// themselves may. All others must be page loads in the whole window: scripts, images, frames
// and prefetches cannot finish a sign-in, and any site can cause them.
func MaySignIn(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return (mode == "navigate" || mode == "" && !isXHR(r) && !office(r)) && !Framed(r) && !IsHTMX(r) && !isPrefetch(r)
}

// ShowsPages reports whether a browser that shows pages sent r. Unlike [Page] it needs a
// header that says so.
func ShowsPages(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return accepts(r, "text/html") && !isXHR(r)
}

// JSON reports whether r must be answered with JSON: the client accepts JSON and not HTML, or
// is a script.
func JSON(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	script := (mode != "" && mode != "navigate") || isXHR(r)
	return !accepts(r, "text/html") && (script || accepts(r, "application/json") || accepts(r, "+json"))
}

// IsWebSocket reports whether r asks for a WebSocket, over HTTP/2 by CONNECT (RFC 8441). Other
// protocols in Upgrade, such as curl's h2c, come with a page load.
func IsWebSocket(r *http.Request) bool {
	return r.Method == http.MethodConnect || strings.Contains(strings.ToLower(strings.Join(r.Header["Upgrade"], ",")), "websocket")
}

// isXHR reports whether a script says so. Android's WebView sends the name of its
// application in the same header, also with page loads.
func isXHR(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("X-Requested-With"), "XMLHttpRequest")
}

// Framed reports whether r fills a frame or another embedded element. Behind a service
// worker, the destination of a page load is "empty".
func Framed(r *http.Request) bool {
	embedded := []string{"iframe", "frame", "fencedframe", "embed", "object"}
	return slices.Contains(embedded, r.Header.Get("Sec-Fetch-Dest"))
}

// office reports whether an office program sent r.
func office(r *http.Request) bool {
	agent := strings.ToLower(r.UserAgent())
	return strings.Contains(agent, "ms-office") || strings.Contains(agent, "msoffice") || strings.Contains(agent, "microsoft office")
}

// zeroQuality matches the parameters of a media type that is not wanted.
var zeroQuality = regexp.MustCompile(`(?i)(^|;)\s*q=0(\.0*)?\s*(;|$)`)

// accepts reports whether the Accept header has mediaType with a quality above 0. If mediaType
// begins with a plus, it is a suffix.
func accepts(r *http.Request, mediaType string) bool {
	for _, line := range r.Header.Values("Accept") {
		for item := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(item, ";")
			name = strings.ToLower(strings.TrimSpace(name))
			if name == mediaType || name == "text/*" && mediaType == "text/html" || mediaType[0] == '+' && strings.HasSuffix(name, mediaType) {
				return !zeroQuality.MatchString(params)
			}
		}
	}
	return false
}
