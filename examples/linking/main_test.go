package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/demo"
	"github.com/xsignin/xsignin/examples/internal/storage"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// TestStartsWithoutKeys runs the command's own main.
func TestStartsWithoutKeys(t *testing.T) {
	t.Parallel()
	base, _ := testkit.Start(t, map[string]string{"DATABASE": filepath.Join(t.TempDir(), "linking.db")}, run)
	// With both protocols the local X shows its page.
	for _, path := range []string{"/auth/login", "/auth/login/x-oauth1"} {
		resp, err := http.DefaultClient.Do(navigation(t, base+path))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "Authorize app") {
			t.Errorf("%s: %s\n%s", path, resp.Status, body)
		}
	}
}

func navigation(t *testing.T, at string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	return r
}

// site is the example with an X that a test can change.
type site struct {
	*testing.T
	*app
	x     *xtest.X
	url   string
	store *storage.Storage
	now   time.Time
}

func newSite(t *testing.T, allow ...string) *site {
	t.Helper()
	s := &site{T: t, now: time.Now()}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.app.ServeHTTP(w, r) }))
	s.url = "http://" + srv.Listener.Addr().String()
	s.x = xtest.New(xtest.Config{Callbacks: []string{s.url + "/auth/callback"}})
	demo.Mount(s.x)
	var err error
	s.store, err = storage.Open(t.Context(), storage.Place{Kind: storage.InSQLite, At: filepath.Join(t.TempDir(), "linking.db")}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.store.Close() })
	s.restart(allow...)
	srv.Start()
	t.Cleanup(srv.Close)
	return s
}

// restart builds the application again, with another list.
func (s *site) restart(allow ...string) {
	s.Helper()
	a, err := newApp(s.Context(), xsignin.Config{
		PublicURL: s.url, ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
		OAuth1: xsignin.OAuth1Config{ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret}, X: xsignin.XEndpoints{Transport: s.x.Transport()}, Logger: slog.New(slog.DiscardHandler),
	}, s.store, allow, func() time.Time { return s.now })
	if err != nil {
		s.Fatal(err)
	}
	s.app = a
	s.Cleanup(func() { _ = a.kit.Close(context.Background()) })
}

// browser is a visitor's browser.
type browser struct {
	*site
	client *http.Client
}

func (s *site) browser() *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{s, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

const (
	oauth2 = "/auth/login?return_to=/"
	oauth1 = "/auth/login/x-oauth1?return_to=/"
	first  = xtest.DefaultUserID
	second = xtest.SecondUserID
)

// signIn signs in at a login's address, and checks the status and the text of the page.
func (b *browser) signIn(login, account string, status int, says ...string) {
	b.Helper()
	resp, err := b.x.SignIn(b.client, b.url+login, account)
	if err != nil {
		b.Fatal(err)
	}
	b.expect(resp, status, says...)
}

func (b *browser) expect(resp *http.Response, status int, says ...string) {
	b.Helper()
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if to := testkit.Refresh(string(body)); to != "" {
		resp.StatusCode = http.StatusSeeOther
		resp.Header.Set("Location", to)
	}
	if resp.StatusCode != status {
		b.Errorf("%s, not %d\n%s", resp.Status, status, body)
	}
	for _, text := range says {
		if !strings.Contains(string(body), text) {
			b.Errorf("%q is not in\n%s", text, body)
		}
	}
}

// press sends a form.
func (b *browser) press(path string, fill url.Values, status int, says ...string) {
	b.Helper()
	b.expect(b.send(path, fill), status, says...)
}

func (b *browser) send(path string, fill url.Values) *http.Response {
	b.Helper()
	r, err := http.NewRequest(http.MethodPost, b.url+path, strings.NewReader(fill.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := b.client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	return resp
}

// link presses "Link by" and returns the target of the next page's link.
func (b *browser) link(provider string) string {
	b.Helper()
	resp := b.send("/link", url.Values{"provider": {provider}})
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	login := regexp.MustCompile(`href="(/auth/login[^"]*)"`).FindStringSubmatch(string(body))
	if login == nil {
		b.Fatalf("%s\n%s", resp.Status, body)
	}
	return login[1]
}

// sees expects the page of a user.
func (b *browser) sees(says ...string) {
	b.Helper()
	resp, err := b.client.Get(b.url)
	if err != nil {
		b.Fatal(err)
	}
	b.expect(resp, http.StatusOK, says...)
}

// count returns the number of rows in a table.
func (s *site) count(table string, want int) {
	s.Helper()
	var n int
	if err := s.store.DB.QueryRowContext(s.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil || n != want {
		s.Errorf("%d %s, not %d: %v", n, table, want, err)
	}
}

func TestFindOrCreate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, login := range []string{oauth2, oauth1, oauth2} { // X's ids are the same with both protocols
		b := s.browser()
		b.signIn(login, first, http.StatusSeeOther)
		b.sees("You are user 1 here", "@demo")
	}
	b := s.browser()
	b.signIn(oauth2, second, http.StatusSeeOther)
	b.sees("You are user 2 here")
	s.count("users", 2)
	// The tokens of both protocols are stored under the application's id of the user.
	held, err := s.kit.Accounts(t.Context(), "1")
	if err != nil || len(held) != 2 {
		t.Errorf("%v %v", held, err)
	}
}

func TestLinkAndUnlink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.signIn(oauth2, first, http.StatusSeeOther)
	b.press("/unlink", url.Values{"account": {first}}, http.StatusConflict, "the only account with which you can sign in")
	b.signIn(b.link("x-oauth1"), second, http.StatusSeeOther)
	b.sees("You are user 1 here", "signed in as @demo by OAuth 2.0", "("+first+")", "("+second+")")
	for _, account := range []string{first, second} {
		other := s.browser()
		other.signIn(oauth2, account, http.StatusSeeOther)
		other.sees("You are user 1 here")
	}
	s.count("users", 1)

	// Each account keeps its tokens until it is unlinked.
	held, err := s.kit.Accounts(t.Context(), "1")
	if err != nil || len(held) != 3 {
		t.Fatalf("%v %v", held, err)
	}
	b.press("/unlink", url.Values{"account": {second}}, http.StatusSeeOther)
	if held, err := s.kit.Accounts(t.Context(), "1"); err != nil || len(held) != 1 || held[0].Key.AccountID != first {
		t.Errorf("%v %v", held, err)
	}
	if n := s.x.Count(http.MethodPost, "/2/oauth2/revoke"); n == 0 {
		t.Error("X was not told")
	}
	s.count("accounts", 1)
	other := s.browser()
	other.signIn(oauth2, second, http.StatusSeeOther)
	other.sees("You are user 2 here")
}

// TestUnlinkAfterSignOut: a sign-out deletes the account's tokens, but the account can still be
// unlinked.
func TestUnlinkAfterSignOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, other := s.browser(), s.browser()
	b.signIn(oauth2, first, http.StatusSeeOther)
	b.signIn(b.link("x"), second, http.StatusSeeOther)
	of := s.browser() // whose session belongs to the second account
	of.signIn(oauth2, second, http.StatusSeeOther)
	of.press("/auth/logout", nil, http.StatusSeeOther)
	if held, err := s.kit.Accounts(t.Context(), "1"); err != nil || len(held) != 1 {
		t.Errorf("after the sign-out: %v %v", held, err)
	}
	b.press("/unlink", url.Values{"account": {second}}, http.StatusSeeOther)
	other.signIn(oauth2, second, http.StatusSeeOther)
	other.sees("You are user 2 here")
}

func TestAnAccountOfSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	owner := s.browser()
	owner.signIn(oauth2, second, http.StatusSeeOther)
	b := s.browser()
	b.signIn(oauth2, first, http.StatusSeeOther)
	b.signIn(b.link("x"), second, http.StatusForbidden, "The account was not linked", "Back to your accounts")
	b.sees("You are user 2 here", "signed in as @demo by") // as before
	s.count("accounts", 2)
	// The next sign-in is an ordinary one.
	b.signIn(oauth2, second, http.StatusSeeOther)
	b.sees("You are user 1 here")
	s.count("accounts", 2)
}

// TestNothingIsLinkedUnasked: another person may use the browser of a signed-in user.
func TestNothingIsLinkedUnasked(t *testing.T) {
	t.Parallel()
	t.Run("not a link", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		b := s.browser()
		b.signIn(oauth2, first, http.StatusSeeOther)
		b.signIn(oauth2, second, http.StatusSeeOther)
		b.sees("You are user 2 here")
	})
	t.Run("signed out meanwhile", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		b := s.browser()
		b.signIn(oauth2, first, http.StatusSeeOther)
		login := b.link("x")
		b.press("/auth/logout", nil, http.StatusSeeOther)
		b.signIn(login, second, http.StatusForbidden, "The account was not linked")
		s.count("users", 1)
		s.count("accounts", 1)
		b.signIn(oauth2, second, http.StatusSeeOther)
		b.sees("You are user 2 here")
	})
	t.Run("no at X", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		b := s.browser()
		b.signIn(oauth2, first, http.StatusSeeOther)
		resp, err := b.client.Get(s.url + b.link("x"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		callback, err := s.x.Deny(resp.Header.Get("Location"), second)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err = b.client.Do(navigation(t, callback)); err != nil {
			t.Fatal(err)
		}
		b.expect(resp, http.StatusForbidden)
		b.signIn(oauth2, second, http.StatusSeeOther)
		b.sees("You are user 2 here")
	})
	t.Run("another site", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		b := s.browser()
		b.signIn(oauth2, first, http.StatusSeeOther)
		r, _ := http.NewRequest(http.MethodPost, s.url+"/link", strings.NewReader("provider=x"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		resp, err := b.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b.expect(resp, http.StatusForbidden)
	})
}

func TestAllowList(t *testing.T) {
	t.Parallel()
	s := newSite(t, "demo")
	b := s.browser()
	b.signIn(oauth2, second, http.StatusForbidden)
	s.count("users", 0)
	b.signIn(oauth2, first, http.StatusSeeOther)
	// A new handle changes nothing. A person who takes over the old handle gains nothing.
	if err := errors.Join(s.x.RenameUser(first, "renamed"), s.x.RenameUser(second, "demo")); err != nil {
		t.Fatal(err)
	}
	s.browser().signIn(oauth1, second, http.StatusForbidden)
	b.signIn(oauth2, first, http.StatusSeeOther)
	b.sees("@renamed")
	// An account that an admitted user links signs in that user. The listed account cannot be
	// unlinked.
	b.signIn(b.link("x"), second, http.StatusSeeOther)
	b.press("/unlink", url.Values{"account": {first}}, http.StatusConflict)
	// Once the handle is off the list, none of the accounts can sign in.
	s.restart("somebody")
	for _, account := range []string{first, second} {
		s.browser().signIn(oauth2, account, http.StatusForbidden)
	}
	s.restart("demo")
	s.browser().signIn(oauth2, first, http.StatusSeeOther)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newSite(t, "demo")
	b := s.browser()
	b.signIn(oauth2, first, http.StatusSeeOther)
	b.signIn(oauth1, second, http.StatusForbidden)
	key := tokenstore.Key{Provider: "x", UserID: "1", AccountID: first}
	if err := s.kit.RefreshToken(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	s.x.RevokeApp(first)
	_ = s.kit.RefreshToken(t.Context(), key)
	resp, err := http.Get(s.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	b.expect(resp, http.StatusOK,
		`xsignin_sign_ins_begun_total{provider="x"} 1`,
		`xsignin_sign_ins_total{cause="",provider="x"} 1`,
		`xsignin_sign_ins_total{cause="not_allowed",provider="x-oauth1"} 1`,
		`xsignin_callback_duration_seconds_count{provider="x"} 1`,
		`xsignin_refreshes_total{outcome="refreshed",provider="x"} 1`,
		`xsignin_refreshes_total{outcome="sign_in_again",provider="x"} 1`)
}
