package xtest

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// page is what is shown to a person.
type page struct {
	Kind   string // consent, error, denied, pin or front
	Status int
	Title  string
	Text   string
	Reason string // why it went wrong, in words that X does not use
	Notice string

	App       string
	Words     []string
	Accounts  []choice
	FormToken string
	SignedIn  bool // front: whether the browser continues as some account
	Link      string
	PIN       string
	Callbacks []string
	Compared  bool   // error: whether the callback that was sent is to be compared with Callbacks
	Sent      string // it

	// front: what the simulator has and did
	Keys             []key
	Requests         []Request
	Switches, Serves []string
}

type key struct{ Name, Value string }

// choice is an account on a page.
type choice struct {
	ID, Name, Username         string
	Chosen, SignedIn, Approved bool
}

// Initial is shown instead of an avatar, which would need the network.
func (c choice) Initial() string {
	return strings.ToUpper(string([]rune(hidden.ReplaceAllString(c.Name+c.Username+"?", ""))[:1]))
}

// hidden are control characters, and those that turn the direction of the text around them.
var hidden = regexp.MustCompile(`[\p{Cc}\x{202a}-\x{202e}\x{2066}-\x{2069}]`)

//go:embed page.css
var styleSheet string

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"plain": func(s string) string { return hidden.ReplaceAllString(s, "") },
	"style": func() template.CSS { return template.CSS(styleSheet) },
	// A callback may have an application's own scheme. Those that could run in the page are refused at registration.
	"callback": func(s string) template.URL { return template.URL(s) },
}).Parse(pageSource))

// pagePolicy allows the page's own style. It has no form-action, which Chrome applies to the redirect after a form.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(styleSheet))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; frame-ancestors 'none'"
}()

// show sends the browser on or shows it a page. No lock is held.
func (x *X) show(w http.ResponseWriter, r *http.Request, out *outcome) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	if out.reason != "" {
		x.note(r, http.StatusFound, out.location, out.reason)
	}
	if out.location != "" {
		x.changed(r)
		h.Set("Location", out.location)
		w.WriteHeader(http.StatusFound)
		return
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, out.page); err != nil {
		x.cfg.Logger.Error("xtest: page", "error", err)
		x.finish(w, r, newReply(http.StatusInternalServerError, typeText, "Internal Server Error"))
		return
	}
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	rep := newReply(out.page.Status, typeHTML, b.String()).because("%s", out.page.Reason)
	rep.said = "the page " + strconv.Quote(out.page.Title)
	x.finish(w, r, rep)
}
