package provider

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/xsignin/xsignin/internal/xplatform"
)

const (
	// The names of X's two providers. No other provider may have them.
	xName, xOAuth1Name = "x", "x-oauth1"
	// usersMePath is X's call for the user, which X bills. emailField asks for the address.
	usersMePath = "/2/users/me?user.fields=profile_image_url"
	emailField  = "%2Cconfirmed_email"
)

// NewX is [NewOAuth2] for X. Only ClientID and CallbackURL are required:
//
//   - ClientID and ClientSecret are the app's OAuth 2.0 keys, not its API keys. An app with
//     a secret is a "Web App, Automated App or Bot" at X, and one without is a "Native App"
//     or "Single Page App". X accepts one way to authenticate from each type of app.
//   - CallbackURL must be registered with the app. X compares every character.
//   - Scopes must include tweet.read and users.read. Default: these and
//     offline.access, without which access ends after two hours. With users.email X returns
//     the confirmed address, or refuses the sign-in if the app's settings do not allow it.
//   - APIURL may be another server that speaks X's protocol. Its ids become [User.ID]
//     unchanged, so do not use it and X in one application.
//   - Empty addresses are X's, and Name is "x". UserURL, User and FetchUser are ignored.
func NewX(cfg OAuth2Config) (Provider, error) {
	c := newChecker("OAuth2Config", "the app's OAuth 2.0 keys at console.x.com")
	cfg.Name = cmp.Or(cfg.Name, xName)
	api, atX := c.xAPI(cfg.APIURL)
	cfg.APIURL, cfg.UserURL, cfg.User, cfg.FetchUser = api, api+usersMePath, parseAccount, nil
	// The page under twitter.com has other cookies, so users would have to sign in again.
	cfg.AuthorizeURL = cmp.Or(cfg.AuthorizeURL, "https://x.com/i/oauth2/authorize")
	cfg.TokenURL = cmp.Or(cfg.TokenURL, api+"/2/oauth2/token")
	cfg.RevokeURL = cmp.Or(cfg.RevokeURL, api+"/2/oauth2/revoke")
	if len(cfg.Scopes) == 0 {
		cfg.Scopes = words{"tweet.read", "users.read", "offline.access"}
	}
	c.clientKeys(cfg.ClientID, cfg.ClientSecret, atX)
	for _, s := range []string{"tweet.read", "users.read"} {
		if slices.Contains(cfg.Scopes, s) {
			cfg.IdentityScopes = append(slices.Clip(cfg.IdentityScopes), s)
		} else if !slices.ContainsFunc(cfg.Scopes, badScope) {
			c.fault("Scopes", "lacks %s: X requires it for the user's identity, so add %q", s, s)
		}
	}
	return newOAuth2(c, cfg)
}

// NewXOAuth1 is like [NewX], for OAuth 1.0a. Only ConsumerKey, ConsumerSecret and CallbackURL
// are required:
//
//   - ConsumerKey and ConsumerSecret are the app's API key and secret.
//   - X compares everything of CallbackURL except the query. With "oob" X shows a PIN, which
//     is the oauth_verifier of the callback, beside [Pending.State] as the oauth_token. X
//     accepts a PIN once. A wrong PIN is [ErrExpired].
//   - AuthorizeURL is X's /oauth/authenticate by default, which sends users who allowed the
//     app before straight back. With "oob" or AlwaysAsk it is /oauth/authorize, which
//     always asks.
//   - Name is "x-oauth1" by default.
//
// X's token answer names the user, by id and handle only: see [OAuth1Config.FetchProfile].
func NewXOAuth1(cfg OAuth1Config) (Provider, error) {
	c := newChecker("OAuth1Config", "the app's API key and secret at console.x.com")
	cfg.Name = cmp.Or(cfg.Name, xOAuth1Name)
	api, atX := c.xAPI(cfg.APIURL)
	cfg.APIURL, cfg.UserURL, cfg.User, cfg.FetchUser = api, api+usersMePath, parseAccount, nil
	c.consumerKeys(cfg.ConsumerKey, cfg.ConsumerSecret, atX)
	page := "/oauth/authenticate"
	if cfg.CallbackURL == "oob" || cfg.AlwaysAsk {
		page = "/oauth/authorize"
	}
	cfg.AuthorizeURL = cmp.Or(cfg.AuthorizeURL, api+page)
	requestToken := api + "/oauth/request_token"
	cfg.AccessTokenURL = cmp.Or(cfg.AccessTokenURL, api+"/oauth/access_token")
	if cfg.AccessType == "read" || cfg.AccessType == "write" {
		// dghubble/oauth1 signs the query of this address. X accepts the parameter there.
		requestToken += "?x_auth_access_type=" + cfg.AccessType
	} else if cfg.AccessType != "" {
		c.fault("AccessType", `must be "read", "write" or empty`)
	}
	cfg.RequestTokenURL = cmp.Or(cfg.RequestTokenURL, requestToken)
	return newOAuth1(c, cfg)
}

// xAPI checks the address of X's API. It returns the address without a slash at its end, or X's
// own if value is not valid. atX is set if the API is X's own.
func (c *checker) xAPI(value string) (api string, atX bool) {
	api = strings.TrimRight(cmp.Or(value, xplatform.APIURL), "/")
	u := c.address("APIURL", api)
	if u == nil {
		return xplatform.APIURL, true
	}
	atX = isXAPI(u)
	if p := strings.Trim(u.Path, "/"); p == "2" || p == "1.1" || p != "" && atX {
		c.fault("APIURL", "has a path, and every call adds another, such as /2/users/me: write %s", u.Scheme+"://"+u.Host)
	}
	return api, atX
}

// xAccountID is the shape of ids at servers that speak X's protocol. X's are numbers.
var xAccountID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// parseAccount parses {"data":{"id":"..."}}. It drops other fields of other types.
func parseAccount(body []byte) (User, error) {
	var answer struct {
		Data struct {
			ID       json.RawMessage
			Username string
			Name     string
			Avatar   string `json:"profile_image_url"`
			Email    string `json:"confirmed_email"`
		}
	}
	data := &answer.Data
	err := json.Unmarshal(body, &answer)
	if err != nil && errors.As(err, new(*json.UnmarshalTypeError)) {
		err = nil // a field of another type is empty, and the others are set
	}
	// Package json ignores the case of names.
	if err != nil || data.ID == nil || !bytes.Contains(body, []byte(`"id"`)) {
		// X answers 200 with errors and without data for accounts that it does not show.
		f := parseFault(nil, body)
		return User{}, errors.New("the answer has no data with an id: " + f.text())
	}
	// Other servers may send the id as a number. As text it keeps every digit.
	id, quoted := strings.CutPrefix(string(data.ID), `"`)
	id = strings.TrimSuffix(id, `"`)
	isNumber := !strings.ContainsFunc(id, func(r rune) bool { return r < '0' || r > '9' })
	if !xAccountID.MatchString(id) || !quoted && !isNumber {
		return User{}, errors.New("the answer has no usable id")
	}
	return User{
		AccountID: id, Username: clip(data.Username, 50), Name: data.Name,
		AvatarURL: data.Avatar, Email: data.Email,
	}, nil
}
