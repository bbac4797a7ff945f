package xapi_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
	localapi "github.com/xsignin/xsignin/xtest/xapi"
)

// site is an application at a local X, with one user by each protocol.
type site struct {
	*testing.T
	x              *xtest.X
	api            *localapi.API
	oauth2, oauth1 *http.Client
}

func newSite(t *testing.T) *site {
	t.Helper()
	x := xtest.New(xtest.Config{})
	api := localapi.Mount(x)
	two, err := provider.NewX(provider.OAuth2Config{
		ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret, CallbackURL: xtest.DefaultCallback,
		Scopes:    []string{"tweet.read", "users.read", "tweet.write", "media.write", "offline.access"},
		Transport: x.Transport(),
	})
	if err != nil {
		t.Fatal(err)
	}
	one, err := provider.NewXOAuth1(provider.OAuth1Config{
		ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret, CallbackURL: xtest.DefaultCallback,
		Transport: x.Transport(),
	})
	if err != nil {
		t.Fatal(err)
	}
	m := manager(t, x.Transport(), two, one)
	return &site{t, x, api, m(signIn(t, x, two)), m(signIn(t, x, one))}
}

func signIn(t *testing.T, x *xtest.X, p provider.Provider) (tokenstore.Key, tokenstore.Token) {
	t.Helper()
	address, pending, err := p.Begin(t.Context(), provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	back, err := x.Approve(address, xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	callback, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	u, token, err := p.Finish(t.Context(), pending, callback.Query())
	if err != nil {
		t.Fatal(err)
	}
	return u.Key(), token
}

// manager returns a function that stores a token and returns its client.
func manager(t *testing.T, base http.RoundTripper, providers ...provider.Provider) func(tokenstore.Key, tokenstore.Token) *http.Client {
	t.Helper()
	vault, err := tokenstore.NewVault(tokenstore.NewMemory(), bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	m, err := client.New(client.Config{Vault: vault, Providers: providers, Transport: base})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return func(key tokenstore.Key, token tokenstore.Token) *http.Client {
		if _, err := vault.Put(t.Context(), key, token); err != nil {
			t.Fatal(err)
		}
		return m.Client(context.Background(), key)
	}
}

// eachProtocol runs a test with the client of each protocol.
func eachProtocol(t *testing.T, test func(*site, *http.Client)) {
	t.Run("OAuth 2.0", func(t *testing.T) { s := newSite(t); test(s, s.oauth2) })
	t.Run("OAuth 1.0a", func(t *testing.T) { s := newSite(t); test(s, s.oauth1) })
}

// roundTripper is a transport made of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer is a response with a status, headers in pairs, and a body.
func answer(status int, body string, headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}
