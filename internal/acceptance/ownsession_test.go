package acceptance_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	login1 "github.com/dghubble/gologin/v2/oauth1"
	login2 "github.com/dghubble/gologin/v2/oauth2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// ownCookie is the session of an application that keeps its own.
const ownCookie = "own"

// startOwn is a success handler that starts the application's session.
func startOwn(w http.ResponseWriter, r *http.Request) {
	user, _ := xsignin.User(r.Context())
	http.SetCookie(w, &http.Cookie{Name: ownCookie, Value: user.ID, Path: "/", HttpOnly: true})
	path, _ := handlers.ReturnPath(r.Context())
	handlers.RedirectAfterSignIn(w, r, path)
}

// withOwnSession makes the kit keep no session.
func withOwnSession(success http.HandlerFunc) func(*xsignin.Config) {
	return func(c *xsignin.Config) {
		c.Session, c.Success = xsignin.SessionConfig{Disabled: true}, success
	}
}

// callMe calls X's API and returns the status.
func callMe(client *http.Client) (int, error) {
	resp, err := client.Get("https://api.x.com/2/users/me")
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// pendingOnly are the cookies without those of sign-ins that have ended.
func pendingOnly(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return strings.Contains(name, "-pending-") })
}

func TestAnApplicationWithItsOwnSession(t *testing.T) {
	for _, p := range flows {
		t.Run(p.name, func(t *testing.T) {
			started := 0
			var key xsignin.Key
			s := newSite(t, withOwnSession(func(w http.ResponseWriter, r *http.Request) {
				started++
				user, ok := xsignin.User(r.Context())
				key = user.Key()
				status, err := callMe(xsignin.Client(r.Context()))
				if !ok || user.AccountID != xtest.DefaultUserID || status != http.StatusOK {
					t.Errorf("user %+v, %t; the client: status %d, %v", user, ok, status, err)
				}
				_, err2 := login2.TokenFromContext(r.Context())
				_, _, err1 := login1.AccessTokenFromContext(r.Context())
				if err1 != nil && err2 != nil {
					t.Errorf("gologin finds no token: %v, %v", err1, err2)
				}
				startOwn(w, r)
			}))
			b := s.browser()
			callback := b.Approve(b.Begin(p.login+"?return_to=/photos"), xtest.DefaultUserID)
			for range 2 { // a reload starts no second session
				if a := b.Get(callback); a.StatusCode != http.StatusSeeOther || a.Redirect() != "/photos" {
					t.Errorf("status %d to %q, body %s", a.StatusCode, a.Redirect(), a.Text)
				}
			}
			if cookies := pendingOnly(b.Cookies()); started != 1 || !slices.Equal(cookies, []string{ownCookie}) {
				t.Errorf("%d sessions, cookies %v", started, cookies)
			}
			_, err := s.Tokens.Get(t.Context(), xsignin.Key{Provider: ".sessions", UserID: key.UserID})
			if !errors.Is(err, tokenstore.ErrNotFound) || s.SessionCount() != 0 {
				t.Errorf("%d sessions, and their list: %v", s.SessionCount(), err)
			}
			if keys := s.Tokens.Keys(); !slices.Equal(keys, []xsignin.Key{key}) {
				t.Errorf("tokens %v, want %v", keys, key)
			}
			if status, err := callMe(s.Kit.ClientFor(key)); status != http.StatusOK {
				t.Errorf("later: status %d, %v", status, err)
			}
			if told := s.Told(); !slices.Contains(told, event.SignInDone) {
				t.Errorf("events %v", told)
			}
			// The application's own logout.
			if err := s.Kit.RevokeToken(t.Context(), key); err != nil || len(s.Tokens.Keys()) != 0 {
				t.Errorf("tokens %v, %v", s.Tokens.Keys(), err)
			}
		})
	}
}

// TestWithoutATokenStoreTheTokenServesSuccessOnly: an application that only wants to know who
// the visitor is keeps no secrets.
func TestWithoutATokenStoreTheTokenServesSuccessOnly(t *testing.T) {
	for _, p := range flows {
		for _, success := range []string{"answers", "panics", "is too late"} {
			t.Run(p.name+", Success "+success, func(t *testing.T) {
				var key xsignin.Key
				s := newSite(t, withOwnSession(func(w http.ResponseWriter, r *http.Request) {
					user, _ := xsignin.User(r.Context())
					key = user.Key()
					if status, err := callMe(xsignin.Client(r.Context())); status != http.StatusOK {
						t.Errorf("in Success: status %d, %v", status, err)
					}
					switch success {
					case "panics":
						panic(http.ErrAbortHandler)
					case "is too late":
						<-r.Context().Done()
					default:
						startOwn(w, r)
					}
				}), func(c *xsignin.Config) {
					c.TokenStore = nil
					c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error {
						s.User.ID = "user-1"
						return nil
					}
				})
				s.Bubble(func() {
					b := s.browser()
					b.Client.Transport = served{b.Client.Transport, time.Minute, true}
					callback := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
					func() {
						defer func() { _ = recover() }()
						b.Get(callback)
					}()
					accounts, err := s.Kit.Accounts(context.Background(), "user-1")
					if key.UserID != "user-1" || err != nil || len(accounts) != 0 {
						t.Errorf("tokens of %v: %v, %v", key, accounts, err)
					}
					if _, err := callMe(s.Kit.ClientFor(key)); !errors.Is(err, xsignin.ErrReauthRequired) {
						t.Errorf("after Success: %v", err)
					}
					if n := s.X.Count(http.MethodPost, "/2/oauth2/revoke") + s.X.Count(http.MethodPost, "/1.1/oauth/invalidate_token.json"); n != 0 {
						t.Errorf("%d revocations", n)
					}
				})
			})
		}
	}
}

// TestATokenThatIsNotKeptServesEachOfItsSignIns: a user signs in on two devices at once, and the
// token is refreshed meanwhile.
func TestATokenThatIsNotKeptServesEachOfItsSignIns(t *testing.T) {
	inFirst, secondDone := make(chan struct{}), make(chan struct{})
	var s *site
	s = newSite(t, withOwnSession(func(w http.ResponseWriter, r *http.Request) {
		user, _ := xsignin.User(r.Context())
		if path, _ := handlers.ReturnPath(r.Context()); path == "/first" {
			close(inFirst)
			<-secondDone
			if err := s.Kit.RefreshToken(r.Context(), user.Key()); err != nil {
				t.Error(err)
			}
		}
		if status, err := callMe(xsignin.Client(r.Context())); status != http.StatusOK {
			t.Errorf("status %d, %v", status, err)
		}
		startOwn(w, r)
	}), func(c *xsignin.Config) { c.TokenStore = nil })
	first, second := s.browser(), s.browser()
	done := make(chan answer)
	callback := first.Approve(first.Begin("/auth/login?return_to=/first"), xtest.DefaultUserID)
	go func() { done <- first.Get(callback) }()
	<-inFirst
	second.SignIn("/auth/login", xtest.DefaultUserID)
	close(secondDone)
	if a := <-done; a.Redirect() != "/first" {
		t.Errorf("status %d to %q", a.StatusCode, a.Redirect())
	}
	if accounts, err := s.Kit.Accounts(t.Context(), xtest.DefaultUserID); err != nil || len(accounts) != 0 {
		t.Errorf("tokens %v, %v", accounts, err)
	}
}

// TestALinkToTheUserOfAnOwnSession links an account as docs/own-session.md describes: the session
// of the browser that asked for the link has a value, and so has the return path.
func TestALinkToTheUserOfAnOwnSession(t *testing.T) {
	keys := map[string]string{} // by user. The cookie names the user
	s := newSite(t, withOwnSession(func(w http.ResponseWriter, r *http.Request) { handlers.RedirectAfterSignIn(w, r, "/") }), func(c *xsignin.Config) {
		c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error {
			own, err := s.Request.Cookie(ownCookie)
			if err == nil && keys[own.Value] != "" && s.ReturnTo == "/linked?key="+keys[own.Value] {
				s.User.ID = own.Value
				delete(keys, own.Value)
			}
			return nil
		}
	})
	at, _ := url.Parse(s.Public)
	as := func(user string) *browser {
		b := s.browser()
		b.Jar.SetCookies(at, []*http.Cookie{{Name: ownCookie, Value: user, Path: "/"}})
		return b
	}
	link := func(user string) string {
		keys[user] = rand.Text()
		return s.Kit.LoginURL("x", "/linked?key="+keys[user])
	}
	ada, eve := as("ada"), as("eve")
	adas, eves := link("ada"), link("eve")
	stolen := eve.Approve(eve.Begin(eves), xtest.SecondUserID)
	if a := ada.Get(stolen); a.StatusCode != http.StatusBadRequest {
		t.Errorf("another browser's callback: %s", a.Status)
	}
	for _, login := range []string{eves, s.Kit.LoginURL("x", "/linked?key="), s.Kit.LoginURL("x", "/linked")} {
		ada.SignIn(login, xtest.DefaultUserID)
	}
	if ids := s.tokensOf("ada"); len(ids) != 0 {
		t.Errorf("a stranger's link linked %v", ids)
	}
	if ids := s.tokensOf("eve"); len(ids) != 0 {
		t.Errorf("a stranger's link gave eve %v", ids)
	}
	if err := s.Kit.DeleteUser(t.Context(), xtest.DefaultUserID); err != nil {
		t.Fatal(err)
	}
	ada.SignIn(adas, xtest.DefaultUserID)
	ada.SignIn(adas, xtest.SecondUserID) // the value was used
	if ids := s.tokensOf("ada"); len(ids) != 1 {
		t.Errorf("the tokens of ada are %v", ids)
	}
}

// TestAnAccountMovesBetweenUsersOfAnOwnSession: there are no sessions of the kit to end.
func TestAnAccountMovesBetweenUsersOfAnOwnSession(t *testing.T) {
	for _, transfer := range []bool{false, true} {
		id := "user-1"
		s := newSite(t, withOwnSession(startOwn), func(c *xsignin.Config) {
			c.Advanced.AllowAccountTransfer = transfer
			c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error {
				if s.Current.ID != "" {
					t.Errorf("the kit knows the user %+v", s.Current)
				}
				s.User.ID = id
				return nil
			}
		})
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		id = "user-2"
		a := b.Get(b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID))
		if moved := a.StatusCode == http.StatusSeeOther; moved != transfer || len(s.tokensOf("user-2")) != len(s.tokensOf("user-1"))^1 {
			t.Errorf("transfer %t: status %d, tokens %v and %v", transfer, a.StatusCode, s.tokensOf("user-1"), s.tokensOf("user-2"))
		}
	}
}

// TestOnlyTheBrowserThatBeganStartsASession: the callback of another browser's sign-in calls no
// Success, also with the state of another sign-in.
func TestOnlyTheBrowserThatBeganStartsASession(t *testing.T) {
	for _, p := range flows {
		for name, state := range map[string]func(mine, theirs string) string{
			"its own state":                      func(string, string) string { return "" },
			"the state of this browser":          func(mine, _ string) string { return mine },
			"another state of the other browser": func(_, theirs string) string { return theirs },
		} {
			s := newSite(t, withOwnSession(func(http.ResponseWriter, *http.Request) { t.Errorf("%s, %s: Success was called", p.name, name) }))
			stranger, visitor := s.browser(), s.browser()
			callback := stranger.Approve(stranger.Begin(p.login), xtest.DefaultUserID)
			mine, theirs := visitor.Begin(p.login), stranger.Begin(p.login)
			if other := state(mine, theirs); other != "" {
				for _, param := range []string{"state", "oauth_token"} {
					if value := testkit.Param(t, other, param); value != "" {
						callback = testkit.Edited(t, callback, param, value)
					}
				}
			}
			if a := visitor.Get(callback); a.StatusCode != http.StatusBadRequest || len(s.Tokens.Keys()) != 0 {
				t.Errorf("%s, %s: status %d, tokens %v, body %s", p.name, name, a.StatusCode, s.Tokens.Keys(), a.Text)
			}
		}
	}
}

// TestSuccessAlsoStartsASessionWithFewerScopes: no other handler could start it.
func TestSuccessAlsoStartsASessionWithFewerScopes(t *testing.T) {
	s := newSite(t, withOwnSession(startOwn), func(c *xsignin.Config) {
		c.Scopes = []string{"tweet.read", "users.read", "offline.access", "tweet.write"}
	})
	b := s.browser()
	consent := testkit.Edited(t, b.Begin("/auth/login?scope=tweet.write"), "scope", "tweet.read users.read")
	callback := b.Approve(consent, xtest.DefaultUserID)
	for range 2 {
		if a := b.Get(callback); a.StatusCode != http.StatusSeeOther || a.Redirect() != "/" {
			t.Errorf("status %d to %q, body %s", a.StatusCode, a.Redirect(), a.Text)
		}
	}
	if cookies := pendingOnly(b.Cookies()); !slices.Equal(cookies, []string{ownCookie}) {
		t.Errorf("cookies %v", cookies)
	}
	if log := s.Log.String(); !strings.Contains(log, "scopes were not granted") {
		t.Errorf("log %s", log)
	}
}

// TestAFailedSignInStartsNoSessionOfTheApplication: nothing of it remains.
func TestAFailedSignInStartsNoSessionOfTheApplication(t *testing.T) {
	refuses := func(c *xsignin.Config) {
		c.OnSignIn = func(context.Context, *xsignin.SignIn) error { return provider.ErrNotAllowed }
	}
	for name, c := range map[string]struct {
		status int
		edit   func(*xsignin.Config)
		before func(*site)
	}{
		"the hook refuses": {http.StatusForbidden, refuses, func(*site) {}},
		"X refuses the code": {http.StatusBadRequest, nil, func(s *site) {
			s.X.Fail(xtest.Fault{Path: "/2/oauth2/token", Status: 400, Body: `{"error":"invalid_grant"}`})
		}},
		"the token store is away":  {http.StatusServiceUnavailable, nil, func(s *site) { s.Tokens.SetFail(errors.New("away")) }},
		"the visitor said no at X": {http.StatusForbidden, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, withOwnSession(func(http.ResponseWriter, *http.Request) { t.Error("Success was called") }), func(cfg *xsignin.Config) {
				if c.edit != nil {
					c.edit(cfg)
				}
			})
			b := s.browser()
			consent := b.Begin("/auth/login")
			var callback string
			if c.before == nil {
				var err error
				if callback, err = s.X.Deny(consent, xtest.DefaultUserID); err != nil {
					t.Fatal(err)
				}
			} else {
				callback = b.Approve(consent, xtest.DefaultUserID)
				c.before(s)
			}
			if a := b.Get(callback); a.StatusCode != c.status {
				t.Errorf("status %d, body %s", a.StatusCode, a.Text)
			}
			s.Tokens.SetFail(nil)
			if keys := s.Tokens.Keys(); len(keys) != 0 || len(pendingOnly(b.Cookies())) != 0 {
				t.Errorf("tokens %v, cookies %v", keys, b.Cookies())
			}
		})
	}
}

// TestNothingIsSavedForAVisitorWhoLeftAnOwnSession: the writer of a request that has ended may
// belong to another request.
func TestNothingIsSavedForAVisitorWhoLeftAnOwnSession(t *testing.T) {
	for _, p := range flows {
		for _, late := range []string{"X", "the token store"} {
			for _, keeps := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, %s, tokens kept %t", p.name, late, keeps), func(t *testing.T) {
					tokens := &slowStore{}
					s := newSite(t, withOwnSession(func(http.ResponseWriter, *http.Request) { t.Error("Success was called") }), func(c *xsignin.Config) {
						c.TokenStore = slowTokens{c.TokenStore, tokens}
						if !keeps {
							c.TokenStore = nil
						}
					})
					s.Bubble(func() {
						b := s.browser()
						address := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
						if late == "X" || !keeps {
							s.X.Fail(xtest.Fault{Path: p.last, Delay: time.Second, Times: 1})
						} else {
							tokens.set(time.Second)
						}
						c := s.callback(b, address)
						c.end()
						time.Sleep(2 * time.Minute)
						<-c.done
						if c.w.late != 0 || len(c.answer.Header()["Set-Cookie"]) != 0 {
							t.Errorf("the writer was used %d times: %v", c.w.late, c.answer.Header())
						}
						accounts, err := s.Kit.Accounts(context.Background(), xtest.DefaultUserID)
						if err != nil || len(accounts) != 0 {
							t.Errorf("tokens %v, %v", accounts, err)
						}
					})
				})
			}
		}
	}
}

// TestWhatNeedsSessionsSaysSo: a program learns at its start, or from the first line in the
// log, that the kit keeps no session. No visitor is sent to the login for ever.
func TestWhatNeedsSessionsSaysSo(t *testing.T) {
	s := newSite(t, withOwnSession(startOwn))
	next := http.NotFoundHandler()
	for method, call := range map[string]func(){
		"LoadUser":      func() { s.Kit.LoadUser(next) },
		"RequireUser":   func() { s.Kit.RequireUser(next) },
		"RequireScopes": func() { s.Kit.RequireScopes("tweet.write") },
		"Middleware":    func() { s.Kit.Middleware() },
		"Sessions":      func() { s.Kit.Sessions() },
	} {
		func() {
			defer func() {
				if text := fmt.Sprint(recover()); !strings.Contains(text, method) || !strings.Contains(text, "Config.Session.Disabled") {
					t.Errorf("%s: panic %q", method, text)
				}
			}()
			call()
		}()
	}
	var out error
	s.Mux.HandleFunc("POST /bye", func(w http.ResponseWriter, r *http.Request) { out = s.Kit.SignOut(w, r) })
	b := s.browser()
	b.Send(http.MethodPost, "/bye", nil)
	for method, err := range map[string]error{"SignOut": out, "SignOutEverywhere": s.Kit.SignOutEverywhere(t.Context(), xtest.DefaultUserID)} {
		if err == nil || !strings.Contains(err.Error(), "RevokeToken") {
			t.Errorf("%s: %v", method, err)
		}
	}
	for _, path := range []string{"/auth/logout", "/auth/session"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if a := b.Send(method, path, nil); a.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s: status %d, %s", method, path, a.StatusCode, a.Text)
			}
		}
	}
	if n := strings.Count(s.Log.String(), "Config.Session.Disabled is set"); n != 1 {
		t.Errorf("%d lines in the log: %s", n, s.Log.String())
	}
	for _, f := range s.Kit.Check(t.Context(), nil) {
		if f.Severity == "error" {
			t.Errorf("%+v", f)
		}
	}
}

// TestATokenThatIsNotKeptHasNoOwner: a token that was put goes with the next sign-in.
func TestATokenThatIsNotKeptHasNoOwner(t *testing.T) {
	s := newSite(t, withOwnSession(startOwn), func(c *xsignin.Config) {
		c.TokenStore = nil
		c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error {
			s.User.ID = "user-1"
			return nil
		}
	})
	for _, user := range []string{"user-1", "user-2"} {
		key := xsignin.Key{Provider: "x", UserID: user, AccountID: xtest.DefaultUserID}
		if err := s.Kit.PutToken(t.Context(), key, tokenstore.Token{AccessToken: "put"}); err != nil {
			t.Errorf("%s: %v", user, err)
		}
		b := s.browser()
		b.Get(b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID))
	}
	if accounts, err := s.Kit.Accounts(t.Context(), "user-1"); err != nil || len(accounts) != 0 {
		t.Errorf("tokens %v, %v", accounts, err)
	}
}

// TestTwoKitsWithoutSessionsOnOneHost: browsers send the cookies of both to each.
func TestTwoKitsWithoutSessionsOnOneHost(t *testing.T) {
	s := newSite(t, withOwnSession(startOwn), func(c *xsignin.Config) { c.Session.CookieName = "admin" })
	b := s.browser()
	b.Begin("/auth/login")
	for _, name := range b.Cookies() {
		if !strings.HasPrefix(name, "admin-pending-") {
			t.Errorf("the cookie %s", name)
		}
	}
	if len(b.Cookies()) != 1 {
		t.Errorf("cookies %v", b.Cookies())
	}
}

func TestSettingsThatContradictAnOwnSession(t *testing.T) {
	for field, edit := range map[string]func(*xsignin.Config){
		"Config.Success":            func(c *xsignin.Config) { c.Success = nil },
		"Config.Session.Disabled":   func(c *xsignin.Config) { c.Session.IdleTimeout = time.Hour },
		"Config.Session.CookieName": func(c *xsignin.Config) { c.Session.CookieName = "two words" },
		"Config.Session.Disabled ": func(c *xsignin.Config) {
			c.Session.Manager = scs.New()
		},
		"Config.Session.Disabled means":      func(c *xsignin.Config) { c.Session.Lifetime = time.Hour },
		"Config.Pages.LoggedOut":             func(c *xsignin.Config) { c.Pages.LoggedOut = http.NotFoundHandler() },
		"Config.Advanced.KeepTokensOnLogout": func(c *xsignin.Config) { c.Advanced.KeepTokensOnLogout = true },
		"Config.Advanced.Native":             func(c *xsignin.Config) { c.Advanced.Native.TokenPairs = true },
		"Config.Advanced.AllowAccountTransfer": func(c *xsignin.Config) {
			c.TokenStore, c.Advanced.AllowAccountTransfer = nil, true
			c.OnSignIn = func(context.Context, *xsignin.SignIn) error { return nil }
		},
	} {
		cfg := xsignin.Config{
			PublicURL: "https://site.example", ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
			OAuth1:  xsignin.OAuth1Config{ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret},
			Secrets: []string{strings.Repeat("k", 32)},
		}
		withOwnSession(startOwn)(&cfg)
		edit(&cfg)
		if _, err := xsignin.New(cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestManyCallbacksAtOnceStartOneSession: a browser sends its callback many times at once.
func TestManyCallbacksAtOnceStartOneSession(t *testing.T) {
	for _, p := range flows {
		for _, panics := range []bool{false, true} {
			t.Run(fmt.Sprint(p.name, ", panics ", panics), func(t *testing.T) {
				var started, asked atomic.Int32
				s := newSite(t, withOwnSession(func(w http.ResponseWriter, r *http.Request) {
					started.Add(1)
					if panics {
						panic(http.ErrAbortHandler)
					}
					startOwn(w, r)
				}), func(c *xsignin.Config) {
					c.OnSignIn = func(context.Context, *xsignin.SignIn) error { asked.Add(1); return nil }
				})
				b := s.browser()
				callback := b.Approve(b.Begin(p.login+"?return_to=/photos"), xtest.DefaultUserID)
				u, err := url.Parse(callback)
				if err != nil {
					t.Fatal(err)
				}
				cookies := b.Jar.Cookies(u)
				var all sync.WaitGroup
				var sessions atomic.Int32
				for range 40 {
					all.Go(func() {
						defer func() { _ = recover() }()
						r := httptest.NewRequest(http.MethodGet, callback, http.NoBody)
						for _, c := range cookies {
							r.AddCookie(c)
						}
						w := httptest.NewRecorder()
						s.Mux.ServeHTTP(w, r)
						for _, c := range w.Result().Cookies() {
							if c.Name == ownCookie {
								sessions.Add(1)
							}
						}
					})
				}
				all.Wait()
				want := int32(1)
				if panics {
					want = 0
				}
				calls := s.X.Count(http.MethodPost, "/2/oauth2/token") + s.X.Count(http.MethodPost, "/oauth/access_token")
				if started.Load() != 1 || asked.Load() != 1 || calls != 1 || sessions.Load() != want {
					t.Errorf("Success was called %d times, OnSignIn %d times, X %d times, %d sessions", started.Load(), asked.Load(), calls, sessions.Load())
				}
			})
		}
	}
}

// TestATokenThatIsNotKeptServesManySignInsAtOnce: none takes the token away from another.
func TestATokenThatIsNotKeptServesManySignInsAtOnce(t *testing.T) {
	var s *site
	s = newSite(t, withOwnSession(func(w http.ResponseWriter, r *http.Request) {
		user, _ := xsignin.User(r.Context())
		if accounts, err := s.Kit.Accounts(r.Context(), user.ID); err != nil || len(accounts) != 1 {
			t.Errorf("tokens %v, %v", accounts, err)
		}
		startOwn(w, r)
	}), func(c *xsignin.Config) { c.TokenStore = nil })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 30 {
				b := s.browser()
				b.Get(b.Approve(b.Begin("/auth/login/x-oauth1"), xtest.DefaultUserID))
			}
		})
	}
	all.Wait()
	if accounts, err := s.Kit.Accounts(t.Context(), xtest.DefaultUserID); err != nil || len(accounts) != 0 {
		t.Errorf("tokens %v, %v", accounts, err)
	}
}
