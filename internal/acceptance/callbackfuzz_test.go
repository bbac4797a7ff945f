package acceptance_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/xtest"
)

// FuzzCallback: a browser with a pending sign-in by each protocol sends a callback with any query.
// STATE and TOKEN in the query are replaced by the handles of the two. The callback signs no user
// in, and its response does not repeat the query. A sign-in that the query does not name
// continues.
func FuzzCallback(f *testing.F) {
	for _, seed := range []string{
		"", "state=STATE", "state=STATE&code=made-up", "oauth_token=TOKEN&oauth_verifier=made-up", "denied=TOKEN", "denied=TOKEN&oauth_token=TOKEN",
		"state=STATE&error=access_denied", "state=STATE&error=%3Cscript%3Ealert(1)%3C/script%3E", "state=STATE&state=STATE", "state=STATE&oauth_token=TOKEN",
		"state=STATE&code=a&code=b", "state=%zz", "state=STATE;code=x", "state=STATE&code=" + strings.Repeat("a", 9000), "state=STATE&iss=https://evil.example",
		"code=x", "state=", "STATE=state", "state=STATE%00&code=a", "oauth_token=STATE&oauth_verifier=v", "state=TOKEN&code=c", "state=STATE&code=",
	} {
		f.Add(seed)
	}
	x := xtest.New(xtest.Config{})
	cfg := testkit.Config(x)
	cfg.OAuth1.ConsumerKey, cfg.OAuth1.ConsumerSecret = xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret
	x.SetCallbacks(cfg.PublicURL + "/auth/callback")
	f.Fuzz(func(t *testing.T, query string) {
		// Use one kit for each query. A kit that ends the oldest of a user's many sessions
		// writes tombstones into the store in the background.
		cfg := cfg
		store := memstore.NewWithCleanupInterval(0)
		cfg.Session.Store = store
		kit, err := xsignin.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = kit.Close(t.Context()) }()
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Jar: jar, Transport: testkit.InProcess{Handler: kit}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		do := func(target *url.URL) (*http.Response, string) {
			resp, err := client.Do((&http.Request{Method: http.MethodGet, URL: target, Header: http.Header{}}).WithContext(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return resp, string(body)
		}
		at := func(path string) *url.URL { return &url.URL{Scheme: "http", Host: "127.0.0.1:8080", Path: path} }
		begin := func(path string) string {
			resp, body := do(at(path))
			if resp.StatusCode != http.StatusSeeOther {
				t.Fatalf("%s: status %d, body %s", path, resp.StatusCode, body)
			}
			return resp.Header.Get("Location")
		}
		byTwo, byOne := begin("/auth/login"), begin("/auth/login/x-oauth1")
		state, token := testkit.Param(t, byTwo, "state"), testkit.Param(t, byOne, "oauth_token")

		target := at("/auth/callback")
		target.RawQuery = strings.NewReplacer("STATE", state, "TOKEN", token).Replace(query)
		resp, body := do(target)
		if resp.StatusCode < 400 || resp.StatusCode > 503 || resp.StatusCode == http.StatusInternalServerError {
			t.Fatalf("%q is answered with %d", query, resp.StatusCode)
		}
		for _, c := range resp.Cookies() {
			if c.MaxAge >= 0 && !strings.HasPrefix(c.Name, "xsignin-pending-") {
				t.Fatalf("%q sets %s", query, c.Name)
			}
		}
		if all, err := store.All(); err != nil || len(all) != 0 {
			t.Fatalf("%q makes %d sessions, %v", query, len(all), err)
		}
		values, _ := url.ParseQuery(target.RawQuery)
		for _, list := range values {
			for _, v := range list {
				if strings.ContainsAny(v, "<>\"") && len(v) > 12 && strings.Contains(body, v) {
					t.Fatalf("%q is repeated as it came", v)
				}
			}
		}
		if strings.Contains(body, state) || strings.Contains(body, token) {
			t.Fatalf("%q: a handle is in the page", query)
		}
		if !strings.Contains(query, "TOKEN") {
			// Use OAuth 1.0a, whose sign-in makes no call that X limits.
			callback, err := x.Approve(byOne, xtest.DefaultUserID)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(callback)
			if err != nil {
				t.Fatal(err)
			}
			if resp, body := do(u); resp.StatusCode != http.StatusSeeOther {
				t.Fatalf("after %q the honest callback: status %d, body %s", query, resp.StatusCode, body)
			}
		}
	})
}
