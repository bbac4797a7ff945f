package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// keyOf is the key of another account of the same user.
func keyOf(account string) tokenstore.Key {
	return tokenstore.Key{Provider: user.Provider, UserID: user.UserID, AccountID: account}
}

// doAs makes a request for an account and returns the access token that it was made
// with.
func (w *world) doAs(account string) (string, error) {
	w.Helper()
	return w.doFor(w.Context(), keyOf(account))
}

func (w *world) wantAs(account, want string) {
	w.Helper()
	if got, err := w.doAs(account); err != nil || got != want {
		w.Errorf("as %q: made with %q, %v, want %q", account, got, err, want)
	}
}

func (w *world) wantErrAs(account string, target error) {
	w.Helper()
	if got, err := w.doAs(account); !errors.Is(err, target) {
		w.Errorf("as %q: made with %q, %v, want %v", account, got, err, target)
	}
}

// of is a new token of an account.
func (w *world) of(account string) tokenstore.Token {
	t := w.x.signIn()
	t.AccountID = account
	return t
}

// signInAs stores a new token of an account, as another replica's sign-in would.
func (w *world) signInAs(account string) {
	w.Helper()
	if _, err := newVault(w.T, w.store.Store).Put(w.Context(), keyOf(account), w.of(account)); err != nil {
		w.Fatal(err)
	}
}

func TestASessionActsForItsOwnAccount(t *testing.T) {
	bubble(t, func(w *world) {
		w.signInWith(w.of("12"))
		w.wantAs("12", "access-1")
		w.wantToken("access-1")
		_, _, before := w.x.count()
		w.wantErrAs("34", ErrReauthRequired)
		b := newBody("text")
		if _, err := w.pool.Client(context.Background(), keyOf("34")).Post("https://api.test/p", "", b); !errors.Is(err, ErrReauthRequired) || !b.closed {
			w.Errorf("Post: %v; body closed: %t", err, b.closed)
		}
		if _, _, calls := w.x.count(); calls != before {
			w.Errorf("something was sent:\n%s", calls)
		}
		// The other account signs in, and then on another replica the first one again.
		if err := w.pool.Put(w.Context(), keyOf("34"), w.of("34")); err != nil {
			w.Fatal(err)
		}
		w.wantAs("34", "access-2")
		w.wantAs("12", "access-1")
		w.signInWith(w.of("12"))
		w.wantAs("12", "access-1")
		// Each is refreshed on its own.
		for _, account := range []string{"34", "12"} {
			if err := w.pool.Refresh(w.Context(), keyOf(account)); err != nil {
				w.Fatal(err)
			}
		}
		w.wantAs("34", "access-4")
		w.wantAs("12", "access-5")
		w.wantEvents("refreshed refreshed")
	})
	bubble(t, func(w *world) { // a token that does not name its account
		w.signInWith(w.of(""))
		w.wantAs("12", "access-1")
	})
	bubble(t, func(w *world) { // the store cannot say
		w.signInWith(w.of("12"))
		w.wantAs("12", "access-1")
		w.store.away()
		w.wantErrAs("34", ErrUnavailable)
		w.wantAs("12", "access-1")
	})
	bubble(t, func(w *world) { // an entry with the token of another account
		w.signInWith(w.of("34"))
		w.wantErrAs("12", errAnother)
		if err := w.pool.Put(w.Context(), user, w.of("34")); err == nil {
			w.Error("Put stored the token of another account")
		}
	})
}

// The token of another account is found only when X refuses the token.
func TestARetryActsForTheSameAccount(t *testing.T) {
	bubble(t, func(w *world) {
		w.signInWith(w.of("12"))
		w.wantAs("12", "access-1")
		w.signInWith(w.of("34"))
		w.kill("access-1")
		r, _ := http.NewRequestWithContext(w.Context(), "POST", "https://api.test/p", strings.NewReader("text"))
		r.GetBody = func() (io.ReadCloser, error) { return newBody("text"), nil }
		if resp, err := w.pool.Client(context.Background(), user).Do(r); !errors.Is(err, ErrReauthRequired) || !errors.Is(err, errAnother) {
			w.Errorf("Do = %v, %v", resp, err)
		}
		if _, _, calls := w.x.count(); strings.Contains(calls, "access-2") {
			w.Errorf("calls:\n%s", calls)
		}
		w.wantAsked(0)
	})
}

func TestAKeyWithoutAnAccount(t *testing.T) {
	bubble(t, func(w *world) {
		w.signIn()
		none := keyOf("")
		_, err := w.pool.Client(context.Background(), none).Get("https://api.test/2/users/me")
		_, put := w.pool.PutWithRollback(w.Context(), none, w.of(""), PutOptions{})
		_, scopes := w.pool.MissingScopes(w.Context(), provider.User{Provider: "x", ID: "12"}, "tweet.read")
		for name, err := range map[string]error{
			"a request": err, "PutWithRollback": put, "MissingScopes": scopes,
			"Refresh": w.pool.Refresh(w.Context(), none), "Revoke": w.pool.Revoke(w.Context(), none),
			"SignOut": w.pool.SignOut(w.Context(), none, false),
		} {
			if err == nil || !strings.Contains(err.Error(), "kit.Accounts") {
				w.Errorf("%s: %v", name, err)
			}
		}
		w.wantToken("access-1")
	})
}

func TestAccounts(t *testing.T) {
	bubble(t, func(w *world) {
		list := func() (keys []tokenstore.Key) {
			w.Helper()
			accounts, err := w.pool.Accounts(w.Context(), user.UserID)
			if err != nil {
				w.Error(err)
			}
			for _, a := range accounts {
				if a.Token.AccessToken+a.Token.RefreshToken != "" || a.Token.AccountID != a.Key.AccountID {
					w.Errorf("%v has the token %v", a.Key, a.Token)
				}
				keys = append(keys, a.Key)
			}
			return keys
		}
		if got := list(); got != nil {
			w.Errorf("without an account: %v", got)
		}
		if _, err := w.pool.ClientForUser(w.Context(), user.UserID); !errors.Is(err, ErrReauthRequired) {
			w.Errorf("ClientForUser without an account: %v", err)
		}
		w.signInAs("12")
		c, err := w.pool.ClientForUser(w.Context(), user.UserID)
		if err != nil {
			w.Fatal(err)
		}
		if resp, err := c.Get("https://api.test/"); err != nil || resp.StatusCode != 200 {
			w.Errorf("ClientForUser: %v, %v", resp, err)
		}
		w.signInAs("34")
		other := tokenstore.Key{Provider: "y", UserID: user.UserID, AccountID: "56"}
		if _, err := newVault(w.T, w.store.Store).Put(w.Context(), other, w.of("56")); err != nil {
			w.Fatal(err)
		}
		if _, err := w.store.Store.Put(w.Context(), keyOf("78"), []byte("damaged")); err != nil {
			w.Fatal(err)
		}
		if got, want := list(), []tokenstore.Key{keyOf("12"), keyOf("34"), keyOf("78")}; !slices.Equal(got, want) {
			w.Errorf("accounts %v, want %v", got, want)
		}
		if _, err := w.pool.ClientForUser(w.Context(), user.UserID); err == nil || !strings.Contains(err.Error(), "kit.Accounts") {
			w.Errorf("ClientForUser with several accounts: %v", err)
		}
		w.store.away("list")
		if _, err := w.pool.Accounts(w.Context(), user.UserID); !errors.Is(err, ErrUnavailable) {
			w.Errorf("store away: %v", err)
		}
	})
}

// TestTheHotPathAllocatesNothing: neither for an account nor for a token that is read
// again from time to time.
func TestTheHotPathAllocatesNothing(t *testing.T) {
	x := newService()
	vault := newVault(t, tokenstore.NewMemory())
	pool, err := New(Config{Vault: vault, Providers: []provider.Provider{x}, Transport: api{x}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pool.Close(t.Context()) }()
	for name, expiry := range map[string]time.Time{"a token that expires": time.Now().Add(time.Hour), "one that does not": {}} {
		token := x.signIn()
		token.Expiry = expiry
		if err := pool.Put(t.Context(), user, token); err != nil {
			t.Fatal(err)
		}
		tr := pool.Client(context.Background(), user).Transport.(*sender)
		if n := testing.AllocsPerRun(100, func() {
			if _, err := pool.token(t.Context(), pool.users.get(tr.key)); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
