package client

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// doAs makes a request for an account and returns the access token that it was made
// with.
func (w *world) doAs(account string) (string, error) {
	w.Helper()
	resp, err := w.pool.ClientOf(user, account).Get("https://api.test/2/users/me")
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(resp.Body)
	return strings.TrimPrefix(string(b), "Bearer "), err
}

func (w *world) wantAs(account, want string) {
	w.Helper()
	if got, err := w.doAs(account); err != nil || got != want {
		w.Errorf("as %q: made with %q, %v, want %q", account, got, err, want)
	}
}

func (w *world) wantAnother(account string) {
	w.Helper()
	if got, err := w.doAs(account); !errors.Is(err, ErrReauthRequired) || !errors.Is(err, errAnother) {
		w.Errorf("as %q: made with %q, %v, want another account's", account, got, err)
	}
}

// of is a new token of an account.
func (w *world) of(account string) tokenstore.Token {
	t := w.x.signIn()
	t.AccountID = account
	return t
}

func TestASessionActsForItsOwnAccount(t *testing.T) {
	bubble(t, func(w *world) {
		w.signInWith(w.of("12"))
		w.wantAs("12", "access-1")
		w.wantAs("", "access-1")
		w.wantToken("access-1")
		_, _, before := w.x.count()
		w.wantAnother("34")
		b := newBody("text")
		if _, err := w.pool.ClientOf(user, "34").Post("https://api.test/p", "", b); !errors.Is(err, ErrReauthRequired) || !b.closed {
			w.Errorf("Post: %v; body closed: %t", err, b.closed)
		}
		if _, _, calls := w.x.count(); calls != before {
			w.Errorf("something was sent:\n%s", calls)
		}
		// The other account signs in, and then on another replica the first one again.
		if err := w.pool.Put(w.Context(), user, w.of("34")); err != nil {
			w.Fatal(err)
		}
		w.wantAs("34", "access-2")
		w.wantAnother("12")
		w.wantAs("34", "access-2")
		w.signInWith(w.of("12"))
		w.wantAs("12", "access-3")
		w.wantAnother("34")
		w.wantEvents("")
	})
	bubble(t, func(w *world) { // a token that does not say whose it is
		w.signInWith(w.of(""))
		w.wantAs("34", "access-1")
	})
	bubble(t, func(w *world) { // the store cannot say
		w.signInWith(w.of("12"))
		w.wantAs("12", "access-1")
		w.store.away()
		if got, err := w.doAs("34"); !errors.Is(err, ErrUnavailable) {
			w.Errorf("made with %q, %v", got, err)
		}
		w.wantAs("12", "access-1")
	})
}

// The other account's sign-in is found only when X refuses the token.
func TestARetryActsForTheSameAccount(t *testing.T) {
	bubble(t, func(w *world) {
		w.signInWith(w.of("12"))
		w.wantAs("12", "access-1")
		w.signInWith(w.of("34"))
		w.kill("access-1")
		b := newBody("text")
		r, _ := http.NewRequestWithContext(w.Context(), "POST", "https://api.test/p", strings.NewReader("text"))
		r.GetBody = func() (io.ReadCloser, error) { return b, nil }
		if resp, err := w.pool.ClientOf(user, "12").Do(r); !errors.Is(err, ErrReauthRequired) || !errors.Is(err, errAnother) || !b.closed {
			w.Errorf("Do = %v, %v; body closed: %t", resp, err, b.closed)
		}
		if _, _, calls := w.x.count(); strings.Contains(calls, "access-2") {
			w.Errorf("calls:\n%s", calls)
		}
		w.wantAs("34", "access-2")
		w.wantAsked(0)
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
		tr := pool.ClientOf(user, "12").Transport.(*transport)
		if n := testing.AllocsPerRun(100, func() {
			c, err := pool.token(t.Context(), tr.key)
			if err != nil || tr.another(c) {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
