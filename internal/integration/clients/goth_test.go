package clients

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/twitter"
	"github.com/markbates/goth/providers/twitterv2"
	"github.com/mrjones/oauth"

	"github.com/xsignin/xsignin/xtest"
)

// goth's providers fetch tokens by the default transport, so this test replaces it by the local X. It must not run beside others.
func TestGoth(t *testing.T) {
	x := startX(t)
	network := http.DefaultTransport
	http.DefaultTransport = x.Transport()
	t.Cleanup(func() { http.DefaultTransport = network })
	for _, p := range []goth.Provider{
		twitter.New(xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret, callback),
		twitterv2.NewAuthenticate(xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret, callback),
	} {
		t.Run(p.Name(), func(t *testing.T) {
			session, err := p.BeginAuth("unused")
			if err != nil {
				t.Fatal(err)
			}
			consent, err := session.GetAuthURL()
			if err != nil {
				t.Fatal(err)
			}
			back, err := x.Approve(consent, xtest.SecondUserID)
			if err != nil {
				t.Fatal(err)
			}
			to, err := url.Parse(back)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := session.Authorize(p, to.Query()); err != nil {
				t.Fatal(err)
			}
			user, err := p.FetchUser(session)
			if err != nil || user.UserID != xtest.SecondUserID || user.NickName != xtest.SecondUserName {
				t.Fatalf("got %+v, %v", user, err)
			}
			post(t, user)
		})
	}
	if posts := x.api.Posts(xtest.SecondUserID); len(posts) != 2 {
		t.Errorf("posts: %v", posts)
	}
}

// post posts as users of goth do.
func post(t *testing.T, user goth.User) {
	t.Helper()
	consumer := oauth.NewConsumer(xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret, oauth.ServiceProvider{})
	client, err := consumer.MakeHttpClient(&oauth.AccessToken{Token: user.AccessToken, Secret: user.AccessTokenSecret})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Post("https://api.x.com/2/tweets", "application/json", strings.NewReader(`{"text":"by goth's `+user.Provider+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusCreated {
		t.Errorf("post: %s", resp.Status)
	}
}
