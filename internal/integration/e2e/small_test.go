package e2e

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// TestSmallExamples checks the same two pages in each framework, signed out and signed in, and
// by keyboard alone.
func TestSmallExamples(t *testing.T) {
	t.Parallel()
	source := axe(t)
	var p *page
	for _, example := range []string{"stdlib", "chi", "echo", "gin"} {
		at := start(t, example)
		if p == nil {
			p = newBrowser(t, at)
		}
		p.site = at
		p.expire() // cookies ignore the port
		p.open("/")
		p.see("Hello, stranger")
		p.looks(source)
		p.tabTo("Continue with X")
		p.press(kb.Enter)
		p.see("will be able to")
		p.tabTo("Authorize app")
		p.press(kb.Enter)
		p.arrive("/")
		p.see("Hello, Nora Lindqvist")
		p.looks(source)
		p.tabTo("Your newest posts")
		p.press(kb.Enter)
		p.arrive("/me")
		p.see("Signed in as", "@nora_lindqvist")
		p.looks(source)
		p.tabTo("Sign out")
		p.press(kb.Enter)
		p.arrive("/")
		p.see("Hello, stranger")
	}
}
