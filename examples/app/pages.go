package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	twitter "github.com/g8rswimmer/go-twitter/v2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/provider"
)

//go:embed pages
var pageFiles embed.FS

// pages are the templates by name, each with the layout.
type pages map[string]*template.Template

// view is the data of a page. The first part is the same on all pages, and page fills it in.
type view struct {
	SignedIn  bool
	User      provider.User
	Me        person
	Ways      []way
	Way       string // the provider of the sign-in
	Simulator string
	Notice    string // set by page

	Title   string
	Current string // the current path in the navigation

	Kit     *xsignin.Page
	Problem *problem
	Posts   []post
	People  []person
	Next    string // the address of the next page
	Asked   asked
	Tokens  []held
	Missing []way // providers with which the user is not connected
	Form    *postForm
}

// asked is the list of calls that a page made to X.
type asked struct {
	Call, Library string
	Limit         *twitter.RateLimit
}

// Values of ?done= after a sign-out, and after a sign-in that a form asked for.
const (
	signedOut = "signed-out"
	signedIn  = "signed-in"
)

// notices are the messages after a redirect, by the value of ?done=.
var notices = map[string]string{
	signedIn:       "You are signed in again. Close this tab, and send the form in the other one.",
	signedOut:      "You are signed out.",
	"posted":       "Your post is on its way to your followers.",
	"kept":         "The text is saved until you post it or sign out.",
	"refreshed":    "The token is new. X has also issued a new refresh token, and the old one no longer works.",
	"disconnected": "The token was revoked at X and deleted here. If you signed in with it, the next page that calls X starts a new sign-in.",
}

// newPages reads the templates. root is in front of the path of each link.
func newPages(root string) pages {
	link := func(path string) string { return root + path }
	base := template.Must(template.New("layout").Funcs(template.FuncMap{
		"ago":   ago,
		"in":    in,
		"clock": func(t time.Time) string { return t.UTC().Format("15:04 UTC") },
		"date":  func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
		"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"asset": func(name string) (string, error) { path, err := asset(name); return link(path), err },
		"link":  link,
		"split": split,
		"inc":   func(i int) int { return i + 1 },
	}).ParseFS(pageFiles, "pages/layout.html", "pages/parts.html"))
	all := pages{}
	for _, name := range []string{"front", "me", "posts", "people", "compose", "tokens", "problem", "kit"} {
		all[name] = template.Must(template.Must(base.Clone()).ParseFS(pageFiles, "pages/"+name+".html"))
	}
	return all
}

// page shows a page.
func (a *app) page(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	v.User, v.SignedIn = xsignin.User(r.Context())
	v.Me = a.images.person(v.User.Name, v.User.Username, v.User.AvatarURL)
	v.Ways, v.Simulator = a.ways, a.cfg.simulator
	for _, way := range a.ways {
		if way.Provider == v.User.Provider {
			v.Way = way.Label
		}
	}
	// The address stays when the visitor signs in or out.
	if done := r.URL.Query().Get("done"); (done == signedOut) != v.SignedIn {
		v.Notice = notices[done]
	}
	var b bytes.Buffer
	if err := a.pages[name].ExecuteTemplate(&b, "layout", v); err != nil {
		a.log.ErrorContext(r.Context(), "app: rendering a page failed", "page", name, "err", err)
		http.Error(w, "This page could not be shown.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// asset is the path of a static file, which changes with its content.
func asset(name string) (string, error) {
	b, err := staticFiles.ReadFile("static/" + name)
	sum := sha256.Sum256(b)
	return "/static/" + name + "?v=" + hex.EncodeToString(sum[:6]), err
}

// split cuts the path of a call at a possible line break.
func split(path string) []string { return strings.SplitAfter(path, "/") }

// ago says how long ago t was, in short form if it is recent.
func ago(t time.Time) string {
	switch d := time.Since(t); {
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return t.UTC().Format("2 Jan 2006")
}

// in says how long it is until t.
func in(t time.Time) string {
	d := time.Until(t).Round(time.Minute)
	if d < time.Minute {
		return "now"
	}
	var parts []string
	for _, unit := range []struct {
		name string
		d    time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}} {
		n := d / unit.d
		d -= n * unit.d
		if n > 0 {
			s := fmt.Sprintf("%d %s", n, unit.name)
			if n > 1 {
				s += "s"
			}
			parts = append(parts, s)
		}
	}
	return "in " + strings.Join(parts[:min(2, len(parts))], " and ")
}
