package acceptance_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// replica is another site that shares the stores and the X of s.
func (s *site) replica(edit ...func(*xsignin.Config)) *site {
	s.T.Helper()
	other := newSite(s.T, append([]func(*xsignin.Config){func(c *xsignin.Config) {
		c.Session.Store, c.TokenStore, c.X.Transport = s.Sessions, s.Tokens, testkit.WatchedTransport{RoundTripper: s.X.Transport(), Watch: s.Watch}
	}}, edit...)...)
	other.X, other.Sessions, other.Tokens = s.X, s.Sessions, s.Tokens
	return other
}

func TestSignOutEverywhere(t *testing.T) {
	a := newSite(t)
	b := a.replica()
	synctest.Test(t, func(t *testing.T) {
		defer a.Close()
		defer b.Close()
		desk, phone, other := a.browser(), b.browser(), b.browser()
		desk.SignIn("/auth/login", xtest.DefaultUserID)
		phone.SignIn("/auth/login", xtest.DefaultUserID)
		other.SignIn("/auth/login", xtest.SecondUserID)
		if err := a.Kit.SignOutEverywhere(context.Background(), xtest.DefaultUserID); err != nil {
			t.Fatal(err)
		}
		if desk.Who() != "" {
			t.Error("signed in where it was done")
		}
		if r := desk.Get("/me"); r.StatusCode != http.StatusSeeOther {
			t.Errorf("RequireUser: status %d", r.StatusCode)
		}
		if phone.Who() != "" {
			t.Error("signed in on the other replica")
		}
		if other.Who() != xtest.SecondUserID {
			t.Error("another user was signed out")
		}
		if keys := a.Tokens.Keys(); len(keys) != 1 || keys[0].UserID != xtest.SecondUserID {
			t.Errorf("tokens left: %v", keys)
		}
		if a.X.Count(http.MethodPost, "/2/oauth2/revoke") == 0 {
			t.Error("X was not told")
		}
		last := a.LastEvent()
		if last.Kind != event.SignedOut || !last.Everywhere || last.UserID != xtest.DefaultUserID || last.Provider != "" {
			t.Errorf("told %+v", last)
		}

		// Sign out at one replica, and sign in at the other at once.
		phone.SignIn("/auth/login", xtest.DefaultUserID)
		if err := a.Kit.SignOutEverywhere(context.Background(), xtest.DefaultUserID); err != nil {
			t.Fatal(err)
		}
		phone.SignIn("/auth/login", xtest.DefaultUserID)
		for range 8 {
			if phone.Who() != xtest.DefaultUserID {
				t.Fatal("who signed in again is signed out")
			}
			time.Sleep(time.Second)
		}
	})
}

// TestAnOpenStreamLearnsOfASignOut as docs/guide.md shows, also behind LoadAndSave.
func TestAnOpenStreamLearnsOfASignOut(t *testing.T) {
	for _, values := range []bool{false, true} {
		s := newSite(t)
		var open [2]bool
		s.Mux.Handle("/stream", s.Kit.RequireUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			for i := range open {
				var err error
				if _, open[i], err = s.Kit.Sessions().Get(context.Background(), r); err != nil {
					t.Error(err)
				}
				if err := s.Kit.SignOutEverywhere(r.Context(), xtest.DefaultUserID); err != nil {
					t.Error(err)
				}
			}
		})))
		b := s.browser()
		if values {
			b.Client.Transport = testkit.InProcess{Handler: s.Kit.Sessions().LoadAndSave(s.Mux)}
		}
		b.SignIn("/auth/login", xtest.DefaultUserID)
		b.Get("/stream")
		if open != [2]bool{true, false} {
			t.Errorf("behind LoadAndSave %t: open before and after the sign-out: %v", values, open)
		}
	}
}

func TestSignOutEverywhereByTheButton(t *testing.T) {
	t.Run("the page has two buttons", func(t *testing.T) {
		s := newSite(t)
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		body := b.Get("/auth/logout").Text
		form := body[strings.Index(body, "<form"):]
		form = form[:strings.Index(form, "</form>")]
		// Visitors reach buttons by Tab and press them by Enter and Space. The first button is
		// the form's default.
		first := strings.Index(form, `<button class="key" name="confirm" value="1">Sign out</button>`)
		second := strings.Index(form, `<button class="other" name="everywhere" value="1">Sign out everywhere</button>`)
		if first < 0 || second < first || strings.Count(form, "<button") != 2 || strings.Contains(form, "tabindex") {
			t.Errorf("%s", form)
		}
	})
	t.Run("in the form or the query", func(t *testing.T) {
		for target, form := range map[string]url.Values{
			"/auth/logout":                 {"everywhere": {"1"}, "return_to": {"/bye"}},
			"/auth/logout?everywhere=true": {"return_to": {"/bye"}},
			"/auth/logout?a=checkbox":      {"everywhere": {"on"}, "return_to": {"/bye"}},
		} {
			s := newSite(t)
			desk, phone := s.browser(), s.browser()
			desk.SignIn("/auth/login", xtest.DefaultUserID)
			phone.SignIn("/auth/login/x-oauth1", xtest.DefaultUserID)
			a := desk.Send(http.MethodPost, target, form, "Sec-Fetch-Site", "same-origin")
			if a.StatusCode != http.StatusSeeOther || a.Redirect() != "/bye" || desk.Who() != "" || phone.Who() != "" {
				t.Errorf("%s: status %d to %q", target, a.StatusCode, a.Redirect())
			}
			if slices.Contains(desk.Cookies(), "xsignin") {
				t.Error("the cookie stays")
			}
			if len(s.Tokens.Keys()) != 0 {
				t.Errorf("tokens left: %v", s.Tokens.Keys())
			}
			last := s.LastEvent()
			if last.Kind != event.SignedOut || !last.Everywhere || last.Provider != "x" {
				t.Errorf("told %+v", last)
			}
		}
	})
	t.Run("no is no, and what is unclear is refused", func(t *testing.T) {
		for value, status := range map[string]int{"": 303, "0": 303, "false": 303, "yes please": 400, "2": 400, "only": 400} {
			s := newSite(t)
			desk, phone := s.browser(), s.browser()
			desk.SignIn("/auth/login", xtest.DefaultUserID)
			phone.SignIn("/auth/login", xtest.DefaultUserID)
			a := desk.Send(http.MethodPost, "/auth/logout", url.Values{"everywhere": {value}})
			if a.StatusCode != status || (desk.Who() == "") != (status == 303) || phone.Who() == "" {
				t.Errorf("%q: status %d, signed in as %q and %q", value, a.StatusCode, desk.Who(), phone.Who())
			}
		}
	})
	t.Run("in JSON", func(t *testing.T) {
		for body, want := range map[string]struct {
			status      int
			desk, phone bool
		}{
			`{"everywhere":true}`:  {204, false, false},
			`{"everywhere":false}`: {204, false, true},
			`{}`:                   {204, false, true},
			``:                     {204, false, true},
			`{"everywhere":"no"}`:  {400, true, true},
			`{"everywhere":tr`:     {400, true, true},
		} {
			s := newSite(t)
			desk, phone := s.browser(), s.browser()
			desk.SignIn("/auth/login", xtest.DefaultUserID)
			phone.SignIn("/auth/login", xtest.DefaultUserID)
			req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.Public+"/auth/logout", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Accept", "application/json")
			req.Header.Set("Content-Type", "application/json; charset=utf-8")
			resp, err := desk.Client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != want.status || (desk.Who() != "") != want.desk || (phone.Who() != "") != want.phone {
				t.Errorf("%q: status %d, signed in as %q and %q", body, resp.StatusCode, desk.Who(), phone.Who())
			}
		}
	})
	t.Run("a form that cannot be read is no plain sign-out", func(t *testing.T) {
		s := newSite(t)
		desk := s.browser()
		desk.SignIn("/auth/login", xtest.DefaultUserID)
		for _, form := range []url.Values{
			{"everywhere": {"1"}, "padding": {strings.Repeat("a", 100<<10)}},
			{"everywhere": {"1"}, "many": make([]string, 100<<10)},
		} {
			a := desk.Send(http.MethodPost, "/auth/logout", form, "Sec-Fetch-Site", "same-origin")
			if a.StatusCode != http.StatusBadRequest || desk.Who() == "" {
				t.Errorf("status %d, signed in as %q", a.StatusCode, desk.Who())
			}
		}
		if a := desk.Send(http.MethodPost, "/auth/logout", nil, "Content-Type", "multipart/form-data"); a.StatusCode != http.StatusBadRequest {
			t.Errorf("a form without a boundary: status %d", a.StatusCode)
		}
		// A request without a form, such as a script's POST, is an ordinary sign-out.
		if a := desk.Send(http.MethodPost, "/auth/logout", nil, "Content-Type", "application/json"); a.StatusCode != http.StatusSeeOther || desk.Who() != "" {
			t.Errorf("without a form: status %d", a.StatusCode)
		}
	})
	t.Run("another site cannot do it", func(t *testing.T) {
		s := newSite(t)
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
			a := b.Send(http.MethodPost, "/auth/logout?everywhere=1", url.Values{}, headers...)
			if a.StatusCode != http.StatusForbidden || b.Who() == "" {
				t.Errorf("%v: status %d", headers, a.StatusCode)
			}
		}
		if b.Get("/auth/logout?everywhere=1"); b.Who() == "" {
			t.Error("GET signed out")
		}
	})
	t.Run("nobody has nothing to end", func(t *testing.T) {
		s := newSite(t)
		a := s.browser().Send(http.MethodPost, "/auth/logout", url.Values{"everywhere": {"1"}})
		if a.StatusCode != http.StatusSeeOther || len(s.Told()) != 0 {
			t.Errorf("status %d, told %v", a.StatusCode, s.Told())
		}
	})
	t.Run("the tokens may stay", func(t *testing.T) {
		s := newSite(t, func(c *xsignin.Config) { c.Advanced.KeepTokensOnLogout = true })
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		b.Send(http.MethodPost, "/auth/logout", url.Values{"everywhere": {"1"}})
		if b.Who() != "" || len(s.Tokens.Keys()) != 1 {
			t.Errorf("signed in as %q, tokens %v", b.Who(), s.Tokens.Keys())
		}
	})
	t.Run("nothing is claimed that could not be written", func(t *testing.T) {
		s := newSite(t)
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		s.Tokens.SetFail(errors.New("away"))
		a := b.Send(http.MethodPost, "/auth/logout", url.Values{"everywhere": {"1"}})
		if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.Text, "You are still signed in") {
			t.Errorf("status %d, body %s", a.StatusCode, a.Text)
		}
		if err := s.Kit.SignOutEverywhere(context.Background(), xtest.DefaultUserID); err == nil {
			t.Error("no error")
		}
		s.Tokens.SetFail(nil)
		if b.Who() == "" || len(s.Tokens.Keys()) != 1 || slices.Contains(s.Told(), event.SignedOut) {
			t.Error("half signed out")
		}
	})
}

// TestSignOutEverywhereWithTheApplicationsSessions uses the application's manager, codec, values
// and middleware.
func TestSignOutEverywhereWithTheApplicationsSessions(t *testing.T) {
	sm := scs.New()
	sm.HashTokenInStore = true
	s := newSite(t, func(c *xsignin.Config) { c.Session.Store, c.Session.Manager = nil, sm })
	s.Mux.Handle("/renew", sm.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sm.Put(r.Context(), "cart", "full")
		if err := sm.RenewToken(r.Context()); err != nil {
			t.Error(err)
		}
	})))
	s.Mux.Handle("/cart", sm.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(sm.GetString(r.Context(), "cart")))
	})))
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	b.Get("/renew")
	if cart := b.Get("/cart").Text; cart != "full" || b.Who() != xtest.DefaultUserID {
		t.Fatalf("the cart holds %q", cart)
	}
	if err := s.Kit.SignOutEverywhere(context.Background(), xtest.DefaultUserID); err != nil {
		t.Fatal(err)
	}
	if cart := b.Get("/cart").Text; cart != "" || b.Who() != "" {
		t.Errorf("the cart holds %q for %q", cart, b.Who())
	}
	b.SignIn("/auth/login", xtest.DefaultUserID)
	if b.Who() != xtest.DefaultUserID {
		t.Error("signing in again does not help")
	}
}

// TestATokenStoreThatIsAwaySignsNobodyOut: ordinary requests do not use the token store.
func TestATokenStoreThatIsAwaySignsNobodyOut(t *testing.T) {
	a := newSite(t)
	b := a.replica()
	phone := a.browser()
	phone.SignIn("/auth/login", xtest.DefaultUserID)
	phone.Client.Transport = testkit.InProcess{Handler: b.Mux}
	a.Tokens.SetFail(errors.New("away"))
	if phone.Who() != xtest.DefaultUserID {
		t.Error("signed out")
	}
}

// TestASignOutEverywhereOutlivesSessionsOfALongerLifetime: shortening Config.Session.Lifetime
// does not shorten existing sessions. Operators may shorten it right before they sign a user out
// everywhere.
func TestASignOutEverywhereOutlivesSessionsOfALongerLifetime(t *testing.T) {
	a := newSite(t)
	short := func(c *xsignin.Config) { c.Session.Lifetime = time.Hour }
	b := a.replica(short)
	synctest.Test(t, func(t *testing.T) {
		defer a.Close()
		defer b.Close()
		phone := a.browser()
		phone.SignIn("/auth/login", xtest.DefaultUserID)
		phone.Client.Transport = testkit.InProcess{Handler: b.Mux}
		if err := b.Kit.SignOutEverywhere(context.Background(), xtest.DefaultUserID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(13 * 24 * time.Hour)
		// The next sign-out deletes entries that are no longer needed.
		if err := b.Kit.SignOutEverywhere(context.Background(), xtest.SecondUserID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if phone.Who() != "" {
			t.Error("a session that was signed out everywhere is open again")
		}
	})
}

// TestSessionsThatNeverEnd: the longest possible duration must not end at once.
func TestSessionsThatNeverEnd(t *testing.T) {
	for name, sessions := range map[string]scs.Store{"in memory": nil, "in a store": memstore.NewWithCleanupInterval(0)} {
		s := newSite(t, func(c *xsignin.Config) { c.Session.Store, c.Session.Lifetime = sessions, math.MaxInt64 })
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		if b.Who() == "" {
			t.Errorf("%s: not signed in", name)
			continue
		}
		if err := s.Kit.SignOutEverywhere(t.Context(), xtest.DefaultUserID); err != nil {
			t.Fatal(err)
		}
		if b.Who() != "" {
			t.Errorf("%s: signed in after signing out everywhere", name)
		}
	}
}

// TestNoProviderIsNamedLikeANote: entries under such names are records, not tokens.
func TestNoProviderIsNamedLikeANote(t *testing.T) {
	x, err := provider.NewX(provider.OAuth2Config{ClientID: "id", CallbackURL: "http://127.0.0.1:8080/auth/callback"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = xsignin.New(xsignin.Config{PublicURL: "http://127.0.0.1:8080", Providers: []provider.Provider{dotted{x}}})
	if err == nil || !strings.Contains(err.Error(), "dot") {
		t.Errorf("%v", err)
	}
}

type dotted struct{ provider.Provider }

func (dotted) Name() string { return ".signouts" }
