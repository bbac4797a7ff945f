package xsignin_test

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
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// replica is another site over the stores and the X of s.
func (s *site) replica(edit ...func(*xsignin.Config)) *site {
	s.t.Helper()
	other := newSite(s.t, append([]func(*xsignin.Config){func(c *xsignin.Config) {
		c.SessionStore, c.Tokens, c.Transport = s.sessions, s.tokens, transport{s.x.Transport(), s.watch}
	}}, edit...)...)
	other.x, other.sessions, other.tokens = s.x, s.sessions, s.tokens
	return other
}

func TestSignOutEverywhere(t *testing.T) {
	a := newSite(t)
	b := a.replica()
	synctest.Test(t, func(t *testing.T) {
		defer a.close()
		defer b.close()
		desk, phone, other := a.browser(), b.browser(), b.browser()
		desk.signIn("/auth/login", xtest.DefaultUserID)
		phone.signIn("/auth/login", xtest.DefaultUserID)
		other.signIn("/auth/login", xtest.SecondUserID)
		if err := a.kit.SignOutEverywhere(context.Background(), xtest.DefaultUserID); err != nil {
			t.Fatal(err)
		}
		if desk.who() != "" {
			t.Error("signed in where it was done")
		}
		if r := desk.get("/me"); r.StatusCode != http.StatusSeeOther {
			t.Errorf("RequireUser: status %d", r.StatusCode)
		}
		// Another replica, with a visitor now and then or with none.
		for range 49 {
			time.Sleep(100 * time.Millisecond)
			other.get("/me")
		}
		time.Sleep(100 * time.Millisecond)
		if phone.who() != "" {
			t.Error("signed in on the other replica after five seconds")
		}
		if other.who() != xtest.SecondUserID {
			t.Error("another user was signed out")
		}
		if keys := a.tokens.keys(); len(keys) != 1 || keys[0].UserID != xtest.SecondUserID {
			t.Errorf("tokens left: %v", keys)
		}
		if a.x.Count(http.MethodPost, "/2/oauth2/revoke") == 0 {
			t.Error("X was not told")
		}
		a.mu.Lock()
		last := a.events[len(a.events)-1]
		a.mu.Unlock()
		if last.Kind != event.SignedOut || !last.Everywhere || last.UserID != xtest.DefaultUserID || last.Provider != "" {
			t.Errorf("told %+v", last)
		}

		// Signed out on one and signed in again at once on the other.
		phone.signIn("/auth/login", xtest.DefaultUserID)
		if err := a.kit.SignOutEverywhere(context.Background(), xtest.DefaultUserID); err != nil {
			t.Fatal(err)
		}
		phone.signIn("/auth/login", xtest.DefaultUserID)
		for range 8 {
			if phone.who() != xtest.DefaultUserID {
				t.Fatal("who signed in again is signed out")
			}
			time.Sleep(time.Second)
		}
	})
}

func TestSignOutEverywhereByTheButton(t *testing.T) {
	t.Run("the page has two buttons", func(t *testing.T) {
		s := newSite(t)
		b := s.browser()
		b.signIn("/auth/login", xtest.DefaultUserID)
		body := b.get("/auth/logout").body
		form := body[strings.Index(body, "<form"):]
		form = form[:strings.Index(form, "</form>")]
		// Buttons are reached by Tab and pressed by Enter and Space; the first is the form's own.
		first := strings.Index(form, `<button class="key">Sign out</button>`)
		second := strings.Index(form, `<button class="other" name="everywhere" value="1">Sign out everywhere</button>`)
		if first < 0 || second < first || strings.Count(form, "<button") != 2 || strings.Contains(form, "tabindex") {
			t.Errorf("%s", form)
		}
	})
	t.Run("in the form or the query", func(t *testing.T) {
		for target, form := range map[string]url.Values{
			"/auth/logout":                 {"everywhere": {"1"}, "return_to": {"/bye"}},
			"/auth/logout?everywhere=true": {"return_to": {"/bye"}},
		} {
			s := newSite(t)
			desk, phone := s.browser(), s.browser()
			desk.signIn("/auth/login", xtest.DefaultUserID)
			phone.signIn("/auth/login/x-oauth1", xtest.DefaultUserID)
			a := desk.send(http.MethodPost, target, form, "Sec-Fetch-Site", "same-origin")
			if a.StatusCode != http.StatusSeeOther || a.location() != "/bye" || desk.who() != "" || phone.who() != "" {
				t.Errorf("%s: status %d to %q", target, a.StatusCode, a.location())
			}
			if slices.Contains(desk.cookies(), "xsignin") {
				t.Error("the cookie stays")
			}
			if len(s.tokens.keys()) != 0 {
				t.Errorf("tokens left: %v", s.tokens.keys())
			}
			s.mu.Lock()
			last := s.events[len(s.events)-1]
			s.mu.Unlock()
			if last.Kind != event.SignedOut || !last.Everywhere || last.Provider != "x" {
				t.Errorf("told %+v", last)
			}
		}
	})
	t.Run("no is no, and what is unclear is refused", func(t *testing.T) {
		for value, status := range map[string]int{"": 303, "0": 303, "false": 303, "yes please": 400, "2": 400} {
			s := newSite(t)
			desk, phone := s.browser(), s.browser()
			desk.signIn("/auth/login", xtest.DefaultUserID)
			phone.signIn("/auth/login", xtest.DefaultUserID)
			a := desk.send(http.MethodPost, "/auth/logout", url.Values{"everywhere": {value}})
			if a.StatusCode != status || (desk.who() == "") != (status == 303) || phone.who() == "" {
				t.Errorf("%q: status %d, signed in as %q and %q", value, a.StatusCode, desk.who(), phone.who())
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
			desk.signIn("/auth/login", xtest.DefaultUserID)
			phone.signIn("/auth/login", xtest.DefaultUserID)
			req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.public+"/auth/logout", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Accept", "application/json")
			req.Header.Set("Content-Type", "application/json; charset=utf-8")
			resp, err := desk.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != want.status || (desk.who() != "") != want.desk || (phone.who() != "") != want.phone {
				t.Errorf("%q: status %d, signed in as %q and %q", body, resp.StatusCode, desk.who(), phone.who())
			}
		}
	})
	t.Run("a form that cannot be read is no plain sign-out", func(t *testing.T) {
		s := newSite(t)
		desk := s.browser()
		desk.signIn("/auth/login", xtest.DefaultUserID)
		for _, form := range []url.Values{
			{"everywhere": {"1"}, "padding": {strings.Repeat("a", 100<<10)}},
			{"everywhere": {"1"}, "many": make([]string, 100<<10)},
		} {
			a := desk.send(http.MethodPost, "/auth/logout", form, "Sec-Fetch-Site", "same-origin")
			if a.StatusCode != http.StatusBadRequest || desk.who() == "" {
				t.Errorf("status %d, signed in as %q", a.StatusCode, desk.who())
			}
		}
		if a := desk.send(http.MethodPost, "/auth/logout", nil, "Content-Type", "multipart/form-data"); a.StatusCode != http.StatusBadRequest {
			t.Errorf("a form without a boundary: status %d", a.StatusCode)
		}
		// What has no form, as a script's POST, is one that asks for nothing.
		if a := desk.send(http.MethodPost, "/auth/logout", nil, "Content-Type", "application/json"); a.StatusCode != http.StatusSeeOther || desk.who() != "" {
			t.Errorf("without a form: status %d", a.StatusCode)
		}
	})
	t.Run("another site cannot do it", func(t *testing.T) {
		s := newSite(t)
		b := s.browser()
		b.signIn("/auth/login", xtest.DefaultUserID)
		for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
			a := b.send(http.MethodPost, "/auth/logout?everywhere=1", url.Values{}, headers...)
			if a.StatusCode != http.StatusForbidden || b.who() == "" {
				t.Errorf("%v: status %d", headers, a.StatusCode)
			}
		}
		if b.get("/auth/logout?everywhere=1"); b.who() == "" {
			t.Error("GET signed out")
		}
	})
	t.Run("nobody has nothing to end", func(t *testing.T) {
		s := newSite(t)
		a := s.browser().send(http.MethodPost, "/auth/logout", url.Values{"everywhere": {"1"}})
		if a.StatusCode != http.StatusSeeOther || len(s.told()) != 0 {
			t.Errorf("status %d, told %v", a.StatusCode, s.told())
		}
	})
	t.Run("the tokens may stay", func(t *testing.T) {
		s := newSite(t, func(c *xsignin.Config) { c.KeepTokens = true })
		b := s.browser()
		b.signIn("/auth/login", xtest.DefaultUserID)
		b.send(http.MethodPost, "/auth/logout", url.Values{"everywhere": {"1"}})
		if b.who() != "" || len(s.tokens.keys()) != 1 {
			t.Errorf("signed in as %q, tokens %v", b.who(), s.tokens.keys())
		}
	})
	t.Run("nothing is claimed that could not be written", func(t *testing.T) {
		s := newSite(t)
		b := s.browser()
		b.signIn("/auth/login", xtest.DefaultUserID)
		s.tokens.setFail(errors.New("away"))
		a := b.send(http.MethodPost, "/auth/logout", url.Values{"everywhere": {"1"}})
		if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.body, "You are still signed in") {
			t.Errorf("status %d, body %s", a.StatusCode, a.body)
		}
		if err := s.kit.SignOutEverywhere(context.Background(), xtest.DefaultUserID); err == nil {
			t.Error("no error")
		}
		s.tokens.setFail(nil)
		if b.who() == "" || len(s.tokens.keys()) != 1 || slices.Contains(s.told(), event.SignedOut) {
			t.Error("half signed out")
		}
	})
}

// TestSignOutEverywhereWithTheApplicationsSessions is with its manager, codec, values and
// middleware.
func TestSignOutEverywhereWithTheApplicationsSessions(t *testing.T) {
	sm := scs.New()
	s := newSite(t, func(c *xsignin.Config) { c.SessionStore, c.Sessions = nil, sm })
	s.mux.Handle("/renew", sm.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sm.Put(r.Context(), "cart", "full")
		if err := sm.RenewToken(r.Context()); err != nil {
			t.Error(err)
		}
	})))
	s.mux.Handle("/cart", sm.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(sm.GetString(r.Context(), "cart")))
	})))
	b := s.browser()
	b.signIn("/auth/login", xtest.DefaultUserID)
	b.get("/renew")
	if cart := b.get("/cart").body; cart != "full" || b.who() != xtest.DefaultUserID {
		t.Fatalf("the cart holds %q", cart)
	}
	if err := s.kit.SignOutEverywhere(context.Background(), xtest.DefaultUserID); err != nil {
		t.Fatal(err)
	}
	if cart := b.get("/cart").body; cart != "" || b.who() != "" {
		t.Errorf("the cart holds %q for %q", cart, b.who())
	}
	b.signIn("/auth/login", xtest.DefaultUserID)
	if b.who() != xtest.DefaultUserID {
		t.Error("signing in again does not help")
	}
}

// TestAReplicaThatNeverReadTheListLetsNobodyIn: it cannot know who was signed out.
func TestAReplicaThatNeverReadTheListLetsNobodyIn(t *testing.T) {
	a := newSite(t)
	b := a.replica()
	phone := a.browser()
	phone.signIn("/auth/login", xtest.DefaultUserID)
	phone.client.Transport = inProcess{b.mux}
	a.tokens.setFail(errors.New("away"))
	if r := phone.get("/me"); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
		t.Errorf("status %d", r.StatusCode)
	}
	if r := phone.get("/"); r.StatusCode != http.StatusOK || r.body != "hello" {
		t.Errorf("a page for everybody: status %d, %q", r.StatusCode, r.body)
	}
	a.tokens.setFail(nil)
	if r := phone.get("/me"); r.StatusCode != http.StatusOK {
		t.Errorf("status %d when the store is back", r.StatusCode)
	}
}

// TestASignOutEverywhereOutlivesSessionsOfALongerLifetime: sessions keep the end that they
// were made with when a deployment shortens Config.SessionLifetime, as operators do right
// before they sign somebody out everywhere.
func TestASignOutEverywhereOutlivesSessionsOfALongerLifetime(t *testing.T) {
	a := newSite(t)
	short := func(c *xsignin.Config) { c.SessionLifetime = time.Hour }
	b := a.replica(short)
	synctest.Test(t, func(t *testing.T) {
		defer a.close()
		defer b.close()
		phone := a.browser()
		phone.signIn("/auth/login", xtest.DefaultUserID)
		phone.client.Transport = inProcess{b.mux}
		if err := b.kit.SignOutEverywhere(context.Background(), xtest.DefaultUserID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(13 * 24 * time.Hour)
		// What is of no use any more goes when the next sign-out is written.
		if err := b.kit.SignOutEverywhere(context.Background(), xtest.SecondUserID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if phone.who() != "" {
			t.Error("a session that was signed out everywhere is open again")
		}
	})
}

// TestSessionsThatNeverEnd: the longest duration there is does not end at once.
func TestSessionsThatNeverEnd(t *testing.T) {
	for name, sessions := range map[string]scs.Store{"in memory": nil, "in a store": memstore.NewWithCleanupInterval(0)} {
		s := newSite(t, func(c *xsignin.Config) { c.SessionStore, c.SessionLifetime = sessions, math.MaxInt64 })
		b := s.browser()
		b.signIn("/auth/login", xtest.DefaultUserID)
		if b.who() == "" {
			t.Errorf("%s: not signed in", name)
			continue
		}
		// The second writes the list anew, without entries that are of no more use.
		for _, id := range []string{xtest.DefaultUserID, xtest.SecondUserID} {
			if err := s.kit.SignOutEverywhere(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		list, err := s.tokens.Get(t.Context(), tokenstore.Key{Provider: ".signouts", UserID: "head"})
		if err != nil || len(list.Value) < 2*32 {
			t.Errorf("%s: the list has %d bytes, %v", name, len(list.Value), err)
		}
		if b.who() != "" {
			t.Errorf("%s: signed in after signing out everywhere", name)
		}
	}
}

// TestNoProviderIsNamedLikeANote: entries under such names are no tokens.
func TestNoProviderIsNamedLikeANote(t *testing.T) {
	x, err := provider.NewX(provider.XConfig{ClientID: "id", CallbackURL: "http://127.0.0.1:8080/auth/callback"})
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
