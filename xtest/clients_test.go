package xtest_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/dghubble/oauth1"
	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin/xtest"
)

// places are the two ways in which a library reaches an X.
func places(t *testing.T, f func(t *testing.T, x *xtest.X, api, web string, c *http.Client)) {
	t.Run("through Transport", func(t *testing.T) {
		x := xtest.New(xtest.Config{Callbacks: []string{callback}})
		f(t, x, "https://api.x.com", "https://x.com", &http.Client{Transport: x.Transport()})
	})
	t.Run("over a socket", func(t *testing.T) {
		s := xtest.NewServer(xtest.Config{Callbacks: []string{callback}})
		tr := &http.Transport{}
		t.Cleanup(func() { s.Close(); tr.CloseIdleConnections() })
		f(t, s.X, s.URL, s.URL, &http.Client{Transport: tr})
	})
}

func TestDghubbleOAuth1SignsIn(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, x *xtest.X, api, _ string, c *http.Client) {
		cfg := &oauth1.Config{
			ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret, CallbackURL: callback, HTTPClient: c,
			Endpoint: oauth1.Endpoint{
				RequestTokenURL: api + "/oauth/request_token", AuthorizeURL: api + "/oauth/authenticate", AccessTokenURL: api + "/oauth/access_token",
			},
		}
		token, secret, err := cfg.RequestToken()
		if err != nil {
			t.Fatal(err)
		}
		u, err := cfg.AuthorizationURL(token)
		if err != nil {
			t.Fatal(err)
		}
		back, err := x.Approve(u.String(), xtest.SecondUserID)
		if err != nil {
			t.Fatal(err)
		}
		token, ver, err := oauth1.ParseAuthorizationCallback(newRequest(t, "GET", back, nil))
		if err != nil {
			t.Fatal(err)
		}
		access, accessSecret, err := cfg.AccessToken(token, secret, ver)
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.WithValue(context.Background(), oauth1.HTTPClient, c)
		client := cfg.Client(ctx, oauth1.NewToken(access, accessSecret))
		resp, err := client.Get(api + "/2/users/me")
		if err != nil {
			t.Fatal(err)
		}
		if r := read(t, resp); r.status != 200 {
			t.Errorf("users/me: got %d %s", r.status, r.body)
		}
		resp, err = client.Post(api+"/1.1/oauth/invalidate_token.json", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if r := read(t, resp); r.status != 200 || x.Live(access) {
			t.Errorf("invalidate_token: got %d %s", r.status, r.body)
		}
	})
}

func TestXOAuth2SignsIn(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, x *xtest.X, api, web string, c *http.Client) {
		ctx := context.WithValue(context.Background(), oauth2.HTTPClient, c)
		for _, cfg := range []*oauth2.Config{
			{ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret, Endpoint: oauth2.Endpoint{AuthStyle: oauth2.AuthStyleInHeader}},
			{ClientID: xtest.DefaultPublicClientID, Endpoint: oauth2.Endpoint{AuthStyle: oauth2.AuthStyleInParams}},
		} {
			cfg.RedirectURL, cfg.Scopes = callback, []string{"tweet.read", "users.read", "offline.access"}
			cfg.Endpoint.AuthURL, cfg.Endpoint.TokenURL = web+"/i/oauth2/authorize", api+"/2/oauth2/token"
			v := oauth2.GenerateVerifier()
			back, err := x.Approve(cfg.AuthCodeURL("state", oauth2.S256ChallengeOption(v)), xtest.DefaultUserID)
			if err != nil {
				t.Fatal(err)
			}
			token, err := cfg.Exchange(ctx, query(t, back).Get("code"), oauth2.VerifierOption(v))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := cfg.Client(ctx, token).Get(api + "/2/users/me")
			if err != nil {
				t.Fatal(err)
			}
			if r := read(t, resp); r.status != 200 {
				t.Errorf("users/me: got %d %s", r.status, r.body)
			}
			again, err := cfg.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
			if err != nil || again.RefreshToken == token.RefreshToken || x.Live(token.RefreshToken) {
				t.Errorf("refresh: got %v, %v", again, err)
			}
		}
		confidentialInBody := &oauth2.Config{
			ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret, RedirectURL: callback,
			Endpoint: oauth2.Endpoint{TokenURL: api + "/2/oauth2/token", AuthStyle: oauth2.AuthStyleInParams},
		}
		if _, err := confidentialInBody.Exchange(ctx, "x"); err == nil || err.(*oauth2.RetrieveError).ErrorCode != "unauthorized_client" {
			t.Errorf("a secret in the body: got %v", err)
		}
	})
}
