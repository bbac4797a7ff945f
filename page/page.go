// Package page has everything that visitors and scripts can read: the pages, the problem
// documents, and the table of both with all texts, problems.json.
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

// Kind says which page it is. The strings are stable; problems.json lists them. A Kind is
// also the error that [ProblemFor] turns into that page's problem.
type Kind string

// The kinds that applications treat apart most often.
const (
	// SignOut asks whether to sign out, with a form (Page.Post).
	SignOut Kind = "sign_out"
	// Interstitial leads to X, see handlers.OnPhones. Page.Link is X's address, and
	// Page.Follow is set.
	Interstitial Kind = "interstitial"
	// Denied: the user cancelled the sign-in at X.
	Denied Kind = "denied"
	// NotAllowed: the application refused the account.
	NotAllowed Kind = "not_allowed"
)

// Page is a short text and a link or a form. All fields are plain text: the default layout
// escapes them, and an application's own template must, as html/template does. Link is a
// path on this site, except for [Interstitial]. Link may hold parts of the request's address,
// such as the path to return to. Only RetryAt and ProviderMessage come from a provider.
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
	// Link is the next address, and Label its text. With Post, a form posts to Link. With a
	// Label and an empty Link it leads to the same page again. Without a Label there is no
	// link.
	Link, Label string
	Post        bool
	// Target is where Link opens: "" means this page, "_top" the whole window (for pages in
	// frames), and "_blank" a new tab (so that the visitor's form is not lost).
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
	// SiteName and Accent are copied from [Pages].
	SiteName, Accent string
	// Provider is the name of the sign-in's provider for people, such as "GitHub". It is empty
	// on pages that are about no provider.
	Provider string
	// ProviderMessage is what the provider said with a refusal (error_description): one line,
	// at most 300 bytes, without control characters and secrets. It is empty without such a
	// text, and when a refusal is shown again. The default layout does not show it: the text
	// is for developers, in any language. To show it, append it to Text in [Pages].Translate
	// or [Pages].Render. It is never markup.
	ProviderMessage string

	// Lang is the language of the page, as in the attribute lang. The default is "en".
	Lang string
	// RetryText is the sentence with RetryAt. It is empty without RetryAt.
	RetryText string
	// HomeLabel is the text of the link to Home.
	HomeLabel string
	// CodeLabel is the text in front of Code.
	CodeLabel string

	wait time.Duration // for Retry-After
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
