package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/xsignin/xsignin/examples/internal/demo"
	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

var protocols = []string{"OAuth 2.0", "OAuth 1.0a"}

// fullX is a simulator with posts.
type fullX struct {
	*xtest.Server
	*xapi.API
}

// newX has the accounts of the demo if users is empty.
func newX(users ...xtest.User) *fullX {
	if len(users) == 0 {
		users = demo.Users()
	}
	x := &fullX{Server: xtest.NewServer(xtest.Config{Users: users})}
	x.API = demo.Mount(x.X)
	return x
}

// withX starts a simulator and the application against it, by the variables that an
// operator sets. The callback is registered once the application's port is known.
func withX(t *testing.T, more map[string]string, users ...xtest.User) (*fullX, string) {
	t.Helper()
	x := newX(users...)
	t.Cleanup(x.Close)
	env := map[string]string{
		"X_API_URL": x.URL, "X_AUTHORIZE_URL": x.URL + "/i/oauth2/authorize",
		"X_CLIENT_ID": xtest.DefaultClientID, "X_CLIENT_SECRET": xtest.DefaultClientSecret,
		"X_CONSUMER_KEY": xtest.DefaultConsumerKey, "X_CONSUMER_SECRET": xtest.DefaultConsumerSecret,
	}
	for name, value := range more {
		env[name] = value
	}
	at := start(t, env)
	x.SetCallbacks(at + callbackPath)
	return x, at
}

func TestWithoutCredentialsASimulatorRuns(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, start(t, nil))
	front := b.get("/").want(http.StatusOK, "local simulator of X. Nothing here reaches X.")
	if n := strings.Count(text(front.doc), "Continue with X"); n != 2 {
		t.Errorf("%d buttons, not 2", n)
	}
	// Two clicks: "Continue with X" and "Authorize app".
	timeline := b.signIn("OAuth 2.0").want(http.StatusOK, "Timeline", "Nora Lindqvist", "Both have a good coffee shop", "local simulator of X")
	if timeline.url.Path != "/timeline" {
		t.Errorf("ended on %s", timeline.url)
	}
}

func TestJourney(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			x, at := withX(t, nil)
			b := newBrowser(t, at)
			b.signIn(protocol).want(http.StatusOK, "Both have a good coffee shop, it turns out.", "of 180 more calls until")
			b.get("/me").want(http.StatusOK, "@nora_lindqvist", xtest.DefaultUserID, protocol)
			b.get("/followers").want(http.StatusOK, "Tomasz Kowal", "@tkowal")

			b.get("/compose").press("Post", map[string]any{"text": "A text <b>of</b> two\r\nlines & more"}).
				want(http.StatusOK, "on its way", "A text <b>of</b> two lines & more")
			post := x.Posts(xtest.DefaultUserID)[0]
			if post.Text != "A text <b>of</b> two\nlines & more" {
				t.Errorf("posted %q", post.Text)
			}

			b.get("/compose").press("Post", map[string]any{
				"kind": "poll", "text": "Tea or coffee?", "option": []string{"Tea", "Coffee", " ", ""}, "minutes": "60",
			}).want(http.StatusOK, "Tea or coffee?", "Coffee", "0 votes", "The poll is open until")
			if post := x.Posts(xtest.DefaultUserID)[0]; len(post.PollOptions) != 2 {
				t.Errorf("the poll has options %q", post.PollOptions)
			}

			with := b.get("/compose").press("Post", map[string]any{
				"kind": "picture", "text": "A picture", "alt": "Grey noise", "picture": file{"noise.png", noise(t, 700)},
			}).want(http.StatusOK, "A picture")
			if n := x.Count(http.MethodPost, "/2/media/metadata"); n != 1 {
				t.Errorf("%d descriptions were sent", n)
			}
			if !strings.Contains(with.body, "Grey noise") {
				t.Error("the description is not on the page")
			}

			b.get("/tokens").want(http.StatusOK, protocol, "ready", "in use", "Not connected")
			if strings.Contains(text(b.get("/?done=signed-out").doc), "You are signed out.") {
				t.Error("a user who is signed in is told the opposite")
			}
			b.get("/").press("Sign out", nil).want(http.StatusOK, "Continue with X", "You are signed out.")
			if got := b.get("/me").url.Path; got == "/me" {
				t.Error("still signed in")
			}
		})
	}
}

// noise is a picture that does not compress, of more than one segment.
func noise(t *testing.T, size int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, size, size))
	n := uint32(1)
	for i := range size * size {
		n = n*1664525 + 1013904223
		m.Set(i%size, i/size, color.RGBA{uint8(n >> 24), uint8(n >> 16), uint8(n >> 8), 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	if b.Len() <= 1<<20 {
		t.Fatalf("the picture has %d bytes only", b.Len())
	}
	return b.Bytes()
}

func TestTokens(t *testing.T) {
	t.Parallel()
	x, at := withX(t, nil)
	b := newBrowser(t, at)
	b.signIn("OAuth 2.0")
	tokens := b.get("/tokens").want(http.StatusOK, "in 2 hours", "offline.access", "media.write")
	before := x.Count(http.MethodPost, "/2/oauth2/token")
	tokens.press("Refresh now", nil).want(http.StatusOK, "The token is new")
	if n := x.Count(http.MethodPost, "/2/oauth2/token") - before; n != 1 {
		t.Errorf("%d refreshes, not 1", n)
	}
	b.get("/timeline").want(http.StatusOK, "coffee")

	// The other protocol as well.
	b.get("/tokens").click("Connect by OAuth 1.0a").press("Authorize app", nil).want(http.StatusOK, "OAuth 2.0", "OAuth 1.0a", "never by itself")
	if strings.Contains(text(b.get("/tokens").doc), "Not connected") {
		t.Error("still not connected")
	}
	b.get("/tokens").press("Disconnect", nil).want(http.StatusOK, "revoked at X", "Not connected")

	// Disconnecting the current account ends on the front page. The next page starts a new
	// sign-in, which X completes without asking, because the approval is still valid.
	b.get("/tokens").press("Disconnect", nil).want(http.StatusOK, "revoked at X", "Hello")
	before = x.Count(http.MethodPost, "/oauth/access_token")
	b.get("/timeline").want(http.StatusOK, "Timeline", "coffee")
	if n := x.Count(http.MethodPost, "/oauth/access_token") - before; n != 1 {
		t.Errorf("%d sign-ins, not 1", n)
	}
}

func TestJSON(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			_, at := withX(t, nil)
			b := newBrowser(t, at)
			for _, path := range []string{"/me", "/timeline"} {
				var p problem
				resp := b.json(path, &p)
				if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("%s: %d %s", path, resp.StatusCode, resp.Header.Get("Content-Type"))
				}
				if p.Status != http.StatusUnauthorized || p.LoginURL == "" {
					t.Errorf("%s: %+v", path, p)
				}
			}
			b.signIn(protocol)

			var me struct {
				ID, Username, Provider string
				AccountID              string `json:"account_id"`
			}
			if resp := b.json("/me", &me); resp.StatusCode != http.StatusOK {
				t.Errorf("/me: %d", resp.StatusCode)
			}
			if me.AccountID != xtest.DefaultUserID || me.ID == "" || me.Username != "nora_lindqvist" || me.Provider == "" {
				t.Errorf("/me: %+v", me)
			}
			var timeline struct {
				Data []struct {
					ID, Text string
					Author   string    `json:"author_id"`
					At       time.Time `json:"created_at"`
				}
			}
			if resp := b.json("/timeline", &timeline); resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("/timeline: %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
			}
			if len(timeline.Data) == 0 {
				t.Fatal("/timeline is empty")
			}
			for _, post := range timeline.Data {
				if post.ID == "" || post.Text == "" || post.Author == "" || post.At.IsZero() {
					t.Errorf("/timeline: %+v", post)
				}
			}
			var session struct {
				SignedIn bool `json:"signed_in"`
			}
			if b.json("/auth/session", &session); !session.SignedIn {
				t.Error("/auth/session: not signed in")
			}
		})
	}
}

func TestEveryPageIsSoundAndGuarded(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, start(t, nil))
	pages := []*page{b.get("/"), b.get("/nowhere").want(http.StatusNotFound, "There is no such page")}
	b.signIn("OAuth 2.0")
	for _, path := range []string{"/", "/me", "/timeline", "/posts", "/followers", "/compose", "/tokens", "/timeline?page=nonsense"} {
		pages = append(pages, b.get(path))
	}
	pages = append(pages, b.get("/compose").press("Post", nil).want(http.StatusUnprocessableEntity, "Write something first."))
	for _, p := range pages {
		for name, want := range map[string]string{
			"Content-Type":            "text/html; charset=utf-8",
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' http://127.0.0.1:",
			"X-Content-Type-Options":  "nosniff",
			"X-Frame-Options":         "DENY",
			"Referrer-Policy":         "same-origin",
			"Cache-Control":           "no-store",
		} {
			if got := p.header.Get(name); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s is %q", p.url, name, got)
			}
		}
		count := func(kind atom.Atom) (n int) {
			for range all(p.doc, kind) {
				n++
			}
			return n
		}
		for _, kind := range []atom.Atom{atom.Title, atom.Main, atom.H1, atom.Header, atom.Footer} {
			if count(kind) != 1 {
				t.Errorf("%s: %d elements <%s>", p.url, count(kind), kind)
			}
		}
		scripts := 0
		for script := range all(p.doc, atom.Script) {
			if b.get(p.resolve(attr(script, "src"))); attr(script, "src") != "" && script.FirstChild == nil {
				scripts++
			}
		}
		counter := strings.HasPrefix(p.url.Path, "/compose")
		if scripts != count(atom.Script) || (scripts > 0) != counter || count(atom.Style) > 0 || strings.Contains(p.body, " style=") {
			t.Errorf("%s: scripts or styles that the policy forbids", p.url)
		}
		if strings.Contains(p.header.Get("Content-Security-Policy"), "; script-src 'self'") != counter {
			t.Errorf("%s: the policy is %q", p.url, p.header.Get("Content-Security-Policy"))
		}
		ids := map[string]bool{}
		for d := range p.doc.Descendants() {
			if id := attr(d, "id"); id != "" {
				if ids[id] {
					t.Errorf("%s: the id %q twice", p.url, id)
				}
				ids[id] = true
			}
		}
		for d := range p.doc.Descendants() {
			for _, name := range []string{"for", "aria-labelledby", "aria-describedby"} {
				if ref := attr(d, name); ref != "" && !ids[ref] {
					t.Errorf("%s: %s refers to %q, which is not there", p.url, name, ref)
				}
			}
			if strings.Contains(d.Data, "ZgotmplZ") || strings.Contains(attr(d, "href"), "ZgotmplZ") {
				t.Errorf("%s: the template refused a value", p.url)
			}
		}
		for link := range all(p.doc, atom.Link) {
			if got := b.get(p.resolve(attr(link, "href"))); got.status != http.StatusOK || !strings.Contains(got.header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s: %d", got.url, got.status)
			}
		}
	}
	if got := b.get("/healthz"); got.status != http.StatusOK {
		t.Errorf("/healthz: %d", got.status)
	}
}

func TestWhatXRefusesIsTold(t *testing.T) {
	t.Parallel()
	x, at := withX(t, nil)
	b := newBrowser(t, at)
	b.signIn("OAuth 2.0")

	post := map[string]any{"text": "Twice the same"}
	b.get("/compose").press("Post", post).want(http.StatusOK)
	again := b.get("/compose").press("Post", post).want(http.StatusForbidden, "You have posted this already", "Twice the same")
	if strings.Contains(again.body, "Internal Server Error") {
		t.Error("a bare error")
	}

	x.SetRateLimit("GET /2/users/:id/timelines/reverse_chronological", 0)
	limited := b.get("/timeline").want(http.StatusTooManyRequests, "The rate limit of X is reached", "You can try again from")
	if limited.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	var p problem
	if resp := b.json("/timeline", &p); resp.StatusCode != http.StatusTooManyRequests || p.RetryAt.IsZero() {
		t.Errorf("%d %+v", resp.StatusCode, p)
	}
	x.SetRateLimit("GET /2/users/:id/timelines/reverse_chronological", -1)

	for _, c := range []struct {
		refuse         xtest.Refusal
		status, posted int // of the timeline, and of a post
		words          string
	}{
		{xtest.RefuseNoCredits, 502, 502, "has no credits left"},
		{xtest.RefuseUsageCap, 502, 502, "has no credits left"},
		{xtest.RefuseForbidden, 403, 403, "X does not allow this"},
		{xtest.RefuseNotEnrolled, 403, 403, "attached to a Project"},
		// The timeline sends nothing of the visitor's.
		{xtest.RefuseInvalid, 502, 400, "X did not accept this"},
		{xtest.RefuseAtEdge, 503, 503, "X is not available at the moment"},
		{xtest.RefuseEdgeDown, 503, 503, "X is not available at the moment"},
	} {
		x.SetSwitches(xtest.Switches{APISwitches: xtest.APISwitches{Refuse: c.refuse}})
		page := b.get("/timeline").want(c.status, c.words)
		if hasLink(page, "Sign in again") != strings.Contains(text(page.doc), "permission (scope)") {
			t.Errorf("%v: a sign-in is offered only if it can help", c.refuse)
		}
		b.get("/compose").press("Post", map[string]any{"text": "Will be refused"}).want(c.posted, c.words, "Will be refused")
	}
	x.SetSwitches(xtest.Switches{})
	b.get("/timeline").want(http.StatusOK)

	// What the visitor has sent can be changed.
	b.get("/timeline?page=nonsense").want(http.StatusBadRequest, "something that you sent", "pagination_token")
	b.get("/compose").press("Post", map[string]any{"text": strings.Repeat("ä", 150) + strings.Repeat("日", 70)}).
		want(http.StatusBadRequest, "X counts 290 characters and allows 280", "290 of 280", "too long")

	// X's own text is on the page, below the explanation of the cause.
	for _, c := range []struct {
		answer string
		status int
		page   int
		words  []string
	}{
		{`{"title":"SpendCapReached","detail":"The cap is reached.","type":"https://api.twitter.com/2/problems/credits"}`, 403, http.StatusBadGateway, []string{"has no credits left", "The cap is reached."}},
		{`{"title":"Forbidden","detail":"User has been suspended","type":"https://api.twitter.com/2/problems/user-suspended"}`, 403, http.StatusForbidden, []string{"X does not let your account do this", "User has been suspended"}},
		{`{"title":"Forbidden","detail":"Your account is not permitted to perform this action.","type":"about:blank"}`, 403, http.StatusForbidden, []string{"X does not let your account do this", "Your account is not permitted"}},
		{`{"title":"Payload Too Large","detail":"Too much"}`, 413, http.StatusRequestEntityTooLarge, []string{"This is too large for X", "Too much"}},
		{`{"title":"Too Many Requests","detail":"Slow \u202edown\u0007"}`, 429, http.StatusTooManyRequests, []string{"The rate limit of X is reached", "Slow down"}},
		{`{"title":"Service Unavailable","detail":"Over capacity"}`, 503, http.StatusServiceUnavailable, []string{"X is not available at the moment", "Over capacity"}},
	} {
		x.Fail(xtest.Fault{Path: "/2/tweets", Status: c.status, Body: c.answer, Times: 1})
		page := b.get("/compose").press("Post", map[string]any{"text": "Will be refused"}).want(c.page, append(c.words, "Will be refused")...)
		if strings.Contains(page.body, "scope") {
			t.Errorf("%s: the page speaks of scopes", c.answer)
		}
	}
}

// TestTheStartIsChecked, and what is found is in the log.
func TestTheStartIsChecked(t *testing.T) {
	t.Parallel()
	x := newX()
	t.Cleanup(x.Close)
	env := map[string]string{
		"ADDR": "127.0.0.1:0", "DATABASE_URL": "memory:", "X_API_URL": x.URL, "X_AUTHORIZE_URL": x.URL,
		"X_CLIENT_ID": xtest.DefaultClientID, "X_CLIENT_SECRET": "swapped",
	}
	ctx, cancel := context.WithCancel(context.Background())
	log, done := make(lines, 100), make(chan error, 1)
	go func() {
		done <- run(ctx, func(name string) string { return env[name] }, io.Discard, slog.New(slog.NewTextHandler(log, nil)))
	}()
	said := ""
	for line := range log {
		if said += line; strings.Contains(line, "check: done") {
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !strings.Contains(said, `level=ERROR msg="check: `) || strings.Contains(said, "swapped") {
		t.Errorf("the log has\n%s", said)
	}
}

// TestTheKitsPagesLookLikeTheOthers: they have the layout and the policy of the application.
func TestTheKitsPagesLookLikeTheOthers(t *testing.T) {
	t.Parallel()
	_, at := withX(t, nil)
	b := newBrowser(t, at)
	denied := b.get("/").click("OAuth 2.0").press("Cancel", nil)
	b.signIn("OAuth 2.0")
	for _, p := range []*page{
		denied, b.get("/auth/callback?state=none&code=none"), b.get("/auth/nowhere"), b.get("/auth/logout").want(http.StatusOK, "everywhere"),
	} {
		if got := text(first(p.doc, atom.Header)); !strings.HasPrefix(got, "xsignin example") {
			t.Errorf("%s: the page has no header of the application: %q", p.url, got)
		}
		if n := len(slices.Collect(all(p.doc, atom.H1))); n != 1 {
			t.Errorf("%s: %d headings", p.url, n)
		}
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action",
		} {
			if got := p.header.Get(name); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s is %q", p.url, name, got)
			}
		}
	}
	b.get("/auth/logout").press("everywhere", nil).want(http.StatusOK, "You are signed out.")
	b.get("/auth/logout").want(http.StatusOK, "You are")
}

// first is the first element of a kind.
func first(n *html.Node, kind atom.Atom) *html.Node {
	for d := range all(n, kind) {
		return d
	}
	return nil
}

func hasLink(p *page, label string) bool {
	for a := range all(p.doc, atom.A) {
		if strings.Contains(text(a), label) {
			return true
		}
	}
	return false
}

// TestTextsOfX with long names, other directions, and characters that change what is around
// them.
func TestTextsOfX(t *testing.T) {
	t.Parallel()
	const arabic, turned = "مرحبا بالعالم", "Nora \u202etxt.exe\u2066\u0007\x1b[31m"
	long := strings.Repeat("W", 200)
	for _, c := range []struct{ name, want string }{
		{long, long}, {arabic, arabic}, {turned, "Nora txt.exe"}, {"\u202e\u0000 \n", "nora_lindqvist"}, {"<b>&amp;\"", "<b>&amp;\""},
	} {
		x, at := withX(t, nil, xtest.User{ID: xtest.DefaultUserID, Username: "nora_lindqvist", Name: c.name, Description: c.name})
		x.Add(xapi.Post{AuthorID: xtest.DefaultUserID, Text: "Text\n" + c.name, PollOptions: []string{c.name, "other"}})
		b := newBrowser(t, at)
		b.signIn("OAuth 2.0")
		for _, path := range []string{"/", "/me", "/timeline", "/posts"} {
			page := b.get(path).want(http.StatusOK, c.want)
			if strings.ContainsAny(page.body, "\u202e\u2066\u0007\x1b\u0000") {
				t.Errorf("%s: %q is shown as it is", path, c.name)
			}
			if !strings.Contains(page.body, `dir="auto">`) {
				t.Errorf("%s: the direction is that of the page", path)
			}
		}
	}
}

func TestSignInAgain(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			x, at := withX(t, nil)
			b := newBrowser(t, at)
			b.signIn(protocol)
			x.RevokeApp(xtest.DefaultUserID)

			var p problem
			if resp := b.json("/timeline", &p); resp.StatusCode != http.StatusUnauthorized || p.LoginURL == "" {
				t.Errorf("%d %+v", resp.StatusCode, p)
			}
			// A page load leads to X's consent page, and from there to the requested page.
			back := b.get("/posts").want(http.StatusOK).press("Authorize app", nil).want(http.StatusOK, "Your posts")
			if back.url.Path != "/posts" {
				t.Errorf("came back to %s", back.url)
			}
		})
	}
}

func TestOtherSitesPostNothing(t *testing.T) {
	t.Parallel()
	x, at := withX(t, nil)
	b := newBrowser(t, at)
	b.signIn("OAuth 2.0")
	before := x.Count(http.MethodPost, "/2/tweets")
	for _, path := range []string{"/compose", "/tokens/refresh", "/tokens/disconnect"} {
		r, _ := http.NewRequest(http.MethodPost, at+path, strings.NewReader("text=x&provider=x"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Origin", "https://elsewhere.example")
		b.do(r).want(http.StatusForbidden, "Nothing was changed")
	}
	if n := x.Count(http.MethodPost, "/2/tweets") - before; n != 0 {
		t.Errorf("%d posts", n)
	}
	b.get("/tokens").want(http.StatusOK, "ready")
}

func TestAFormWhoseSessionHasEnded(t *testing.T) {
	t.Parallel()
	x, at := withX(t, nil)
	b := newBrowser(t, at)
	b.signIn("OAuth 2.0")
	form, tokens := b.get("/compose"), b.get("/tokens")
	b.get("/").press("Sign out", nil)
	before := len(x.Posts(xtest.DefaultUserID))
	for _, button := range []string{"Post", "Keep the text"} {
		late := form.press(button, map[string]any{"text": "Too late"}).want(http.StatusUnauthorized, "You are signed out", "Too late")
		link := first(first(late.doc, atom.Main), atom.A)
		if text(link) != "Sign in again" || attr(link, "target") != "_blank" {
			t.Errorf("the sign-in would replace the text: %s", late.body)
		}
	}
	if n := len(x.Posts(xtest.DefaultUserID)); n != before {
		t.Error("posted")
	}
	long := form.press("Post", map[string]any{"text": strings.Repeat("http://a ", maxText)}).want(http.StatusUnauthorized, "The text is too long")
	if len(long.body) > 2*maxText {
		t.Errorf("the page has %d bytes", len(long.body))
	}
	// The form that was shown again is sent after the sign-in in another tab.
	late := form.press("Post", map[string]any{"text": "In the end"})
	late.click("Sign in again").press("Authorize app", nil).want(http.StatusOK, "You are signed in again")
	late.press("Post", nil).want(http.StatusOK, "In the end", "on its way")
	b.get("/").press("Sign out", nil)
	again := tokens.press("Refresh now", nil).want(http.StatusUnauthorized)
	if got := again.click("Sign in again").press("Authorize app", nil); got.url.Path != "/tokens" {
		t.Errorf("came back to %s", got.url)
	}
}

func TestFormFaults(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, start(t, nil))
	b.signIn("OAuth 2.0")
	for name, c := range map[string]struct {
		fill   map[string]any
		status int
		words  string
	}{
		"no text":       {nil, http.StatusUnprocessableEntity, "Write something first."},
		"a long text":   {map[string]any{"text": strings.Repeat("ä", maxText)}, http.StatusRequestEntityTooLarge, "The text is too long"},
		"one answer":    {map[string]any{"kind": "poll", "text": "Q", "option": []string{"A"}}, http.StatusUnprocessableEntity, "at least two answers"},
		"long answer":   {map[string]any{"kind": "poll", "text": "Q", "option": []string{strings.Repeat("ä", 26), "B"}}, http.StatusUnprocessableEntity, "at most 25"},
		"no picture":    {map[string]any{"kind": "picture", "text": "P"}, http.StatusUnprocessableEntity, "Pick a picture."},
		"not a picture": {map[string]any{"kind": "picture", "picture": file{"a.png", []byte("text")}}, http.StatusUnprocessableEntity, "no JPEG, PNG or WebP"},
		"too large":     {map[string]any{"kind": "picture", "picture": file{"a.png", make([]byte, maxForm)}}, http.StatusRequestEntityTooLarge, "larger than 5 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			b := *b
			b.T = t
			b.get("/compose").press("Post", c.fill).want(c.status, c.words)
		})
	}
}

func TestOneProtocolAlone(t *testing.T) {
	t.Parallel()
	t.Run("OAuth 1.0a: the login leads there", func(t *testing.T) {
		t.Parallel()
		_, at := withX(t, map[string]string{"X_CLIENT_ID": "", "X_CLIENT_SECRET": ""})
		b := newBrowser(t, at)
		if n := strings.Count(text(b.get("/").doc), "Continue with X"); n != 1 {
			t.Errorf("%d buttons, not 1", n)
		}
		b.get("/auth/login?return_to=/me").press("Authorize app", nil).want(http.StatusOK, "Profile", "x-oauth1")
	})
	t.Run("OAuth 2.0", func(t *testing.T) {
		t.Parallel()
		_, at := withX(t, map[string]string{"X_CONSUMER_KEY": "", "X_CONSUMER_SECRET": ""})
		b := newBrowser(t, at)
		b.signIn("OAuth 2.0").want(http.StatusOK, "coffee")
		b.get("/auth/login/x-oauth1").want(http.StatusNotFound)
	})
	t.Run("a public client", func(t *testing.T) {
		t.Parallel()
		_, at := withX(t, map[string]string{"X_CLIENT_ID": xtest.DefaultPublicClientID, "X_CLIENT_SECRET": ""})
		b := newBrowser(t, at)
		b.signIn("OAuth 2.0").want(http.StatusOK, "coffee")
		b.get("/tokens").press("Refresh now", nil).want(http.StatusOK, "The token is new")
		b.get("/timeline").want(http.StatusOK, "coffee")
	})
}

// A server that supports OAuth 2.0 and returns only the required fields of posts.
func TestAnswersMayLackMuch(t *testing.T) {
	t.Parallel()
	answers := map[string]string{}
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/authorize":
			q := r.URL.Query()
			http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"state": {q.Get("state")}, "code": {"c"}}.Encode(), http.StatusFound)
		case "/2/oauth2/token":
			_, _ = w.Write([]byte(`{"access_token":"a","token_type":"bearer"}`))
		case "/2/users/me":
			_, _ = w.Write([]byte(`{"data":{"id":"7","username":"seven","name":"Seven"}}`))
		default:
			_, _ = w.Write([]byte(answers[r.URL.Path]))
		}
	}))
	t.Cleanup(bare.Close)
	b := newBrowser(t, start(t, map[string]string{
		"X_CLIENT_ID": "id", "X_CLIENT_SECRET": "secret", "X_API_URL": bare.URL + "/", "X_AUTHORIZE_URL": bare.URL + "/authorize",
	}))
	const timeline = "/2/users/7/timelines/reverse_chronological"
	answers[timeline] = `{"data":[{"id":"1","text":"Only a text"}]}`
	b.get("/auth/login?return_to=/timeline").want(http.StatusOK, "Only a text", "A user of X")
	answers[timeline] = `{"data":[null,{"id":"1","text":"Odd","created_at":"yesterday","author_id":"9","attachments":{"media_keys":["m"],"poll_ids":["p"]}}],"includes":{"users":[null]},"meta":{}}`
	b.get("/timeline").want(http.StatusOK, "Odd")
	for _, empty := range []string{`{}`, `{"data":[]}`, `{"data":null,"meta":{"result_count":0}}`} {
		answers[timeline] = empty
		b.get("/timeline").want(http.StatusOK, "There is nothing here yet")
		var got struct{ Data []any }
		if b.json("/timeline", &got); got.Data == nil {
			t.Errorf("%s: data is not a list", empty)
		}
	}
	for _, broken := range []string{``, `<html>`, `[]`} {
		answers[timeline] = broken
		b.get("/timeline").want(http.StatusBadGateway, "The call to X failed")
	}
	answers["/2/users/7/tweets"], answers["/2/users/7/followers"] = `{}`, `{"data":[{"id":"8","username":"eight"}]}`
	b.get("/posts").want(http.StatusOK, "You have not posted anything yet")
	b.get("/followers").want(http.StatusOK, "@eight")
	b.get("/me").want(http.StatusOK, "Seven")
	b.get("/tokens").want(http.StatusOK, "OAuth 2.0", "ready")
}

func TestOlderPosts(t *testing.T) {
	t.Parallel()
	x, at := withX(t, nil)
	for i := range pageSize + 3 {
		x.AddPost(xtest.DefaultUserID, fmt.Sprintf("Numbered post %d.", i))
	}
	b := newBrowser(t, at)
	newest := b.signIn("OAuth 1.0a").want(http.StatusOK, fmt.Sprintf("Numbered post %d.", pageSize+2))
	newest.click("Older").want(http.StatusOK, "Numbered post 0.")
	if strings.Contains(text(newest.doc), "Numbered post 0.") {
		t.Error("everything on one page")
	}
}

func TestXIsAway(t *testing.T) {
	t.Parallel()
	x, at := withX(t, nil)
	b := newBrowser(t, at)
	b.signIn("OAuth 2.0")
	x.Close()
	b.get("/me").want(http.StatusOK, "@nora_lindqvist")
	b.get("/timeline").want(http.StatusBadGateway, "The call to X failed")
	var p problem
	if resp := b.json("/timeline", &p); resp.StatusCode != http.StatusBadGateway || p.Code != "unavailable" {
		t.Errorf("%d %+v", resp.StatusCode, p)
	}
}

func TestGracefulEnd(t *testing.T) {
	t.Parallel()
	x := newX()
	t.Cleanup(x.Close)
	at, stop := startUntil(t, map[string]string{
		"X_CLIENT_ID": xtest.DefaultClientID, "X_CLIENT_SECRET": xtest.DefaultClientSecret,
		"X_API_URL": x.URL, "X_AUTHORIZE_URL": x.URL + "/i/oauth2/authorize",
	})
	x.SetCallbacks(at + callbackPath)
	b := newBrowser(t, at)
	b.signIn("OAuth 2.0")

	if got := b.get("/readyz"); got.status != http.StatusOK {
		t.Errorf("/readyz: %d", got.status)
	}

	// A request that is in progress at the shutdown is still answered.
	hold, reached := make(chan struct{}), make(chan struct{})
	x.Fail(xtest.Fault{
		Path: "/2/users/" + xtest.DefaultUserID + "/timelines/reverse_chronological", Times: 1, Hold: hold, Reached: reached,
	})
	answered := make(chan int, 1)
	go func() { answered <- b.get("/timeline").status }()
	<-reached
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	close(hold)
	if status := <-answered; status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	if err := <-stopped; err != nil {
		t.Errorf("run: %v", err)
	}
	if _, err := http.Get(at + "/healthz"); err == nil {
		t.Error("still serving")
	}
}

// TestReadinessFailsFirst: a load balancer sees the shutdown before connections are refused.
func TestReadinessFailsFirst(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := "http://" + l.Addr().String()
	env := map[string]string{"DRAIN": "1h", "DATABASE_URL": "memory:", "PUBLIC_URL": at, "X_CLIENT_ID": xtest.DefaultPublicClientID}
	log := slog.New(slog.DiscardHandler)
	cfg, err := readConfig(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	store, err := openStorage(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	a, err := newApp(cfg, store, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- a.serve(ctx, l, stop) }()
	<-ctx.Done()
	for unready := false; !unready; {
		resp, err := http.Get(at + "/readyz")
		if err != nil {
			t.Fatalf("the listener closed before readiness failed: %v", err)
		}
		unready = resp.StatusCode == http.StatusServiceUnavailable
		_ = resp.Body.Close()
	}
	if got := newBrowser(t, at).get("/healthz"); got.status != http.StatusOK {
		t.Errorf("/healthz: %d", got.status)
	}
	if len(stopped) > 0 {
		t.Error("it has ended before DRAIN")
	}
	_ = l.Close() // ends DRAIN
	if err := <-stopped; err != nil {
		t.Errorf("run: %v", err)
	}
}

func TestConfigErrorsNameTheVariable(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 32)
	for _, c := range []struct {
		name string
		env  map[string]string
		want []string
	}{
		{"ADDR", map[string]string{"ADDR": "8080"}, []string{"ADDR: "}},
		{"PUBLIC_URL without a scheme", map[string]string{"PUBLIC_URL": "example.com"}, []string{"PUBLIC_URL: "}},
		{"public without keys", map[string]string{"PUBLIC_URL": "https://example.com", "X_CLIENT_ID": "a"}, []string{"SECRETS: "}},
		{"public without credentials", map[string]string{"PUBLIC_URL": "https://example.com", "SECRETS": long}, []string{"X_CLIENT_ID: "}},
		{"a secret without an id", map[string]string{"X_CLIENT_SECRET": "s"}, []string{"X_CLIENT_ID: "}},
		{"half a consumer", map[string]string{"X_CONSUMER_KEY": "k"}, []string{"X_CONSUMER_SECRET: "}},
		{"the other half", map[string]string{"X_CONSUMER_SECRET": "s"}, []string{"X_CONSUMER_KEY: "}},
		{"plain http", map[string]string{"X_CLIENT_ID": "a", "X_API_URL": "http://api.example.com"}, []string{"X_API_URL: "}},
		{"no URL", map[string]string{"X_CLIENT_ID": "a", "X_AUTHORIZE_URL": "x.com"}, []string{"X_AUTHORIZE_URL: "}},
		{"an API and nobody to be", map[string]string{"X_API_URL": "https://api.x.com"}, []string{"X_API_URL: "}},
		{"counters for everybody", map[string]string{"DEBUG_ADDR": ":6060"}, []string{"DEBUG_ADDR: "}},
		{"counters for the network", map[string]string{"DEBUG_ADDR": "192.0.2.1:6060"}, []string{"DEBUG_ADDR: "}},
		{"an interstitial for nobody known", map[string]string{"INTERSTITIAL": "tablets"}, []string{"INTERSTITIAL: "}},
		{"a check that is neither", map[string]string{"CHECK": "no"}, []string{"CHECK: "}},
		{"commas", map[string]string{"X_SCOPES": "tweet.read,users.read"}, []string{"X_SCOPES: "}},
		{"a negative drain", map[string]string{"DRAIN": "-1s"}, []string{"DRAIN: "}},
		{"no duration", map[string]string{"X_REFRESH_BEFORE": "5"}, []string{"X_REFRESH_BEFORE: "}},
		{"negative duration", map[string]string{"X_REFRESH_BEFORE": "-5m"}, []string{"X_REFRESH_BEFORE: "}},
		{"a short key", map[string]string{"SECRETS": long + " short"}, []string{"SECRETS: "}},
		{"keys without a key", map[string]string{"SECRETS": ",,"}, []string{"SECRETS: "}},
		{"PUBLIC_URL with an empty query", map[string]string{"PUBLIC_URL": "http://127.0.0.1:8080?"}, []string{"PUBLIC_URL: "}},
		{"a client id with a blank", map[string]string{"ADDR": "127.0.0.1:0", "X_CLIENT_ID": "a b"}, []string{"X_CLIENT_ID: "}},
		{"a client secret with a blank", map[string]string{"ADDR": "127.0.0.1:0", "X_CLIENT_ID": "a", "X_CLIENT_SECRET": "s s"}, []string{"X_CLIENT_SECRET: "}},
		{"a consumer key and secret with blanks", map[string]string{"ADDR": "127.0.0.1:0", "X_CONSUMER_KEY": "a b", "X_CONSUMER_SECRET": "ä"}, []string{"X_CONSUMER_KEY: ", "X_CONSUMER_SECRET: "}},
		{"an API with a query", map[string]string{"ADDR": "127.0.0.1:0", "X_CLIENT_ID": "a", "X_CONSUMER_KEY": "k", "X_CONSUMER_SECRET": "s", "X_API_URL": "https://api.example.com?a"}, []string{"X_API_URL: "}},
		{"an authorize page with a state", map[string]string{"ADDR": "127.0.0.1:0", "X_CLIENT_ID": "a", "X_AUTHORIZE_URL": "https://x.example/a?state=1"}, []string{"X_AUTHORIZE_URL: "}},
		{"a scope with quotes", map[string]string{"ADDR": "127.0.0.1:0", "X_CLIENT_ID": "a", "X_SCOPES": `"tweet.read"`}, []string{"X_SCOPES: "}},
		{"scopes that X cannot tell an identity by", map[string]string{"ADDR": "127.0.0.1:0", "X_CLIENT_ID": "a", "X_SCOPES": "tweet.read"}, []string{"X_SCOPES: "}},
		{"all at once", map[string]string{"ADDR": "x", "X_CONSUMER_KEY": "k", "X_REFRESH_BEFORE": "soon"}, []string{"ADDR: ", "X_CONSUMER_SECRET: ", "X_REFRESH_BEFORE: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := run(context.Background(), func(name string) string {
				if v, ok := c.env[name]; ok || name != "DATABASE_URL" {
					return v
				}
				return "memory:"
			}, nil, nil)
			var faults *configError
			if !errors.As(err, &faults) {
				t.Fatalf("%v", err)
			}
			for _, want := range c.want {
				if !strings.Contains("\n"+err.Error(), "\n"+want) {
					t.Errorf("%q is not in\n%v", want, err)
				}
			}
			if n := strings.Count(err.Error(), c.want[0]); n != 1 {
				t.Errorf("said %d times:\n%v", n, err)
			}
			if strings.Contains(err.Error(), long) {
				t.Error("a key is in the error")
			}
		})
	}
}

func TestPublicURLFollowsADDR(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ addr, want string }{
		{"127.0.0.1:0", "http://127.0.0.1:"}, {"localhost:0", "http://localhost:"}, {":0", "http://127.0.0.1:"}, {"0.0.0.0:0", "http://127.0.0.1:"},
	} {
		at := start(t, map[string]string{"ADDR": c.addr})
		if !strings.HasPrefix(at, c.want) || strings.HasSuffix(at, ":0") {
			t.Errorf("ADDR=%s: %s", c.addr, at)
		}
	}
	c, err := readConfig(func(string) string { return "" })
	if err != nil || c.addr != "127.0.0.1:8080" {
		t.Errorf("%v %v", c.addr, err)
	}
}

func TestUsageNamesEveryVariable(t *testing.T) {
	t.Parallel()
	var asked []string
	_, _ = readConfig(func(name string) string { asked = append(asked, name); return "" })
	for _, name := range asked {
		if !strings.Contains(usage, "\n  "+name+" ") {
			t.Errorf("%s is not in the usage text", name)
		}
	}
}
