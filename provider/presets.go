package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"golang.org/x/oauth2/endpoints"
)

// GitHub returns the configuration for sign-in with GitHub, by an OAuth App or a GitHub
// App: pass it to [NewOAuth2]. With the scope user:email or user, a second call gets the
// primary address if GitHub has confirmed it and allows that call. Tokens of OAuth Apps do
// not expire, and sign-outs do not revoke them: GitHub does not have RFC 7009.
func GitHub(clientID, clientSecret, callbackURL string, scopes ...string) OAuth2Config {
	return OAuth2Config{
		Name: "github", DisplayName: "GitHub", ClientID: clientID, ClientSecret: clientSecret, SecretInBody: true,
		CallbackURL:  callbackURL,
		AuthorizeURL: endpoints.GitHub.AuthURL,
		TokenURL:     endpoints.GitHub.TokenURL,
		Scopes:       scopes,
		// GitHub sends these with status 200.
		Codes: map[string]error{
			"bad_verification_code":        ErrExpired,
			"bad_refresh_token":            ErrTokenRefused,
			"redirect_uri_mismatch":        &Error{Kind: ErrRefused, Reason: ReasonCallback},
			"incorrect_client_credentials": &Error{Kind: ErrRefused, Reason: ReasonCredentials},
		},
		APIURL:   "https://api.github.com",
		APIHosts: words{"uploads.github.com"},
		FetchUser: func(ctx context.Context, client *http.Client) (User, error) {
			var u struct {
				ID          json.Number
				Login, Name string
				AvatarURL   string `json:"avatar_url"`
				email       string
			}
			err := getJSON(ctx, client, "https://api.github.com/user", &u)
			if err == nil && (slices.Contains(scopes, "user:email") || slices.Contains(scopes, "user")) {
				u.email, err = githubEmail(ctx, client)
			}
			return User{AccountID: u.ID.String(), Username: u.Login, Name: u.Name, AvatarURL: u.AvatarURL, Email: u.email}, err
		},
		RejectsToken: func(resp *http.Response, body []byte) bool {
			return resp.StatusCode == http.StatusUnauthorized && bytes.Contains(body, []byte("Bad credentials"))
		},
	}
}

// githubEmail asks for the confirmed address. The address of the profile need not be one.
func githubEmail(ctx context.Context, client *http.Client) (string, error) {
	var list []struct {
		Email             string
		Primary, Verified bool
	}
	err := getJSON(ctx, client, "https://api.github.com/user/emails", &list)
	var status statusError
	if errors.As(err, &status) && (status == http.StatusForbidden || status == http.StatusNotFound) {
		return "", nil
	}
	for _, e := range list {
		if e.Primary && e.Verified {
			return e.Email, nil
		}
	}
	return "", err
}

// Google returns the configuration for sign-in with Google: pass it to [NewOAuth2]. The
// scopes openid, profile and email are always requested. There is no handle. The address is
// set if Google has confirmed it. For a refresh token add "?access_type=offline" to
// AuthorizeURL. Google gives one at the first consent only, unless "&prompt=consent" is added
// as well.
func Google(clientID, clientSecret, callbackURL string, scopes ...string) OAuth2Config {
	identity := words{"openid", "profile", "email"}
	return OAuth2Config{
		Name: "google", DisplayName: "Google", ClientID: clientID, ClientSecret: clientSecret, SecretInBody: true,
		CallbackURL:    callbackURL,
		AuthorizeURL:   endpoints.Google.AuthURL,
		TokenURL:       endpoints.Google.TokenURL,
		RevokeURL:      "https://oauth2.googleapis.com/revoke",
		Scopes:         slices.Concat(identity, scopes),
		IdentityScopes: identity,
		APIURL:         "https://www.googleapis.com",
		UserURL:        "https://openidconnect.googleapis.com/v1/userinfo",
		User: func(body []byte) (User, error) {
			var u struct {
				Sub, Name, Picture, Email string
				Verified                  bool `json:"email_verified"`
			}
			err := json.Unmarshal(body, &u)
			if !u.Verified {
				u.Email = ""
			}
			return User{AccountID: u.Sub, Name: u.Name, AvatarURL: u.Picture, Email: u.Email}, err
		},
	}
}

// Discord returns the configuration for sign-in with Discord: pass it to [NewOAuth2]. The
// scope identify is always requested. With the scope email the address is
// set if Discord has confirmed it. Each refresh replaces the refresh token.
func Discord(clientID, clientSecret, callbackURL string, scopes ...string) OAuth2Config {
	identity := words{"identify"}
	return OAuth2Config{
		Name: "discord", DisplayName: "Discord", ClientID: clientID, ClientSecret: clientSecret,
		CallbackURL:    callbackURL,
		AuthorizeURL:   endpoints.Discord.AuthURL,
		TokenURL:       endpoints.Discord.TokenURL,
		RevokeURL:      endpoints.Discord.TokenURL + "/revoke",
		Scopes:         slices.Concat(identity, scopes),
		IdentityScopes: identity,
		UserURL:        "https://discord.com/api/v10/users/@me",
		User: func(body []byte) (User, error) {
			var u struct {
				ID, Username, Avatar, Email string
				Name                        string `json:"global_name"`
				Verified                    bool
			}
			err := json.Unmarshal(body, &u)
			if u.Avatar != "" {
				u.Avatar = "https://cdn.discordapp.com/avatars/" + u.ID + "/" + u.Avatar + ".png"
			}
			if !u.Verified {
				u.Email = ""
			}
			return User{AccountID: u.ID, Username: u.Username, Name: u.Name, AvatarURL: u.Avatar, Email: u.Email}, err
		},
	}
}

// QQ returns the configuration for sign-in with QQ: pass it to [NewOAuth2]. appID and
// appKey are the application's credentials at connect.qq.com. The scope is get_user_info.
//
// QQ (wiki.connect.qq.com) differs from the standards, and the configuration covers that:
// the token endpoint accepts GET only, so the secret is part of an address; scopes are
// joined by commas; there is no PKCE; the access token is a query parameter; errors are
// JSONP with status 200.
func QQ(appID, appKey, callbackURL string) OAuth2Config {
	return OAuth2Config{
		Name: "qq", DisplayName: "QQ", ClientID: appID, ClientSecret: appKey, SecretInBody: true,
		CallbackURL:  callbackURL,
		AuthorizeURL: "https://graph.qq.com/oauth2.0/authorize",
		TokenURL:     "https://graph.qq.com/oauth2.0/token",
		Scopes:       words{"get_user_info"},
		Codes:        map[string]error{"100019": ErrExpired, "100020": ErrExpired},
		APIURL:       "https://graph.qq.com",
		FetchUser:    func(ctx context.Context, c *http.Client) (User, error) { return qqUser(ctx, c, appID) },
		qq:           true,
	}
}

func qqUser(ctx context.Context, client *http.Client, appID string) (User, error) {
	var me struct{ OpenID string }
	if err := getJSON(ctx, client, "https://graph.qq.com/oauth2.0/me", &me); err != nil {
		return User{}, err
	}
	var profile struct {
		Ret      int
		Nickname string
		Picture  string `json:"figureurl_qq_1"`
	}
	query := url.Values{"oauth_consumer_key": {appID}, "openid": {me.OpenID}}
	err := getJSON(ctx, client, "https://graph.qq.com/user/get_user_info?"+query.Encode(), &profile)
	if err == nil && profile.Ret != 0 {
		err = fmt.Errorf("get_user_info answers %d", profile.Ret)
	}
	return User{AccountID: me.OpenID, Name: profile.Nickname, AvatarURL: profile.Picture}, err
}

func getJSON(ctx context.Context, client *http.Client, address string, v any) error {
	body, err := get(ctx, client, address)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}
