package page_test

import (
	"bytes"
	"html/template"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/page"
)

func TestTheButtonIsALinkWithTheMarkAndALabel(t *testing.T) {
	for name, tt := range map[string]struct {
		got  template.HTML
		want []string
		not  []string
	}{
		"the default": {
			page.Button("/auth/login?return_to=%2Fa"),
			[]string{`<a class="xsignin-button" href="/auth/login?return_to=%2Fa"`, `fill="currentColor" aria-hidden="true"`, "<span>Sign in with X</span></a>"}, nil,
		},
		"another label":           {page.Button("/auth/login", "Weiter mit X"), []string{"<span>Weiter mit X</span>"}, []string{"Sign in"}},
		"a label with markup":     {page.Button("/auth/login", `<img src=x onerror="alert(1)">`), []string{"&lt;img"}, []string{"<img"}},
		"a link with quotes":      {page.Button(`/a"onclick="alert(1)`), []string{`href="/a%22onclick=%22alert%281%29"`}, []string{` onclick="`}},
		"a script in place of it": {page.Button("javascript:alert(1)"), nil, []string{"javascript"}},
		"the chip":                {page.Chip("demo", ""), []string{`<span class="xsignin-chip"><svg`, "<span>Signed in as <bdi>@demo</bdi></span></span>"}, []string{"<img"}},
		"a handle with its sign":  {page.Chip("@demo", ""), []string{"<bdi>@demo</bdi>"}, nil},
		"a picture":               {page.Chip("demo", "/avatar?a=b&c"), []string{`<img src="/avatar?a=b&amp;c" width="24" height="24" alt="">`}, nil},
		"a picture by script":     {page.Chip("demo", "javascript:alert(1)"), nil, []string{"javascript"}},
		"another chip":            {page.Chip("demo", "", "Angemeldet als"), []string{"<span>Angemeldet als <bdi>@demo</bdi></span>"}, []string{"Signed"}},
		"a handle with markup":    {page.Chip("<b>demo", ""), []string{"@&lt;b&gt;demo"}, []string{"<b>"}},
		"marks of direction":      {page.Chip("de\u202emo\u2066\x00\x1b", ""), []string{"<bdi>@de mo</bdi>"}, []string{"\u202e", "\u2066", "\x00", "\x1b"}},
		"a very long handle":      {page.Chip(strings.Repeat("ab", 1000), ""), []string{"<bdi>@" + strings.Repeat("ab", 100) + "</bdi>"}, nil},
		"nobody":                  {page.Chip("", "/avatar"), nil, []string{"<"}},
	} {
		for _, want := range tt.want {
			if !strings.Contains(string(tt.got), want) {
				t.Errorf("%s: no %s in %s", name, want, tt.got)
			}
		}
		// A strict policy allows none of these.
		for _, not := range append(tt.not, " style=", "<style", "<script", "http://", "https://", "url(", "@import") {
			if strings.Contains(string(tt.got), not) {
				t.Errorf("%s: %s in %s", name, not, tt.got)
			}
		}
	}
	for _, not := range []string{"url(", "@import", "@font-face", "<", "http"} {
		if strings.Contains(string(page.ButtonCSS()), not) {
			t.Errorf("%s in the style sheet", not)
		}
	}
}

func TestTheButtonIsAFunctionOfTemplates(t *testing.T) {
	page := template.Must(template.New("").Funcs(template.FuncMap{
		"signInWithX": page.Button, "signedInAs": page.Chip, "buttonCSS": page.ButtonCSS,
	}).Parse(`<style nonce="n">{{buttonCSS}}</style>{{signInWithX "/auth/login"}}{{signedInAs .Username .AvatarURL}}`))
	var b bytes.Buffer
	if err := page.Execute(&b, map[string]string{"Username": "demo", "AvatarURL": ""}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`.xsignin-button { min-height: 44px;`, `"Segoe UI"`, "light-dark(#fff, #000)", `<a class="xsignin-button" href="/auth/login"`, "@demo</bdi>"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in %s", want, b.String())
		}
	}
}

// TestThePageAboutTheButtonHasTheSameParts: static pages copy them from there.
func TestThePageAboutTheButtonHasTheSameParts(t *testing.T) {
	text, err := os.ReadFile("../docs/button.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)```(html|css)\n(.*?)\n?```").FindAllStringSubmatch(string(text), -1) {
		blocks[m[1]] += m[2] + "\n"
	}
	if want := string(page.Button("/auth/login")) + "\n" + string(page.Chip("demo", "")) + "\n"; blocks["html"] != want {
		t.Errorf("the page has %s, want %s", blocks["html"], want)
	}
	if want := string(page.ButtonCSS()); blocks["css"] != want {
		t.Errorf("the page has %s, want %s", blocks["css"], want)
	}
}
