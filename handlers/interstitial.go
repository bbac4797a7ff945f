package handlers

import (
	"net/http"
	"strings"

	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/page"
)

// Interstitial says which visitors Login sends to the provider by way of a small page that
// moves on by script, instead of by a redirect.
//
// On a phone where X's app is installed, the app may take over the address of the consent
// page. The user then says yes in the app, which opens the callback in another browser than
// the one that began, and the sign-in cannot end: see [page.OtherBrowser]. Phones hand over
// what somebody taps, and the redirects behind it; where a script moves on by itself they
// stay in the browser. That is the phones' own rule and the app's, and may change. Without
// script the page has a button, which the app may take over as before.
//
// The page costs a round trip. The address at the provider, which carries the state of the
// sign-in, is in nothing but the page, which is not stored; the pending sign-in's cookie
// comes with it, as with a redirect. A Content-Security-Policy lets it run its own script
// and no other.
type Interstitial int

// Which visitors get the page.
const (
	// InterstitialNever redirects everybody. It is the default.
	InterstitialNever Interstitial = iota
	// InterstitialPhones shows the page to browsers that say that they are on a phone, by
	// Sec-CH-UA-Mobile or by "Mobi" in User-Agent. Tablets often say that they are not.
	InterstitialPhones
	// InterstitialAlways shows it to everybody who loads a page.
	InterstitialAlways
)

// holds reports whether r's visitor gets the page.
func (i Interstitial) holds(r *http.Request) bool {
	// Who cannot read a page is sent on in any case.
	return requestkind.Page(r) && (i == InterstitialAlways || i == InterstitialPhones && phone(r))
}

// phone reports whether r says that it comes from a phone.
func phone(r *http.Request) bool {
	return r.Header.Get("Sec-Ch-Ua-Mobile") == "?1" || strings.Contains(r.UserAgent(), "Mobi")
}

// sendOn sends the browser to the provider, at once or by the page.
func (h *Handlers) sendOn(w http.ResponseWriter, r *http.Request, redirect string) {
	if !h.cfg.Interstitial.holds(r) {
		seeOther(w, redirect)
		return
	}
	h.cfg.Pages.Show(w, r, page.Page{
		Kind: page.Interstitial, Title: "One moment",
		Text: "The sign-in opens by itself, in this browser. If it does not, use the button.",
		Link: redirect, Label: "Continue", Follow: true, Home: h.cfg.DefaultReturnTo,
	})
}
