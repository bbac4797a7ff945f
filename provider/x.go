package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dghubble/oauth1"
)

// XConfig configures sign-in with X by OAuth 2.0 (RFC 6749 with PKCE, RFC 7636). Only
// ClientID and CallbackURL are required. A configuration prints without its secret.
type XConfig struct {
	// Name is as in [OAuth2Config]. Default "x".
	Name string
	// ClientID is the app's OAuth 2.0 client id, not its API key. Required.
	ClientID string
	// ClientSecret is the app's OAuth 2.0 client secret. An app with a secret is a "Web
	// App, Automated App or Bot" at X and authenticates by the Authorization header. An
	// app without one is a "Native App" or "Single Page App" and sends its client id in
	// the body. X accepts one way from each type of app.
	ClientSecret string
	// CallbackURL is where X sends the browser back to. It must be registered with the
	// app. X compares every character: scheme, host, port, path and trailing slash.
	// Required.
	CallbackURL string
	// Scopes are requested if [Options.Scopes] is empty. At X they must include
	// tweet.read and users.read, which X requires for the user's identity. Default
	// tweet.read, users.read and offline.access. Without offline.access there is no
	// refresh token, and the access token expires after two hours.
	//
	// With users.email, X returns the confirmed address if the app's setting "Request
	// email from users" is on. If it is off, X may refuse the whole identity call, and
	// the sign-in fails: there is one such call, and no retry.
	Scopes []string
	// APIURL is the address of X's API, by https, or by http on a loopback host. It may
	// have a path. Default https://api.x.com. The server there is trusted as X is: its
	// ids become [User.ID] unchanged. So do not use X and another server that speaks X's
	// protocol in one application.
	APIURL string
	// AuthorizeURL is the consent page, by https, or by http on a loopback host. It may
	// have a query, which is kept. Default https://x.com/i/oauth2/authorize. The page
	// under twitter.com has other cookies, so users would have to sign in to X again.
	AuthorizeURL string
	// APIHosts, Transport, Timeout and Now are as in [OAuth2Config].
	APIHosts  []string
	Transport http.RoundTripper
	Timeout   time.Duration
	Now       func() time.Time
}

// NewX returns a provider for X by OAuth 2.0. It checks all of cfg and reports every error
// at once, each with the field and what to do. NewX copies cfg and makes no network
// requests.
func NewX(cfg XConfig) (*OAuth2, error) {
	c := newChecker("XConfig", "X", consoleKeys)
	name := c.name(cfg.Name, "x")
	c.credential("ClientID", cfg.ClientID, `the "Client ID" of the app's OAuth 2.0 keys at console.x.com`)
	c.credential("ClientSecret", cfg.ClientSecret, "")
	c.callback(cfg.CallbackURL, "https://example.com/auth/callback")
	api := c.xAPI(cfg.APIURL)
	scopes := c.xScopes(cfg.Scopes, api != nil && isX(api))
	authorize := c.address("AuthorizeURL", cfg.AuthorizeURL, defaultAuthorizeURL, true)
	c.reserved("AuthorizeURL", authorize)
	c.apiHosts(cfg.APIHosts)
	timeout := c.timeout(cfg.Timeout)
	if err := c.Err(); err != nil {
		return nil, err
	}
	svc := newService(name, api, cfg.APIHosts, cfg.Transport, timeout, cfg.Now)
	svc.callback = cfg.CallbackURL
	svc.beX(classifyX, rejectsNone)
	o := newOAuth2(svc, cfg.ClientID, cfg.ClientSecret, authorize.String(), svc.endpoint("/2/oauth2/token"), false)
	o.scopes = scopes
	o.identity = slices.DeleteFunc(slices.Clone(identityScopes), func(s string) bool { return !slices.Contains(scopes, s) })
	o.revokeURL = svc.endpoint("/2/oauth2/revoke")
	o.page = o.pageFor(o.scopes)
	return o, nil
}

// XOAuth1Config configures sign-in with X by OAuth 1.0a (RFC 5849). Only ConsumerKey,
// ConsumerSecret and CallbackURL are required. A configuration prints without its secret.
type XOAuth1Config struct {
	// Name is as in [OAuth2Config]. Default "x-oauth1".
	Name string
	// ConsumerKey and ConsumerSecret are the app's API key and secret, not its OAuth 2.0
	// client id and secret. Required.
	ConsumerKey, ConsumerSecret string
	// CallbackURL is where X sends the browser back to. It must be registered with the
	// app. X compares everything except the query. With "oob" X shows a PIN, for
	// [OAuth1.FinishPIN]. Required.
	CallbackURL string
	// APIURL is as in [XConfig]. The consent page is below it too.
	APIURL string
	// AlwaysAsk shows the consent page at each sign-in (/oauth/authorize). By default X
	// sends users who allowed the app before straight back (/oauth/authenticate).
	AlwaysAsk bool
	// AccessType requests fewer permissions than the app has (x_auth_access_type): "read"
	// or "write". Default: the app's settings at X.
	AccessType string
	// FetchProfile makes one users/me call per sign-in for name and avatar, which X bills
	// and limits. The sign-in fails if that call fails. For a sign-in without it, call
	// [OAuth1.Profile] later. Default off: X's token answer has id and handle.
	FetchProfile bool
	// APIHosts, Transport, Timeout and Now are as in [OAuth2Config]. Signatures
	// always have the machine's time.
	APIHosts  []string
	Transport http.RoundTripper
	Timeout   time.Duration
	Now       func() time.Time
}

// NewXOAuth1 returns a provider for X by OAuth 1.0a. It checks all of cfg and reports every
// error at once, each with the field and what to do. NewXOAuth1 copies cfg and makes no
// network requests.
func NewXOAuth1(cfg XOAuth1Config) (*OAuth1, error) {
	c := newChecker("XOAuth1Config", "X", consoleKeys)
	name := c.name(cfg.Name, "x-oauth1")
	c.credential("ConsumerKey", cfg.ConsumerKey, "the app's API key at console.x.com")
	c.credential("ConsumerSecret", cfg.ConsumerSecret, "the app's API key secret at console.x.com")
	if cfg.CallbackURL != "oob" {
		c.callback(cfg.CallbackURL, `https://example.com/auth/callback, or "oob" for a PIN`)
	}
	api := c.xAPI(cfg.APIURL)
	if !slices.Contains([]string{"", "read", "write"}, cfg.AccessType) {
		c.fault("AccessType", `must be "read", "write" or empty`)
	}
	c.apiHosts(cfg.APIHosts)
	timeout := c.timeout(cfg.Timeout)
	if err := c.Err(); err != nil {
		return nil, err
	}
	svc := newService(name, api, cfg.APIHosts, cfg.Transport, timeout, cfg.Now)
	svc.callback = cfg.CallbackURL
	svc.beX(classifyXOAuth1, rejectsCode89)
	requestToken := svc.endpoint("/oauth/request_token")
	if cfg.AccessType != "" {
		// dghubble/oauth1 signs the query of this address. X accepts the parameter there.
		requestToken += "?x_auth_access_type=" + cfg.AccessType
	}
	page := "/oauth/authenticate"
	if cfg.AlwaysAsk {
		page = "/oauth/authorize"
	}
	o := newOAuth1(svc, cfg.ConsumerKey, cfg.ConsumerSecret, oauth1.Endpoint{
		RequestTokenURL: requestToken,
		AuthorizeURL:    svc.endpoint(page),
		AccessTokenURL:  svc.endpoint("/oauth/access_token"),
	})
	o.revokeURL = svc.endpoint("/1.1/oauth/invalidate_token.json")
	o.fetchAlways = cfg.FetchProfile
	return o, nil
}

// usersMe is X's step that asks who signed in.
const usersMe = "users/me"

// beX gives s X's classifier and X's call for the user. X bills that call. It requests only
// fields on which X's documentation and OpenAPI file agree.
func (s *service) beX(classify classifier, rejects rejectFunc) {
	s.isX, s.classify, s.rejects, s.userOp = true, classify, rejects, usersMe
	address := s.endpoint("/2/users/me") + "?user.fields=profile_image_url"
	s.fetch = func(ctx context.Context, client *http.Client, email bool) (User, error) {
		at := address
		if email {
			at += url.QueryEscape(",confirmed_email")
		}
		body, err := get(ctx, client, at)
		if err != nil {
			return User{}, err
		}
		return parseAccount(body)
	}
}

// xAccountID is the shape of account ids. X's are 64-bit numbers in decimal. Other servers
// that speak X's protocol may have other ids.
var xAccountID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// parseAccount parses {"data":{"id":"...","name":"...","username":"..."}}. It is strict
// about the id, and drops unusable values of the other fields.
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
		return User{}, errors.New("the answer has no data with an id: " + parseFault(body).text())
	}
	// Other servers may send the id as a number. As text it keeps every digit.
	id := string(data.ID)
	if unquoted, ok := strings.CutPrefix(id, `"`); ok {
		id = strings.TrimSuffix(unquoted, `"`)
	} else if strings.ContainsFunc(id, notDigit) {
		id = ""
	}
	if !xAccountID.MatchString(id) {
		return User{}, errors.New("the answer has no usable id")
	}
	return User{
		AccountID: id,
		Username:  clip(oneLine(data.Username), 50),
		Name:      displayName(data.Name, 200),
		AvatarURL: avatarURL(data.Avatar),
		Email:     emailAddress(clip(oneLine(data.Email), 1000)),
	}, nil
}

// notDigit is true for characters that an integer does not have, such as the e of 1e5.
func notDigit(r rune) bool { return r < '0' || r > '9' }
