package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// signIn signs in to the example by the way with this label, as the account of this name.
func (p *page) signIn(label, account string) {
	p.t.Helper()
	p.open("/")
	p.click(label)
	p.see("will be able to")
	p.click(account)
	p.click("Authorize app")
	p.arrive("/timeline")
}

func TestSignInAndOut(t *testing.T) {
	t.Parallel()
	p := newBrowser(t, start(t, "app"))
	for _, label := range []string{"OAuth 2.0", "OAuth 1.0a"} {
		p.signIn(label, "Nora Lindqvist")
		p.see("Timeline", "Signed in by", label)
		p.click("Sign out")
		p.arrive("/")
		p.see("Continue with X")
	}
}

func TestBackAfterSigningOutShowsNothingPrivate(t *testing.T) {
	t.Parallel()
	p := newBrowser(t, start(t, "app"))
	// The private page is the end of the way through X, as it is for most people.
	p.open("/me")
	p.see("will be able to")
	p.click("Nora Lindqvist")
	p.click("Authorize app")
	p.arrive("/me")
	p.see("What the session knows")
	p.click("Sign out")
	p.arrive("/")
	p.run(chromedp.Evaluate(`history.back()`, nil))
	// The page is asked for again, and asks to sign in.
	p.see("will be able to")
	if strings.Contains(p.text(), "What the session knows") {
		t.Error("the page of before is shown")
	}
}

func TestNo(t *testing.T) {
	t.Parallel()
	p := newBrowser(t, start(t, "app"))
	for _, label := range []string{"OAuth 2.0", "OAuth 1.0a"} {
		p.open("/")
		p.click(label)
		p.see("will be able to")
		p.click("Cancel")
		if label == "OAuth 1.0a" {
			p.click("Return to") // X shows a page of its own first
		}
		p.arrive("/auth/callback")
		p.see("Try again")
		p.open("/")
		p.see("Continue with X")
	}
}

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

func TestASessionThatEndsInTheMiddleOfAForm(t *testing.T) {
	t.Parallel()
	p := newBrowser(t, start(t, "app"))
	p.signIn("OAuth 2.0", "Nora Lindqvist")
	p.open("/compose")
	p.fill("text", "Written before the session ended")
	p.expire()
	p.run(chromedp.Click(`//button[normalize-space(.)="Post"]`, chromedp.BySearch))
	p.arrive("/compose")
	p.see("sign in")
	if strings.Contains(p.text(), "{") {
		t.Errorf("a person reads\n%s", p.text())
	}
	p.signIn("OAuth 2.0", "Nora Lindqvist")
	p.open("/posts")
	if strings.Contains(p.text(), "Written before") {
		t.Error("it was posted")
	}
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
	p.tabTo("Post")
	p.press(kb.Enter)
	p.see("Written without a mouse")
	p.open("/auth/logout")
	p.tabTo("Sign out")
	p.press(kb.Enter)
	p.arrive("/")
	p.see("Continue with X")
}
