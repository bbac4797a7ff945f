package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"golang.org/x/oauth2/endpoints"
)

// GitHub returns the configuration for sign-in with GitHub, by an OAuth App or a GitHub
// App: pass it to [NewOAuth2]. Without scopes it finds id, handle, name and picture. With
// the scope user:email or user, a second call gets the primary address if GitHub has
// confirmed it. If GitHub refuses that call, there is no address.
//
// Tokens of OAuth Apps do not expire. Sign-outs do not revoke them: GitHub does not have
// RFC 7009. Users revoke them in their settings.
func GitHub(clientID, clientSecret, callbackURL string, scopes ...string) OAuth2Config {
	email := slices.Contains(scopes, "user:email") || slices.Contains(scopes, "user")
	return OAuth2Config{
		Name: "github", ClientID: clientID, ClientSecret: clientSecret, SecretInBody: true, CallbackURL: callbackURL,
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
		APIHosts: []string{"uploads.github.com"},
		FetchUser: func(ctx context.Context, client *http.Client) (User, error) {
			return githubUser(ctx, client, email)
		},
		RejectsToken: func(resp *http.Response, body []byte) bool {
			return resp.StatusCode == http.StatusUnauthorized && bytes.Contains(body, []byte("Bad credentials"))
		},
	}
}

func githubUser(ctx context.Context, client *http.Client, email bool) (User, error) {
	var u struct {
		ID        int64
		Login     string
		Name      string
		AvatarURL string `json:"avatar_url"`
	}
	if err := getJSON(ctx, client, "https://api.github.com/user", &u); err != nil {
		return User{}, err
	}
	if u.ID == 0 {
		return User{}, errors.New("the answer has no id")
	}
	user := User{AccountID: strconv.FormatInt(u.ID, 10), Username: u.Login, Name: u.Name, AvatarURL: u.AvatarURL}
	if !email {
		return user, nil
	}
	// The address of the profile is not always a confirmed one.
	var list []struct {
		Email             string
		Primary, Verified bool
	}
	err := getJSON(ctx, client, "https://api.github.com/user/emails", &list)
	var status statusError
	if errors.As(err, &status) && (status == http.StatusForbidden || status == http.StatusNotFound) {
		return user, nil
	}
	for _, e := range list {
		if e.Primary && e.Verified {
			user.Email = e.Email
		}
	}
	return user, err
}

// Google returns the configuration for sign-in with Google: pass it to [NewOAuth2]. The
// scopes openid, profile and email are always requested, before scopes. There is no
// handle, so [User.Username] is empty. The address is set if Google has confirmed it.
//
// For a refresh token add "?access_type=offline" to AuthorizeURL. Google gives one at the
// first consent only, unless AuthorizeURL has "prompt=consent" as well.
func Google(clientID, clientSecret, callbackURL string, scopes ...string) OAuth2Config {
	identity := []string{"openid", "profile", "email"}
	return OAuth2Config{
		Name: "google", ClientID: clientID, ClientSecret: clientSecret, SecretInBody: true, CallbackURL: callbackURL,
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
			user := User{AccountID: u.Sub, Name: u.Name, AvatarURL: u.Picture}
			if u.Verified {
				user.Email = u.Email
			}
			return user, err
		},
	}
}

// Discord returns the configuration for sign-in with Discord: pass it to [NewOAuth2]. The
// scope identify is always requested, before scopes. With the scope email the address is
// set if Discord has confirmed it. Each refresh replaces the refresh token.
func Discord(clientID, clientSecret, callbackURL string, scopes ...string) OAuth2Config {
	identity := []string{"identify"}
	return OAuth2Config{
		Name: "discord", ClientID: clientID, ClientSecret: clientSecret, CallbackURL: callbackURL,
		AuthorizeURL:   endpoints.Discord.AuthURL,
		TokenURL:       endpoints.Discord.TokenURL,
		RevokeURL:      endpoints.Discord.TokenURL + "/revoke",
		Scopes:         slices.Concat(identity, scopes),
		IdentityScopes: identity,
		UserURL:        "https://discord.com/api/v10/users/@me",
		User: func(body []byte) (User, error) {
			var u struct {
				ID, Username, Avatar, Email string
				GlobalName                  string `json:"global_name"`
				Verified                    bool
			}
			err := json.Unmarshal(body, &u)
			user := User{AccountID: u.ID, Username: u.Username, Name: u.GlobalName}
			if u.Avatar != "" {
				user.AvatarURL = "https://cdn.discordapp.com/avatars/" + u.ID + "/" + u.Avatar + ".png"
			}
			if u.Verified {
				user.Email = u.Email
			}
			return user, err
		},
	}
}

// QQ returns the configuration for sign-in with QQ: pass it to [NewOAuth2]. appID and
// appKey are the application's credentials at connect.qq.com. The scope is get_user_info;
// change Scopes before the call of NewOAuth2.
//
// QQ's documentation (wiki.connect.qq.com) differs from RFC 6749 and RFC 6750 in five
// points, which the configuration covers:
//   - The token endpoint accepts GET only, so the secret is part of an address.
//   - Scopes are joined by commas.
//   - There is no PKCE.
//   - The API accepts the access token as a query parameter.
//   - Errors are JSONP with status 200.
func QQ(appID, appKey, callbackURL string) OAuth2Config {
	return OAuth2Config{
		Name: "qq", ClientID: appID, ClientSecret: appKey, SecretInBody: true, CallbackURL: callbackURL,
		AuthorizeURL: "https://graph.qq.com/oauth2.0/authorize",
		TokenURL:     "https://graph.qq.com/oauth2.0/token",
		Scopes:       []string{"get_user_info"},
		Codes:        map[string]error{"100019": ErrExpired, "100020": ErrExpired},
		APIURL:       "https://graph.qq.com",
		FetchUser:    func(ctx context.Context, c *http.Client) (User, error) { return qqUser(ctx, c, appID) },
		qq:           true,
	}
}

// qqUser asks QQ for the user's OpenID, and then for the user's profile.
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
	if err := getJSON(ctx, client, "https://graph.qq.com/user/get_user_info?"+query.Encode(), &profile); err != nil {
		return User{}, err
	}
	if profile.Ret != 0 {
		return User{}, fmt.Errorf("get_user_info answers %d", profile.Ret)
	}
	return User{AccountID: me.OpenID, Name: profile.Nickname, AvatarURL: profile.Picture}, nil
}

// getJSON decodes a good answer to a GET, JSON or QQ's JSONP, into v.
func getJSON(ctx context.Context, client *http.Client, address string, v any) error {
	body, err := get(ctx, client, address)
	if err != nil {
		return err
	}
	return json.Unmarshal(withoutCallback(body), v)
}

// qqTokenRequest returns a GET whose query is what x/oauth2 posts.
func qqTokenRequest(r *http.Request) *http.Request {
	form, _ := io.ReadAll(r.Body)
	closeBody(r)
	get := r.Clone(r.Context())
	get.Method, get.Body, get.GetBody, get.ContentLength = http.MethodGet, nil, nil, 0
	get.Header.Del("Content-Type")
	get.URL.RawQuery = string(form)
	return get
}

// withoutCallback returns the JSON of JSONP, name( {...} );, and any other body unchanged.
func withoutCallback(body []byte) []byte {
	_, inner, ok := bytes.Cut(body, []byte("("))
	inner, closed := bytes.CutSuffix(bytes.TrimRight(inner, "; \t\r\n"), []byte(")"))
	if ok && closed && jsonObject(inner) != nil {
		return bytes.TrimSpace(inner)
	}
	return body
}
