package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// signIn signs in to the example as the account of this name, with the button of this label.
func (p *page) signIn(label, account string) { p.t.Helper(); signIn(p, label, account) }

func TestTwoTabs(t *testing.T) {
	t.Parallel()
	first := newBrowser(t, start(t, "app"))
	second := first.tab()
	first.open("/me")
	first.see("will be able to")
	second.open("/followers")
	second.see("will be able to")
	first.click("Nora Lindqvist")
	first.click("Authorize app")
	first.arrive("/me")
	second.click("Nora Lindqvist")
	second.click("Authorize app")
	second.arrive("/followers")
	first.open("/posts")
	first.arrive("/posts")
}

func TestByKeyboardAlone(t *testing.T) {
	t.Parallel()
	p := newBrowser(t, start(t, "app"))
	p.tabTo("OAuth 2.0")
	p.press(kb.Enter)
	p.see("will be able to")
	p.tabTo("Authorize app")
	p.press(kb.Enter)
	p.arrive("/timeline")
	p.tabTo("Skip to the content")
	p.open("/compose")
	p.tabTo("Text")
	p.run(chromedp.KeyEvent("Written without a mouse"))
	p.see("23 of 280 characters") // the counter's script
	p.tabTo("Post")
	p.press(kb.Enter)
	p.see("Written without a mouse")
	p.open("/auth/logout")
	p.tabTo("Sign out")
	p.press(kb.Enter)
	p.arrive("/")
	p.see("Continue with X")
}
