package gologins

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/dghubble/gologin/v2/github"
	api "github.com/google/go-github/v52/github"

	"github.com/xsignin/xsignin/provider"
)

// GitHub signs people in with GitHub, by an OAuth App or a GitHub App of the application.
// By default it asks for no scope, which tells id, handle, name and picture. With
// user:email or user among the scopes, or a GitHub App's permission for it, a second call
// gets the address: the primary one, if GitHub has confirmed it. Where GitHub says no to
// that call, there is none.
//
// Tokens of OAuth Apps do not expire. They are not revoked at sign-out: GitHub does not
// have RFC 7009, and users take them back in their settings.
func GitHub(cfg Config) (*provider.OAuth2, error) {
	email := slices.Contains(cfg.Scopes, "user:email") || slices.Contains(cfg.Scopes, "user")
	return provider.NewOAuth2(provider.OAuth2Config{
		Name: cmp.Or(cfg.Name, "github"), ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, SecretInBody: true,
		CallbackURL:  cfg.CallbackURL,
		AuthorizeURL: "https://github.com/login/oauth/authorize",
		TokenURL:     "https://github.com/login/oauth/access_token",
		Scopes:       cfg.Scopes,
		// GitHub says these with status 200.
		Codes: map[string]error{
			"bad_verification_code":        provider.ErrExpired,
			"bad_refresh_token":            provider.ErrTokenRefused,
			"redirect_uri_mismatch":        &provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonCallback},
			"incorrect_client_credentials": &provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonCredentials},
		},
		APIURL:   "https://api.github.com",
		APIHosts: []string{"uploads.github.com"},
		Who: func(ctx context.Context, client *http.Client) (provider.User, error) {
			u, err := ask(ctx, client, github.CallbackHandler, github.UserFromContext)
			if err != nil {
				return provider.User{}, err
			}
			user := provider.User{AccountID: strconv.FormatInt(u.GetID(), 10), Username: u.GetLogin(), Name: u.GetName(), AvatarURL: u.GetAvatarURL()}
			if email {
				user.Email, err = confirmed(ctx, client)
			}
			return user, err
		},
		Refused: func(resp *http.Response, body []byte) bool {
			return resp.StatusCode == http.StatusUnauthorized && strings.Contains(string(body), "Bad credentials")
		},
		Transport: cfg.Transport, Timeout: cfg.Timeout,
	})
}

// confirmed is the user's primary address, or "" where GitHub does not show it or has not
// confirmed it: the one in the profile is what the user likes to show.
func confirmed(ctx context.Context, client *http.Client) (string, error) {
	list, resp, err := api.NewClient(client).Users.ListEmails(ctx, nil)
	if err != nil {
		if resp != nil && (resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusNotFound) {
			return "", nil
		}
		return "", err
	}
	for _, e := range list {
		if e.GetPrimary() && e.GetVerified() {
			return e.GetEmail(), nil
		}
	}
	return "", nil
}
