package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	kitpage "github.com/xsignin/xsignin/page"
)

var buttonPage = template.Must(template.New("").Funcs(template.FuncMap{
	"button": kitpage.Button, "chip": kitpage.Chip, "css": kitpage.ButtonCSS,
}).Parse(`<!doctype html>
<html lang="en" dir="{{.Dir}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Buttons</title>
<style nonce="n">:root { color-scheme: {{.Scheme}} } body { font-family: sans-serif } section { background: Canvas; color: CanvasText; padding: 1rem } a { color: red; text-decoration: underline }</style>
<style{{if .Nonce}} nonce="n"{{end}}>{{css}}</style></head>
<body><main><h1>Buttons</h1>
<section id="own">{{button "/auth/login"}} {{chip "demo" ""}}</section>
<section id="light" class="xsignin-light">{{button "/auth/login" "Weiter mit X"}} {{chip .Long ""}}</section>
<section id="dark" class="xsignin-dark">{{button "/auth/login" "المتابعة باستخدام X"}} {{chip "demo" "" "تسجيل الدخول باسم"}}</section>
</main></body></html>`))

// serveButtons serves buttonPage. The policy names the style sheet by nonce, or with the
// parameter hash by its hash.
func serveButtons(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		policy := "default-src 'none'; style-src 'nonce-n'"
		if r.FormValue("hash") != "" {
			sum := sha256.Sum256([]byte(kitpage.ButtonCSS()))
			policy += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		}
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = buttonPage.Execute(w, map[string]any{
			"Scheme": r.FormValue("scheme"), "Dir": r.FormValue("dir"), "Nonce": r.FormValue("hash") == "", "Long": strings.Repeat("w", 200),
		})
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestTheButtonUnderAStrictPolicy looks at the button in Chromium: size, colours and focus.
func TestTheButtonUnderAStrictPolicy(t *testing.T) {
	t.Parallel()
	const black, white = "rgb(0, 0, 0)", "rgb(255, 255, 255)"
	p := newChromium(t, settings{})
	p.site = serveButtons(t)
	var mu sync.Mutex
	var complaints, requests []string
	chromedp.ListenTarget(p.ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded:
			complaints = append(complaints, e.Entry.Text)
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(e.Request.URL); err != nil || u.Path != "/favicon.ico" && u.Path != "/" || !strings.HasPrefix(e.Request.URL, p.site) {
				requests = append(requests, e.Request.URL)
			}
		}
	})
	p.run(chromedp.ActionFunc(func(ctx context.Context) error { return network.Enable().Do(ctx) }), log.Enable())
	colours := func(section string) (background, text string) {
		t.Helper()
		var got []string
		p.run(chromedp.Evaluate(`(() => {
			const c = getComputedStyle(document.querySelector("#`+section+` a"));
			return [c.backgroundColor, c.color];
		})()`, &got))
		return got[0], got[1]
	}
	for _, tt := range []struct {
		query string
		dark  bool   // the system's scheme
		own   string // the background of the button without a class around
	}{
		{"?scheme=light+dark", false, black},
		{"?scheme=light+dark", true, white},
		{"?scheme=light", true, black},
		{"?scheme=dark", false, white},
		{"?scheme=normal", true, black},
		{"?scheme=light+dark&hash=1", true, white},
		{"?scheme=light+dark&dir=rtl", false, black},
	} {
		for _, width := range []int64{1200, 360} {
			p.scheme(tt.dark)
			p.width(width)
			p.open("/" + tt.query)
			for section, want := range map[string]string{"own": tt.own, "light": black, "dark": white} {
				if background, text := colours(section); background != want || text == want || text != black && text != white {
					t.Errorf("%s, dark %t: the button in %s has %s on %s", tt.query, tt.dark, section, text, background)
				}
			}
			p.fits()
			var low []float64
			p.run(chromedp.Evaluate(`[...document.querySelectorAll("a")].map(a => a.getBoundingClientRect().height).filter(h => h < 44)`, &low))
			if len(low) > 0 {
				t.Errorf("%s: buttons of %v pixels", tt.query, low)
			}
			p.press(kb.Tab)
			var outline string
			p.run(chromedp.Evaluate(`document.activeElement.className + " " + getComputedStyle(document.activeElement).outlineStyle + " " + getComputedStyle(document.activeElement).outlineWidth`, &outline))
			if outline != "xsignin-button solid 3px" {
				t.Errorf("%s: the focus: %s", tt.query, outline)
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(requests) > 0 || len(complaints) > 0 {
		t.Errorf("requests %q, and the browser says %q", requests, complaints)
	}
}

// TestAPlainLinkLeadsBackToItsPage: the browser names the page in Referer.
func TestAPlainLinkLeadsBackToItsPage(t *testing.T) {
	t.Parallel()
	p := newBrowser(t, newSite(t, "", false).url)
	p.open("/photos?page=2")
	p.click("Continue with X")
	p.see("will be able to")
	p.click("Authorize app")
	p.arrive("/photos")
	p.see("Photos", "Hello, Demo Account")
	p.until(`location.search === "?page=2"`, "the query is lost")
}

// TestPagesInOtherScripts looks at the kit's own pages: long words, Arabic, and characters that
// must not be shown.
func TestPagesInOtherScripts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ö", 100) // 200 bytes
	shown := map[string]kitpage.Page{
		"/ar": {
			Lang: "ar", Title: "X لا يقبل تسجيل الدخول", Text: "تعذر تسجيل الدخول باستخدام X. حاول مرة أخرى.", Code: "refused", CodeLabel: "الرمز:",
			Link: "/", Label: "حاول مرة أخرى", Home: "/", HomeLabel: "العودة إلى الموقع", Status: 502,
		},
		"/long": {Title: long, Text: long, Code: strings.Repeat("c", 200), Link: "/", Label: long, Home: "/", HomeLabel: long, Everywhere: long, Post: true},
		"/odd":  {Title: "a\u202egnp.exe\x1b[31m", Text: "b\u202dc\x00d", Link: "/", Label: "e\u202bf"},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kitpage.Pages{SiteName: long}.Show(w, r, shown[r.URL.Path])
	}))
	t.Cleanup(srv.Close)
	p := newChromium(t, settings{})
	p.site = srv.URL
	for path := range shown {
		for _, width := range []int64{1200, 360} {
			p.width(width)
			p.open(path)
			p.fits()
			var wide []string
			p.run(chromedp.Evaluate(`(() => {
				const right = document.querySelector("main").getBoundingClientRect().right;
				return [...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > right + 1).map(e => e.tagName);
			})()`, &wide))
			if len(wide) > 0 {
				t.Errorf("%s, %d pixels wide: %v reach out of the page", path, width, wide)
			}
			if text := p.text(); strings.ContainsAny(text, "\u202a\u202b\u202c\u202d\u202e\x00\x1b") {
				t.Errorf("%s shows %q", path, text)
			}
		}
	}
	var aligned bool
	p.open("/ar")
	p.run(chromedp.Evaluate(`(() => {
		const main = document.querySelector("main").getBoundingClientRect(), range = document.createRange();
		range.selectNodeContents(document.querySelector("h1"));
		return getComputedStyle(document.body).direction === "rtl" && range.getBoundingClientRect().right > main.right - 60;
	})()`, &aligned))
	if !aligned {
		t.Error("the Arabic title does not begin at the right")
	}
}
