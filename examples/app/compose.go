package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xsignin/xsignin/examples/internal/posttext"
)

// X's limits for a picture, a poll, and a description.
const (
	maxPicture = 5 << 20
	maxOptions = 4
	maxOption  = 25
	maxAltText = 1000
	// maxText is the limit of a text in bytes. X allows 25,000 characters with a subscription.
	maxText = 100_000
	// maxForm is the limit of a picture plus the rest of the form.
	maxForm = maxPicture + 1<<20
)

// postForm is the submitted form and its errors.
type postForm struct {
	Kind    string // text, picture or poll
	Text    string
	AltText string
	Options []string
	Minutes int

	// Faults are by the name of the field; the empty name is for the whole form.
	Faults map[string]string
	// Login is the sign-in link, if a new sign-in helps. It opens in a new tab, because this one
	// has the text.
	Login     string
	Durations []duration
	// Length is that of Text as X counts it, and Max the most that X allows.
	Length, Max int
}

type duration struct {
	Minutes int
	Label   string
}

var durations = []duration{{60, "1 hour"}, {24 * 60, "1 day"}, {3 * 24 * 60, "3 days"}, {7 * 24 * 60, "7 days"}}

func emptyForm() *postForm {
	return &postForm{Kind: "text", Options: make([]string, maxOptions), Minutes: 24 * 60, Faults: map[string]string{}}
}

func (f *postForm) fault(field, text string) {
	if f.Faults[field] == "" {
		f.Faults[field] = text
	}
}

func (a *app) composeForm(w http.ResponseWriter, r *http.Request) {
	f := emptyForm()
	f.Text = a.draft(r)
	a.showForm(w, r, http.StatusOK, f)
}

func (a *app) showForm(w http.ResponseWriter, r *http.Request, status int, f *postForm) {
	f.Durations, f.Length, f.Max = durations, posttext.Length(f.Text), posttext.Max
	policy := w.Header().Get("Content-Security-Policy")
	w.Header().Set("Content-Security-Policy", policy+"; script-src 'self'") // the counter
	a.page(w, r, status, "compose", view{
		Title: "New post", Current: "/compose", Form: f,
		Asked: asked{Call: "POST /2/tweets", Library: "gotwi"},
	})
}

// compose posts. If X refuses the post, the form is shown again with its text.
func (a *app) compose(w http.ResponseWriter, r *http.Request) {
	f := emptyForm()
	d, status := f.read(w, r)
	if status != http.StatusOK {
		a.showForm(w, r, status, f)
		return
	}
	x, err := a.api(r.Context())
	if err == nil {
		err = x.publish(r.Context(), d)
	}
	if err == nil {
		a.setDraft(r, "")
		http.Redirect(w, r, a.link("/posts?done=posted"), http.StatusSeeOther)
		return
	}
	p := a.problemFor(r, err)
	if wantsJSON(r) {
		a.problem(w, r, p)
		return
	}
	if n := posttext.Length(d.text); p.Code == "refused" && n > posttext.Max {
		f.fault("text", fmt.Sprintf("X counts %d characters and allows %d, or more for accounts with a subscription.", n, posttext.Max))
	}
	words := p.Title + ". " + p.Detail
	if p.Said != "" && p.Code != "duplicate" {
		words += " X says: " + shown(p.Said)
	}
	if !p.RetryAt.IsZero() {
		words += " Try again from " + p.RetryAt.UTC().Format("15:04 UTC") + "."
	}
	f.fault("", words)
	if p.LoginURL != "" {
		f.Login = a.loginURL(r, a.link("/?done="+signedIn))
	}
	a.showForm(w, r, p.Status, f)
}

// composeAgain shows the form again if its session has ended, so that the text is not lost.
func (a *app) composeAgain(w http.ResponseWriter, r *http.Request) {
	if wantsJSON(r) {
		a.signInAgain(w, r)
		return
	}
	f := emptyForm()
	f.fault("", "You are signed out, and nothing was sent. Sign in again in a new tab, and then press the button here once more.")
	f.fill(w, r)
	if f.Kind == "picture" {
		f.fault("picture", "Pick the picture again.")
	}
	f.Login = a.loginURL(r, a.link("/?done="+signedIn))
	a.showForm(w, r, http.StatusUnauthorized, f)
}

// fill fills f in from r, without its picture. A status other than 200 means an error, which f
// describes.
func (f *postForm) fill(w http.ResponseWriter, r *http.Request) int {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	// A form without a picture may be url-encoded, and has already been read then.
	if err := r.ParseMultipartForm(maxForm); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			f.Kind = "picture"
			f.fault("picture", "The picture is larger than 5 MB. Pick a smaller one.")
			return http.StatusRequestEntityTooLarge
		}
		f.fault("", "The form could not be read. Please fill it in again.")
		return http.StatusBadRequest
	}
	f.Kind = r.PostFormValue("kind")
	if !slices.Contains([]string{"text", "picture", "poll"}, f.Kind) {
		f.Kind = "text"
	}
	// Browsers send line breaks as CR LF. X counts each as one character.
	f.Text = strings.TrimSpace(strings.ReplaceAll(r.PostFormValue("text"), "\r\n", "\n"))
	f.AltText = strings.TrimSpace(r.PostFormValue("alt"))
	copy(f.Options, r.PostForm["option"])
	f.Minutes, _ = strconv.Atoi(r.PostFormValue("minutes"))
	if len(f.Text) > maxText { // anyone may send this form, and its text is counted
		f.Text = strings.ToValidUTF8(f.Text[:maxText], "")
		f.fault("text", "The text is too long, and its end is missing. X allows 25,000 characters at most.")
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusOK
}

// read is fill, and also checks the post.
func (f *postForm) read(w http.ResponseWriter, r *http.Request) (draft, int) {
	if status := f.fill(w, r); status != http.StatusOK {
		return draft{}, status
	}
	d := draft{text: f.Text}
	switch f.Kind {
	case "picture":
		d.altText = f.AltText
		f.readPicture(r, &d)
	case "poll":
		f.readPoll(&d)
	}
	if f.Text == "" && f.Kind != "picture" {
		f.fault("text", "Write something first.")
	}
	if len(f.Faults) > 0 {
		return draft{}, http.StatusUnprocessableEntity
	}
	return d, http.StatusOK
}

func (f *postForm) readPicture(r *http.Request, d *draft) {
	file, _, err := r.FormFile("picture")
	if err != nil {
		f.fault("picture", "Pick a picture.")
		return
	}
	defer func() { _ = file.Close() }()
	if d.picture, err = io.ReadAll(file); err != nil || len(d.picture) == 0 {
		f.fault("picture", "The picture could not be read. Pick it again.")
		return
	}
	// A browser derives a file's type from its name. X checks the bytes.
	d.mediaType = http.DetectContentType(d.picture)
	if !slices.Contains([]string{"image/jpeg", "image/png", "image/webp"}, d.mediaType) {
		f.fault("picture", "This is no JPEG, PNG or WebP picture.")
	}
	if len(d.picture) > maxPicture {
		f.fault("picture", "The picture is larger than 5 MB. Pick a smaller one.")
	}
	if utf8.RuneCountInString(f.AltText) > maxAltText {
		f.fault("alt", "A description has at most 1000 characters.")
	}
}

func (f *postForm) readPoll(d *draft) {
	for _, o := range f.Options {
		o = strings.TrimSpace(o)
		if utf8.RuneCountInString(o) > maxOption {
			f.fault("option", "An answer has at most 25 characters.")
		}
		if o != "" {
			d.options = append(d.options, o)
		}
	}
	if len(d.options) < 2 {
		f.fault("option", "A poll needs at least two answers.")
	}
	if !slices.ContainsFunc(durations, func(d duration) bool { return d.Minutes == f.Minutes }) {
		f.fault("minutes", "Say how long the poll is open.")
	}
	d.minutes = f.Minutes
}
