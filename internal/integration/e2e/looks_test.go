package e2e

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// axe is the source of axe-core.
func axe(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		missing(t, "there is no axe-core: npm ci --prefix internal/integration/e2e")
	}
	return string(b)
}

// harmless fails the test if axe-core finds problems in the page.
func (p *page) harmless(source string, dark bool, width int64) {
	p.t.Helper()
	var found []struct {
		ID, Help string
		Nodes    []struct{ HTML string }
	}
	var raw string
	// The protocol runs the script, not the page, so the page's content policy stays on.
	p.run(chromedp.Evaluate(source+"\n;0", nil),
		chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`, &raw, awaited))
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		p.t.Fatal(err)
	}
	for _, f := range found {
		p.t.Errorf("%s, dark %t, %d pixels wide: %s: %s: %v", p.at(), dark, width, f.ID, f.Help, f.Nodes)
	}
}

// accessible fails the test if axe-core finds problems in the page.
func (p *page) accessible(source string) { p.t.Helper(); p.harmless(source, false, 1200) }

// fits fails the test if the page is wider than the window, or scrolls sideways.
func (p *page) fits() {
	p.t.Helper()
	var over int
	p.run(chromedp.Evaluate(`document.documentElement.scrollWidth - innerWidth`, &over))
	if over > 0 {
		p.t.Errorf("%s is %d pixels wider than the window", p.at(), over)
	}
}

// darkness fails the test unless the page's background is dark, or light, as requested.
func (p *page) darkness(dark bool) {
	p.t.Helper()
	var light float64
	p.run(chromedp.Evaluate(`(() => {
		for (const e of [document.body, document.documentElement]) {
			const c = getComputedStyle(e).backgroundColor.match(/[\d.]+/g).map(Number);
			if (c.length < 4 || c[3] > 0) return (c[0] + c[1] + c[2]) / 3 / 255;
		}
		return matchMedia("(prefers-color-scheme: dark)").matches && getComputedStyle(document.documentElement).colorScheme.includes("dark") ? 0 : 1;
	})()`, &light))
	if dark != (light < 0.5) {
		p.t.Errorf("%s: dark is %t, and the background's lightness %.2f", p.at(), dark, light)
	}
}

// looks checks the page's accessibility, its light and dark colours, and its width.
func (p *page) looks(source string) {
	p.t.Helper()
	for _, dark := range []bool{false, true} {
		for _, width := range []int64{1200, 360} {
			p.scheme(dark)
			p.width(width)
			// Wait for colour transitions to end.
			p.until(`document.getAnimations().every(a => a.playState === "finished")`, "the page does not come to rest")
			p.fits()
			p.darkness(dark)
			p.harmless(source, dark, width)
		}
	}
	p.scheme(false)
	p.width(1200)
}

func TestLooks(t *testing.T) {
	t.Parallel()
	source := axe(t)
	p := newBrowser(t, start(t, "app"))
	p.looks(source)
	p.open("/nowhere")
	p.looks(source)
	p.open("/auth/logout")
	p.see("not signed in")
	p.looks(source)
	p.open("/auth/nowhere")
	p.looks(source)
	p.open("/auth/callback?state=unknown&code=x")
	p.looks(source)
	p.open("/auth/login")
	p.see("will be able to")
	p.looks(source)
	p.click("Cancel")
	p.arrive("/auth/callback")
	p.looks(source)
	p.signIn("OAuth 1.0a", "Nora Lindqvist")
	p.open("/tokens")
	p.click("Connect by OAuth 2.0")
	p.see("will be able to")
	p.click("Authorize app")
	p.arrive("/tokens")
	for _, path := range []string{"/", "/timeline", "/posts", "/followers", "/compose", "/tokens", "/me", "/auth/logout"} {
		p.open(path)
		p.looks(source)
	}
	var simulator string
	p.open("/auth/login?return_to=/me")
	p.see("will be able to")
	p.run(chromedp.Evaluate(`location.origin`, &simulator))
	p.run(chromedp.Navigate(simulator + "/"))
	p.see("Registered callbacks")
	p.looks(source)
}
