package e2e

import (
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
)

// TestInterstitial checks the small page before X. It moves on by script, or without script by
// its button.
func TestInterstitial(t *testing.T) {
	t.Parallel()
	source := axe(t)
	p := newBrowser(t, start(t, "app", "INTERSTITIAL=always"))
	p.signIn("OAuth 2.0", "Nora Lindqvist")
	p.click("Sign out")
	p.arrive("/")

	// X answers 204, which leaves the browser on the page.
	chromedp.ListenTarget(p.ctx, func(ev any) {
		if e, ok := ev.(*fetch.EventRequestPaused); ok {
			go func() { _ = chromedp.Run(p.ctx, fetch.FulfillRequest(e.RequestID, http.StatusNoContent)) }()
		}
	})
	p.run(fetch.Enable().WithPatterns([]*fetch.RequestPattern{{URLPattern: "*/i/oauth2/authorize*"}}))
	p.open("/auth/login?return_to=/me")
	p.see("One moment", "Continue")
	p.looks(source)
	p.run(fetch.Disable())
	p.open("/auth/login?return_to=/me")
	p.see("will be able to")
	p.click("Authorize app")
	p.arrive("/me")

	p.open("/auth/logout")
	p.click("Sign out")
	p.arrive("/")
	p.run(emulation.SetScriptExecutionDisabled(true))
	p.open("/auth/login?return_to=/me")
	p.run(chromedp.Click(`//a[normalize-space(.)="Continue"]`, chromedp.BySearch),
		chromedp.WaitReady(`//button[contains(normalize-space(.), "Authorize app")]`, chromedp.BySearch),
		emulation.SetScriptExecutionDisabled(false))
	p.open("/auth/login?return_to=/me")
	p.see("will be able to")
	p.click("Authorize app")
	p.arrive("/me")
}
