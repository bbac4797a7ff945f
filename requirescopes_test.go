package xsignin_test

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
	"github.com/xsignin/xsignin/xtest"
)

// scoped mounts a page that needs scopes.
func (s *site) scoped(path string, scopes ...string) {
	s.mux.Handle(path, s.kit.RequireScopes(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, _ := xsignin.User(r.Context())
		_, _ = io.WriteString(w, path+" for "+u.ID)
	})))
}

// granted are the scopes of the token that userID has with provider x, sorted.
func (s *site) granted(userID string) []string {
	s.t.Helper()
	accounts, err := s.kit.Accounts(s.t.Context(), userID)
	if err != nil || len(accounts) == 0 {
		s.t.Fatalf("accounts %v, %v", accounts, err)
	}
	return slices.Sorted(slices.Values(accounts[0].Token.Scopes))
}

// askedFor are the scopes in the address of a consent page, sorted.
func askedFor(t *testing.T, consent string) []string {
	t.Helper()
	return slices.Sorted(slices.Values(strings.Fields(param(t, consent, "scope"))))
}

// consent opens path, which has to lead through the login, and returns the address at X.
func (b *browser) consent(path string) string {
	b.s.t.Helper()
	a := b.get(path)
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.location(), "/auth/login") {
		b.s.t.Fatalf("%s: status %d to %q", path, a.StatusCode, a.location())
	}
	return b.begin(a.location())
}

// opens checks that path answers with its own page.
func (b *browser) opens(path, userID string) {
	b.s.t.Helper()
	want, _, _ := strings.Cut(path, "?")
	if a := b.get(path); a.StatusCode != http.StatusOK || a.body != want+" for "+userID {
		b.s.t.Errorf("%s: status %d to %q, body %s", path, a.StatusCode, a.location(), a.body)
	}
}

var usual = []string{"offline.access", "tweet.read", "users.read"}

// plus is the usual scopes and more, sorted.
func plus(more ...string) []string {
	return slices.Sorted(slices.Values(slices.Concat(usual, more)))
}

func TestConsentForMoreLater(t *testing.T) {
	s := newSite(t)
	s.scoped("/post", "tweet.write", "media.write")
	s.scoped("/like", "like.write")
	s.scoped("/read", "tweet.read")
	b := s.browser()
	b.signIn("/auth/login", xtest.DefaultUserID)
	b.opens("/read", xtest.DefaultUserID)

	a := b.get("/post?draft=1")
	if want := "/auth/login?return_to=%2Fpost%3Fdraft%3D1&scope=tweet.write+media.write"; a.StatusCode != http.StatusSeeOther || a.location() != want || a.Header.Get("WWW-Authenticate") != "" {
		t.Fatalf("/post: status %d to %q, want %q", a.StatusCode, a.location(), want)
	}
	consent := b.begin(a.location())
	if got, want := askedFor(t, consent), plus("tweet.write", "media.write"); !slices.Equal(got, want) {
		t.Errorf("X is asked for %v, want %v", got, want)
	}
	if a = b.get(b.approve(consent, xtest.DefaultUserID)); a.StatusCode != http.StatusSeeOther || a.location() != "/post?draft=1" {
		t.Fatalf("the callback: status %d to %q, body %s", a.StatusCode, a.location(), a.body)
	}
	b.opens("/post?draft=1", xtest.DefaultUserID)

	// Another page in turn: what was granted before is asked for again, and not lost.
	consent = b.consent("/like")
	if got, want := askedFor(t, consent), plus("tweet.write", "media.write", "like.write"); !slices.Equal(got, want) {
		t.Errorf("X is asked for %v, want %v", got, want)
	}
	if a = b.get(b.approve(consent, xtest.DefaultUserID)); a.location() != "/like" {
		t.Fatalf("the callback: status %d to %q", a.StatusCode, a.location())
	}
	for _, path := range []string{"/like", "/post", "/read"} {
		b.opens(path, xtest.DefaultUserID)
	}
	if got, want := s.granted(xtest.DefaultUserID), plus("tweet.write", "media.write", "like.write"); !slices.Equal(got, want) {
		t.Errorf("granted %v, want %v", got, want)
	}
}

// TestConsentForMoreLeavesOutTheScopesOfAnotherAccount: where the application gives two
// accounts one name, the token that is stored may be of the one that is not signed in here.
func TestConsentForMoreLeavesOutTheScopesOfAnotherAccount(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) {
		c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error { s.User.Subject = "both"; return nil }
	})
	s.scoped("/post", "tweet.write")
	s.scoped("/like", "like.write")
	mine, other := s.browser(), s.browser()
	mine.signIn("/auth/login", xtest.DefaultUserID)
	other.signIn("/auth/login?scope=like.write", xtest.SecondUserID)
	if got, want := askedFor(t, other.begin("/auth/login?scope=tweet.write")), plus("tweet.write", "like.write"); !slices.Equal(got, want) {
		t.Errorf("X is asked for %v, want %v", got, want)
	}
	if got, want := askedFor(t, mine.begin("/auth/login?scope=tweet.write")), plus("tweet.write"); !slices.Equal(got, want) {
		t.Errorf("for the other account X is asked for %v, want %v", got, want)
	}
}

func TestAVisitorWhoIsNotSignedInIsAskedOnce(t *testing.T) {
	s := newSite(t)
	s.scoped("/post", "tweet.write")
	b := s.browser()
	a := b.get("/post")
	if want := "/auth/login?return_to=%2Fpost&scope=tweet.write"; a.location() != want {
		t.Fatalf("status %d to %q, want %q", a.StatusCode, a.location(), want)
	}
	if a = b.signIn(a.location(), xtest.SecondUserID); a.location() != "/post" {
		t.Errorf("sent to %q", a.location())
	}
	b.opens("/post", xtest.SecondUserID)

	a = s.browser().get("/post", "Accept", "application/json")
	if a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, `"not_signed_in"`) || !strings.Contains(a.body, `"login_url":"/auth/login?scope=tweet.write"`) {
		t.Errorf("status %d, body %s", a.StatusCode, a.body)
	}
}

func TestRequireScopesAnswersByWhoAsks(t *testing.T) {
	s := newSite(t)
	s.scoped("/post", "tweet.read", "tweet.write", "like.write")
	b := s.browser()
	b.signIn("/auth/login", xtest.DefaultUserID)
	s.x.ResetRequests()
	const scope = "scope=tweet.read+tweet.write+like.write"
	for _, tt := range []struct {
		name, method string
		headers      []string
		login        string
	}{
		{"fetch", "GET", []string{"Sec-Fetch-Mode", "cors", "Accept", "*/*"}, "?" + scope},
		{"JSON", "GET", []string{"Accept", "application/json"}, "?" + scope},
		{"a script that posts", "POST", []string{"Sec-Fetch-Mode", "cors", "Accept", "*/*"}, "?" + scope},
		{"a form of an old browser", "POST", nil, "?" + scope},
		{"an event stream", "GET", []string{"Accept", "text/event-stream"}, "?" + scope},
		{"a websocket", "GET", []string{"Upgrade", "websocket", "Connection", "Upgrade"}, "?" + scope},
		{"htmx", "GET", []string{"HX-Request", "true", "HX-Current-URL", "http://127.0.0.1:8080/list?p=2"}, "?return_to=%2Flist%3Fp%3D2&" + scope},
		{"htmx that posts", "POST", []string{"HX-Request", "true"}, "?" + scope},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := b.send(tt.method, "/post", nil, tt.headers...)
			var doc struct {
				Code          string
				Status        int
				LoginURL      string   `json:"login_url"`
				MissingScopes []string `json:"missing_scopes"`
			}
			if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
				t.Fatalf("status %d, body %s", a.StatusCode, a.body)
			}
			if a.StatusCode != http.StatusForbidden || a.location() != "" || doc.Status != 403 || doc.Code != "insufficient_scope" ||
				doc.LoginURL != "/auth/login"+tt.login || !slices.Equal(doc.MissingScopes, []string{"tweet.write", "like.write"}) {
				t.Errorf("status %d to %q, body %s", a.StatusCode, a.location(), a.body)
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
		a := b.send(http.MethodPost, "/post", url.Values{"text": {"x"}}, "Sec-Fetch-Mode", "navigate")
		if a.StatusCode != http.StatusForbidden || a.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
			!strings.Contains(a.body, "tweet.write, like.write. What you sent was not saved") || !strings.Contains(a.body, `href="/auth/login?scope=`) {
			t.Errorf("status %d, %v, %s", a.StatusCode, a.Header, a.body)
		}
	})
	if len(s.x.Requests()) != 0 || b.pending() != "" {
		t.Error("a sign-in was begun")
	}
}

func TestAUserWhoSaysNoKeepsWhatTheyHave(t *testing.T) {
	s := newSite(t)
	s.scoped("/post", "tweet.write")
	b := s.browser()
	b.signIn("/auth/login", xtest.DefaultUserID)
	cookie, token := b.cookieValue("xsignin"), string(s.tokens.held[s.tokens.keys()[0]])
	denied, err := s.x.Deny(b.consent("/post"), xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	a := b.get(denied)
	s.isFailurePage(a, http.StatusForbidden, "denied")
	if !strings.Contains(a.body, "Nothing has changed") || !strings.Contains(html.UnescapeString(a.body), `href="/auth/login?return_to=%2Fpost&scope=tweet.write"`) || !strings.Contains(a.body, `href="/"`) {
		t.Errorf("the page: %s", a.body)
	}
	if b.cookieValue("xsignin") != cookie || string(s.tokens.held[s.tokens.keys()[0]]) != token || b.pending() != "" {
		t.Error("something has changed")
	}
	if a := b.get("/api"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, xtest.DefaultUserID) {
		t.Errorf("the old token: status %d, body %s", a.StatusCode, a.body)
	}
	if a := b.get("/post", "Accept", "application/json"); a.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", a.StatusCode)
	}

	stranger := s.browser()
	if denied, err = s.x.Deny(stranger.begin("/auth/login"), xtest.SecondUserID); err != nil {
		t.Fatal(err)
	}
	if a := stranger.get(denied); !strings.Contains(a.body, "You are not signed in") {
		t.Errorf("a stranger who says no: %s", a.body)
	}
}

// TestWhatXGrantedCounts: the visitor must not go round in circles.
func TestWhatXGrantedCounts(t *testing.T) {
	for _, signedIn := range []bool{true, false} {
		s := newSite(t)
		s.scoped("/post", "tweet.write", "like.write")
		s.scoped("/like", "like.write")
		b := s.browser()
		if signedIn {
			b.signIn("/auth/login", xtest.DefaultUserID)
		}
		consent := edited(t, b.consent("/post"), "scope", "tweet.read users.read like.write")
		a := b.get(b.approve(consent, xtest.DefaultUserID))
		s.isFailurePage(a, http.StatusForbidden, "not_granted")
		if !strings.Contains(a.body, "(tweet.write)") || !strings.Contains(html.UnescapeString(a.body), `href="/auth/login?return_to=%2Fpost&scope=tweet.write+like.write"`) || !strings.Contains(a.body, `href="/"`) {
			t.Errorf("the page: %s", a.body)
		}
		if got, want := s.granted(xtest.DefaultUserID), []string{"like.write", "tweet.read", "users.read"}; !slices.Equal(got, want) {
			t.Errorf("granted %v, want %v", got, want)
		}
		if b.who() != xtest.DefaultUserID {
			t.Error("not signed in")
		}
		if a := b.get("/api"); a.StatusCode != http.StatusOK {
			t.Errorf("the new token: status %d, body %s", a.StatusCode, a.body)
		}
		b.opens("/like", xtest.DefaultUserID)

		callback := b.approve(edited(t, b.consent("/post"), "scope", "tweet.read users.read"), xtest.DefaultUserID)
		a = b.get(callback, "Accept", "application/json")
		if a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, `"missing_scopes":["tweet.write","like.write"]`) {
			t.Errorf("status %d, body %s", a.StatusCode, a.body)
		}

		// What is configured and not granted is no reason to stop anybody.
		if a := b.get(b.approve(edited(t, b.consent("/like"), "scope", "tweet.read users.read like.write"), xtest.DefaultUserID)); a.location() != "/like" {
			t.Errorf("status %d to %q, body %s", a.StatusCode, a.location(), a.body)
		}
	}
}

// TestAnotherAccountAnswers: it is an ordinary sign-in.
func TestAnotherAccountAnswers(t *testing.T) {
	s := newSite(t)
	s.scoped("/post", "tweet.write")
	b := s.browser()
	b.signIn("/auth/login", xtest.DefaultUserID)
	b.get(b.approve(b.consent("/post"), xtest.SecondUserID))
	b.opens("/post", xtest.SecondUserID)
	if got := s.granted(xtest.DefaultUserID); !slices.Equal(got, usual) {
		t.Errorf("the first account's token has %v", got)
	}
}

// TestOAuth1HasNoScopes: X goes by the application's access level.
func TestOAuth1HasNoScopes(t *testing.T) {
	s := newSite(t)
	s.scoped("/post", "tweet.write")
	b := s.browser()
	b.signIn("/auth/login/x-oauth1", xtest.DefaultUserID)
	b.opens("/post", xtest.DefaultUserID)

	only := newSite(t, func(c *xsignin.Config) { c.ClientID, c.ClientSecret = "", "" })
	only.scoped("/post", "tweet.write")
	b = only.browser()
	if a := b.get(b.approve(b.consent("/post"), xtest.DefaultUserID)); a.location() != "/post" {
		t.Errorf("status %d to %q, body %s", a.StatusCode, a.location(), a.body)
	}
	b.opens("/post", xtest.DefaultUserID)
}

func TestAURLAsksForDeclaredScopesOnly(t *testing.T) {
	s := newSite(t, func(c *xsignin.Config) { c.Scopes = append(slices.Clone(usual), "follows.read") })
	s.scoped("/post", "tweet.write")
	b := s.browser()
	for _, scope := range []string{"dm.write", "tweet.write dm.write", "tweet.write,like.write", "\"", "tweet.write\xff"} {
		a := b.get("/auth/login?" + url.Values{"scope": {scope}, "return_to": {"/me"}}.Encode())
		s.isFailurePage(a, http.StatusBadRequest, "unknown_scope")
		if !strings.Contains(a.body, `href="/auth/login?return_to=%2Fme"`) || a.location() != "" {
			t.Errorf("scope %q: %s", scope, a.body)
		}
	}
	if a := b.get("/auth/login?scope=tweet.write&scope=dm.write"); a.StatusCode != http.StatusBadRequest {
		t.Errorf("given twice: status %d", a.StatusCode)
	}
	if len(b.cookies()) != 0 || len(s.told()) != 0 || len(s.x.Requests()) != 0 {
		t.Error("a sign-in was begun")
	}
	for scope, want := range map[string][]string{
		"":                          plus("follows.read"),
		"follows.read":              plus("follows.read"),
		" tweet.write  tweet.write": plus("follows.read", "tweet.write"),
	} {
		consent := b.begin("/auth/login?" + url.Values{"scope": {scope}}.Encode())
		if got := askedFor(t, consent); !slices.Equal(got, want) {
			t.Errorf("scope %q: X is asked for %v, want %v", scope, got, want)
		}
	}
	a := b.get("/auth/login?scope=tweet.write&return_to=/list", "HX-Request", "true", "Sec-Fetch-Mode", "cors")
	if a.Header.Get("HX-Redirect") != "/auth/login?return_to=%2Flist&scope=tweet.write" {
		t.Errorf("htmx is sent to %q", a.Header.Get("HX-Redirect"))
	}
}

// TestAnAddressFullOfScopesIsCheap: a server takes addresses of a megabyte, and to compare
// what they name with each other took a processor for a minute, at anybody's request.
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
		s.mux.ServeHTTP(w, r)
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("%s: %v", name, took)
		}
		if w.Code != http.StatusBadRequest && w.Code != http.StatusSeeOther {
			t.Errorf("%s: status %d", name, w.Code)
		}
	}
}

// TestALongAddressKeepsItsScopes: what is too long to come back to is dropped alone.
func TestALongAddressKeepsItsScopes(t *testing.T) {
	s := newSite(t)
	s.scoped("/post", "tweet.write")
	if a := s.browser().get("/post?" + strings.Repeat("a", 600)); a.location() != "/auth/login?scope=tweet.write" {
		t.Errorf("sent to %q", a.location())
	}
}

// TestAnotherReplicaSeesTheConsent: it has just learnt, and keeps in memory, that the token
// lacks the scope.
func TestAnotherReplicaSeesTheConsent(t *testing.T) {
	s := newSite(t)
	other := newSite(t, func(c *xsignin.Config) {
		c.Transport, c.SessionStore, c.Tokens = transport{s.x.Transport(), s.watch}, s.sessions, s.tokens
	})
	for _, replica := range []*site{s, other} {
		replica.scoped("/post", "tweet.write")
	}
	s.bubble(func() {
		defer other.close()
		b := s.browser()
		on := func(replica *site) { b.client.Transport = inProcess{replica.mux} }
		b.signIn("/auth/login", xtest.DefaultUserID)
		time.Sleep(time.Second)
		on(other)
		if a := b.get("/api"); a.StatusCode != http.StatusOK {
			t.Fatalf("/api: status %d", a.StatusCode)
		}
		consent := b.consent("/post")
		on(s)
		if a := b.get(b.approve(consent, xtest.DefaultUserID)); a.location() != "/post" {
			t.Fatalf("the callback: status %d to %q", a.StatusCode, a.location())
		}
		on(other)
		b.opens("/post", xtest.DefaultUserID)
		if a := b.get("/api"); a.StatusCode != http.StatusOK {
			t.Errorf("/api: status %d", a.StatusCode)
		}
	})
}

func TestRequireScopesReadsTheStoreRarely(t *testing.T) {
	s := newSite(t)
	s.scoped("/read", "tweet.read")
	s.scoped("/post", "tweet.write")
	reads := func(f func()) int {
		s.tokens.mu.Lock()
		before := s.tokens.gets
		s.tokens.mu.Unlock()
		f()
		s.tokens.mu.Lock()
		defer s.tokens.mu.Unlock()
		return s.tokens.gets - before
	}
	s.bubble(func() {
		b := s.browser()
		b.signIn("/auth/login", xtest.DefaultUserID)
		if n := reads(func() {
			for range 50 {
				b.opens("/read", xtest.DefaultUserID)
			}
		}); n != 1 {
			t.Errorf("50 requests of a user who has the scope read the store %d times", n)
		}
		if n := reads(func() {
			for range 50 {
				b.get("/post", "Accept", "application/json")
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
		b.signIn("/auth/login", xtest.DefaultUserID)
		s.x.RevokeApp(xtest.DefaultUserID)
		b.get("/api")
		if a := b.get("/post"); a.location() != "/auth/login?return_to=%2Fpost&scope=tweet.write" {
			t.Errorf("status %d to %q", a.StatusCode, a.location())
		}
		if a := b.get("/post", "Accept", "application/json"); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, "sign_in_again") {
			t.Errorf("status %d, body %s", a.StatusCode, a.body)
		}
	})
	t.Run("it is gone", func(t *testing.T) {
		s := newSite(t)
		s.scoped("/post", "tweet.write")
		b := s.browser()
		b.signIn("/auth/login", xtest.DefaultUserID)
		if err := s.kit.Disconnect(t.Context(), s.tokens.keys()[0]); err != nil {
			t.Fatal(err)
		}
		if a := b.get(b.approve(b.consent("/post"), xtest.DefaultUserID)); a.location() != "/post" {
			t.Errorf("status %d to %q", a.StatusCode, a.location())
		}
		b.opens("/post", xtest.DefaultUserID)
	})
	t.Run("the store is away", func(t *testing.T) {
		s := newSite(t)
		s.scoped("/post", "tweet.write")
		b := s.browser()
		b.signIn("/auth/login", xtest.DefaultUserID)
		s.tokens.setFail(errors.New("away"))
		if a := b.get("/post"); a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
			t.Errorf("status %d, body %s", a.StatusCode, a.body)
		}
		s.isFailurePage(b.get("/auth/login?scope=tweet.write"), http.StatusServiceUnavailable, "internal")
		s.tokens.setFail(nil)
		if a := b.get("/post"); a.StatusCode != http.StatusSeeOther {
			t.Errorf("afterwards: status %d", a.StatusCode)
		}
	})
}

func TestRequireScopesWantsScopes(t *testing.T) {
	s := newSite(t)
	for _, bad := range []string{"", "tweet.read tweet.write", "a,b", "a\"", "ä"} {
		func() {
			defer func() {
				if v, _ := recover().(string); !strings.Contains(v, "one scope") {
					t.Errorf("%q: %v", bad, v)
				}
			}()
			s.kit.RequireScopes(bad)
		}()
	}
	s.scoped("/none")
	b := s.browser()
	if a := b.get("/none"); a.location() != "/auth/login?return_to=%2Fnone" {
		t.Errorf("sent to %q", a.location())
	}
	b.signIn("/auth/login", xtest.DefaultUserID)
	b.opens("/none", xtest.DefaultUserID)
}

// TestScopesMayBeDeclaredWhileServing: not that one should.
func TestScopesMayBeDeclaredWhileServing(t *testing.T) {
	s := newSite(t)
	var all sync.WaitGroup
	all.Go(func() {
		for range 100 {
			s.kit.RequireScopes("tweet.write")
		}
	})
	b := s.browser()
	for range 10 {
		b.get("/auth/login?scope=tweet.write")
	}
	all.Wait()
}
