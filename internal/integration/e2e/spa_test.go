package e2e

import (
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// signInBeside signs in to the page by script, in the window that it opens. before runs while
// that window shows X.
func (p *page) signInBeside(before ...chromedp.Action) {
	p.t.Helper()
	p.see("Continue with X")
	window := p.popup(func() { p.click("Continue with X") })
	window.see("will be able to")
	window.run(before...)
	closed := window.closed()
	window.run(chromedp.Evaluate(`document.querySelector("button[value=authorize]").click()`, nil))
	p.see("Signed in as Nora Lindqvist")
	closed()
}

func TestPopup(t *testing.T) {
	t.Parallel()
	p := newBrowser(t, start(t, "spa"))
	p.see("Nobody is signed in")
	p.run(chromedp.Evaluate(`window.same = true`, nil))
	p.signInBeside()
	p.see("Developed the last roll")
	p.fill("text", "Written by a script")
	p.click("Post")
	p.see("on its way", "Written by a script")
	p.click("What the session knows")
	p.see("X's id of the account is")
	p.until(`window.same === true`, "the page was loaded anew")

	p.click("Sign out")
	p.see("Nobody is signed in")
}

// TestAPopupThatWasParted: X may set an opener policy, and then the window has no opener.
func TestAPopupThatWasParted(t *testing.T) {
	t.Parallel()
	p := newBrowser(t, start(t, "spa"))
	p.signInBeside(chromedp.Evaluate(`window.opener = null`, nil))
	p.see("Developed the last roll")
}

func TestAPopupThatIsBlocked(t *testing.T) {
	t.Parallel()
	p := newBrowser(t, start(t, "spa"))
	p.see("Continue with X")
	p.run(chromedp.Evaluate(`window.open = () => null`, nil))
	p.click("Continue with X")
	p.see("will be able to")
	p.click("Authorize app")
	p.arrive("/")
	p.see("Signed in as Nora Lindqvist")
}

func TestAScriptWhoseSessionHasEnded(t *testing.T) {
	t.Parallel()
	p := newBrowser(t, start(t, "spa"))
	p.signInBeside()
	p.fill("text", "Written before the session ended")
	p.expire()
	p.click("Post")
	p.see("Nobody is signed in")
	p.signInBeside()
	p.until(`document.getElementById("text").value === "Written before the session ended"`, "what was written is lost")

	// htmx goes to the login, and back to the page.
	p.expire()
	p.click("What the session knows")
	p.see("will be able to")
	p.click("Authorize app")
	p.arrive("/")
	p.see("Signed in as Nora Lindqvist")
}

func TestSPALooks(t *testing.T) {
	t.Parallel()
	source := axe(t)
	p := newBrowser(t, start(t, "spa"))
	p.see("Nobody is signed in")
	p.looks(source)
	p.signInBeside()
	p.see("Developed the last roll")
	p.click("What the session knows")
	p.see("X's id of the account is")
	p.looks(source)
	// A tab that no script opened stays open, and shows a message.
	done := p.tab()
	done.open("/popup-done")
	done.see("You are signed in")
	done.looks(source)
}

// closed starts to watch for the end of the page's window, and returns a function that waits for
// it.
func (p *page) closed() (wait func()) {
	p.t.Helper()
	window := chromedp.FromContext(p.ctx).Target.TargetID
	ended := make(chan struct{})
	tell := sync.OnceFunc(func() { close(ended) })
	chromedp.ListenBrowser(p.ctx, func(event any) {
		if e, ok := event.(*target.EventTargetDestroyed); ok && e.TargetID == window {
			tell()
		}
	})
	return func() {
		p.t.Helper()
		select {
		case <-ended:
		case <-time.After(patience):
			p.t.Errorf("the window stays open, at %s", p.at())
		}
	}
}
