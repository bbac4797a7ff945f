package gologins

import (
	"cmp"
	"context"
	"net/http"

	"github.com/dghubble/gologin/v2/google"

	"github.com/xsignin/xsignin/provider"
)

// Google signs people in with Google. The scopes that it needs to tell who signed in,
// openid, profile and email, are the default, and are added to any others. There is no
// handle, so [provider.User.Username] is empty; the address is there if Google has
// confirmed it.
func Google(cfg Config) (*provider.OAuth2, error) {
	identity := []string{"openid", "profile", "email"}
	page := "https://accounts.google.com/o/oauth2/v2/auth"
	if cfg.Offline {
		page += "?access_type=offline&prompt=consent"
	}
	return provider.NewOAuth2(provider.OAuth2Config{
		Name: cmp.Or(cfg.Name, "google"), ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, SecretInBody: true,
		CallbackURL:  cfg.CallbackURL,
		AuthorizeURL: page,
		TokenURL:     "https://oauth2.googleapis.com/token",
		RevokeURL:    "https://oauth2.googleapis.com/revoke",
		Scopes:       append(identity, cfg.Scopes...), IdentityScopes: identity,
		APIURL: "https://www.googleapis.com",
		Who: func(ctx context.Context, client *http.Client) (provider.User, error) {
			u, err := ask(ctx, client, google.CallbackHandler, google.UserFromContext)
			if err != nil {
				return provider.User{}, err
			}
			user := provider.User{AccountID: u.Id, Name: u.Name, AvatarURL: u.Picture}
			if u.VerifiedEmail != nil && *u.VerifiedEmail {
				user.Email = u.Email
			}
			return user, nil
		},
		Transport: cfg.Transport, Timeout: cfg.Timeout,
	})
}
