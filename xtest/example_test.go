package xtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin/xtest"
)

// A whole sign-in by OAuth 2.0 without a browser or a network: the code under test gets Transport, and Approve stands
// for the person.
func ExampleX_Approve() {
	x := xtest.New(xtest.Config{})
	app := &oauth2.Config{
		ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret, RedirectURL: xtest.DefaultCallback,
		Scopes: []string{"tweet.read", "users.read", "offline.access"},
		Endpoint: oauth2.Endpoint{
			AuthURL: "https://x.com/i/oauth2/authorize", TokenURL: "https://api.x.com/2/oauth2/token",
			AuthStyle: oauth2.AuthStyleInHeader,
		},
	}
	verifier := oauth2.GenerateVerifier()

	callback, err := x.Approve(app.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)), xtest.DefaultUserID)
	if err != nil {
		fmt.Println(err)
		return
	}
	u, _ := url.Parse(callback)
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: x.Transport()})
	token, err := app.Exchange(ctx, u.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(token.TokenType, x.Live(token.AccessToken), x.Live(token.RefreshToken))
	// Output: bearer true true
}

// X rotates a refresh token at each use. This is the answer getting lost on its way: it has happened at X, and the
// client knows nothing of it.
func ExampleX_Fail() {
	x := xtest.New(xtest.Config{})
	client := &http.Client{Transport: x.Transport()}
	x.Fail(xtest.Fault{Path: "/2/oauth2/token", CutAfter: -1, Times: 1})

	_, err := client.PostForm("https://api.x.com/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}})
	fmt.Println(err != nil, x.Count("POST", "/2/oauth2/token"))
	// Output: true 1
}
