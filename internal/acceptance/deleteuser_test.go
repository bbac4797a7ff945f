package acceptance_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// leftOf returns the keys of entries that name the user in the key or, unsealed, in the value.
func (s *site) leftOf(user string) (left []tokenstore.Key) {
	s.T.Helper()
	ctx := context.Background()
	err := s.Tokens.Store.Walk(ctx, func(key tokenstore.Key) error {
		e, err := s.Tokens.Store.Get(ctx, key)
		if key.UserID == user || key.Provider == ".owner" && bytes.Contains(e.Value, []byte(user)) {
			left = append(left, key)
		}
		return err
	})
	if err != nil {
		s.T.Fatal(err)
	}
	return left
}

// deletableSite is a site where user-1 has signed in twice: with two accounts, and by both
// protocols. user-2 has another account.
func deletableSite(t *testing.T, edit func(*xsignin.Config)) (s *site, first, second, other *browser, begin func()) {
	user := "user-1"
	s = newSite(t, func(c *xsignin.Config) {
		c.Advanced.AllowAccountTransfer = true
		c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error {
			s.User.ID = user
			return nil
		}
		edit(c)
	})
	s.X.AddUser(xtest.User{ID: "7", Username: "seven"})
	first, second, other = s.browser(), s.browser(), s.browser()
	return s, first, second, other, func() {
		first.SignIn("/auth/login", xtest.DefaultUserID)
		first.SignIn("/auth/login/x-oauth1", xtest.SecondUserID)
		second.SignIn("/auth/login", xtest.DefaultUserID)
		user = "user-2"
		other.SignIn("/auth/login", "7")
		user = "user-1"
	}
}

func TestDeleteUserLeavesNothing(t *testing.T) {
	for _, keep := range []bool{false, true} {
		s, first, second, other, begin := deletableSite(t, func(c *xsignin.Config) { c.Advanced.KeepTokensOnLogout = keep })
		s.Bubble(func() {
			begin()
			if n := len(s.tokensOf("user-1")); n != 2 || len(s.leftOf("user-1")) != 5 {
				t.Fatalf("before: %d tokens, entries %v", n, s.leftOf("user-1"))
			}
			for again := range 2 {
				if err := s.Kit.DeleteUser(context.Background(), "user-1"); err != nil {
					t.Fatal(err)
				}
				if left := s.leftOf("user-1"); len(left) != 0 {
					t.Errorf("call %d leaves %v", again, left)
				}
			}
			if first.Who() != "" || second.Who() != "" || other.Who() != "7" || s.SessionCount() != 1 {
				t.Errorf("signed in as %q, %q and %q, with %d sessions", first.Who(), second.Who(), other.Who(), s.SessionCount())
			}
			if a := other.Get("/api"); a.StatusCode != http.StatusOK || len(s.leftOf("user-2")) != 3 {
				t.Errorf("the other user: status %d, entries %v", a.StatusCode, s.leftOf("user-2"))
			}
			if s.X.Count(http.MethodPost, "/2/oauth2/revoke") == 0 || s.X.Count(http.MethodPost, "/1.1/oauth/invalidate_token.json") == 0 {
				t.Error("X was not asked to end each kind of token")
			}
			// The deletions that come later, and requests with old cookies, bring nothing back.
			time.Sleep(15 * time.Minute)
			first.Get("/me")
			first.Send(http.MethodPost, "/auth/logout", nil)
			time.Sleep(15 * time.Minute)
			if left := s.leftOf("user-1"); len(left) != 0 {
				t.Errorf("afterwards there is %v", left)
			}
			// Another user may connect the account, and the user may sign in again.
			if a := first.SignIn("/auth/login", xtest.DefaultUserID); a.StatusCode != http.StatusSeeOther || first.Who() == "" {
				t.Errorf("the sign-in afterwards: status %d, %s", a.StatusCode, a.Text)
			}
		})
	}
}

// TestDeleteUserOfAnAccountsFormerOwner: an owner entry names the user also as a former owner.
func TestDeleteUserOfAnAccountsFormerOwner(t *testing.T) {
	s, _, _, _, begin := deletableSite(t, func(*xsignin.Config) {})
	begin()
	vault := vaultOf(t, s.Tokens.Store, "k")
	_, version, err := vault.Owner(t.Context(), "x", "7")
	if err != nil {
		t.Fatal(err)
	}
	owner := tokenstore.Owner{UserID: "user-2", Former: []string{"user-0", "user-1"}}
	if _, err := vault.ReplaceOwner(t.Context(), "x", "7", version, owner); err != nil {
		t.Fatal(err)
	}
	// A token of a provider that the kit does not have.
	key := tokenstore.Key{Provider: "dropped", UserID: "user-1", AccountID: "1"}
	if _, err := vault.Put(t.Context(), key, tokenstore.Token{AccessToken: "a"}); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.ReplaceOwner(t.Context(), "dropped", "1", "", tokenstore.Owner{UserID: "user-1"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Kit.DeleteUser(t.Context(), "user-1"); err != nil || len(s.leftOf("user-1")) != 0 {
		t.Errorf("error %v, left %v", err, s.leftOf("user-1"))
	}
	owner, _, err = vault.Owner(t.Context(), "x", "7")
	if err != nil || owner.UserID != "user-2" || !slices.Equal(owner.Former, []string{"user-0"}) {
		t.Errorf("the account of the other user: %v, %v", owner, err)
	}
}

func TestDeleteUserRefusesNoUserAndAClosedKit(t *testing.T) {
	s := newSite(t)
	if err := s.Kit.DeleteUser(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "no ID") {
		t.Errorf("without an ID: %v", err)
	}
	if err := s.Kit.DeleteUser(t.Context(), "unknown"); err != nil || len(s.leftOf("unknown")) != 0 {
		t.Errorf("an unknown user: %v, %v", err, s.leftOf("unknown"))
	}
	s.Close()
	if err := s.Kit.DeleteUser(t.Context(), "unknown"); err == nil {
		t.Error("no error after Close")
	}
}

// TestDeleteUserAfterAFault makes each call of a deletion fail once. The sessions end before
// any token does, the next deletion completes it, and nothing comes back.
func TestDeleteUserAfterAFault(t *testing.T) {
	run := func(t *testing.T, kind testkit.FaultKind, at *testkit.FaultPoint) (calls []testkit.FaultPoint) {
		plan := testkit.NewFaultPlan()
		s, first, second, other, begin := deletableSite(t, func(c *xsignin.Config) {
			c.Session.Store = plan.SessionStore(c.Session.Store.(*testkit.SessionStore))
			c.TokenStore = plan.TokenStore(c.TokenStore.(*testkit.TokenStore))
			c.X.Transport = plan.Transport(c.X.Transport)
		})
		s.Bubble(func() {
			begin()
			time.Sleep(2 * time.Minute) // for work in the background
			plan.Restart()
			if at != nil {
				plan.Arm(*at, kind, false)
			}
			err := s.Kit.DeleteUser(context.Background(), "user-1")
			calls = plan.Calls()
			if at != nil && !plan.WasHit() {
				t.Errorf("the fault was not met: %v", calls)
			}
			plan.Lift()
			if err == nil && len(s.leftOf("user-1")) != 0 {
				t.Errorf("no error, and left is %v", s.leftOf("user-1"))
			}
			if len(s.tokensOf("user-1")) < 2 && (first.Who() != "" || second.Who() != "") {
				t.Errorf("a token is gone, and %q and %q are signed in", first.Who(), second.Who())
			}
			if err := s.Kit.DeleteUser(context.Background(), "user-1"); err != nil {
				t.Errorf("the second call: %v", err)
			}
			time.Sleep(15 * time.Minute)
			if left := s.leftOf("user-1"); len(left) != 0 || first.Who() != "" || second.Who() != "" || other.Who() != "7" {
				t.Errorf("left is %v, and signed in are %q, %q and %q", left, first.Who(), second.Who(), other.Who())
			}
		})
		return calls
	}
	points := run(t, testkit.FaultKind{}, nil)
	parts := make(map[string]int)
	for _, at := range points {
		parts[at.Part+at.Method]++
		kinds := testkit.AnyFaults()[:2] // fails, also after the effect
		if at.Part == testkit.FaultX {
			kinds = testkit.XFaults()
		}
		for _, kind := range kinds {
			t.Run(at.String()+" "+kind.Name, func(t *testing.T) {
				t.Parallel()
				run(t, kind, &at)
			})
		}
	}
	for _, call := range []string{"tokensList", "tokensGet", "tokensDelete", "tokensReplace", "tokensWalk", "sessionsCommit", "sessionsDelete"} {
		if parts[call] == 0 {
			t.Errorf("a deletion makes no call %s: %v", call, parts)
		}
	}
}

// TestDeleteUserWhileXIsAway: what X says about a token is an event, and no error.
func TestDeleteUserWhileXIsAway(t *testing.T) {
	s, _, _, _, begin := deletableSite(t, func(*xsignin.Config) {})
	begin()
	s.X.Fail(xtest.Fault{Status: http.StatusServiceUnavailable})
	if err := s.Kit.DeleteUser(t.Context(), "user-1"); err != nil || len(s.leftOf("user-1")) != 0 {
		t.Errorf("error %v, left %v", err, s.leftOf("user-1"))
	}
	if !slices.Contains(s.Told(), event.RevokeFailed) {
		t.Errorf("told %v", s.Told())
	}
}

// TestDeleteUserEndsWithItsContext: the sessions have ended all the same, and the next call
// completes the deletion.
func TestDeleteUserEndsWithItsContext(t *testing.T) {
	s, first, _, _, begin := deletableSite(t, func(*xsignin.Config) {})
	begin()
	s.Tokens.SetFail(errors.New("away"))
	if err := s.Kit.DeleteUser(t.Context(), "user-1"); err == nil {
		t.Error("no error while the store is away")
	}
	s.Tokens.SetFail(nil)
	if first.Who() == "" {
		t.Error("a deletion that could not begin has ended a session")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = s.Kit.DeleteUser(ctx, "user-1")
	if err := s.Kit.DeleteUser(t.Context(), "user-1"); err != nil || len(s.leftOf("user-1")) != 0 || first.Who() != "" {
		t.Errorf("error %v, left %v, signed in as %q", err, s.leftOf("user-1"), first.Who())
	}
}

// TestDeleteUserOfAnApplicationWithItsOwnSession: the kit has no session to end, and deletes the
// rest.
func TestDeleteUserOfAnApplicationWithItsOwnSession(t *testing.T) {
	s := newSite(t, withOwnSession(startOwn), func(c *xsignin.Config) {
		c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error {
			s.User.ID = "user-1"
			return nil
		}
	})
	b := s.browser()
	b.Get(b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID))
	if left := s.leftOf("user-1"); len(left) != 2 {
		t.Fatalf("before: entries %v", left)
	}
	if err := s.Kit.DeleteUser(t.Context(), "user-1"); err != nil || len(s.leftOf("user-1")) != 0 {
		t.Errorf("after: entries %v, %v", s.leftOf("user-1"), err)
	}
	if s.X.Count(http.MethodPost, "/2/oauth2/revoke") == 0 {
		t.Error("X was not asked to end the token")
	}
}
