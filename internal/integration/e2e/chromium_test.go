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

// patience is how long a page may take to show the expected text.
const patience = time.Minute

// missing skips the test, or fails it if all tests must run.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("XSIGNIN_TEST_REQUIRE_ALL") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// page is a tab of a browser, and the site that it shows.
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
		// Without these options Chromium connects to hosts that are not on this machine.
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
	// The first Run starts the browser. If its context ended, the browser would end too.
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	if s.noScript {
		p.run(emulation.SetScriptExecutionDisabled(true))
	}
	return p
}

// blockCookies writes a new profile's setting that blocks all cookies.
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

// newProfile returns a directory that is removed after the test. t.TempDir would fail the test
// if a process of Chromium outlives the browser and still writes.
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

// popup calls do, and returns the window that the page then opens.
func (p *page) popup(do func()) *page {
	p.t.Helper()
	opened := chromedp.WaitNewTarget(p.ctx, func(i *target.Info) bool { return i.OpenerID != "" })
	do()
	select {
	case id := <-opened:
		ctx, stop := chromedp.NewContext(p.ctx, chromedp.WithTargetID(id))
		p.t.Cleanup(stop)
		// As above: the first Run attaches to the window, and detaches when its context ends.
		if err := chromedp.Run(ctx); err != nil {
			p.t.Fatal(err)
		}
		return &page{t: p.t, ctx: ctx, site: p.site}
	case <-time.After(patience):
		p.t.Fatal("no window was opened")
		return nil
	}
}

// run performs an action of a person, and fails the test if the action fails.
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

// at is the address without the query and without the site's origin.
func (p *page) at() string { return pathOn(p.site, p.address()) }

// address is the full address of the page.
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

// text is the visible text of the page.
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
	// Use the clock: Poll's default, animation frames, do not run in a background tab. A
	// navigation may remove the page during a poll. Then poll again on the next page.
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

// see waits until the page shows all of the texts.
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

// click clicks the link, button or label with this text.
func (p *page) click(text string) {
	p.t.Helper()
	p.run(chromedp.Click(clickable(text), chromedp.BySearch, chromedp.NodeVisible))
}

// clickable selects the link, button or label with this text.
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

// tabTo presses the Tab key until the focused element's text or label contains text. It checks
// that the focus is visible.
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

// scheme selects dark or light pages.
func (p *page) scheme(dark bool) {
	p.t.Helper()
	value := "light"
	if dark {
		value = "dark"
	}
	p.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}))
}

// expire deletes the session's cookie, as a browser does when the cookie expires.
func (p *page) expire() {
	p.t.Helper()
	p.run(chromedp.ActionFunc(func(ctx context.Context) error { return network.ClearBrowserCookies().Do(ctx) }))
}
