package acceptance_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// linked is the return path of a sign-in that is to link an account.
const linked = "/linked"

// newLinkingSite is a site whose users link accounts as the comment of OnSignIn says. users
// has the user of each account.
func newLinkingSite(t *testing.T, edit ...func(*xsignin.Config)) (s *site, users map[string]string) {
	users = make(map[string]string)
	s = newSite(t, append(edit, func(c *xsignin.Config) {
		c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error {
			id, known := users[s.User.AccountID]
			switch {
			case s.ReturnTo == linked && s.Current.ID == "":
				return provider.ErrNotAllowed
			case s.ReturnTo == linked && known && id != s.Current.ID:
				return provider.ErrNotAllowed
			case s.ReturnTo == linked:
				id = s.Current.ID
			case !known:
				id = "user of " + s.User.AccountID
			}
			users[s.User.AccountID], s.User.ID = id, id
			return nil
		}
	})...)
	return s, users
}

// userID is the application's id of the user who is signed in.
func (b *browser) userID() string {
	_, id, _ := strings.Cut(b.Get("/me").Text, `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	return id
}

// TestALinkBelongsToTheSessionThatBeganIt: a sign-in links an account only for the user who
// began it, and only while the session lasts.
func TestALinkBelongsToTheSessionThatBeganIt(t *testing.T) {
	const mine, victims = "user of " + xtest.DefaultUserID, "user of " + xtest.SecondUserID
	const third = "7000000003"
	for _, p := range flows {
		login := p.login + "?return_to=" + url.QueryEscape(linked)
		for name, c := range map[string]struct {
			// act returns the last answer of a sign-in with the third account.
			act  func(s *site, mine, other *browser) answer
			want string // the third account's user, or "" if it is refused
		}{
			"in the same session": {func(_ *site, mine, _ *browser) answer {
				return mine.Get(mine.Approve(mine.Begin(login), third))
			}, mine},
			"without the wish to link": {func(_ *site, mine, _ *browser) answer {
				return mine.Get(mine.Approve(mine.Begin(p.login), third))
			}, "user of " + third},
			"without a session": {func(s *site, _, _ *browser) answer {
				b := s.browser()
				return b.Get(b.Approve(b.Begin(login), third))
			}, ""},
			"the session begins between": {func(s *site, _, _ *browser) answer {
				b := s.browser()
				callback := b.Approve(b.Begin(login), third)
				b.SignIn(p.login, xtest.DefaultUserID)
				return b.Get(callback)
			}, ""},
			"the user signs in again between": {func(_ *site, mine, _ *browser) answer {
				callback := mine.Approve(mine.Begin(login), third)
				mine.SignIn(p.login, xtest.DefaultUserID)
				return mine.Get(callback)
			}, ""},
			"the user signs out and in between": {func(_ *site, mine, _ *browser) answer {
				callback := mine.Approve(mine.Begin(login), third)
				mine.Send(http.MethodPost, "/auth/logout", nil)
				mine.SignIn(p.login, xtest.DefaultUserID)
				return mine.Get(callback)
			}, ""},
			"all sessions end between": {func(s *site, mine, _ *browser) answer {
				callback := mine.Approve(mine.Begin(login), third)
				if err := s.Kit.SignOutEverywhere(context.Background(), "user of "+xtest.DefaultUserID); err != nil {
					s.T.Fatal(err)
				}
				return mine.Get(callback)
			}, ""},
			"another user signs in between": {func(_ *site, mine, _ *browser) answer {
				callback := mine.Approve(mine.Begin(login), third)
				mine.SignIn(p.login, xtest.SecondUserID)
				return mine.Get(callback)
			}, ""},
			"the callback is sent to another browser": {func(_ *site, mine, other *browser) answer {
				return other.Get(mine.Approve(mine.Begin(login), third))
			}, ""},
			"the pending sign-in is planted in another browser": {func(_ *site, mine, other *browser) answer {
				callback := mine.Approve(mine.Begin(login), third)
				at, _ := url.Parse(callback)
				for _, c := range mine.Jar.Cookies(at) {
					if strings.Contains(c.Name, "-pending-") {
						other.Jar.SetCookies(at, []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/auth"}})
					}
				}
				return other.Get(callback)
			}, ""},
			"a stranger's session is planted at the kit's path": {func(_ *site, mine, other *browser) answer {
				at, _ := url.Parse(mine.s.Public + "/auth/login")
				for _, c := range other.Jar.Cookies(at) {
					if !strings.Contains(c.Name, "-pending-") {
						mine.Jar.SetCookies(at, []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/auth"}})
					}
				}
				return mine.Get(mine.Approve(mine.Begin(login), third))
			}, ""},
			"the user's older session is at the kit's path": {func(s *site, mine, _ *browser) answer {
				at, _ := url.Parse(mine.s.Public + "/auth/login")
				older := s.browser()
				older.SignIn(p.login, xtest.DefaultUserID)
				for _, c := range older.Jar.Cookies(at) {
					if !strings.Contains(c.Name, "-pending-") {
						mine.Jar.SetCookies(at, []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/auth"}})
					}
				}
				return mine.Get(mine.Approve(mine.Begin(login), third))
			}, mine},
			"another site starts the login": {func(_ *site, mine, _ *browser) answer {
				a := mine.Get(login, "Sec-Fetch-Site", "cross-site")
				return mine.Get(mine.Approve(a.Redirect(), third))
			}, ""},
			"a sub-domain starts the login": {func(_ *site, mine, _ *browser) answer {
				a := mine.Get(login, "Sec-Fetch-Site", "same-site")
				return mine.Get(mine.Approve(a.Redirect(), third))
			}, ""},
		} {
			t.Run(p.name+", "+name, func(t *testing.T) {
				s, users := newLinkingSite(t)
				s.X.AddUser(xtest.User{ID: third, Username: "third"})
				me, other := s.browser(), s.browser()
				me.SignIn("/auth/login", xtest.DefaultUserID)
				other.SignIn("/auth/login", xtest.SecondUserID)
				a := c.act(s, me, other)
				if refused := a.StatusCode == http.StatusForbidden || a.StatusCode == http.StatusBadRequest; refused != (c.want == "") {
					t.Errorf("status %d, body %s", a.StatusCode, a.Text)
				}
				if users[third] != c.want || users[xtest.DefaultUserID] != mine || users[xtest.SecondUserID] != victims {
					t.Errorf("users %v, want %q for the account", users, c.want)
				}
				if id := other.userID(); id != victims {
					t.Errorf("the other browser is of %q", id)
				}
			})
		}
	}
}

// TestASessionThatCannotBeReadLinksNothing: whose session comes with the callback is unknown.
func TestASessionThatCannotBeReadLinksNothing(t *testing.T) {
	away := errors.New("away")
	s, users := newLinkingSite(t)
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	login := "/auth/login?return_to=" + url.QueryEscape(linked)

	s.Sessions.SetFail(away)
	consent := b.Begin(login)
	s.Sessions.SetFail(nil)
	if a := b.Get(b.Approve(consent, xtest.SecondUserID)); a.StatusCode != http.StatusForbidden {
		t.Errorf("away at the login: status %d, body %s", a.StatusCode, a.Text)
	}
	if log := s.Log.String(); !strings.Contains(log, "cannot link an account") {
		t.Errorf("log %s", log)
	}
	callback := b.Approve(b.Begin(login), xtest.SecondUserID)
	s.Sessions.SetFail(away)
	if a := b.Get(callback); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("away at the callback: status %d, body %s", a.StatusCode, a.Text)
	}
	s.Sessions.SetFail(nil)
	if len(users) != 1 {
		t.Errorf("users %v", users)
	}
}

// TestALinkBehindAnApplicationsLoadAndSave: there the session is in the request's context.
func TestALinkBehindAnApplicationsLoadAndSave(t *testing.T) {
	for name, own := range map[string]bool{"the kit's manager": false, "the application's manager": true} {
		t.Run(name, func(t *testing.T) {
			s, users := newLinkingSite(t, func(c *xsignin.Config) {
				if own {
					manager := scs.New()
					manager.Store, manager.HashTokenInStore = c.Session.Store, true
					c.Session = xsignin.SessionConfig{Manager: manager}
				}
			})
			b := s.browser()
			b.Client.Transport = testkit.InProcess{Handler: s.Kit.Sessions().LoadAndSave(s.Mux)}
			login := "/auth/login?return_to=" + url.QueryEscape(linked)
			b.SignIn("/auth/login", xtest.DefaultUserID)
			callback := b.Approve(b.Begin(login), xtest.SecondUserID)
			b.SignIn("/auth/login", xtest.DefaultUserID)
			if a := b.Get(callback); a.StatusCode != http.StatusForbidden || len(users) != 1 {
				t.Errorf("after another sign-in: status %d, users %v", a.StatusCode, users)
			}
			b.SignIn(login, xtest.SecondUserID)
			if users[xtest.SecondUserID] != users[xtest.DefaultUserID] || len(users) != 2 {
				t.Errorf("users %v", users)
			}
		})
	}
}
