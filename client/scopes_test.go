package client

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// missing is what the token of a session lacks, or the error's text.
func (w *world) missing(u provider.User, scopes ...string) string {
	u.Provider, u.ID, u.AccountID = user.Provider, user.UserID, cmp.Or(u.AccountID, user.AccountID)
	got, err := w.pool.MissingScopes(w.Context(), u, scopes...)
	if err != nil {
		return err.Error()
	}
	return strings.Join(got, " ")
}

// wantMissing also says how often the store is read for the answer.
func (w *world) wantMissing(u provider.User, want string, reads int, scopes ...string) {
	w.Helper()
	before := w.store.count("get")
	if got := w.missing(u, scopes...); !strings.Contains(got, want) || (want == "") != (got == "") {
		w.Errorf("missing %q, want %q", got, want)
	}
	if n := w.store.count("get") - before; n != reads {
		w.Errorf("the store was read %d times, want %d", n, reads)
	}
}

// consent stores a token with scopes, as another replica does.
func (w *world) consent(scopes ...string) {
	w.Helper()
	t := w.x.signIn()
	t.Scopes = scopes
	w.signInWith(t)
}

// TestScopesOfATokenThatIsNotSavedYet: they count, as the store has an older token, until
// somebody signs in, whose token is newer than both.
func TestScopesOfATokenThatIsNotSavedYet(t *testing.T) {
	bubble(t, func(w *world) {
		var anybody provider.User
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.store.away("replace")
		w.wantToken("access-2")
		w.wantMissing(anybody, "", 0, "tweet.read")
		w.wantMissing(anybody, "dm.read", 0, "dm.read")
		fresh := w.x.signIn()
		fresh.Scopes = []string{"tweet.read", "dm.read"}
		w.store.hook(nil)
		if err := w.pool.Put(w.Context(), user, fresh); err != nil {
			w.Fatal(err)
		}
		w.wantMissing(anybody, "", 1, "dm.read")
		got, err := w.pool.Token(w.Context(), user)
		if err != nil || !got.HasScopes("dm.read") {
			w.Errorf("Token = %v, %v", got, err)
		}
	})
}

func TestMissingScopes(t *testing.T) {
	bubble(t, func(w *world) {
		var anybody provider.User
		w.wantMissing(anybody, "sign in again", 1, "a")
		w.signIn()
		w.wantMissing(anybody, "dm.read dm.write", 1, "tweet.read", "dm.read", "dm.write")
		w.wantMissing(anybody, "", 0, "tweet.read")
		w.wantMissing(anybody, "", 0)
		w.wantToken("access-1")
		if n := w.store.count("get"); n != 2 {
			w.Errorf("what was read for the scopes was read again for a request: %d reads", n)
		}
		w.consent("tweet.read", "dm.read")
		w.wantMissing(anybody, "", 1, "dm.read")
		w.wantToken("access-2")
		got, err := w.pool.MissingScopes(w.Context(), person, "tweet.read", "dm.write")
		if err != nil || len(got) != 1 || got[0] != "dm.write" {
			w.Errorf("any account: %v, %v", got, err)
		}
		w.signInWith(tokenstore.Token{NeedsReauth: true})
		time.Sleep(3 * time.Second)
		w.wantMissing(anybody, "sign in again", 1, "like.read")
		if err := w.needsReauth(); !errors.Is(err, ErrReauthRequired) {
			w.Errorf("what was learnt is not known: %v", err)
		}
	})
}

// TestAUserWhoLacksAScopeCostsFewReads: polling must not cost a read each time, and a
// consent must be seen at once all the same.
func TestAUserWhoLacksAScopeCostsFewReads(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.wantToken("access-1")
		u := provider.User{AccountID: "12", SignedInAt: time.Now()}
		w.wantMissing(u, "dm.read", 1, "dm.read")
		for range 100 {
			w.wantMissing(u, "dm.read", 0, "dm.read")
		}
		time.Sleep(3*time.Second - 1)
		w.wantMissing(u, "dm.read", 0, "dm.read")
		time.Sleep(time.Nanosecond)
		w.wantMissing(u, "dm.read", 1, "dm.read")

		// The visitor comes back from X: a session of another sign-in, seen at once.
		w.consent("tweet.read", "dm.read")
		w.wantMissing(u, "dm.read", 0, "dm.read")
		back := provider.User{AccountID: "12", SignedInAt: time.Now()}
		w.wantMissing(back, "", 1, "dm.read")
		w.wantMissing(u, "", 0, "dm.read")
	})
	bubble(t, func(w *world) { // a clock that is behind is no reason to wait
		w.signIn()
		w.wantToken("access-1")
		w.wantMissing(provider.User{SignedInAt: time.Now()}, "dm.read", 1, "dm.read")
		w.consent("dm.read")
		w.wantMissing(provider.User{SignedInAt: time.Now().Add(-2 * time.Minute)}, "", 1, "dm.read")
	})
}

func TestMissingScopesOfAnExpiredTokenNeedNoRefresh(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		time.Sleep(3 * time.Hour)
		w.wantMissing(provider.User{}, "dm.read", 1, "tweet.read", "dm.read")
		w.wantMissing(provider.User{}, "", 0, "tweet.read")
		w.wantAsked(0)
		w.wantToken("access-2")
	})
}

func TestMissingScopesWhileTheStoreIsAway(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.store.away()
		w.wantMissing(provider.User{}, "temporarily unavailable", 1, "tweet.read")
		w.store.hook(nil)
		w.wantToken("access-1")
		w.store.away()
		w.wantMissing(provider.User{}, "", 0, "tweet.read")
		w.wantMissing(provider.User{}, "dm.read", 1, "dm.read")
	})
}

func TestMissingScopesOfAnotherAccount(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.wantMissing(provider.User{AccountID: "13"}, "sign in again", 1, "tweet.read")
		w.wantMissing(provider.User{AccountID: "12"}, "", 1, "tweet.read")
		// The account has signed in on another replica.
		w.signInAs("13")
		w.wantMissing(provider.User{AccountID: "13"}, "", 1, "tweet.read")
		w.wantMissing(provider.User{AccountID: "12"}, "", 0, "tweet.read")
	})
}

func TestAnOAuth1TokenLacksNoScope(t *testing.T) {
	bubble(t, func(w *world) {
		w.signInWith(tokenstore.Token{AccessToken: "a", TokenSecret: "s"})
		w.wantMissing(provider.User{}, "", 1, "tweet.write")
		w.wantMissing(provider.User{}, "", 0, "dm.read")
	})
}

// TestMissingScopesBringsNothingBack: what was read before a change here is not kept after.
func TestMissingScopesBringsNothingBack(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		w.store.after = func(op string) error {
			if op == "get" {
				w.store.mu.Lock()
				w.store.after = nil
				w.store.mu.Unlock()
				if err := w.pool.Put(context.Background(), user, w.x.signIn()); err != nil {
					w.Error(err)
				}
			}
			return nil
		}
		w.wantMissing(provider.User{}, "dm.read", 2, "dm.read") // Put reads as well
		w.wantToken("access-2")
	})
}
