package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// quirks are settings for providers that predate RFC 6749. Only presets of this
// package set them.
type quirks struct {
	// noPKCE leaves PKCE out (RFC 7636).
	noPKCE bool
	// tokenByGET sends token requests with GET, which RFC 6749 does not allow and which
	// puts secrets into addresses.
	tokenByGET bool
	// separator stands between scopes. Default: a blank (RFC 6749, 3.3).
	separator string
	// tokenParam is the query parameter that carries the access token (RFC 6750, 2.3).
	// Default: the Authorization header.
	tokenParam string
}

// QQ is the configuration for sign-in with QQ: pass it to [NewOAuth2]. appID and appKey
// are what connect.qq.com gave the application. callbackURL is
// [OAuth2Config.CallbackURL]. Scopes are get_user_info; set others before the call of
// NewOAuth2.
//
// QQ's documentation (wiki.connect.qq.com) differs from RFC 6749 and RFC 6750 in five
// points, which the configuration covers:
//   - The token endpoint takes GET, so the secret is part of an address.
//   - Scopes are joined by commas.
//   - PKCE is unknown.
//   - The API takes the access token as a query parameter.
//   - Errors are JSONP with status 200.
func QQ(appID, appKey, callbackURL string) OAuth2Config {
	return OAuth2Config{
		Name: "qq", ClientID: appID, ClientSecret: appKey, SecretInBody: true, CallbackURL: callbackURL,
		AuthorizeURL: "https://graph.qq.com/oauth2.0/authorize",
		TokenURL:     "https://graph.qq.com/oauth2.0/token",
		Scopes:       []string{"get_user_info"},
		Codes:        map[string]error{"100019": ErrExpired, "100020": ErrExpired},
		APIURL:       "https://graph.qq.com",
		Who:          func(ctx context.Context, c *http.Client) (User, error) { return qqUser(ctx, c, appID) },
		quirks:       quirks{noPKCE: true, tokenByGET: true, separator: ",", tokenParam: "access_token"},
	}
}

// qqUser asks QQ for the user's OpenID, and then for the user's profile.
func qqUser(ctx context.Context, client *http.Client, appID string) (User, error) {
	var me struct{ OpenID string }
	if err := qqGet(ctx, client, "https://graph.qq.com/oauth2.0/me", &me); err != nil {
		return User{}, err
	}
	var profile struct {
		Ret      int
		Nickname string
		Picture  string `json:"figureurl_qq_1"`
	}
	address := "https://graph.qq.com/user/get_user_info?" + url.Values{"oauth_consumer_key": {appID}, "openid": {me.OpenID}}.Encode()
	if err := qqGet(ctx, client, address, &profile); err != nil {
		return User{}, err
	}
	if profile.Ret != 0 {
		return User{}, fmt.Errorf("get_user_info answers %d", profile.Ret)
	}
	return User{AccountID: me.OpenID, Name: profile.Nickname, AvatarURL: profile.Picture}, nil
}

// qqGet decodes an answer of QQ, JSON or JSONP, into v.
func qqGet(ctx context.Context, client *http.Client, address string, v any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return json.Unmarshal(withoutCallback(body), v)
}
