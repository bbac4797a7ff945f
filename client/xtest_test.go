package client_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// site is an application at the simulated X: one provider, one store, and as many
// replicas as a test wants.
type site struct {
	t     *testing.T
	x     *xtest.X
	p     provider.Provider
	vault *tokenstore.Vault
	mu    sync.Mutex
	now   time.Time
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, now: time.Now()}
	s.x = xtest.New(xtest.Config{Now: s.clock})
	xapi.Mount(s.x)
	var err error
	s.p, err = provider.NewX(provider.OAuth2Config{
		ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret, CallbackURL: xtest.DefaultCallback,
		Transport: s.x.Transport(), Now: s.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.vault, err = tokenstore.NewVault(tokenstore.NewMemory(), bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *site) replica() *client.Manager {
	s.t.Helper()
	pool, err := client.New(client.Config{
		Vault: s.vault, Providers: []provider.Provider{s.p}, Transport: s.x.Transport(), Now: s.clock,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := pool.Close(context.Background()); err != nil {
			s.t.Error(err)
		}
	})
	return pool
}

func (s *site) signIn(pool *client.Manager) tokenstore.Key {
	s.t.Helper()
	to, pending, err := s.p.Begin(s.t.Context(), provider.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	back, err := s.x.Approve(to, xtest.DefaultUserID)
	if err != nil {
		s.t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		s.t.Fatal(err)
	}
	user, token, err := s.p.Finish(s.t.Context(), pending, u.Query())
	if err != nil {
		s.t.Fatal(err)
	}
	if err := pool.Put(s.t.Context(), user.Key(), token); err != nil {
		s.t.Fatal(err)
	}
	return user.Key()
}

func (s *site) token(key tokenstore.Key) tokenstore.Token {
	s.t.Helper()
	t, _, err := s.vault.Get(s.t.Context(), key)
	if err != nil {
		s.t.Fatal(err)
	}
	return t
}

const me = "https://api.x.com/2/users/me"

func status(c *http.Client) (int, error) {
	resp, err := c.Get(me)
	if err != nil {
		return 0, err
	}
	_ = resp.Body.Close()
	return resp.StatusCode, nil
}

func (s *site) want200(pool *client.Manager, key tokenstore.Key) {
	s.t.Helper()
	if got, err := status(pool.Client(context.Background(), key)); err != nil || got != 200 {
		s.t.Errorf("users/me: %d, %v", got, err)
	}
}

func TestAtX(t *testing.T) {
	s := newSite(t)
	one, two := s.replica(), s.replica()
	key := s.signIn(one)
	s.want200(one, key)
	s.want200(two, key)

	// The access token has expired: of two replicas one refreshes, and X rotates.
	first := s.token(key)
	s.pass(3 * time.Hour)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { s.want200(one, key) })
		all.Go(func() { s.want200(two, key) })
	}
	all.Wait()
	if n := s.x.Count("POST", "/2/oauth2/token"); n != 2 {
		t.Errorf("%d token requests, want one for the code and one for the refresh", n)
	}
	second := s.token(key)
	if second.RefreshToken == first.RefreshToken || s.x.Live(first.RefreshToken) || !s.x.Live(second.RefreshToken) {
		t.Error("the refresh token was not rotated")
	}

	// An outage of the token endpoint keeps nobody out for good.
	s.pass(3 * time.Hour)
	s.x.Fail(xtest.Fault{Path: "/2/oauth2/token", Status: 503, Body: "<html>"})
	if _, err := status(one.Client(context.Background(), key)); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("outage: %v", err)
	}
	s.x.ClearFaults()
	s.pass(time.Minute)
	s.want200(one, key)
	s.want200(two, key)

	// Sign-out on one replica ends it at X and on the other.
	third := s.token(key)
	if err := two.Revoke(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if s.x.Live(third.AccessToken) || s.x.Live(third.RefreshToken) {
		t.Error("X still takes the token")
	}
	for _, pool := range []*client.Manager{one, two} {
		if _, err := status(pool.Client(context.Background(), key)); !errors.Is(err, client.ErrReauthRequired) {
			t.Errorf("after the sign-out: %v", err)
		}
	}
}

func TestAppRevokedAtX(t *testing.T) {
	s := newSite(t)
	pool := s.replica()
	key := s.signIn(pool)
	s.want200(pool, key)
	s.x.RevokeApp(xtest.DefaultUserID)
	for range 3 {
		if _, err := status(pool.Client(context.Background(), key)); !errors.Is(err, client.ErrReauthRequired) {
			t.Errorf("request: %v", err)
		}
	}
	if n := s.x.Count("POST", "/2/oauth2/token"); n != 2 {
		t.Errorf("%d token requests, want one for the code and one for the refresh", n)
	}
	s.signIn(pool)
	s.want200(pool, key)
}

// TestAppRevokedAtXWithOAuth1: there is no refresh that X could refuse.
func TestAppRevokedAtXWithOAuth1(t *testing.T) {
	s := newSite(t)
	p, err := provider.NewXOAuth1(provider.OAuth1Config{
		ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret, CallbackURL: xtest.DefaultCallback,
		Transport: s.x.Transport(), Now: s.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.p = p
	pool := s.replica()
	key := s.signIn(pool)
	s.want200(pool, key)
	s.x.Fail(xtest.Fault{Path: "/2/users/me", Status: 401, Body: `{"title":"Unauthorized","status":401}`})
	if got, err := status(pool.Client(context.Background(), key)); err != nil || got != 401 {
		t.Errorf("outage: %d, %v", got, err)
	}
	s.x.ClearFaults()
	s.want200(pool, key)
	s.x.RevokeApp(xtest.DefaultUserID)
	asked := s.x.Count("GET", "/1.1/account/verify_credentials.json")
	for range 3 {
		resp, err := pool.Client(context.Background(), key).Get("https://api.x.com/1.1/account/verify_credentials.json")
		if !errors.Is(err, client.ErrReauthRequired) {
			t.Errorf("request: %v, %v", resp, err)
		}
	}
	if n := s.x.Count("GET", "/1.1/account/verify_credentials.json") - asked; n != 1 {
		t.Errorf("X was asked %d times, want once", n)
	}
	s.signIn(pool)
	s.want200(pool, key)
}

func TestAPIOutageAtX(t *testing.T) {
	s := newSite(t)
	pool := s.replica()
	key := s.signIn(pool)
	s.x.Fail(xtest.Fault{Path: "/2/users/me", Status: 401, Body: `{"title":"Unauthorized","status":401}`})
	for range 5 {
		if got, err := status(pool.Client(context.Background(), key)); err != nil || got != 401 {
			t.Errorf("users/me: %d, %v", got, err)
		}
	}
	if n := s.x.Count("POST", "/2/oauth2/token"); n != 2 {
		t.Errorf("%d token requests, want one for the code and one refresh", n)
	}
	s.x.ClearFaults()
	s.want200(pool, key)
}
