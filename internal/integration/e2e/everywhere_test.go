package e2e

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// TestSignOutEverywhereByKeyboard uses a button on the application's page and one on the kit's.
// A session in another browser ends too.
func TestSignOutEverywhereByKeyboard(t *testing.T) {
	t.Parallel()
	site := start(t, "app")
	here, elsewhere := newBrowser(t, site), newBrowser(t, site)
	for _, path := range []string{"/me", "/auth/logout"} {
		here.signIn("OAuth 2.0", "Nora Lindqvist")
		elsewhere.signIn("OAuth 2.0", "Nora Lindqvist")
		here.open(path)
		here.tabTo("everywhere")
		here.press(kb.Enter)
		here.arrive("/")
		here.see("Continue with X")
		elsewhere.open("/me")
		elsewhere.see("will be able to")
	}
}
