package main

import (
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/storage"
	"github.com/xsignin/xsignin/internal/attack"
	"github.com/xsignin/xsignin/xtest"
)

func TestUnderAttack(t *testing.T) {
	build := func(cfg xsignin.Config) (http.Handler, *xsignin.Kit, error) {
		store, err := storage.Open(t.Context(), storage.Place{Kind: storage.InSQLite, At: filepath.Join(t.TempDir(), "linking.db")}, cfg.Secrets, slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, nil, err
		}
		t.Cleanup(func() { _ = store.Close() })
		a, err := newApp(t.Context(), cfg, store, nil, time.Now)
		if err != nil {
			return nil, nil, err
		}
		return a, a.kit, nil
	}
	attack.Suite(t, attack.Serve(t, build, attack.Site{Private: "/", Open: true, Forms: []attack.Form{
		{Path: "/link", Body: "provider=x"}, {Path: "/unlink", Body: "account=1"},
	}}))
}

// third is an account that has not signed in.
const third = "7000000003"

// get opens a page and returns the target of its redirect.
func (b *browser) get(path string, status int, says ...string) string {
	b.Helper()
	at, err := url.Parse(b.url)
	if err != nil {
		b.Fatal(err)
	}
	if at, err = at.Parse(path); err != nil {
		b.Fatal(err)
	}
	resp, err := b.client.Do(navigation(b.T, at.String()))
	if err != nil {
		b.Fatal(err)
	}
	b.expect(resp, status, says...)
	return resp.Header.Get("Location")
}

// begin requests a login and returns X's response after an account has allowed it.
func (b *browser) begin(login, account string) (callback string) {
	b.Helper()
	callback, err := b.x.Approve(b.get(login, http.StatusSeeOther), account)
	if err != nil {
		b.Fatal(err)
	}
	return callback
}

// leads checks which user each account signs in.
func (s *site) leads(want map[string]string) {
	s.Helper()
	rows, err := s.store.DB.QueryContext(s.Context(), "SELECT x_id, user_id FROM accounts")
	if err != nil {
		s.Fatal(err)
	}
	defer rows.Close()
	got := map[string]string{}
	for rows.Next() {
		var account, user string
		if err := rows.Scan(&account, &user); err != nil {
			s.Fatal(err)
		}
		got[account] = user
	}
	if len(got) != len(want) {
		s.Errorf("%v, want %v", got, want)
	}
	for account, user := range want {
		if got[account] != user {
			s.Errorf("%v, want %v", got, want)
		}
	}
}

// TestAStrangersLinkLinksNothing: a stranger's callback has no effect in a user's browser,
// whatever the user is doing, and disturbs nothing.
func TestAStrangersLinkLinksNothing(t *testing.T) {
	t.Parallel()
	for _, way := range []struct{ login, provider string }{{oauth2, "x"}, {oauth1, "x-oauth1"}} {
		s := newSite(t)
		s.x.AddUser(xtest.User{ID: third, Username: "third", Name: "Third"})
		victim := s.browser()
		victim.signIn(oauth2, first, http.StatusSeeOther)
		links := func() (all []string) {
			for _, begun := range []string{oauth2, oauth1} {
				all = append(all, s.browser().begin(begun, second))
			}
			return append(all, s.url+"/auth/callback?state=made-up&code=a", s.url+"/auth/callback?denied=made-up")
		}
		for _, link := range links() {
			victim.get(link, http.StatusBadRequest)
		}
		login := victim.link(way.provider)
		for _, link := range links() {
			victim.get(link, http.StatusBadRequest)
		}
		callback := victim.begin(login, third)
		for _, link := range links() {
			victim.get(link, http.StatusBadRequest)
		}
		victim.get("/?linking", http.StatusOK)
		s.leads(map[string]string{first: "1"})
		victim.get(victim.get(callback, http.StatusSeeOther), http.StatusOK, "You are user 1 here", "signed in as @demo by", "@third")
		s.leads(map[string]string{first: "1", third: "1"})
	}
}

// TestALinkIsItsUsersAlone: a sign-in links an account only for the user whose session began it,
// and only in that session. An abandoned link does not affect later sign-ins.
func TestALinkIsItsUsersAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.x.AddUser(xtest.User{ID: third, Username: "third", Name: "Third"})
	evil, victim := s.browser(), s.browser()
	evil.signIn(oauth2, first, http.StatusSeeOther)
	link := evil.link("x")

	// The stranger's link, opened signed out, and from another site signed in.
	victim.signIn(link, second, http.StatusForbidden)
	s.leads(map[string]string{first: "1"})
	victim.signIn(oauth2, second, http.StatusSeeOther)
	for _, site := range []string{"cross-site", "same-site"} {
		r := navigation(t, s.url+link)
		r.Header.Set("Sec-Fetch-Site", site)
		resp, err := victim.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		callback, err := s.x.Approve(resp.Header.Get("Location"), third)
		if err != nil {
			t.Fatal(err)
		}
		victim.get(callback, http.StatusForbidden, "The account was not linked")
	}

	// The stranger's sign-in, ended by the victim, without and with the stranger's cookies, as
	// a sub-domain can plant them.
	begun := evil.begin(link, third)
	victim.get(begun, http.StatusBadRequest)
	at, _ := url.Parse(s.url + "/auth/callback")
	for _, c := range evil.client.Jar.Cookies(at) {
		if c.Name != "xsignin" {
			victim.client.Jar.SetCookies(at, []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/auth"}})
		}
	}
	victim.get(begun, http.StatusForbidden)
	victim.sees("You are user 2 here")
	s.leads(map[string]string{first: "1", second: "2"})

	// The session has ended meanwhile, and another of the same user has begun.
	victim = s.browser()
	victim.signIn(oauth2, second, http.StatusSeeOther)
	begun = victim.begin(victim.link("x"), third)
	victim.signIn(oauth2, second, http.StatusSeeOther)
	victim.get(begun, http.StatusForbidden, "The account was not linked")
	s.leads(map[string]string{first: "1", second: "2"})

	// The user has abandoned a link: another sign-in is an ordinary one.
	victim.begin(victim.link("x"), third)
	victim.signIn(oauth2, third, http.StatusSeeOther)
	victim.sees("You are user 3 here")
	s.leads(map[string]string{first: "1", second: "2", third: "3"})
}

// TestNobodyTakesOrDropsAnothersAccount: an id in a form gives no permission.
func TestNobodyTakesOrDropsAnothersAccount(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	victim, evil := s.browser(), s.browser()
	victim.signIn(oauth2, first, http.StatusSeeOther)
	evil.signIn(oauth2, second, http.StatusSeeOther)
	for _, way := range []string{"x", "x-oauth1"} {
		evil.signIn(evil.link(way), first, http.StatusForbidden, "The account was not linked")
	}
	revoked := s.x.Count(http.MethodPost, "/2/oauth2/revoke")
	for _, account := range []string{first, "", "0", "1 OR 1=1", "' OR ''='", "%", first + "\x00"} {
		evil.send("/unlink", url.Values{"account": {account}, "user": {"1"}, "user_id": {"1"}, "subject": {"1"}}).Body.Close()
	}
	s.browser().press("/unlink", url.Values{"account": {first}}, http.StatusUnauthorized)
	s.leads(map[string]string{first: "1", second: "2"})
	for _, user := range []string{"1", "2"} {
		if held, err := s.kit.Accounts(t.Context(), user); err != nil || len(held) == 0 {
			t.Errorf("user %s holds %v %v", user, held, err)
		}
	}
	if n := s.x.Count(http.MethodPost, "/2/oauth2/revoke") - revoked; n != 0 {
		t.Errorf("%d tokens were revoked", n)
	}
	if body := told(evil); strings.Contains(body, first) || strings.Contains(body, "The account is") {
		t.Errorf("%s", body)
	}
}

func told(b *browser) string {
	var all []string
	for _, path := range []string{"/", "/?linking", "/?linking=" + strings.Repeat("A", 26)} {
		r := navigation(b.T, b.url+path)
		resp, err := b.client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		text := make([]byte, 1<<20)
		n, _ := resp.Body.Read(text)
		_ = resp.Body.Close()
		all = append(all, string(text[:n]))
	}
	return strings.Join(all, "")
}

// TestUnlinkingAllAtOnceLeavesAWayIn: of two concurrent requests one comes first.
func TestUnlinkingAllAtOnceLeavesAWayIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	b.signIn(oauth2, first, http.StatusSeeOther)
	b.signIn(b.link("x"), second, http.StatusSeeOther)
	var wg sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		wg.Go(func() {
			resp := b.send("/unlink", url.Values{"account": {[]string{first, second}[i%2]}})
			statuses[i] = resp.StatusCode
			_ = resp.Body.Close()
		})
	}
	wg.Wait()
	s.count("accounts", 1)
	if !slices.Contains(statuses, http.StatusConflict) {
		t.Errorf("statuses %v", statuses)
	}
}

// TestTheListHoldsAgainstStrangers: no sign-in evades the allow-list.
func TestTheListHoldsAgainstStrangers(t *testing.T) {
	t.Parallel()
	s := newSite(t, "demo")
	s.x.AddUser(xtest.User{ID: third, Username: "demo_", Name: "demo"})
	s.browser().signIn(oauth2, third, http.StatusForbidden) // while the place is free
	member := s.browser()
	member.signIn(oauth2, first, http.StatusSeeOther)
	link, hers := member.link("x"), member.begin(oauth2, first)
	for _, account := range []string{second, third} {
		evil := s.browser()
		for _, login := range []string{oauth2, oauth1, link, oauth2 + "&ALLOW=" + account, "/auth/login?return_to=/%3Flinking=made-up"} {
			evil.signIn(login, account, http.StatusForbidden)
		}
		evil.get(hers, http.StatusBadRequest)
		evil.press("/link", url.Values{"provider": {"x"}}, http.StatusUnauthorized)
		evil.get("/", http.StatusOK, "Sign in")
	}
	s.count("users", 1)
	s.leads(map[string]string{first: "1"})
}
