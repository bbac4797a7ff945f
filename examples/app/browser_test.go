package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/xsignin/xsignin/internal/testkit"
)

// start runs the application until the test ends and returns its address.
func start(t *testing.T, env map[string]string) string {
	t.Helper()
	at, _ := startUntil(t, env)
	return at
}

// startUntil also returns a function that stops the application and returns the result of run.
func startUntil(t *testing.T, env map[string]string) (at string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out := make(lines, 1)
	done := make(chan error, 1)
	log := slog.New(slog.NewTextHandler(testLog{t}, nil))
	database := sqliteIn(t.TempDir())
	database = strings.TrimPrefix(database, "DATABASE_URL=")
	go func() {
		done <- run(ctx, func(name string) string {
			v, ok := env[name]
			switch {
			case ok:
			case name == "ADDR":
				v = "127.0.0.1:0"
			case name == "CHECK":
				v = "off" // tests count requests to X
			case name == "DATABASE_URL":
				v = database
			}
			return v
		}, out, log)
	}()
	var once []error
	stop = func() error {
		cancel()
		if once == nil {
			once = []error{<-done}
		}
		return once[0]
	}
	t.Cleanup(func() { _ = stop() })
	select {
	case line := <-out:
		line, ok := strings.CutPrefix(line, "Ready: ")
		if !ok {
			t.Fatalf("the first line is %q", line)
		}
		at, _, _ = strings.Cut(strings.TrimSpace(line), ",")
		return at, stop
	case err := <-done:
		once = []error{err}
		t.Fatalf("did not start: %v", err)
		return "", nil
	}
}

// lines receives each write to standard output as a line.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// browser is a visitor's browser.
type browser struct {
	*testing.T
	base   string
	client *http.Client
}

func newBrowser(t *testing.T, base string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{T: t, base: base, client: &http.Client{Jar: jar}}
}

// page is the response to a browser that followed redirects.
type page struct {
	*browser
	url    *url.URL
	status int
	header http.Header
	body   string
	doc    *html.Node
}

func (b *browser) do(r *http.Request) *page {
	b.Helper()
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	if to := testkit.Refresh(string(body)); to != "" {
		return b.get((&page{browser: b, url: resp.Request.URL}).resolve(to))
	}
	p := &page{browser: b, url: resp.Request.URL, status: resp.StatusCode, header: resp.Header, body: string(body)}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		if p.doc, err = html.Parse(strings.NewReader(p.body)); err != nil {
			b.Fatalf("%s: %v", p.url, err)
		}
	}
	return p
}

func (b *browser) get(path string) *page {
	b.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.base + path
	}
	r, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		b.Fatal(err)
	}
	return b.do(r)
}

// json requests path like a program, without following redirects.
func (b *browser) json(path string, into any) *http.Response {
	b.Helper()
	r, err := http.NewRequest(http.MethodGet, b.base+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	resp, err := (&http.Client{Jar: b.client.Jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}).Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		b.Fatalf("%s: status %d: %v", path, resp.StatusCode, err)
	}
	return resp
}

// want fails the test unless the page has the status and contains all words.
func (p *page) want(status int, words ...string) *page {
	p.Helper()
	if p.status != status {
		p.Fatalf("%s: status %d, not %d:\n%s", p.url, p.status, status, text(p.doc))
	}
	for _, w := range words {
		if !strings.Contains(text(p.doc), w) {
			p.Fatalf("%s: %q is not on the page:\n%s", p.url, w, text(p.doc))
		}
	}
	return p
}

// click follows the first link that contains label.
func (p *page) click(label string) *page {
	p.Helper()
	for n := range all(p.doc, atom.A) {
		if strings.Contains(text(n), label) {
			return p.get(p.resolve(attr(n, "href")))
		}
	}
	p.Fatalf("%s: there is no link %q:\n%s", p.url, label, text(p.doc))
	return nil
}

// file is an upload.
type file struct {
	name string
	data []byte
}

// press sends the form whose button contains label, with the form's default values and some
// fields filled in. Values are strings, lists of strings or files.
func (p *page) press(label string, fill map[string]any) *page {
	p.Helper()
	for form := range all(p.doc, atom.Form) {
		for button := range all(form, atom.Button) {
			if strings.Contains(text(button), label) {
				return p.submit(form, button, fill)
			}
		}
	}
	p.Fatalf("%s: there is no button %q:\n%s", p.url, label, text(p.doc))
	return nil
}

func (p *page) submit(form, button *html.Node, fill map[string]any) *page {
	p.Helper()
	fields := url.Values{}
	for n := range all(form, atom.Input, atom.Textarea, atom.Select) {
		name, value := attr(n, "name"), attr(n, "value")
		switch {
		case name == "" || attr(n, "type") == "file":
			continue
		case attr(n, "type") == "radio" && !has(n, "checked"):
			continue
		case n.DataAtom == atom.Textarea:
			value = text(n)
		case n.DataAtom == atom.Select:
			for o := range all(n, atom.Option) {
				if value == "" || has(o, "selected") {
					value = attr(o, "value")
				}
			}
		}
		fields.Add(name, value)
	}
	if name := attr(button, "name"); name != "" {
		fields.Set(name, attr(button, "value"))
	}
	files := map[string]file{}
	for name, v := range fill {
		switch v := v.(type) {
		case string:
			fields.Set(name, v)
		case []string:
			fields[name] = v
		case file:
			files[name] = v
		}
	}
	body, kind := strings.NewReader(fields.Encode()), "application/x-www-form-urlencoded"
	if attr(form, "enctype") == "multipart/form-data" {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for name, values := range fields {
			for _, v := range values {
				_ = w.WriteField(name, v)
			}
		}
		for name, f := range files {
			part, err := w.CreateFormFile(name, f.name)
			if err != nil {
				p.Fatal(err)
			}
			_, _ = part.Write(f.data)
		}
		_ = w.Close()
		body, kind = strings.NewReader(b.String()), w.FormDataContentType()
	}
	action := cmp.Or(attr(button, "formaction"), attr(form, "action"))
	r, err := http.NewRequest(http.MethodPost, p.resolve(action), body)
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	return p.do(r)
}

func (p *page) resolve(ref string) string {
	p.Helper()
	u, err := p.url.Parse(ref)
	if err != nil {
		p.Fatal(err)
	}
	return u.String()
}

// all returns the elements below n of the given kinds.
func all(n *html.Node, kinds ...atom.Atom) func(func(*html.Node) bool) {
	return func(yield func(*html.Node) bool) {
		if n == nil {
			return
		}
		for d := range n.Descendants() {
			if d.Type == html.ElementNode && slices.Contains(kinds, d.DataAtom) && !yield(d) {
				return
			}
		}
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

// text is the text below n, with normalized spaces.
func text(n *html.Node) string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// signIn goes from the front page to the timeline.
func (b *browser) signIn(protocol string) *page {
	b.Helper()
	consent := b.get("/").want(http.StatusOK).click(protocol)
	return consent.want(http.StatusOK).press("Authorize app", nil).want(http.StatusOK)
}
