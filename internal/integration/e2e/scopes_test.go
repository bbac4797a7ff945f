package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestConsentForMore: users who signed in to read are asked at X when they want to post. Users
// who decline stay signed in. Users who allow return to the form.
func TestConsentForMore(t *testing.T) {
	t.Parallel()
	source := axe(t)
	p := newBrowser(t, start(t, "app", "X_SCOPES=tweet.read users.read offline.access"))
	p.open("/")
	p.click("OAuth 2.0")
	p.see("will be able to")
	if strings.Contains(p.text(), "Post and repost") {
		t.Error("the sign-in asks for more than it needs")
	}
	p.click("Authorize app")
	p.arrive("/timeline")

	p.open("/compose")
	p.see("Post and repost", "Upload photos")
	p.looks(source)
	p.click("Cancel")
	p.arrive("/auth/callback")
	p.see("Nothing has changed", "Try again")
	p.looks(source)
	p.open("/timeline")
	p.see("coffee")

	p.open("/compose")
	p.tabTo("Authorize app")
	p.press(kb.Enter)
	p.arrive("/compose")
	p.fill("text", "Allowed a moment ago")
	p.run(chromedp.Click(`//button[normalize-space(.)="Post"]`, chromedp.BySearch))
	p.arrive("/posts")
	p.see("Allowed a moment ago")
	p.open("/tokens")
	p.see("tweet.write", "media.write", "offline.access")
}
