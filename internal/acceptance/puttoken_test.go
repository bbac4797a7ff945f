package acceptance_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// elsewhere is another program at the X of s. Its users have tokens that s does not have.
func (s *site) elsewhere(t *testing.T) *site {
	t.Helper()
	other := newSite(t, func(c *xsignin.Config) {
		c.X.Transport = testkit.WatchedTransport{RoundTripper: s.X.Transport(), Watch: s.Watch}
	})
	other.X = s.X
	return other
}

// tokens returns new tokens of both protocols of an account.
func (s *site) tokens(t *testing.T) (two, one tokenstore.Token) {
	t.Helper()
	vault := vaultOf(t, s.Tokens.Store, "k")
	s.browser().SignIn("/auth/login", xtest.DefaultUserID)
	s.browser().SignIn("/auth/login/x-oauth1", xtest.DefaultUserID)
	two, _, err := vault.Get(context.Background(), accountOf("x", xtest.DefaultUserID))
	if err == nil {
		one, _, err = vault.Get(context.Background(), accountOf("x-oauth1", xtest.DefaultUserID))
	}
	if err != nil {
		t.Fatal(err)
	}
	return two, one
}

func accountOf(provider, user string) xsignin.Key {
	return xsignin.Key{Provider: provider, UserID: user, AccountID: xtest.DefaultUserID}
}

// calls makes a call to X with a user's token.
func (s *site) calls(key xsignin.Key) (status int, err error) {
	resp, err := s.Kit.ClientFor(key).Get("/2/users/me")
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func TestPutToken(t *testing.T) {
	s := newSite(t)
	two, one := s.elsewhere(t).tokens(t)
	for _, c := range []struct {
		name  string
		key   xsignin.Key
		token tokenstore.Token
	}{
		{"OAuth 2.0", accountOf("x", "alice"), two},
		{"OAuth 1.0a", accountOf("x-oauth1", "alice"), one},
		{"the console's access token and secret", accountOf("x-oauth1", "bot"), tokenstore.Token{AccessToken: one.AccessToken, TokenSecret: one.TokenSecret}},
		{"an access token alone", accountOf("x", "bot"), tokenstore.Token{AccessToken: two.AccessToken}},
	} {
		if _, err := s.calls(c.key); !errors.Is(err, xsignin.ErrReauthRequired) {
			t.Errorf("%s: before: %v", c.name, err)
		}
		if err := s.Kit.PutToken(t.Context(), c.key, c.token); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if status, err := s.calls(c.key); status != http.StatusOK {
			t.Errorf("%s: a call: status %d, %v", c.name, status, err)
		}
		accounts, err := s.Kit.Accounts(t.Context(), c.key.UserID)
		if err != nil || accounts[len(accounts)-1].Token.AccountID != xtest.DefaultUserID {
			t.Errorf("%s: accounts %v, %v", c.name, accounts, err)
		}
	}
	// An expired token is refreshed.
	expired := two
	expired.Expiry = time.Now().Add(-time.Hour)
	if err := s.Kit.PutToken(t.Context(), accountOf("x", "alice"), expired); err != nil {
		t.Fatal(err)
	}
	if status, err := s.calls(accountOf("x", "alice")); status != http.StatusOK || s.X.Count(http.MethodPost, "/2/oauth2/token") != 2 {
		t.Errorf("an expired token: status %d, %v", status, err)
	}
	if n := s.X.Count(http.MethodPost, "/2/oauth2/revoke"); n != 0 {
		t.Errorf("%d tokens were revoked", n)
	}
}

func TestPutTokenRefuses(t *testing.T) {
	s := newSite(t)
	two, one := s.elsewhere(t).tokens(t)
	key := accountOf("x", "alice")
	for name, c := range map[string]struct {
		key   xsignin.Key
		token tokenstore.Token
		want  string
	}{
		"an unknown provider":          {accountOf("github", "alice"), two, `no provider is named "github"`},
		"a reserved key":               {accountOf(".owner", "alice"), two, "no provider is named"},
		"no account":                   {xsignin.Key{Provider: "x", UserID: "alice"}, two, "no AccountID"},
		"no user":                      {accountOf("x", ""), two, "no UserID"},
		"no token":                     {key, tokenstore.Token{}, "no access token"},
		"a refresh token alone":        {key, tokenstore.Token{RefreshToken: two.RefreshToken}, "no access token"},
		"a token without its secrets":  {key, two.Redacted(), "no access token"},
		"a token that X has refused":   {key, tokenstore.Token{AccessToken: "a", NeedsReauth: true}, "has to sign in"},
		"OAuth 1.0a for OAuth 2.0":     {key, one, `is an OAuth 1.0a token, and "x" is a provider by OAuth 2.0`},
		"OAuth 2.0 for OAuth 1.0a":     {accountOf("x-oauth1", "alice"), two, `has no TokenSecret, and "x-oauth1"`},
		"the token of another account": {xsignin.Key{Provider: "x", UserID: "alice", AccountID: "1"}, two, "AccountID is not that of the key"},
		"a long id":                    {accountOf("x", strings.Repeat("a", 2000)), two, "2000"},
	} {
		err := s.Kit.PutToken(t.Context(), c.key, c.token)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		} else {
			s.Watch.Came(err.Error())
		}
	}
	if keys := s.Tokens.Keys(); len(keys) != 0 {
		t.Errorf("stored: %v", keys)
	}
	if !s.X.Live(two.AccessToken) || !s.X.Live(two.RefreshToken) || !s.X.Live(one.AccessToken) {
		t.Error("a refused token was revoked")
	}
}

// TestPutTokenKeepsTheOwner: an account has one user, and PutToken never moves it to another.
func TestPutTokenKeepsTheOwner(t *testing.T) {
	for _, transfer := range []bool{false, true} {
		s, signInAs := linkingSite(t, transfer)
		two, one := s.elsewhere(t).tokens(t)
		signInAs("user-1")
		if err := s.Kit.PutToken(t.Context(), accountOf("x", "user-1"), two); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			provider string
			token    tokenstore.Token
		}{{"x", two}, {"x-oauth1", one}} {
			err := s.Kit.PutToken(t.Context(), accountOf(c.provider, "user-2"), c.token)
			if !errors.Is(err, xsignin.ErrAccountTaken) || len(s.tokensOf("user-2")) != 0 {
				t.Errorf("%s: %v, tokens %v", c.provider, err, s.tokensOf("user-2"))
			}
		}
		if err := s.Kit.PutToken(t.Context(), accountOf("x-oauth1", "user-1"), one); err != nil {
			t.Errorf("the owner's other protocol: %v", err)
		}
		if transfer {
			continue
		}
		signInAs("user-2")
		b := s.browser()
		if a := b.Get(b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID)); a.StatusCode != http.StatusConflict {
			t.Errorf("a sign-in with an account that PutToken has connected: status %d", a.StatusCode)
		}
	}
	// Without OnSignIn no sign-in writes owners, and neither does PutToken.
	s := newSite(t)
	two, _ := s.elsewhere(t).tokens(t)
	if err := s.Kit.PutToken(t.Context(), accountOf("x", "user-1"), two); err != nil || len(s.leftOf("user-1")) != 1 {
		t.Errorf("%v, entries %v", err, s.leftOf("user-1"))
	}
}

// brokenWrite is a token store that fails at the next write of a token when it is armed,
// perhaps after the write.
type brokenWrite struct {
	*testkit.TokenStore
	armed, writes bool
}

func (s *brokenWrite) write(key tokenstore.Key, do func() (tokenstore.Version, error)) (tokenstore.Version, error) {
	if !s.armed || strings.HasPrefix(key.Provider, ".") {
		return do()
	}
	if s.armed = false; s.writes {
		_, _ = do()
	}
	return "", errors.New("away")
}

func (s *brokenWrite) Put(ctx context.Context, key tokenstore.Key, value []byte) (tokenstore.Version, error) {
	return s.write(key, func() (tokenstore.Version, error) { return s.TokenStore.Put(ctx, key, value) })
}

func (s *brokenWrite) Replace(ctx context.Context, key tokenstore.Key, v tokenstore.Version, value []byte) (tokenstore.Version, error) {
	return s.write(key, func() (tokenstore.Version, error) { return s.TokenStore.Replace(ctx, key, v, value) })
}

// TestPutTokenThatFailsKeepsTheTokens: the token before stays stored, and no token is revoked.
func TestPutTokenThatFailsKeepsTheTokens(t *testing.T) {
	for _, before := range []bool{false, true} {
		for _, writes := range []bool{false, true} {
			store := &brokenWrite{writes: writes}
			s := newSite(t, func(c *xsignin.Config) {
				store.TokenStore = c.TokenStore.(*testkit.TokenStore)
				c.TokenStore = store
				c.OnSignIn = func(_ context.Context, s *xsignin.SignIn) error { s.User.ID = "user-1"; return nil }
			})
			two, _ := s.elsewhere(t).tokens(t)
			if before {
				s.browser().SignIn("/auth/login", xtest.DefaultUserID)
			}
			store.armed = true
			if err := s.Kit.PutToken(t.Context(), accountOf("x", "user-1"), two); err == nil || store.armed {
				t.Error("no error")
			}
			if !s.X.Live(two.AccessToken) || !s.X.Live(two.RefreshToken) {
				t.Error("the token was revoked")
			}
			if got := len(s.leftOf("user-1")); before && got != 3 || !before && got != 0 {
				t.Errorf("before %v, written %v: entries %v", before, writes, s.leftOf("user-1"))
			}
			status, err := s.calls(accountOf("x", "user-1"))
			if before != (status == http.StatusOK) {
				t.Errorf("before %v, written %v: a call: status %d, %v", before, writes, status, err)
			}
		}
	}
}

// TestAReplicaSeesWhatPutTokenStored within the time that PutToken's documentation states.
func TestAReplicaSeesWhatPutTokenStored(t *testing.T) {
	s := newSite(t)
	other, source := s.replica(), s.elsewhere(t)
	uses := func(key xsignin.Key) string {
		t.Helper()
		s.X.ResetRequests()
		if status, err := other.calls(key); status != http.StatusOK {
			t.Errorf("a call: status %d, %v", status, err)
		}
		all := s.X.Requests()
		return all[len(all)-1].Header.Get("Authorization")
	}
	put := func(key xsignin.Key, token tokenstore.Token) {
		t.Helper()
		if err := s.Kit.PutToken(context.Background(), key, token); err != nil {
			t.Fatal(err)
		}
		if status, err := s.calls(key); status != http.StatusOK {
			t.Errorf("a call here: status %d, %v", status, err)
		}
	}
	wantToken := func(what string, key xsignin.Key, want tokenstore.Token) {
		t.Helper()
		if got := uses(key); !strings.Contains(got, want.AccessToken) {
			t.Errorf("%s: the replica does not use the new token", what)
		}
	}
	s.Bubble(func() {
		defer other.Close()
		defer source.Close()
		alice, bob := accountOf("x", "alice"), accountOf("x-oauth1", "bob")
		if _, err := other.calls(alice); !errors.Is(err, xsignin.ErrReauthRequired) {
			t.Errorf("before: %v", err)
		}
		two, one := source.tokens(t)
		for key, token := range map[xsignin.Key]tokenstore.Token{alice: two, bob: one} {
			put(key, token)
			wantToken("without a token before", key, token)
		}

		time.Sleep(time.Hour)
		wantToken("the same token", bob, one)
		next, nextOne := source.tokens(t)
		put(bob, nextOne)
		time.Sleep(5 * time.Minute)
		wantToken("a token that does not expire, after five minutes", bob, nextOne)

		put(alice, next)
		time.Sleep(50 * time.Minute) // the old token is due for a refresh
		uses(alice)
		time.Sleep(time.Second)
		wantToken("a token that is due for a refresh", alice, next)
		if n := s.X.Count(http.MethodPost, "/2/oauth2/token"); n != 0 {
			t.Errorf("the old token was refreshed %d times", n)
		}
	})
}

// TestAReplicaWhoseTokenXRefuses uses the one that PutToken has stored.
func TestAReplicaWhoseTokenXRefuses(t *testing.T) {
	s := newSite(t)
	other, source := s.replica(), s.elsewhere(t)
	key := accountOf("x", "alice")
	old, _ := source.tokens(t)
	for _, site := range []*site{s, other} {
		if err := s.Kit.PutToken(t.Context(), key, old); err != nil {
			t.Fatal(err)
		}
		if status, err := site.calls(key); status != http.StatusOK {
			t.Fatalf("status %d, %v", status, err)
		}
	}
	s.X.RevokeApp(xtest.DefaultUserID)
	fresh, _ := source.tokens(t)
	if err := s.Kit.PutToken(t.Context(), key, fresh); err != nil {
		t.Fatal(err)
	}
	if status, err := other.calls(key); status != http.StatusOK || s.X.Live(old.AccessToken) {
		t.Errorf("status %d, %v", status, err)
	}
}
