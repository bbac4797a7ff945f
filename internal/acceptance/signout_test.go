package acceptance_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/xtest"
)

// TestTheApplicationsOwnLogout: SignOut leaves what the kit's logout leaves, and the answer is
// the application's.
func TestTheApplicationsOwnLogout(t *testing.T) {
	for _, p := range flows {
		for _, keep := range []bool{false, true} {
			results := map[string]string{}
			for _, path := range []string{"/auth/logout", "/bye"} {
				s := newSite(t, func(c *xsignin.Config) { c.Advanced.KeepTokensOnLogout = keep })
				s.Mux.HandleFunc("POST /bye", func(w http.ResponseWriter, r *http.Request) {
					if err := s.Kit.SignOut(w, r); err != nil {
						t.Error(err)
					}
					http.SetCookie(w, &http.Cookie{Name: ownCookie, Path: "/", MaxAge: -1})
					w.WriteHeader(http.StatusTeapot)
				})
				b := s.browser()
				b.SignIn(p.login, xtest.DefaultUserID)
				begun := b.Approve(b.Begin(p.login), xtest.DefaultUserID)
				at, _ := url.Parse(begun)
				before := b.Jar.Cookies(at)
				a := b.Send(http.MethodPost, path, nil)
				if path == "/bye" && (a.StatusCode != http.StatusTeapot || a.Text != "") {
					t.Errorf("status %d, body %q", a.StatusCode, a.Text)
				}
				cookies := slices.DeleteFunc(b.Cookies(), func(name string) bool { return name == ownCookie })
				// A copy of the cookies opens nothing, and ends no sign-in from before.
				b.Jar.SetCookies(at, before)
				list, err := s.Kit.Sessions().UserSessions().List(t.Context(), xtest.DefaultUserID)
				log := strings.Count(s.Log.String(), "xsignin: signed out")
				e := s.LastEvent()
				revoked := s.X.Count(http.MethodPost, "/2/oauth2/revoke") + s.X.Count(http.MethodPost, "/1.1/oauth/invalidate_token.json")
				results[path] = fmt.Sprint(cookies, s.SessionCount(), b.Who(), len(list), err, len(s.Tokens.Keys()), revoked,
					b.Get(begun).StatusCode, log, e.Kind, e.Provider, e.UserID, e.Everywhere)
				if e.Kind != event.SignedOut || (len(s.Tokens.Keys()) == 1) != keep {
					t.Errorf("%s: event %v, tokens %v", path, e, s.Tokens.Keys())
				}
			}
			if results["/bye"] != results["/auth/logout"] {
				t.Errorf("%s, keep %t: %v", p.name, keep, results)
			}
		}
	}
}

// TestAnApplicationsLogoutThatFails: the application can tell the visitor, who is signed in.
func TestAnApplicationsLogoutThatFails(t *testing.T) {
	s := newSite(t)
	var out error
	s.Mux.HandleFunc("POST /bye", func(w http.ResponseWriter, r *http.Request) { out = s.Kit.SignOut(w, r) })
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	s.Sessions.SetFail(errors.New("away"))
	a := b.Send(http.MethodPost, "/bye", nil)
	s.Sessions.SetFail(nil)
	if out == nil || len(a.Header["Set-Cookie"]) != 0 || b.Who() == "" || len(s.Tokens.Keys()) != 1 {
		t.Errorf("%v; cookies %v, signed in as %q, tokens %v", out, a.Header["Set-Cookie"], b.Who(), s.Tokens.Keys())
	}
	if b.Send(http.MethodPost, "/bye", nil); out != nil || b.Who() != "" {
		t.Errorf("again: %v, signed in as %q", out, b.Who())
	}
	if b.Send(http.MethodPost, "/bye", nil); out != nil {
		t.Errorf("without a session: %v", out)
	}
}

// TestAnApplicationsLogoutOfARequestThatHasEnded: the writer may belong to another request.
func TestAnApplicationsLogoutOfARequestThatHasEnded(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.SignIn("/auth/login", xtest.DefaultUserID)
	b.Begin("/auth/login")
	ctx, leave := context.WithTimeout(t.Context(), time.Hour)
	r := httptest.NewRequest(http.MethodPost, s.Public+"/bye", http.NoBody).WithContext(ctx)
	for _, c := range b.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	answer := httptest.NewRecorder()
	w := &recycled{ResponseWriter: answer, ended: true}
	leave()
	if err := s.Kit.SignOut(w, r); err != nil || w.late != 0 {
		t.Errorf("%v; the writer was used %d times: %v", err, w.late, answer.Header())
	}
	if b.Who() != "" || len(s.Tokens.Keys()) != 0 {
		t.Errorf("signed in as %q, tokens %v", b.Who(), s.Tokens.Keys())
	}
}
