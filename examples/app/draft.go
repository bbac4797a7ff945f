package main

import (
	"net/http"
	"unicode/utf8"
)

// draftKey names the visitor's draft in the session. The draft is a value of the application,
// stored together with the kit's. The handlers that use it are behind LoadAndSave. The draft
// ends with the session, or when another user signs in.
const draftKey = "draft"

// maxDraft is the limit of a draft in characters. Every request reads the session.
const maxDraft = 4000

// draft is the visitor's draft, or "".
func (a *app) draft(r *http.Request) string {
	return a.kit.Sessions().SCS().GetString(r.Context(), draftKey)
}

func (a *app) setDraft(r *http.Request, text string) {
	if text == "" {
		a.kit.Sessions().SCS().Remove(r.Context(), draftKey)
		return
	}
	a.kit.Sessions().SCS().Put(r.Context(), draftKey, text)
}

// keepDraft stores the text of the form for later.
func (a *app) keepDraft(w http.ResponseWriter, r *http.Request) {
	f := emptyForm()
	status := f.fill(w, r)
	if utf8.RuneCountInString(f.Text) > maxDraft {
		f.fault("text", "A draft has at most 4000 characters.")
		status = http.StatusUnprocessableEntity
	}
	if status != http.StatusOK {
		a.showForm(w, r, status, f)
		return
	}
	a.setDraft(r, f.Text)
	next := a.link("/compose")
	if f.Text != "" {
		next += "?done=kept"
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}
