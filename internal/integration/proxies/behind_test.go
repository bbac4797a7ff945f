package proxies

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/xtest"
)

// TestBehindAProxy runs each configuration with three replicas on Redis.
func TestBehindAProxy(t *testing.T) {
	for _, p := range allProxies {
		t.Run(p.name, func(t *testing.T) {
			d := deploy(t, p, "redis://"+testservers.Redis(t))
			for _, test := range []struct {
				name string
				run  func(*testing.T, *deployment)
			}{
				{"a sign-in over HTTP/2, with the path kept", pathKept},
				{"the path removed", pathRemoved},
				{"events arrive at once", eventsArrive},
				{"a picture is uploaded", pictureUploaded},
				{"24 tabs at once", manyTabs},
				{"long headers", longHeaders},
				{"encoded paths", encodedPaths},
				{"the log has no code", noCodeLogged},
			} {
				t.Run(test.name, func(t *testing.T) {
					sub := *d
					sub.t = t
					test.run(t, &sub)
				})
			}
		})
	}
}

// pathKept runs a whole sign-in and sign-out. The requests reach every replica.
func pathKept(t *testing.T, d *deployment) {
	b := d.browser()
	first := b.Get("/me?a=b%2Fc")
	if first.ProtoMajor != 2 || first.TLS == nil {
		t.Errorf("the proxy speaks %s", first.Proto)
	}
	if want := "/auth/login?return_to=%2Fme%3Fa%3Db%252Fc"; first.StatusCode != http.StatusSeeOther || first.Redirect() != want {
		t.Fatalf("%s to %q, want %q", first.Status, first.Redirect(), want)
	}
	a := b.SignIn(first.Redirect(), xtest.DefaultUserID)
	if a.Redirect() != "/me?a=b%2Fc" {
		t.Errorf("sent to %q", a.Redirect())
	}
	seen := make(map[string]bool)
	for range 30 {
		who, replica, _ := strings.Cut(b.Get("/me").Text, " ")
		if who != xtest.DefaultUserID {
			t.Fatalf("signed in as %q", who)
		}
		seen[replica] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d replicas answered", len(seen))
	}
	if a := b.Get("/api"); a.StatusCode != http.StatusOK {
		t.Errorf("a call to X: %s, %s", a.Status, a.Text)
	}
	if !strings.HasPrefix(strings.Join(b.Cookies(), " "), "__Host-") {
		t.Errorf("cookies: %v", b.Cookies())
	}
	// A browser without Fetch Metadata sends only the address of the form's page.
	if a := b.Send(http.MethodPost, "/auth/logout", url.Values{}, "Origin", "https://evil.example"); a.StatusCode != http.StatusForbidden {
		t.Errorf("another site's sign-out: %s", a.Status)
	}
	if a := b.Send(http.MethodPost, "/auth/logout", url.Values{}, "Origin", d.public); a.StatusCode != http.StatusSeeOther || b.Who() != "" {
		t.Errorf("sign-out: %s, %s", a.Status, a.Text)
	}
}

// pathRemoved does the same for the application below /shop.
func pathRemoved(t *testing.T, d *deployment) {
	b := d.browser()
	if a := b.Get("/shop"); a.StatusCode != http.StatusPermanentRedirect {
		t.Errorf("/shop: %s", a.Status)
	}
	first := b.Get("/shop/me")
	if want := "/shop/auth/login?return_to=%2Fshop%2Fme"; first.StatusCode != http.StatusSeeOther || first.Redirect() != want {
		t.Fatalf("%s to %q, want %q", first.Status, first.Redirect(), want)
	}
	if a := b.SignIn(first.Redirect(), xtest.DefaultUserID); a.Redirect() != "/shop/me" {
		t.Errorf("sent to %q", a.Redirect())
	}
	if a := b.Get("/shop/me"); !strings.HasPrefix(a.Text, xtest.DefaultUserID+" ") {
		t.Errorf("%s, %s", a.Status, a.Text)
	}
	if a := b.Get("/me"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the other application: %s", a.Status)
	}
	a := b.Send(http.MethodPost, "/shop/auth/logout", url.Values{}, "Sec-Fetch-Site", "same-origin")
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Redirect(), "/shop/") {
		t.Errorf("sign-out: %s to %q", a.Status, a.Redirect())
	}
	if a := b.Get("/shop/me"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("after the sign-out: %s", a.Status)
	}
}

// eventsArrive reads the first event of a stream that has not ended.
func eventsArrive(t *testing.T, d *deployment) {
	b := d.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	ctx, cancel := context.WithTimeout(t.Context(), patience/2)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.public+"/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := b.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil || line != "data: first\n" {
		t.Errorf("%s, %q, %v", resp.Status, line, err)
	}
}

// pictureUploaded sends a picture of the maximum size that X accepts.
func pictureUploaded(t *testing.T, d *deployment) {
	b := d.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	picture := make([]byte, 5<<20)
	for i := range picture {
		picture[i] = byte(rand.Uint32())
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.public+"/upload", bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "image/png")
	if a, want := b.Do(req), fmt.Sprintf("%d %x", len(picture), sha256.Sum256(picture)); a.Text != want {
		t.Errorf("%s, %.200s, want %s", a.Status, a.Text, want)
	}
}

// manyTabs begins a sign-in in 24 tabs at once. Five complete, and the proxy accepts the
// requests with all cookies.
func manyTabs(t *testing.T, d *deployment) {
	const tabs, complete = 24, 5
	b := d.browser()
	b.Get("/") // makes the connection that all tabs share
	answers := atOnce(t, b, tabs, func(i int) string {
		page := fmt.Sprintf("/me?tab=%d&filter=%s", i, strings.Repeat("a", 40*i))
		return d.public + "/auth/login?" + url.Values{"return_to": {page}}.Encode()
	})
	callbacks := make([]string, tabs)
	for i, a := range answers {
		if a.StatusCode != http.StatusSeeOther {
			t.Fatalf("tab %d: %s, %.300s", i, a.Status, a.Text)
		}
		callbacks[i] = b.Approve(a.Redirect(), xtest.DefaultUserID)
	}
	done := 0
	for i, a := range atOnce(t, b, tabs, func(i int) string { return callbacks[i] }) {
		switch a.StatusCode {
		case http.StatusSeeOther:
			done++
		case http.StatusBadRequest:
			if !strings.Contains(a.Text, "sign") {
				t.Errorf("tab %d: the proxy refused the request: %.300s", i, a.Text)
			}
		default:
			t.Errorf("tab %d: %s, %.300s", i, a.Status, a.Text)
		}
	}
	if done < complete {
		t.Errorf("%d sign-ins complete, want %d", done, complete)
	}
	if a := b.Get("/me"); !strings.HasPrefix(a.Text, xtest.DefaultUserID+" ") {
		t.Errorf("%s, %.300s", a.Status, a.Text)
	}
}

// longHeaders sends a header line of 16,000 bytes.
func longHeaders(t *testing.T, d *deployment) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.public+"/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Long", strings.Repeat("{}", 8000)) // HTTP/2 does not shorten these
	if a, err := d.browser().Try(req); err != nil || a.StatusCode != http.StatusOK {
		t.Errorf("%v, %.300s", err, a.Text)
	}
}

// encodedPaths checks that the path to return to is the one in the browser. nginx decodes a path if
// it removes a prefix.
func encodedPaths(t *testing.T, d *deployment) {
	for _, prefix := range []string{"", "/shop"} {
		page := prefix + "/files/a%2Fb%20%C3%A9"
		want := page
		if prefix != "" && strings.HasSuffix(d.config, "nginx.conf") {
			want = prefix + "/files/a/b%20%C3%A9"
		}
		if got := testkit.Param(t, d.browser().Get(page).Redirect(), "return_to"); got != want {
			t.Errorf("%s: returns to %s", page, got)
		}
	}
}

// atOnce loads n pages at the same time.
func atOnce(t *testing.T, b *testkit.Browser, n int, target func(i int) string) []testkit.Answer {
	t.Helper()
	answers := make([]testkit.Answer, n)
	var wg sync.WaitGroup
	for i := range n {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target(i), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Sec-Fetch-Mode", "navigate")
		wg.Go(func() {
			a, err := b.Try(req)
			if err != nil {
				t.Error(err)
				return
			}
			answers[i] = a
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return answers
}

// noCodeLogged checks the access log of the callbacks so far.
func noCodeLogged(t *testing.T, d *deployment) {
	b := d.browser()
	callback := b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID)
	b.Get(callback)
	code := testkit.Param(t, callback, "code")
	if code == "" {
		t.Fatal("the callback has no code")
	}
	said := d.proxyOutput()
	if log, err := os.ReadFile(filepath.Join(d.dir, "access.log")); err == nil {
		said += string(log)
	}
	if strings.Contains(said, code) {
		t.Error("the proxy logs the code")
	}
	if !strings.Contains(said, "/auth/callback") && !strings.HasSuffix(d.config, "Caddyfile") {
		t.Error("the proxy does not log the callback: this tests nothing")
	}
}

// proxyOutput returns what the proxy printed.
func (d *deployment) proxyOutput() string {
	text, _ := d.proxy.out.more()
	return text
}
