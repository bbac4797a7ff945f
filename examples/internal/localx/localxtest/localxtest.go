// Package localxtest tests the small examples, which all have the same pages.
package localxtest

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/localx"
	"github.com/xsignin/xsignin/internal/testkit"
)

// Build returns an example's application.
type Build = func(xsignin.Config) (http.Handler, *xsignin.Kit, error)

// SignIn starts an example as its command does, without credentials. It signs in like a person:
// with the link, the form of the local X, and the button that signs out.
func SignIn(t *testing.T, build Build) {
	base := Start(t, build)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t, base, &http.Client{Jar: jar}}

	home := b.get("/")
	home.want("/", "Hello, stranger", "Continue with X", "Nothing here reaches X")
	// The page for users redirects to X, and back to the page.
	consent := b.get("/me")
	consent.want("/i/oauth2/authorize", "Authorize app")
	me := consent.submit("decision", "authorize")
	me.want("/me", "Your newest posts", "Signed in as", "Nora Lindqvist", "@nora_lindqvist", "<li>")
	b.get("/").want("/", "Hello, Nora Lindqvist", "@nora_lindqvist", `action="/auth/logout"`)
	b.get("/auth/nowhere").wantStatus(http.StatusNotFound)
	me.submit("", "").want("/", "Hello, stranger")
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if p := b.get("/me"); p.status != http.StatusSeeOther || p.header.Get("Location") != "/auth/login?return_to=%2Fme" {
		t.Errorf("after the sign-out: %d to %q", p.status, p.header.Get("Location"))
	}
	if strings.Contains(home.body, "<script") || strings.Contains(me.body, "<script") {
		t.Error("a page has a script")
	}
}

// SignedIn opens a page of the example at base that needs a user, signs in as the first demo
// account, and returns the browser. Start has started the example.
func SignedIn(t *testing.T, base, path string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t, base, &http.Client{Jar: jar}}
	consent := b.get(path)
	consent.want("/i/oauth2/authorize", "Authorize app")
	consent.submit("decision", "authorize").wantStatus(http.StatusOK)
	return b.client
}

// Start runs an example, as its command does without credentials, until the test ends. It
// returns the example's address.
func Start(t *testing.T, build Build) string {
	t.Helper()
	base, printed := testkit.Start(t, nil, func(ctx context.Context, getenv func(string) string, out io.Writer) error {
		return localx.Run(ctx, getenv, out, build)
	})
	if !strings.HasPrefix(printed, "Ready: "+base+" (a local X ") {
		t.Fatalf("the first line is %q", printed)
	}
	return base
}

// browser is a visitor's browser.
type browser struct {
	*testing.T
	base   string
	client *http.Client
}

type page struct {
	*browser
	url    *url.URL
	status int
	header http.Header
	body   string
}

func (b *browser) get(path string) *page {
	b.Helper()
	r, err := http.NewRequest(http.MethodGet, b.base+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	return b.do(r)
}

func (b *browser) do(r *http.Request) *page {
	b.Helper()
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
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
		return b.get(to)
	}
	return &page{b, resp.Request.URL, resp.StatusCode, resp.Header, string(body)}
}

// want checks the browser's current path, and the content of the page.
func (p *page) want(path string, texts ...string) {
	p.Helper()
	p.wantStatus(http.StatusOK)
	if p.url.Path != path {
		p.Fatalf("came to %s, want %s", p.url.Path, path)
	}
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			p.Errorf("%s does not say %q:\n%s", path, text, p.body)
		}
	}
}

func (p *page) wantStatus(status int) {
	p.Helper()
	if p.status != status {
		p.Errorf("%s: status %d, want %d\n%s", p.url, p.status, status, p.body)
	}
}

// submit sends the first form of the page, with its default values, by the button with that name
// and value.
func (p *page) submit(name, value string) *page {
	p.Helper()
	form := regexp.MustCompile(`(?s)<form[^>]*method="post".*?</form>`).FindString(p.body)
	if form == "" {
		p.Fatalf("no form on %s", p.url)
	}
	values := url.Values{}
	for _, input := range regexp.MustCompile(`<input[^>]*>`).FindAllString(form, -1) {
		if !strings.Contains(input, `type="radio"`) || strings.Contains(input, " checked") {
			values.Set(attribute(input, "name"), attribute(input, "value"))
		}
	}
	if name != "" {
		values.Set(name, value)
	}
	target := *p.url
	if action := attribute(form, "action"); action != "" {
		to, err := p.url.Parse(action)
		if err != nil {
			p.Fatal(err)
		}
		target = *to
	}
	r, err := http.NewRequest(http.MethodPost, target.String(), strings.NewReader(values.Encode()))
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.do(r)
}

// attribute is the value of an attribute of the first tag in html.
func attribute(html, name string) string {
	tag, _, _ := strings.Cut(html, ">")
	m := regexp.MustCompile(` ` + name + `="([^"]*)"`).FindStringSubmatch(tag)
	if m == nil {
		return ""
	}
	return strings.NewReplacer("&amp;", "&", "&#43;", "+", "&#39;", "'").Replace(m[1])
}
