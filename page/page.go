// Package page is what visitors get to see of the kit: the question before a sign-out, a
// page for each failure, and if wanted one on the way to X. Its words and its looks are an application's to change, by one
// hook, the Pages of the root package's Config:
//
//	Pages: func(w http.ResponseWriter, r *http.Request, p page.Page) {
//		switch p.Kind {
//		case page.SignOut: // one page of one's own
//			signOut.Execute(w, p)
//		case page.Denied: // another text
//			p.Text = "Come back whenever you like."
//			p.Render(w, r)
//		default: // the kit's page
//			p.Render(w, r)
//		}
//	},
//
// What scripts get is no page and does not come by here: problem documents (RFC 9457), whose
// Code is stable and is what to translate by.
package page

import (
	"cmp"
	"net/http"
	"time"
)

// Kind says which page it is. The strings are stable.
type Kind string

// The kinds of page.
const (
	// SignOut asks whether to sign out, with a form (Page.Post).
	SignOut Kind = "sign_out"
	// SignedOut: a page to sign out by, in a browser where nobody is signed in.
	SignedOut Kind = "signed_out"
	// SignOutFailed: a store of this site is away, and the visitor is still signed in.
	SignOutFailed Kind = "sign_out_failed"
	// NotEverywhere: a form asked for a way of signing out that the site does not know.
	NotEverywhere Kind = "not_everywhere"
	// CrossOrigin: another site tried to sign the visitor out.
	CrossOrigin Kind = "cross_origin"

	// Interstitial leads on to X, see handlers.Interstitial: Page.Link is X's address, and
	// Page.Follow is set.
	Interstitial Kind = "interstitial"

	// Denied: the user said no at X.
	Denied Kind = "denied"
	// NotGranted: the user is signed in, but X did not grant what the visitor was sent for.
	NotGranted Kind = "not_granted"
	// Expired: the sign-in took too long, or was used already.
	Expired Kind = "expired"
	// OtherBrowser: the sign-in was not begun in this browser.
	OtherBrowser Kind = "other_browser"
	// NotAllowed: the application refused the account.
	NotAllowed Kind = "not_allowed"
	// RateLimited: X limits the calls, perhaps until Page.RetryAt.
	RateLimited Kind = "rate_limited"
	// Refused: X refuses the application; the log says why.
	Refused Kind = "refused"
	// Unavailable: X could not be reached, or gave no usable answer.
	Unavailable Kind = "unavailable"
	// Internal: a sign-in failed by a fault on this site, or nobody can sign in as it is set up.
	Internal Kind = "internal"
	// NotAPageLoad: a script, an image, a frame or a prefetch asked to sign in.
	NotAPageLoad Kind = "not_a_page_load"
	// UnknownScope: the login's address names a permission that the application does not use.
	UnknownScope Kind = "unknown_scope"

	// NotSignedIn answers a form that was sent while nobody was signed in. A page load is
	// sent to the login instead.
	NotSignedIn Kind = "not_signed_in"
	// NeedsReauth answers a form that was sent while X no longer took the user's token.
	NeedsReauth Kind = "sign_in_again"
	// InsufficientScope answers a form that was sent by a user whose token lacks a permission.
	InsufficientScope Kind = "insufficient_scope"
	// Temporary: who is signed in cannot be told, since a store of this site is away.
	Temporary Kind = "temporary"

	// NotFound: nothing is at this address under the kit's path.
	NotFound Kind = "not_found"
	// MethodNotAllowed: the address is not for this method.
	MethodNotAllowed Kind = "method_not_allowed"
)

// Page is a sentence or two, and a way on. All of it is text, and none of it is markup: the
// default layout escapes it, and a template of one's own has to, as html/template does. Link
// may hold what the visitor's address did, such as the path to come back to; it leads to a
// path on this site, but for an [Interstitial]. What X says is never in a page, except for
// RetryAt.
type Page struct {
	// Kind says which page it is. There may be more of them in later versions: render those
	// that you do not know.
	Kind Kind
	// Status is the status of the answer.
	Status int
	// Title and Text say what there is to say.
	Title, Text string
	// Code lets a visitor tell the site's people what was shown; it may be empty. It is a
	// stable word.
	Code string
	// RetryAt is when it makes sense to try again; the zero time says nothing.
	RetryAt time.Time
	// Link and its Label lead on. With Post the link is a form that posts there, without
	// fields of its own. With a Label and an empty Link it is the same page again; without a Label
	// there is none.
	Link, Label string
	Post        bool
	// Everywhere is the label of a second button in that form, which sends the value
	// everywhere=1 along: signing out in all browsers. Empty where there is none.
	Everywhere string
	// Follow says that the visitor is meant to be sent on to Link at once, by script and not
	// by a redirect. The default layout does so; a page of one's own has to. Link then holds
	// the state of this sign-in: it belongs into this answer and nowhere else.
	Follow bool
	// Home leads back to the site; it may be empty.
	Home string

	// What follows are the words of the layout around the rest, for translation.

	// Lang is the language of the page, as an attribute lang; "en" if nothing else is said.
	Lang string
	// RetryText is the sentence that says RetryAt, and empty without one.
	RetryText string
	// HomeLabel is the text of the link to Home.
	HomeLabel string
	// CodeLabel stands in front of Code.
	CodeLabel string
}

// worded fills in the words that every page has.
func (p Page) worded() Page {
	p.Status = cmp.Or(p.Status, http.StatusOK)
	p.Lang = cmp.Or(p.Lang, "en")
	p.HomeLabel = cmp.Or(p.HomeLabel, "Back to the site")
	p.CodeLabel = cmp.Or(p.CodeLabel, "If you ask the site for help, mention")
	if p.RetryText == "" && !p.RetryAt.IsZero() {
		p.RetryText = "You can try again from " + p.RetryAt.UTC().Format("15:04 UTC on 2 January 2006") + "."
	}
	return p
}

// Func answers r with p. Goroutines call it at once. A nil Func is valid, and renders the
// default page.
//
// Before it is called the kit has set the headers that keep any page harmless: Cache-Control
// (no-store), Referrer-Policy (no-referrer, since the address may hold a code),
// X-Content-Type-Options and X-Frame-Options, and a Content-Type of HTML. They can be changed;
// better leave the first two. A page of one's own should also set a Content-Security-Policy
// that fits it, and load nothing from other sites; [Page.Render] sets one for the default
// layout.
//
// The answer has the status p.Status unless the Func writes another, so that executing a
// template is enough. r is the visitor's request, for their language and for the application's
// own context; its body and its address may come from anybody.
type Func func(w http.ResponseWriter, r *http.Request, p Page)

// Show answers r with p, by f or else by the default layout. Rooms of the kit call it.
func (f Func) Show(w http.ResponseWriter, r *http.Request, p Page) {
	p = p.worded()
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Type", "text/html; charset=utf-8")
	if f == nil {
		p.Render(w, r)
		return
	}
	out := &writer{ResponseWriter: w, status: p.Status}
	f(out, r, p)
	out.begin()
}

// writer answers with a status of its own where nobody chooses another.
type writer struct {
	http.ResponseWriter
	status int
	begun  bool
}

// Unwrap is for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) begin() {
	if !w.begun {
		w.WriteHeader(w.status)
	}
}

// WriteHeader implements [http.ResponseWriter].
func (w *writer) WriteHeader(status int) {
	// Informational ones come before the answer.
	w.begun = w.begun || status >= 200 || status == http.StatusSwitchingProtocols
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *writer) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b)
}

// FlushError is for [http.ResponseController], which would flush with status 200.
func (w *writer) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}
