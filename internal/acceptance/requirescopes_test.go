package acceptance_test

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/xtest"
)

// scoped mounts a page that needs scopes.
func (s *site) scoped(path string, scopes ...string) {
	s.Mux.Handle(path, s.Kit.RequireScopes(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := xsignin.User(r.Context())
		_, _ = io.WriteString(w, path+" for "+u.AccountID)
	})))
}

// granted returns the scopes of the token that userID has with provider x, sorted.
func (s *site) granted(userID string) []string {
	s.T.Helper()
	accounts, err := s.Kit.Accounts(s.T.Context(), userID)
	if err != nil || len(accounts) == 0 {
		s.T.Fatalf("accounts %v, %v", accounts, err)
	}
	return slices.Sorted(slices.Values(accounts[0].Token.Scopes))
}

// askedFor returns the scopes in the address of a consent page, sorted.
func askedFor(t *testing.T, consent string) []string {
	t.Helper()
	return slices.Sorted(slices.Values(strings.Fields(testkit.Param(t, consent, "scope"))))
}

// consent opens path, which must redirect to the login, and returns the address at X.
func (b *browser) consent(path string) string {
	b.s.T.Helper()
	a := b.Get(path)
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.Redirect(), "/auth/login") {
		b.s.T.Fatalf("%s: status %d to %q", path, a.StatusCode, a.Redirect())
	}
	return b.Begin(a.Redirect())
}

// opens checks that path answers with its own page.
func (b *browser) opens(path, userID string) {
	b.s.T.Helper()
	want, _, _ := strings.Cut(path, "?")
	if a := b.Get(path); a.StatusCode != http.StatusOK || a.Text != want+" for "+userID {
		b.s.T.Errorf("%s: status %d to %q, body %s", path, a.StatusCode, a.Redirect(), a.Text)
	}
}

var usual = []string{"offline.access", "tweet.read", "users.read"}

// plus returns the usual scopes and more, sorted.
func plus(more ...string) []string {
	return slices.Sorted(slices.Values(slices.Concat(usual, more)))
}

func TestConsentForMoreLater(t *testing.T) {
	s := newSite(t)
	s.scoped("/post", "tweet.write", "media.write")
	s.scoped("/like", "like.write")
	s.scoped("/read", "tweet.read")
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	b.opens("/read", xtest.DefaultUserID)

	a := b.Get("/post?draft=1")
	if want := "/auth/login?return_to=%2Fpost%3Fdraft%3D1&scope=tweet.write+media.write"; a.StatusCode != http.StatusSeeOther || a.Redirect() != want || a.Header.Get("WWW-Authenticate") != "" {
		t.Fatalf("/post: status %d to %q, want %q", a.StatusCode, a.Redirect(), want)
	}
	consent := b.Begin(a.Redirect())
	if got, want := askedFor(t, consent), plus("tweet.write", "media.write"); !slices.Equal(got, want) {
		t.Errorf("X is asked for %v, want %v", got, want)
	}
	if a = b.Get(b.Approve(consent, xtest.DefaultUserID)); a.StatusCode != http.StatusSeeOther || a.Redirect() != "/post?draft=1" {
		t.Fatalf("the callback: status %d to %q, body %s", a.StatusCode, a.Redirect(), a.Text)
	}
	b.opens("/post?draft=1", xtest.DefaultUserID)

	// Another page asks for its own scopes. It also asks for those granted before, so that none
	// is lost.
	consent = b.consent("/like")
	if got, want := askedFor(t, consent), plus("tweet.write", "media.write", "like.write"); !slices.Equal(got, want) {
		t.Errorf("X is asked for %v, want %v", got, want)
	}
	if a = b.Get(b.Approve(consent, xtest.DefaultUserID)); a.Redirect() != "/like" {
		t.Fatalf("the callback: status %d to %q", a.StatusCode, a.Redirect())
	}
	for _, path := range []string{"/like", "/post", "/read"} {
		b.opens(path, xtest.DefaultUserID)
	}
	if got, want := s.granted(xtest.DefaultUserID), plus("tweet.write", "media.write", "like.write"); !slices.Equal(got, want) {
		t.Errorf("granted %v, want %v", got, want)
	}
}

// TestConsentForMoreLeavesOutTheScopesOfAnotherAccount: if the application gives two accounts
// one user id, the stored token may belong to the account that is not signed in here.
func TestConsentForMoreLeavesOutTheScopesOfAnotherAccount(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) {
		c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error { s.User.ID = "both"; return nil }
	})
	s.scoped("/post", "tweet.write")
	s.scoped("/like", "like.write")
	mine, other := s.browser(), s.browser()
	mine.SignIn("/auth/login", xtest.DefaultUserID)
	other.SignIn("/auth/login?scope=like.write", xtest.SecondUserID)
	if got, want := askedFor(t, other.Begin("/auth/login?scope=tweet.write")), plus("tweet.write", "like.write"); !slices.Equal(got, want) {
		t.Errorf("X is asked for %v, want %v", got, want)
	}
	if got, want := askedFor(t, mine.Begin("/auth/login?scope=tweet.write")), plus("tweet.write"); !slices.Equal(got, want) {
		t.Errorf("for the other account X is asked for %v, want %v", got, want)
	}
}

func TestAVisitorWhoIsNotSignedInIsAskedOnce(t *testing.T) {
	s := newSite(t)
	s.scoped("/post", "tweet.write")
	b := s.browser()
	a := b.Get("/post")
	if want := "/auth/login?return_to=%2Fpost&scope=tweet.write"; a.Redirect() != want {
		t.Fatalf("status %d to %q, want %q", a.StatusCode, a.Redirect(), want)
	}
	if a = b.SignIn(a.Redirect(), xtest.SecondUserID); a.Redirect() != "/post" {
		t.Errorf("sent to %q", a.Redirect())
	}
	b.opens("/post", xtest.SecondUserID)

	a = s.browser().Get("/post", "Accept", "application/json")
	if a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.Text, `"not_signed_in"`) || !strings.Contains(a.Text, `"login_url":"/auth/login?scope=tweet.write"`) {
		t.Errorf("status %d, body %s", a.StatusCode, a.Text)
	}
}

func TestRequireScopesAnswersByWhoAsks(t *testing.T) {
	s := newSite(t)
	s.scoped("/post", "tweet.read", "tweet.write", "like.write")
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	before := b.pending() // the sealed outcome
	s.X.ResetRequests()
	const scope = "scope=tweet.read+tweet.write+like.write"
	for _, tt := range []struct {
		name, method string
		headers      []string
		login        string
	}{
		{"fetch", "GET", []string{"Sec-Fetch-Mode", "cors", "Accept", "*/*"}, "?" + scope},
		{"JSON", "GET", []string{"Accept", "application/json"}, "?" + scope},
		{"a script that posts", "POST", []string{"Sec-Fetch-Mode", "cors", "Accept", "*/*"}, "?" + scope},
		{"a script of an old browser that posts", "POST", []string{"Accept", "application/json, text/plain, */*"}, "?" + scope},
		{"an event stream", "GET", []string{"Accept", "text/event-stream"}, "?" + scope},
		{"a websocket", "GET", []string{"Upgrade", "websocket", "Connection", "Upgrade"}, "?" + scope},
		{"htmx", "GET", []string{"HX-Request", "true", "HX-Current-URL", "http://127.0.0.1:8080/list?p=2"}, "?return_to=%2Flist%3Fp%3D2&" + scope},
		{"htmx that posts", "POST", []string{"HX-Request", "true"}, "?" + scope},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := b.Send(tt.method, "/post", nil, tt.headers...)
			var doc struct {
				Code          string
				Status        int
				LoginURL      string   `json:"login_url"`
				MissingScopes []string `json:"missing_scopes"`
			}
			if err := json.Unmarshal([]byte(a.Text), &doc); err != nil {
				t.Fatalf("status %d, body %s", a.StatusCode, a.Text)
			}
			if a.StatusCode != http.StatusForbidden || a.Redirect() != "" || doc.Status != 403 || doc.Code != "insufficient_scope" ||
				doc.LoginURL != "/auth/login"+tt.login || !slices.Equal(doc.MissingScopes, []string{"tweet.write", "like.write"}) {
				t.Errorf("status %d to %q, body %s", a.StatusCode, a.Redirect(), a.Text)
			}
			htmx := ""
			if strings.HasPrefix(tt.name, "htmx") {
				htmx = doc.LoginURL
			}
			for name, want := range map[string]string{
				"Content-Type": "application/problem+json", "Cache-Control": "no-store", "Vary": "Cookie", "HX-Redirect": htmx,
				"WWW-Authenticate": `Bearer error="insufficient_scope", scope="tweet.write like.write"`,
			} {
				if got := a.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
	t.Run("a form", func(t *testing.T) {
		a := b.Send(http.MethodPost, "/post", url.Values{"text": {"x"}}, "Sec-Fetch-Mode", "navigate")
		if a.StatusCode != http.StatusForbidden || a.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
			!strings.Contains(a.Text, "tweet.write, like.write. What you sent was not saved") || !strings.Contains(a.Text, `href="/auth/login?scope=`) {
			t.Errorf("status %d, %v, %s", a.StatusCode, a.Header, a.Text)
		}
	})
	if len(s.X.Requests()) != 0 || b.pending() != before {
		t.Error("a sign-in was begun")
	}
}

func TestAUserWhoSaysNoKeepsWhatTheyHave(t *testing.T) {
	s := newSite(t)
	s.scoped("/post", "tweet.write")
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	cookie, token := b.cookieValue("xsignin"), string(s.Tokens.Value(s.Tokens.Keys()[0]))
	denied, err := s.X.Deny(b.consent("/post"), xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	a := b.Get(denied)
	s.isFailurePage(a, http.StatusForbidden, "denied")
	if !strings.Contains(a.Text, "Nothing has changed") || !strings.Contains(html.UnescapeString(a.Text), `href="/auth/login?return_to=%2Fpost&scope=tweet.write"`) || !strings.Contains(a.Text, `href="/"`) {
		t.Errorf("the page: %s", a.Text)
	}
	if b.cookieValue("xsignin") != cookie || string(s.Tokens.Value(s.Tokens.Keys()[0])) != token {
		t.Error("something has changed")
	}
	if a := b.Get("/api"); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, xtest.DefaultUserID) {
		t.Errorf("the old token: status %d, body %s", a.StatusCode, a.Text)
	}
	if a := b.Get("/post", "Accept", "application/json"); a.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", a.StatusCode)
	}

	stranger := s.browser()
	if denied, err = s.X.Deny(stranger.Begin("/auth/login"), xtest.SecondUserID); err != nil {
		t.Fatal(err)
	}
	if a := stranger.Get(denied); !strings.Contains(a.Text, "You are not signed in") {
		t.Errorf("a stranger who says no: %s", a.Text)
	}
}

// TestWhatXGrantedCounts: the visitor must not be redirected in a loop.
func TestWhatXGrantedCounts(t *testing.T) {
	for _, signedIn := range []bool{true, false} {
		s := newSite(t)
		s.scoped("/post", "tweet.write", "like.write")
		s.scoped("/like", "like.write")
		b := s.browser()
		if signedIn {
			b.SignIn("/auth/login", xtest.DefaultUserID)
		}
		consent := testkit.Edited(t, b.consent("/post"), "scope", "tweet.read users.read like.write")
		a := b.Get(b.Approve(consent, xtest.DefaultUserID))
		s.isFailurePage(a, http.StatusForbidden, "not_granted")
		if !strings.Contains(a.Text, "(tweet.write)") || !strings.Contains(html.UnescapeString(a.Text), `href="/auth/login?return_to=%2Fpost&scope=tweet.write+like.write"`) || !strings.Contains(a.Text, `href="/"`) {
			t.Errorf("the page: %s", a.Text)
		}
		if got, want := s.granted(xtest.DefaultUserID), []string{"like.write", "tweet.read", "users.read"}; !slices.Equal(got, want) {
			t.Errorf("granted %v, want %v", got, want)
		}
		if b.Who() != xtest.DefaultUserID {
			t.Error("not signed in")
		}
		if a := b.Get("/api"); a.StatusCode != http.StatusOK {
			t.Errorf("the new token: status %d, body %s", a.StatusCode, a.Text)
		}
		b.opens("/like", xtest.DefaultUserID)

		callback := b.Approve(testkit.Edited(t, b.consent("/post"), "scope", "tweet.read users.read"), xtest.DefaultUserID)
		a = b.Get(callback, "Accept", "application/json")
		if a.StatusCode != http.StatusForbidden || !strings.Contains(a.Text, `"missing_scopes":["tweet.write","like.write"]`) {
			t.Errorf("status %d, body %s", a.StatusCode, a.Text)
		}

		// A configured scope that X did not grant blocks no user.
		if a := b.Get(b.Approve(testkit.Edited(t, b.consent("/like"), "scope", "tweet.read users.read like.write"), xtest.DefaultUserID)); a.Redirect() != "/like" {
			t.Errorf("status %d to %q, body %s", a.StatusCode, a.Redirect(), a.Text)
		}
	}
}

// TestAnotherAccountAnswers: the sign-in of another account is an ordinary one.
func TestAnotherAccountAnswers(t *testing.T) {
	s := newSite(t)
	s.scoped("/post", "tweet.write")
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	b.Get(b.Approve(b.consent("/post"), xtest.SecondUserID))
	b.opens("/post", xtest.SecondUserID)
	if got := s.granted(xtest.DefaultUserID); !slices.Equal(got, usual) {
		t.Errorf("the first account's token has %v", got)
	}
}

// TestOAuth1HasNoScopes: X uses the application's access level instead.
func TestOAuth1HasNoScopes(t *testing.T) {
	s := newSite(t)
	s.scoped("/post", "tweet.write")
	b := s.browser()
	b.SignIn("/auth/login/x-oauth1", xtest.DefaultUserID)
	b.opens("/post", xtest.DefaultUserID)

	only := newSite(t, func(c *xsignin.Config) { c.ClientID, c.ClientSecret = "", "" })
	only.scoped("/post", "tweet.write")
	b = only.browser()
	if a := b.Get(b.Approve(b.consent("/post"), xtest.DefaultUserID)); a.Redirect() != "/post" {
		t.Errorf("status %d to %q, body %s", a.StatusCode, a.Redirect(), a.Text)
	}
	b.opens("/post", xtest.DefaultUserID)
}

func TestAURLAsksForDeclaredScopesOnly(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.Scopes = append(slices.Clone(usual), "follows.read") })
	s.scoped("/post", "tweet.write")
	b := s.browser()
	for _, scope := range []string{"dm.write", "tweet.write dm.write", "tweet.write,like.write", "\"", "tweet.write\xff"} {
		a := b.Get("/auth/login?" + url.Values{"scope": {scope}, "return_to": {"/me"}}.Encode())
		s.isFailurePage(a, http.StatusBadRequest, "unknown_scope")
		if !strings.Contains(a.Text, `href="/auth/login?return_to=%2Fme"`) || a.Redirect() != "" {
			t.Errorf("scope %q: %s", scope, a.Text)
		}
	}
	if a := b.Get("/auth/login?scope=tweet.write&scope=dm.write"); a.StatusCode != http.StatusBadRequest {
		t.Errorf("given twice: status %d", a.StatusCode)
	}
	if len(b.Cookies()) != 0 || len(s.Told()) != 0 || len(s.X.Requests()) != 0 {
		t.Error("a sign-in was begun")
	}
	for scope, want := range map[string][]string{
		"":                          plus("follows.read"),
		"follows.read":              plus("follows.read"),
		" tweet.write  tweet.write": plus("follows.read", "tweet.write"),
	} {
		consent := b.Begin("/auth/login?" + url.Values{"scope": {scope}}.Encode())
		if got := askedFor(t, consent); !slices.Equal(got, want) {
			t.Errorf("scope %q: X is asked for %v, want %v", scope, got, want)
		}
	}
	a := b.Get("/auth/login?scope=tweet.write&return_to=/list", "HX-Request", "true", "Sec-Fetch-Mode", "cors")
	if a.Header.Get("HX-Redirect") != "/auth/login?return_to=%2Flist&scope=tweet.write" {
		t.Errorf("htmx is sent to %q", a.Header.Get("HX-Redirect"))
	}
}

// TestAnAddressFullOfScopesIsCheap: servers accept addresses of a megabyte. Comparing all scopes
// in one with each other took a processor a minute, and any client could cause that.
func TestAnAddressFullOfScopesIsCheap(t *testing.T) {
	s := newSite(t)
	s.scoped("/post", "tweet.write")
	for name, scope := range map[string]func(i int) string{
		"each another": func(i int) string { return strconv.Itoa(i) + "+" },
		"each as a parameter": func(i int) string {
			return strconv.Itoa(i) + "&scope="
		},
		"a declared one, again and again": func(int) string { return "tweet.write+" },
	} {
		var address strings.Builder
		address.WriteString("/auth/login?scope=")
		for i := 0; address.Len() < 1_000_000; i++ {
			address.WriteString(scope(i))
		}
		r := httptest.NewRequest(http.MethodGet, address.String(), http.NoBody)
		w := httptest.NewRecorder()
		begun := time.Now()
		s.Mux.ServeHTTP(w, r)
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("%s: %v", name, took)
		}
		if w.Code != http.StatusBadRequest && w.Code != http.StatusSeeOther {
			t.Errorf("%s: status %d", name, w.Code)
		}
	}
}

// TestALongAddressKeepsItsScopes: only the return path is dropped if it is too long.
func TestALongAddressKeepsItsScopes(t *testing.T) {
	s := newSite(t)
	s.scoped("/post", "tweet.write")
	if a := s.browser().Get("/post?" + strings.Repeat("a", 1600)); a.Redirect() != "/auth/login?scope=tweet.write" {
		t.Errorf("sent to %q", a.Redirect())
	}
}

// TestAnotherReplicaSeesTheConsent: the other replica has cached in memory that the token lacks
// the scope.
func TestAnotherReplicaSeesTheConsent(t *testing.T) {
	s := newSite(t)
	other := newSite(t, func(c *xsignin.Config) {
		c.X.Transport, c.Session.Store, c.TokenStore = testkit.WatchedTransport{RoundTripper: s.X.Transport(), Watch: s.Watch}, s.Sessions, s.Tokens
	})
	for _, replica := range []*site{s, other} {
		replica.scoped("/post", "tweet.write")
	}
	s.Bubble(func() {
		defer other.Close()
		b := s.browser()
		on := func(replica *site) { b.Client.Transport = testkit.InProcess{Handler: replica.Mux} }
		b.SignIn("/auth/login", xtest.DefaultUserID)
		time.Sleep(time.Second)
		on(other)
		if a := b.Get("/api"); a.StatusCode != http.StatusOK {
			t.Fatalf("/api: status %d", a.StatusCode)
		}
		consent := b.consent("/post")
		on(s)
		if a := b.Get(b.Approve(consent, xtest.DefaultUserID)); a.Redirect() != "/post" {
			t.Fatalf("the callback: status %d to %q", a.StatusCode, a.Redirect())
		}
		on(other)
		b.opens("/post", xtest.DefaultUserID)
		if a := b.Get("/api"); a.StatusCode != http.StatusOK {
			t.Errorf("/api: status %d", a.StatusCode)
		}
	})
}

func TestRequireScopesReadsTheStoreRarely(t *testing.T) {
	s := newSite(t)
	s.scoped("/read", "tweet.read")
	s.scoped("/post", "tweet.write")
	reads := func(f func()) int {
		before := s.Tokens.Reads()
		f()
		return s.Tokens.Reads() - before
	}
	s.Bubble(func() {
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		if n := reads(func() {
			for range 50 {
				b.opens("/read", xtest.DefaultUserID)
			}
		}); n != 1 {
			t.Errorf("50 requests of a user who has the scope read the store %d times", n)
		}
		if n := reads(func() {
			for range 50 {
				b.Get("/post", "Accept", "application/json")
			}
		}); n != 1 {
			t.Errorf("50 requests of a user who lacks it read the store %d times", n)
		}
	})
}

func TestRequireScopesWithATokenThatIsOfNoUse(t *testing.T) {
	t.Run("X has refused it", func(t *testing.T) {
		s := newSite(t)
		s.scoped("/post", "tweet.write")
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		s.X.RevokeApp(xtest.DefaultUserID)
		b.Get("/api")
		if a := b.Get("/post"); a.Redirect() != "/auth/login?return_to=%2Fpost&scope=tweet.write" {
			t.Errorf("status %d to %q", a.StatusCode, a.Redirect())
		}
		if a := b.Get("/post", "Accept", "application/json"); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.Text, "sign_in_again") {
			t.Errorf("status %d, body %s", a.StatusCode, a.Text)
		}
	})
	t.Run("it is gone", func(t *testing.T) {
		s := newSite(t)
		s.scoped("/post", "tweet.write")
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		if err := s.Kit.RevokeToken(t.Context(), s.Tokens.Keys()[0]); err != nil {
			t.Fatal(err)
		}
		if a := b.Get(b.Approve(b.consent("/post"), xtest.DefaultUserID)); a.Redirect() != "/post" {
			t.Errorf("status %d to %q", a.StatusCode, a.Redirect())
		}
		b.opens("/post", xtest.DefaultUserID)
	})
	t.Run("the store is away", func(t *testing.T) {
		s := newSite(t)
		s.scoped("/post", "tweet.write")
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		s.Tokens.SetFail(errors.New("away"))
		if a := b.Get("/post"); a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
			t.Errorf("status %d, body %s", a.StatusCode, a.Text)
		}
		s.isFailurePage(b.Get("/auth/login?scope=tweet.write"), http.StatusServiceUnavailable, "internal")
		s.Tokens.SetFail(nil)
		if a := b.Get("/post"); a.StatusCode != http.StatusSeeOther {
			t.Errorf("afterwards: status %d", a.StatusCode)
		}
	})
}

func TestRequireScopesWantsScopes(t *testing.T) {
	s := newSite(t)
	for _, bad := range []string{"", "tweet.read tweet.write", "a,b", "a\"", "ä"} {
		func() {
			defer func() {
				if v, _ := recover().(string); !strings.Contains(v, "is not a scope") {
					t.Errorf("%q: %v", bad, v)
				}
			}()
			s.Kit.RequireScopes(bad)
		}()
	}
	s.scoped("/none")
	b := s.browser()
	if a := b.Get("/none"); a.Redirect() != "/auth/login?return_to=%2Fnone" {
		t.Errorf("sent to %q", a.Redirect())
	}
	b.SignIn("/auth/login", xtest.DefaultUserID)
	b.opens("/none", xtest.DefaultUserID)
}

// TestScopesMayBeDeclaredWhileServing checks it, although programs should not do it.
func TestScopesMayBeDeclaredWhileServing(t *testing.T) {
	s := newSite(t)
	var all sync.WaitGroup
	all.Go(func() {
		for range 100 {
			s.Kit.RequireScopes("tweet.write")
		}
	})
	b := s.browser()
	for range 10 {
		b.Get("/auth/login?scope=tweet.write")
	}
	all.Wait()
}
