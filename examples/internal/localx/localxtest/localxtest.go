// Package localxtest tests the small examples, which are all the same site.
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

// Build makes an example's application.
type Build = func(xsignin.Config) (http.Handler, *xsignin.Kit, error)

// SignIn starts an example as its command does, without credentials, and signs in as a person
// does: by the link, the form of the local X, and the button that signs out.
func SignIn(t *testing.T, build Build) {
	base := Start(t, build)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t, base, &http.Client{Jar: jar}}

	home := b.get("/")
	home.want("/", "Hello, stranger", "Continue with X", "Nothing here reaches X")
	// The page for members leads to X, and back to itself.
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

// SignedIn signs the first demo account in to the example at base, which Start has started,
// by a page that needs a user, and returns the browser.
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

// Start runs an example, as its command does without credentials, until the test ends, and
// returns its address.
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

// browser is somebody with a browser.
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

// want checks that the browser has come to path, and what it shows there.
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

// submit sends the first form of the page, as it is filled in, by the button of that name and
// value.
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
