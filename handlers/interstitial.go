package handlers

import (
	"net/http"
	"strings"

	"github.com/xsignin/xsignin/internal/requestkind"
	"github.com/xsignin/xsignin/page"
)

// Interstitial selects the visitors that Login sends to the provider through a small page
// with a script, instead of by a redirect.
//
// On a phone with X's app, the app may open the address of the consent page. The user then
// approves in the app, which opens the callback in another browser, and the sign-in cannot
// finish there: see [page.OtherBrowser]. Phones hand links to apps when the visitor taps
// them, also after redirects, but not when a script opens them. That rule belongs to the
// phones and to the app, and may change. Without scripts the page has a button, which the
// app may open as before.
//
// The page costs a round trip. Only the page has the address at the provider with the state
// of the sign-in, and it is not stored. Its Content-Security-Policy allows no other script.
type Interstitial int

// The values of Interstitial.
const (
	// InterstitialNever redirects all visitors. It is the default.
	InterstitialNever Interstitial = iota
	// InterstitialPhones shows the page to browsers on phones, by Sec-CH-UA-Mobile or by
	// "Mobi" in User-Agent. Many tablets count as desktops.
	InterstitialPhones
	// InterstitialAlways shows the page to every browser that loads a page.
	InterstitialAlways
)

// appliesTo reports whether r is answered with the page.
func (i Interstitial) appliesTo(r *http.Request) bool {
	return requestkind.Page(r) && (i == InterstitialAlways || i == InterstitialPhones && phone(r))
}

// phone reports whether r comes from a phone.
func phone(r *http.Request) bool {
	return r.Header.Get("Sec-Ch-Ua-Mobile") == "?1" || strings.Contains(r.UserAgent(), "Mobi")
}

// sendOn sends the browser to the provider, by a redirect or by the page.
func (h *Handlers) sendOn(w http.ResponseWriter, r *http.Request, redirect string) {
	if !h.cfg.Interstitial.appliesTo(r) {
		seeOther(w, redirect)
		return
	}
	h.cfg.Pages.Show(w, r, page.Page{
		Kind: page.Interstitial, Title: "One moment",
		Text: "The sign-in opens by itself, in this browser. If it does not, use the button.",
		Link: redirect, Label: "Continue", Follow: true, Home: h.cfg.DefaultReturnTo,
	})
}
