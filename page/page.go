// Package page has everything that visitors and scripts can read: the pages, the problem
// documents, and the one table of problems with their texts.
//
// An application changes the texts by [Pages].Translate, and the layout by [Pages].Render:
//
//	Render: func(w http.ResponseWriter, r *http.Request, p page.Page) {
//		switch p.Kind {
//		case page.SignOut: // the application's own page
//			signOut.Execute(w, p)
//		case page.Denied: // another text
//			p.Text = "Come back whenever you like."
//			p.Render(w, r)
//		default: // the default page
//			p.Render(w, r)
//		}
//	},
//
// Scripts get problem documents (RFC 9457) instead of pages. Their codes are stable.
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
	// SignedOut: the visitor opened the page for signing out and is not signed in.
	SignedOut Kind = "signed_out"
	// SignOutFailed: a store of the site failed, and the visitor is still signed in.
	SignOutFailed Kind = "sign_out_failed"
	// NotEverywhere: a form requested a kind of sign-out that the site does not have.
	NotEverywhere Kind = "not_everywhere"
	// CrossOrigin: another site tried to sign the visitor out.
	CrossOrigin Kind = "cross_origin"

	// Interstitial leads to X, see handlers.Interstitial. Page.Link is X's address, and
	// Page.Follow is set.
	Interstitial Kind = "interstitial"

	// Denied: the user cancelled the sign-in at X.
	Denied Kind = "denied"
	// NotGranted: the user is signed in, but X did not grant a permission that was requested.
	NotGranted Kind = "not_granted"
	// Expired: the sign-in took too long, or was used already.
	Expired Kind = "expired"
	// OtherBrowser: the sign-in was not started in this browser.
	OtherBrowser Kind = "other_browser"
	// NotAllowed: the application refused the account.
	NotAllowed Kind = "not_allowed"
	// AccountRefused: X refuses the account, which is suspended or locked.
	AccountRefused Kind = "account_refused"
	// RateLimited: X limits the requests, perhaps until Page.RetryAt.
	RateLimited Kind = "rate_limited"
	// Refused: X refuses the application; the log says why.
	Refused Kind = "refused"
	// Unavailable: X could not be reached, or gave no usable response.
	Unavailable Kind = "unavailable"
	// Internal: a sign-in failed because of an error of this site.
	Internal Kind = "internal"
	// NotAPageLoad: a script, an image, a frame or a prefetch requested the login.
	NotAPageLoad Kind = "not_a_page_load"
	// UnknownScope: the login's address names a permission that the application does not use.
	UnknownScope Kind = "unknown_scope"

	// NotSignedIn answers a form that was sent while no user was signed in. A page load is
	// sent to the login instead.
	NotSignedIn Kind = "not_signed_in"
	// OpenSignIn answers a page load in a frame, or by an office program, while no user was
	// signed in. Its link opens the login in the whole window.
	OpenSignIn Kind = "open_sign_in"
	// NeedsReauth answers a form that was sent while X no longer accepted the user's token.
	NeedsReauth Kind = "sign_in_again"
	// InsufficientScope answers a form that was sent by a user whose token lacks a permission.
	InsufficientScope Kind = "insufficient_scope"
	// Temporary: a store of the site failed, so the session is not known.
	Temporary Kind = "temporary"

	// NotFound: the kit has nothing at this address.
	NotFound Kind = "not_found"
	// MethodNotAllowed: the address is not for this method.
	MethodNotAllowed Kind = "method_not_allowed"
)

// Page is a short text and a link or a form. All fields are plain text: the default layout
// escapes them, and an application's own template must, as html/template does. Link may
// have parts of the request's address, such as the path to return to. It is a path on this
// site, except for [Interstitial]. No text of X is in a page; RetryAt may come from X.
type Page struct {
	// Kind says which page it is. Later versions may add kinds: render unknown kinds too.
	Kind Kind
	// Status is the status of the response.
	Status int
	// Title and Text say what happened.
	Title, Text string
	// Code is a stable word that visitors can mention when they ask for help. It may be
	// empty.
	Code string
	// RetryAt is when the visitor can try again. The zero time means that this is not known.
	RetryAt time.Time
	// Link and its Label lead on. With Post the link is a form that posts there. With a
	// Label and an empty Link it leads to the same page again. Without a Label there is no
	// link.
	Link, Label string
	Post        bool
	// Target is where Link opens: "" here, "_top" in the whole window (for pages in frames),
	// or "_blank" in a new tab (so that a form that was filled in is not lost).
	Target string
	// Fields are hidden fields of the form, such as a token against cross-site request
	// forgery that the application's own middleware requires.
	Fields []Field
	// Everywhere is the label of a second button in the form. That button adds the field
	// everywhere=1, which signs out in all browsers. If Everywhere is empty there is no
	// such button.
	Everywhere string
	// Follow says that a script must send the visitor to Link at once. The default layout
	// does so. Link then holds the state of this sign-in: do not use it elsewhere.
	Follow bool
	// Home leads back to the site. It may be empty.
	Home string
	// SiteName and Accent are those of [Pages].
	SiteName, Accent string

	// Lang is the language of the page, as in the attribute lang. The default is "en".
	Lang string
	// RetryText is the sentence with RetryAt. It is empty without RetryAt.
	RetryText string
	// HomeLabel is the text of the link to Home.
	HomeLabel string
	// CodeLabel is the text in front of Code.
	CodeLabel string
}

// Field is a hidden field of a form.
type Field struct{ Name, Value string }

// withDefaults fills in the texts that every page has.
func (p Page) withDefaults() Page {
	p.Status = cmp.Or(p.Status, http.StatusOK)
	p.Lang = cmp.Or(p.Lang, "en")
	p.HomeLabel = cmp.Or(p.HomeLabel, "Back to the site")
	p.CodeLabel = cmp.Or(p.CodeLabel, "If you ask the site for help, mention")
	if p.RetryText == "" && !p.RetryAt.IsZero() {
		p.RetryText = "You can try again from " + p.RetryAt.UTC().Format("15:04 UTC on 2 January 2006") + "."
	}
	return p
}
