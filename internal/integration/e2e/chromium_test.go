package e2e

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long a page may take to show what a test waits for.
const patience = 30 * time.Second

// missing skips the test, or fails it where everything must run.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("XSIGNIN_TEST_REQUIRE_ALL") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// page is a tab of a browser and the site that it looks at.
type page struct {
	t    *testing.T
	ctx  context.Context
	site string
}

// newBrowser starts Chromium and opens the site.
func newBrowser(t *testing.T, site string) *page {
	t.Helper()
	p := newChromium(t, settings{})
	p.site = site
	p.open("/")
	return p
}

// newChromium starts Chromium with an empty profile. It ends with the test.
func newChromium(t *testing.T, s settings) *page {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		missing(t, "there is no Chromium: install Debian's package chromium")
	}
	profile := newProfile(t)
	if s.noCookies {
		blockCookies(t, profile)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		// Without these Chromium asks for hosts that are not on this machine.
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("no-pings", true), chromedp.WindowSize(1200, 900),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	if s.proxy != "" {
		options = append(options, chromedp.ProxyServer(s.proxy))
	}
	options = append(options, chromedp.IgnoreCertErrors)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	p := &page{t: t, ctx: ctx}
	// The first Run starts the browser. With a context that ends it would end with it.
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	if s.noScript {
		p.run(emulation.SetScriptExecutionDisabled(true))
	}
	return p
}

// blockCookies writes the setting of a new profile that blocks all cookies.
func blockCookies(t *testing.T, profile string) {
	t.Helper()
	dir := filepath.Join(profile, "Default")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	setting := `{"profile":{"default_content_setting_values":{"cookies":2}}}`
	if err := os.WriteFile(filepath.Join(dir, "Preferences"), []byte(setting), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newProfile is a directory that goes after the test. It is not t.TempDir, which fails a test
// where a process of Chromium that outlives the browser still writes.
func newProfile(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "xsignin-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 100 {
			if os.RemoveAll(dir) == nil {
				return
			}
		}
	})
	return dir
}

// tab opens another tab of the same browser.
func (p *page) tab() *page {
	p.t.Helper()
	ctx, closeTab := chromedp.NewContext(p.ctx)
	p.t.Cleanup(closeTab)
	if err := chromedp.Run(ctx); err != nil {
		p.t.Fatal(err)
	}
	return &page{t: p.t, ctx: ctx, site: p.site}
}

// popup returns the next window that the page opens, once do has made it open.
func (p *page) popup(do func()) *page {
	p.t.Helper()
	opened := chromedp.WaitNewTarget(p.ctx, func(i *target.Info) bool { return i.OpenerID != "" })
	do()
	select {
	case id := <-opened:
		ctx, stop := chromedp.NewContext(p.ctx, chromedp.WithTargetID(id))
		p.t.Cleanup(stop)
		// As above: the first Run joins the window, which is left when its context ends.
		if err := chromedp.Run(ctx); err != nil {
			p.t.Fatal(err)
		}
		return &page{t: p.t, ctx: ctx, site: p.site}
	case <-time.After(patience):
		p.t.Fatal("no window was opened")
		return nil
	}
}

// run does what a person does, and fails the test if it cannot be done.
func (p *page) run(actions ...chromedp.Action) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		p.t.Fatalf("%v\nat %s:\n%s", err, p.at(), p.text())
	}
}

// open loads a path of the site.
func (p *page) open(path string) {
	p.t.Helper()
	p.run(chromedp.Navigate(p.site + path))
}

// at is the address without the query, with the site's origin cut off.
func (p *page) at() string { return pathOn(p.site, p.address()) }

// address is the whole address of the page.
func (p *page) address() string {
	var address string
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	_ = chromedp.Run(ctx, chromedp.Location(&address))
	return address
}

// pathOn returns an address without its query, and without the site's origin.
func pathOn(site, address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	u.RawQuery, u.Fragment = "", ""
	return strings.TrimPrefix(u.String(), site)
}

// text is what the page shows.
func (p *page) text() string {
	var text string
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	_ = chromedp.Run(ctx, chromedp.Evaluate(`document.body ? document.body.innerText : ""`, &text))
	return text
}

// until waits for a condition in JavaScript.
func (p *page) until(condition, otherwise string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	// By the clock: a tab behind another has no animation frames, by which Poll goes otherwise.
	// A navigation on the way takes the page away from under a poll: then it is
	// asked again on the next one.
	for {
		err := chromedp.Run(ctx, chromedp.Poll(condition, nil, chromedp.WithPollingTimeout(0), chromedp.WithPollingInterval(50*time.Millisecond)))
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			p.t.Fatalf("%s, at %s:\n%s", otherwise, p.at(), p.text())
		}
	}
}

// see waits until the page shows each of the texts.
func (p *page) see(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.until(fmt.Sprintf(`document.body && document.body.innerText.toLowerCase().includes(%q)`, strings.ToLower(text)),
			fmt.Sprintf("%q is not shown", text))
	}
}

// arrive waits until the browser has loaded a path of the site.
func (p *page) arrive(path string) {
	p.t.Helper()
	p.until(fmt.Sprintf(`location.origin === %q && location.pathname === %q && document.readyState === "complete"`, p.site, path),
		"the browser does not arrive at "+path)
}

// click clicks what a person would call by this text: a link, a button or a label.
func (p *page) click(text string) {
	p.t.Helper()
	p.run(chromedp.Click(clickable(text), chromedp.BySearch, chromedp.NodeVisible))
}

// clickable selects what a person would call by this text.
func clickable(text string) string {
	return fmt.Sprintf(`//*[self::a or self::button or self::label][contains(normalize-space(.), %q)]`, text)
}

// back goes back in the tab's history, as the browser's button does.
func (p *page) back() { p.t.Helper(); p.run(chromedp.Evaluate(`history.back()`, nil)) }

// reload loads the page again.
func (p *page) reload() { p.t.Helper(); p.run(chromedp.Reload()) }

// show sets the site whose paths the other methods open.
func (p *page) show(site string) { p.site = site }

// fill types into the field with this id.
func (p *page) fill(id, text string) {
	p.t.Helper()
	p.run(chromedp.SendKeys(id, text, chromedp.ByID, chromedp.NodeVisible))
}

// tabTo presses the Tab key until the text or label of what has the focus contains text,
// and checks that the focus can be seen.
func (p *page) tabTo(text string) {
	p.t.Helper()
	for range 60 {
		var name string
		var seen bool
		p.run(chromedp.KeyEvent(kb.Tab),
			chromedp.Evaluate(`(e => (e.labels && e.labels.length ? e.labels[0].innerText : e.innerText) || e.getAttribute("aria-label") || "")(document.activeElement)`, &name),
			chromedp.Evaluate(`(e => { const s = getComputedStyle(e), l = e.labels && e.labels.length ? getComputedStyle(e.labels[0]) : s;
				return [s, l].some(s => (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== "none") })(document.activeElement)`, &seen))
		if !strings.Contains(name, text) {
			continue
		}
		if !seen {
			p.t.Errorf("at %s nobody sees that %q has the focus", p.at(), text)
		}
		return
	}
	p.t.Fatalf("the Tab key does not come to %q at %s:\n%s", text, p.at(), p.text())
}

// press presses a key.
func (p *page) press(key string) {
	p.t.Helper()
	p.run(chromedp.KeyEvent(key))
}

// width makes the window as narrow as a phone, or wide again.
func (p *page) width(px int64) {
	p.t.Helper()
	p.run(emulation.SetDeviceMetricsOverride(px, 800, 1, px < 600))
}

// scheme asks for dark or light pages.
func (p *page) scheme(dark bool) {
	p.t.Helper()
	value := "light"
	if dark {
		value = "dark"
	}
	p.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}))
}

// expire takes the session's cookie away, as a browser does when its time is over.
func (p *page) expire() {
	p.t.Helper()
	p.run(chromedp.ActionFunc(func(ctx context.Context) error { return network.ClearBrowserCookies().Do(ctx) }))
}
