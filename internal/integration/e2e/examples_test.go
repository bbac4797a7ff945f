package e2e

import "testing"

// consent allows the application at X, as the account of this name, and returns to a path.
func (p *page) consent(account, path string) {
	p.t.Helper()
	p.see("will be able to")
	p.click(account)
	p.click("Authorize app")
	p.arrive(path)
}

func TestWorker(t *testing.T) {
	t.Parallel()
	source := axe(t)
	p := newBrowser(t, start(t, "worker"))
	p.looks(source)
	p.click("Continue with X")
	p.consent("Nora Lindqvist", "/")
	p.fill("text", "Posted while nobody was looking")
	p.click("Schedule")
	p.see("Posted while nobody was looking")
	p.until(`document.body.innerText.includes("Posted.") || (setTimeout(() => location.reload(), 200), false)`, "it is not posted")
	p.looks(source)
}

func TestLinking(t *testing.T) {
	t.Parallel()
	source := axe(t)
	p := newBrowser(t, start(t, "linking"))
	p.looks(source)
	p.click("Continue with X by OAuth 2.0")
	p.consent("Nora Lindqvist", "/")
	p.see("You are user 1 here")
	p.click("Unlink")
	p.see("the only account with which you can sign in")
	p.looks(source)
	p.open("/")
	p.click("Link by OAuth 1.0a")
	p.see("Choose the one to link there")
	p.looks(source)
	p.click("Continue to X")
	p.consent("Tomasz Kowal", "/")
	p.see("You are user 1 here", "signed in as @nora_lindqvist by OAuth 2.0", "@tkowal")
	p.looks(source)
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	source := axe(t)
	p := newBrowser(t, start(t, "replicas"))
	p.looks(source)
	p.click("Continue with X")
	p.consent("Nora Lindqvist", "/")
	p.see("is signed in on all of them")
	p.looks(source)
	p.click("Sign out everywhere")
	p.see("Continue with X")
}
