package page

import (
	"cmp"
	_ "embed"
	"html/template"
	"strings"
	"sync"
)

//go:embed button.css
var buttonCSS string

// parts returns the templates of the button and the chip, which are parsed at first use. The
// mark takes the colour of the text. Its size is in attributes, so it is right without the
// style sheet too.
var parts = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Parse(`
{{define "mark"}}<svg viewBox="0 0 24 24" width="20" height="20" fill="currentColor" aria-hidden="true" focusable="false"><path d="M18.244 2.25h3.308l-7.227 8.26 8.502 11.24H16.17l-5.214-6.817L4.99 21.75H1.68l7.73-8.835L1.254 2.25H8.08l4.713 6.231zm-1.161 17.52h1.833L7.084 4.126H5.117z"/></svg>{{end}}
{{define "button"}}<a class="xsignin-button" href="{{.Link}}" data-turbo="false">{{template "mark"}}<span>{{.Label}}</span></a>{{end}}
{{define "chip"}}<span class="xsignin-chip">{{template "mark"}}<span>{{.Label}} <bdi>@{{.Handle}}</bdi></span>
{{- with .Link}}<img src="{{.}}" width="24" height="24" alt="">{{end}}</span>{{end}}`))
})

// Button returns a link to a login at X, such as that of xsignin.Kit.LoginURL, that looks like
// a button: X's mark and a label, by default "Sign in with X". It is a function for
// [html/template], see docs/button.md:
//
//	template.FuncMap{"signInWithX": page.Button}
//
// The link has no script and no inline style, and loads nothing: see [ButtonCSS]. It is for X
// only, since X's mark may only name X.
func Button(login string, label ...string) template.HTML {
	return part("button", "Sign in with X", label, login, "")
}

// Chip returns the text "Signed in as @handle" with X's mark, which X's policy asks sites to
// show after a sign-in. avatar is the address of the picture, or "" for none. The browser
// loads it from there, so the page's content policy must allow it. The label replaces "Signed
// in as". Without a handle Chip returns nothing.
func Chip(handle, avatar string, label ...string) template.HTML {
	handle = plain(strings.TrimPrefix(handle, "@"), 200)
	if handle == "" {
		return ""
	}
	return part("chip", "Signed in as", label, avatar, handle)
}

// ButtonCSS returns the style sheet of [Button] and [Chip]. Add it to the site's style sheet, or
// to an element <style>, which a policy can name by nonce or hash. The button is at least 44
// pixels high. It is black on light pages and white on dark ones, by the CSS property
// color-scheme. The class xsignin-light or xsignin-dark, on an outer element, overrides this.
func ButtonCSS() template.CSS {
	return template.CSS(buttonCSS)
}

func part(name, standard string, label []string, link, handle string) template.HTML {
	var b strings.Builder
	data := struct{ Label, Link, Handle string }{plain(cmp.Or(strings.Join(label, " "), standard), 500), link, handle}
	_ = parts().ExecuteTemplate(&b, name, data) // it writes strings into memory, which does not fail
	return template.HTML(b.String())            // html/template has escaped the values
}
