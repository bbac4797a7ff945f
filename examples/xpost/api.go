package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	twitter "github.com/g8rswimmer/go-twitter/v2"
	"github.com/michimani/gotwi"

	"github.com/xsignin/xsignin/xapi"
)

// api calls X as an account. It reads with go-twitter, posts with gotwi, and uploads with
// package xapi. go-twitter cannot upload, and its CreateTweet panics on a poll that is not a
// reply. All use the kit's *http.Client, which signs and refreshes.
type api struct {
	account account
	user    *http.Client
	read    *twitter.Client
	write   *gotwi.Client
}

const (
	readTimeout  = 30 * time.Second
	writeTimeout = 2 * time.Minute
)

// api returns X's API for the account in use. Its token must have scopes, or no scopes at all.
func (c *call) api(ctx context.Context, scopes ...string) (*api, error) {
	a, err := c.account(ctx)
	if err != nil {
		return nil, err
	}
	missing, err := c.clients.MissingScopes(ctx, a.user(), scopes...)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, &lacks{missing}
	}
	user := c.clients.Client(ctx, a.key())
	h := xapi.Client(user)
	write, err := gotwi.NewClientWithAccessToken(&gotwi.NewClientWithAccessTokenInput{
		HTTPClient: h,
		// gotwi requires a token. The kit's client replaces it by the account's.
		AccessToken: "set by the kit",
	})
	if err != nil {
		return nil, err
	}
	return &api{a, user, &twitter.Client{Authorizer: byTheKit{}, Client: h, Host: defaultAPIURL}, write}, nil
}

// byTheKit leaves authorization to the kit's client.
type byTheKit struct{}

func (byTheKit) Add(*http.Request) {}

// lacks returns the scopes that a token does not have.
type lacks struct{ scopes []string }

func (e *lacks) Error() string {
	return "this sign-in lacks " + strings.Join(e.scopes, " and ") + ": add it to X_SCOPES, if that is set, and run xpost login"
}
