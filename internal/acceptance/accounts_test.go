package acceptance_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/handlers"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/xtest"
)

// linkingSite is a site with its own users. The next sign-in belongs to the returned user.
func linkingSite(t *testing.T, transfer bool, edit ...func(*xsignin.Config)) (s *site, signInAs func(user string)) {
	user := ""
	s = newSite(t, append(edit, func(c *xsignin.Config) {
		c.Advanced.AllowAccountTransfer = transfer
		c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error {
			s.User.ID = user
			return nil
		}
	})...)
	return s, func(u string) { user = u }
}

// tokensOf returns the keys of a user's tokens.
func (s *site) tokensOf(user string) (keys []xsignin.Key) {
	for _, key := range s.Tokens.Keys() {
		if key.UserID == user && !strings.HasPrefix(key.Provider, ".") {
			keys = append(keys, key)
		}
	}
	return keys
}

func TestAnAccountOfAnotherUserIsRefused(t *testing.T) {
	s, signInAs := linkingSite(t, false)
	first, second := s.browser(), s.browser()
	signInAs("user-1")
	first.SignIn("/auth/login", xtest.DefaultUserID)

	signInAs("user-2")
	for _, login := range []string{"/auth/login", "/auth/login/x-oauth1"} {
		callback := second.Approve(second.Begin(login), xtest.DefaultUserID)
		a := second.Get(callback)
		if again := second.Get(callback); again.StatusCode != a.StatusCode || again.Text != a.Text {
			t.Errorf("%s: the reload has status %d, body %s", login, again.StatusCode, again.Text)
		}
		if a.StatusCode != http.StatusConflict || !strings.Contains(a.Text, "belongs to another user") {
			t.Errorf("%s: status %d, body %s", login, a.StatusCode, a.Text)
		}
		if e := s.LastEvent(); e.Cause != "account_taken" {
			t.Errorf("%s: event %+v", login, e)
		}
	}
	if second.Who() != "" || len(s.tokensOf("user-2")) != 0 {
		t.Errorf("signed in as %q with tokens %v", second.Who(), s.tokensOf("user-2"))
	}
	if a := first.Get("/api"); a.StatusCode != http.StatusOK {
		t.Errorf("the owner's call: status %d, body %s", a.StatusCode, a.Text)
	}

	// Revoking the last token frees the account.
	for _, key := range s.tokensOf("user-1") {
		if err := s.Kit.RevokeToken(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	if a := second.SignIn("/auth/login", xtest.DefaultUserID); a.StatusCode != http.StatusSeeOther || len(s.tokensOf("user-2")) != 1 {
		t.Errorf("after the revocation: status %d, tokens %v", a.StatusCode, s.tokensOf("user-2"))
	}
}

func TestAnAccountMovesToAnotherUserWhereThatIsAllowed(t *testing.T) {
	s, signInAs := linkingSite(t, true)
	first, other, second := s.browser(), s.browser(), s.browser()
	signInAs("user-1")
	first.SignIn("/auth/login", xtest.DefaultUserID)
	other.SignIn("/auth/login", xtest.SecondUserID)

	signInAs("user-2")
	second.SignIn("/auth/login/x-oauth1", xtest.DefaultUserID)
	if got := s.tokensOf("user-2"); len(got) != 1 || got[0].AccountID != xtest.DefaultUserID {
		t.Errorf("the new owner's tokens: %v", got)
	}
	if got := s.tokensOf("user-1"); len(got) != 1 || got[0].AccountID != xtest.SecondUserID {
		t.Errorf("the former owner's tokens: %v", got)
	}
	if first.Who() != "" {
		t.Error("the former owner's session with the account goes on")
	}
	if other.Who() != xtest.SecondUserID {
		t.Error("the former owner's session with another account has ended")
	}
	if a := second.Get("/api"); a.StatusCode != http.StatusOK {
		t.Errorf("the new owner's call: status %d, body %s", a.StatusCode, a.Text)
	}
}

// TestAnAccountMovesThoughTheAnswerTakesLong: behind LoadAndSave the former owner is signed out
// after the answer, when the time for the sign-in is over.
func TestAnAccountMovesThoughTheAnswerTakesLong(t *testing.T) {
	s, signInAs := linkingSite(t, true, func(c *xsignin.Config) {
		c.Success = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Minute)
			handlers.RedirectAfterSignIn(w, r, "/")
		})
	})
	s.Bubble(func() {
		first, second := s.browser(), s.browser()
		second.Client.Transport = testkit.InProcess{Handler: s.Kit.Sessions().LoadAndSave(s.Mux)}
		signInAs("user-1")
		first.SignIn("/auth/login", xtest.DefaultUserID)
		signInAs("user-2")
		second.SignIn("/auth/login", xtest.DefaultUserID)
		if first.Who() != "" || len(s.tokensOf("user-1")) != 0 || second.Who() == "" {
			t.Errorf("signed in: %q and %q, the former owner's tokens: %v", first.Who(), second.Who(), s.tokensOf("user-1"))
		}
	})
}

func TestAReplacedTokenIsRevokedWhereThatIsAsked(t *testing.T) {
	for _, asked := range []bool{false, true} {
		s := newSite(t, func(c *xsignin.Config) { c.Advanced.RevokeReplaced = asked })
		b := s.browser()
		b.SignIn("/auth/login", xtest.DefaultUserID)
		b.SignIn("/auth/login", xtest.DefaultUserID)
		if err := s.Kit.Close(t.Context()); err != nil { // waits for work in the background
			t.Fatal(err)
		}
		if n := s.X.Count(http.MethodPost, "/2/oauth2/revoke"); (n > 0) != asked {
			t.Errorf("RevokeReplaced %t: %d revocations", asked, n)
		}
	}
}

func TestABrowserThatLinksAnAccountKeepsItsOwn(t *testing.T) {
	s, signInAs := linkingSite(t, false)
	b := s.browser()
	signInAs("user-1")
	b.SignIn("/auth/login", xtest.DefaultUserID)
	b.SignIn("/auth/login/x-oauth1", xtest.SecondUserID)
	if got := b.Who(); got != xtest.DefaultUserID {
		t.Errorf("the session is of account %q", got)
	}
	if got := s.tokensOf("user-1"); len(got) != 2 {
		t.Errorf("the user's tokens: %v", got)
	}
	// Another user in the same browser gets another session.
	s.X.AddUser(xtest.User{ID: "7", Username: "seven"})
	signInAs("user-2")
	b.SignIn("/auth/login", "7")
	if got := b.Who(); got != "7" {
		t.Errorf("the session is of account %q", got)
	}
}
