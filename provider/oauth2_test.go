package provider_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

// exampleUser maps what the hand-written providers of these tests answer.
func exampleUser(body []byte) (provider.User, error) {
	var u struct {
		ID                         json.Number
		Login, Name, Avatar, Email string
	}
	if err := json.Unmarshal(body, &u); err != nil {
		return provider.User{}, err
	}
	return provider.User{AccountID: u.ID.String(), Username: u.Login, Name: u.Name, AvatarURL: u.Avatar, Email: u.Email}, nil
}

func (s *server) oauth2Config() provider.OAuth2Config {
	return provider.OAuth2Config{
		Name: "example", ClientID: clientID, ClientSecret: clientSecret, CallbackURL: callbackURL,
		AuthorizeURL: s.URL + "/authorize", TokenURL: s.URL + "/2/oauth2/token", RevokeURL: s.URL + "/2/oauth2/revoke",
		Scopes: []string{"profile", "email"}, IdentityScopes: []string{"profile"},
		UserURL: s.URL + "/user", User: exampleUser, Now: fixed,
	}
}

func (s *server) oauth2(t *testing.T, change ...func(*provider.OAuth2Config)) oauth2Client {
	t.Helper()
	s.reply("/user", 200, `{"id":9007199254740993,"login":"ada","name":"Ada\nLovelace","avatar":"https://img.example/a.png","email":"ada@example.com"}`)
	cfg := s.oauth2Config()
	for _, c := range change {
		c(&cfg)
	}
	p, err := newOAuth2(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func signIn2(t *testing.T, o oauth2Client) (provider.User, tokenstore.Token, error) {
	t.Helper()
	_, p, err := o.Begin(ctx, provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return o.Finish(ctx, p, url.Values{"state": {p.State}, "code": {theCode}})
}

func TestOAuth2SignsInByConfiguration(t *testing.T) {
	s := newServer(t)
	o := s.oauth2(t)
	redirect, p, err := o.Begin(ctx, provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	page, err := url.Parse(redirect)
	if err != nil {
		t.Fatal(err)
	}
	q := page.Query()
	if q.Get("state") != p.State || q.Get("scope") != "profile email" || q.Get("client_id") != clientID || q.Get("redirect_uri") != callbackURL ||
		q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" || strings.Contains(redirect, "+") {
		t.Errorf("the consent page is %s", redirect)
	}
	user, token, err := o.Finish(ctx, p, url.Values{"state": {p.State}, "code": {theCode}})
	if err != nil {
		t.Fatal(err)
	}
	// The id is longer than a float64 holds; a line end in a name would end a header.
	want := provider.User{
		Provider: "example", AccountID: "9007199254740993", Username: "ada", Name: "Ada Lovelace",
		AvatarURL: "https://img.example/a.png", Email: "ada@example.com", SignedInAt: fixed(),
	}
	if user != want {
		t.Errorf("user %+v, want %+v", user, want)
	}
	if token.AccessToken != accessToken || token.RefreshToken != refreshToken || token.AccountID != user.AccountID ||
		token.Username != "ada" || token.Name != "Ada Lovelace" ||
		!token.Expiry.Equal(fixed().Add(2*time.Hour)) || !token.HasScopes("users.read") {
		t.Errorf("token %v", token)
	}
	all := s.requests()
	if len(all) != 2 {
		t.Fatalf("%d requests, want 2", len(all))
	}
	id, secret, ok := (&http.Request{Header: all[0].header}).BasicAuth()
	if f := all[0].form(); !ok || id != clientID || secret != clientSecret || f.Get("client_secret") != "" ||
		f.Get("code") != theCode || f.Get("code_verifier") != p.Secret || f.Get("redirect_uri") != callbackURL {
		t.Errorf("the exchange sent %v, Basic %t", all[0].form(), ok)
	}
	if all[1].path != "/user" || all[1].header.Get("Authorization") != "Bearer "+accessToken {
		t.Errorf("who signed in was asked at %s", all[1].path)
	}
}

// X itself by configuration, at the simulator that is as strict as X.
func TestXByConfiguration(t *testing.T) {
	sim := xtest.New(xtest.Config{})
	user := func(body []byte) (provider.User, error) {
		var a struct {
			Data struct{ ID, Username, Name string }
		}
		err := json.Unmarshal(body, &a)
		return provider.User{AccountID: a.Data.ID, Username: a.Data.Username, Name: a.Data.Name}, err
	}
	two, err := newOAuth2(provider.OAuth2Config{
		Name: "other", ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret, CallbackURL: xtest.DefaultCallback,
		AuthorizeURL: "https://x.com/i/oauth2/authorize", TokenURL: "https://api.x.com/2/oauth2/token", RevokeURL: "https://api.x.com/2/oauth2/revoke",
		Scopes:  []string{"tweet.read", "users.read", "offline.access"},
		UserURL: "https://api.x.com/2/users/me", User: user, Transport: sim.Transport(),
	})
	if err != nil {
		t.Fatal(err)
	}
	one, err := newOAuth1(provider.OAuth1Config{
		Name: "other1", ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret, CallbackURL: xtest.DefaultCallback,
		RequestTokenURL: "https://api.x.com/oauth/request_token", AuthorizeURL: "https://api.x.com/oauth/authenticate",
		AccessTokenURL: "https://api.x.com/oauth/access_token",
		UserURL:        "https://api.x.com/2/users/me?user.fields=name", User: user, Transport: sim.Transport(),
	})
	if err != nil {
		t.Fatal(err)
	}
	var token tokenstore.Token
	for _, p := range []provider.Provider{one, two} {
		pending, callback := approved(t, sim, p, provider.Options{})
		u, got, err := p.Finish(ctx, pending, callback)
		if err != nil {
			t.Fatalf("%s: %v", p.Name(), err)
		}
		if u.AccountID != xtest.SecondUserID || u.Username != xtest.SecondUserName || u.Provider != p.Name() || u.ID != "" || got.AccountID != u.AccountID {
			t.Errorf("%s: user %+v, token %v", p.Name(), u, got)
		}
		token = got
	}
	fresh, err := two.Refresh(ctx, token)
	if err != nil || fresh.RefreshToken == token.RefreshToken {
		t.Fatalf("Refresh: %v, rotated %t", err, fresh.RefreshToken != token.RefreshToken)
	}
	if err := two.Revoke(ctx, fresh); err != nil {
		t.Fatal(err)
	}
	// X says it in words of its own, which this configuration does not know.
	if _, err := two.Refresh(ctx, fresh); err == nil || errors.Is(err, provider.ErrTokenRefused) {
		t.Errorf("Refresh of a revoked token: %v", err)
	}
}

func TestOAuth2Switches(t *testing.T) {
	s := newServer(t)
	o := s.oauth2(t, func(c *provider.OAuth2Config) {
		c.SecretInBody = true
		c.AuthorizeURL += "?access_type=offline&note=a+b"
	})
	redirect, p, err := o.Begin(ctx, provider.Options{Scopes: []string{"calendar"}})
	if err != nil {
		t.Fatal(err)
	}
	page, _ := url.Parse(redirect)
	q := page.Query()
	// Without the identity scope the sign-in could not end.
	if q.Get("scope") != "calendar profile" || q.Get("access_type") != "offline" || q.Get("note") != "a b" {
		t.Errorf("the consent page is %s", redirect)
	}
	if _, _, err := o.Finish(ctx, p, url.Values{"state": {p.State}, "code": {theCode}}); err != nil {
		t.Fatal(err)
	}
	if r := s.requests()[0]; r.header.Get("Authorization") != "" || r.form().Get("client_secret") != clientSecret {
		t.Errorf("the exchange sent %v", r.form())
	}
	o = s.oauth2(t, func(c *provider.OAuth2Config) { c.ClientSecret = "" })
	if _, _, err := signIn2(t, o); err != nil {
		t.Fatal(err)
	}
	if r := s.requests()[2]; r.header.Get("Authorization") != "" || r.form().Get("client_id") != clientID || r.form().Has("client_secret") {
		t.Errorf("without a secret the exchange sent %v", r.form())
	}
}

func TestOAuth2ReadsTokenAnswersOfManyForms(t *testing.T) {
	for name, body := range map[string]string{
		"a form":    "access_token=" + accessToken + "&refresh_token=" + refreshToken + "&expires_in=7200&scope=a%2Cb",
		"text":      `{"access_token":"` + accessToken + `","refresh_token":"` + refreshToken + `","expires_in":"7200","scope":"a,b"}`,
		"lists":     `{"access_token":"` + accessToken + `","refresh_token":"` + refreshToken + `","expires_in":7200,"scope":["a","b"]}`,
		"no type":   `{"access_token":"` + accessToken + `","refresh_token":"` + refreshToken + `","expires_in":7200,"scope":"a b"}`,
		"odd error": `{"access_token":"` + accessToken + `","refresh_token":"` + refreshToken + `","expires_in":7200,"scope":"a b","error":""}`,
	} {
		s := newServer(t)
		o := s.oauth2(t)
		s.reply("/2/oauth2/token", 200, body)
		_, token, err := signIn2(t, o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if token.AccessToken != accessToken || token.RefreshToken != refreshToken || !token.Expiry.Equal(fixed().Add(2*time.Hour)) || !slices.Equal(token.Scopes, []string{"a", "b"}) {
			t.Errorf("%s: %v", name, token)
		}
	}
	s := newServer(t)
	o := s.oauth2(t)
	s.reply("/2/oauth2/token", 200, "access_token="+accessToken+"&token_type=bearer")
	_, token, err := signIn2(t, o)
	if err != nil || !token.Expiry.IsZero() || token.Refreshable() || !slices.Equal(token.Scopes, []string{"profile", "email"}) {
		t.Errorf("without expires_in and scope: %v, %v", token, err)
	}
}

func TestOAuth2TokenErrors(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		kind   error
		reason provider.Reason
	}{
		{400, `{"error":"invalid_grant"}`, provider.ErrExpired, ""},
		{200, `{"error":"spent_code","error_description":"no"}`, provider.ErrExpired, ""},
		{200, `error=spent_code&error_description=no`, provider.ErrExpired, ""},
		{200, `{"error":100019,"error_description":"code to access token error"}`, provider.ErrExpired, ""},
		{200, `callback( {"error":"spent_code"} );`, provider.ErrUnavailable, ""},
		{200, `{"access_token":7,"code":"spent_code"}`, provider.ErrUnavailable, ""},
		{200, `{"access_token":"` + accessToken + `","expires_in":1.5}`, provider.ErrUnavailable, ""},
		{200, `{"access_token":"` + accessToken + `","expires_in":"soon"}`, provider.ErrUnavailable, ""},
		{200, `access_token=` + accessToken + `&expires_in=soon`, provider.ErrUnavailable, ""},
		{200, `access_token=` + accessToken + `&expires_in=1.5`, provider.ErrUnavailable, ""},
		{200, `{"error":"bad_client"}`, provider.ErrRefused, provider.ReasonCredentials},
		{200, `{"error":"odd"}`, provider.ErrRefused, provider.ReasonOther},
		{401, `{"error":"invalid_client"}`, provider.ErrRefused, provider.ReasonCredentials},
		{200, `<!doctype html><p>sign in`, provider.ErrUnavailable, ""},
		{200, `()`, provider.ErrUnavailable, ""},
		{200, ``, provider.ErrUnavailable, ""},
		{200, `{"access_token":"a b"}`, provider.ErrUnavailable, ""},
		{200, `{"access_token":"` + accessToken + `","token_type":"mac"}`, provider.ErrUnavailable, ""},
		{503, `{"error":"spent_code"}`, provider.ErrUnavailable, ""},
		{429, ``, provider.ErrRateLimited, ""},
	} {
		s := newServer(t)
		o := s.oauth2(t, func(cfg *provider.OAuth2Config) {
			cfg.Codes = map[string]error{
				"spent_code": provider.ErrExpired, "100019": provider.ErrExpired,
				"bad_client": &provider.Error{Kind: provider.ErrRefused, Reason: provider.ReasonCredentials},
			}
		})
		s.reply("/2/oauth2/token", c.status, c.body)
		user, token, err := signIn2(t, o)
		if e := failed(t, err, c.kind); e.Reason != c.reason || e.Op != "token" {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
		if user != (provider.User{}) || token.AccessToken != "" {
			t.Errorf("%d %s: something of it remains", c.status, c.body)
		}
		if len(s.requests()) != 1 {
			t.Errorf("%d %s: %d requests", c.status, c.body, len(s.requests()))
		}
	}
}

func TestOAuth2IssuerStopsAMixUp(t *testing.T) {
	s := newServer(t)
	o := s.oauth2(t, func(c *provider.OAuth2Config) { c.Issuer = "https://id.example" })
	_, p, err := o.Begin(ctx, provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, iss := range [][]string{nil, {""}, {"https://id.example/"}, {"https://evil.example"}, {"https://id.example", "https://id.example"}} {
		_, _, err := o.Finish(ctx, p, url.Values{"state": {p.State}, "code": {theCode}, "iss": iss})
		failed(t, err, provider.ErrOtherBrowser)
		_, _, err = o.Finish(ctx, p, url.Values{"state": {p.State}, "error": {"access_denied"}, "iss": iss})
		failed(t, err, provider.ErrOtherBrowser)
	}
	if n := len(s.requests()); n != 0 {
		t.Fatalf("a callback of another issuer cost %d requests", n)
	}
	if _, _, err := o.Finish(ctx, p, url.Values{"state": {p.State}, "code": {theCode}, "iss": {"https://id.example"}}); err != nil {
		t.Fatal(err)
	}
}

func TestACodeGoesToTheProviderThatBegan(t *testing.T) {
	a, b := newServer(t), newServer(t)
	first := a.oauth2(t)
	second := b.oauth2(t, func(c *provider.OAuth2Config) { c.Name = "second" })
	_, p, err := second.Begin(ctx, provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	callback := url.Values{"state": {p.State}, "code": {theCode}}
	_, _, err = first.Finish(ctx, p, callback)
	failed(t, err, provider.ErrOtherBrowser)
	if _, _, err := second.Finish(ctx, p, callback); err != nil {
		t.Fatal(err)
	}
	if len(a.requests()) != 0 || len(b.requests()) != 2 {
		t.Errorf("the first provider was asked %d times, the second %d", len(a.requests()), len(b.requests()))
	}
}

func TestOAuth2Refreshes(t *testing.T) {
	s := newServer(t)
	o := s.oauth2(t, func(c *provider.OAuth2Config) { c.Codes = map[string]error{"bad_refresh": provider.ErrTokenRefused} })
	old := tokenstore.Token{AccessToken: accessToken, RefreshToken: refreshToken, AccountID: "7", Username: "ada", Scopes: []string{"profile"}}
	s.reply("/2/oauth2/token", 200, `{"access_token":"`+newAccess+`","expires_in":60}`)
	got, err := o.Refresh(ctx, old)
	if err != nil || got.AccessToken != newAccess || got.RefreshToken != refreshToken || got.AccountID != "7" || got.Username != "ada" || !got.HasScopes("profile") {
		t.Errorf("without rotation: %v, %v", got, err)
	}
	s.reply("/2/oauth2/token", 200, `access_token=`+newAccess+`&refresh_token=`+newRefresh)
	if got, err = o.Refresh(ctx, old); err != nil || got.RefreshToken != newRefresh {
		t.Errorf("with rotation: %v, %v", got, err)
	}
	for _, c := range []struct {
		status int
		body   string
		kind   error
	}{
		{400, `{"error":"invalid_grant"}`, provider.ErrTokenRefused},
		{200, `{"error":"bad_refresh"}`, provider.ErrTokenRefused},
		// X's own words for a spent token. Elsewhere they mean a request that is wrong for
		// every user alike, and must not sign all of them out.
		{400, `{"error":"invalid_request","error_description":"Value passed for the token was invalid."}`, provider.ErrRefused},
		{400, `{"error":"invalid_request"}`, provider.ErrRefused},
		{401, `{"error":"invalid_client"}`, provider.ErrRefused},
		{400, `bad_refresh`, provider.ErrUnavailable},
		{503, `{"error":"invalid_grant"}`, provider.ErrUnavailable},
	} {
		s.reply("/2/oauth2/token", c.status, c.body)
		_, err := o.Refresh(ctx, old)
		failed(t, err, c.kind)
	}
	_, err = o.Refresh(ctx, tokenstore.Token{AccessToken: accessToken})
	failed(t, err, provider.ErrRefused)
}

func TestOAuth2Revokes(t *testing.T) {
	token := tokenstore.Token{AccessToken: accessToken, RefreshToken: refreshToken}
	s := newServer(t)
	if err := s.oauth2(t, func(c *provider.OAuth2Config) { c.SecretInBody = true }).Revoke(ctx, token); err != nil {
		t.Fatal(err)
	}
	all := s.requests()
	if len(all) != 2 || all[0].form().Get("token") != refreshToken || all[1].form().Get("token") != accessToken || all[1].form().Get("client_secret") != clientSecret {
		t.Errorf("%d requests to revoke", len(all))
	}
	s.reply("/2/oauth2/revoke", 503, "")
	failed(t, s.oauth2(t).Revoke(ctx, token), provider.ErrUnavailable)
	n := len(s.requests())
	if err := s.oauth2(t, func(c *provider.OAuth2Config) { c.RevokeURL = "" }).Revoke(ctx, token); err != nil || len(s.requests()) != n {
		t.Errorf("without RevokeURL: %v, %d requests", err, len(s.requests())-n)
	}
}

func TestOAuth2WhoSignedInCannotBeTold(t *testing.T) {
	for _, c := range []struct {
		reply  reply
		kind   error
		reason provider.Reason
	}{
		{reply{status: 200, body: `{"login":"ada"}`}, provider.ErrUnavailable, ""},
		{reply{status: 200, body: `{"id":"a b"}`}, provider.ErrUnavailable, ""},
		{reply{status: 200, body: `<p>`}, provider.ErrUnavailable, ""},
		{reply{status: 302, header: map[string]string{"Location": "/2/oauth2/revoke"}}, provider.ErrUnavailable, ""},
		{reply{status: 401, body: `{"message":"Bad credentials"}`}, provider.ErrUnavailable, ""},
		{reply{status: 403, body: `{"message":"no"}`}, provider.ErrRefused, provider.ReasonAccess},
		{reply{status: 403, header: map[string]string{"WWW-Authenticate": `Bearer error="insufficient_scope"`}}, provider.ErrRefused, provider.ReasonScope},
		{reply{status: 403, header: map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1787400300"}}, provider.ErrRateLimited, ""},
		{reply{status: 429, header: map[string]string{"Retry-After": "300"}}, provider.ErrRateLimited, ""},
		{reply{status: 500, body: `{}`}, provider.ErrUnavailable, ""},
		{reply{status: 200, body: strings.Repeat("x", 1<<20+1)}, provider.ErrUnavailable, ""},
	} {
		s := newServer(t)
		o := s.oauth2(t)
		s.replyHeader("/user", c.reply)
		_, token, err := signIn2(t, o)
		e := failed(t, err, c.kind)
		if e.Reason != c.reason || e.Op != "user" || token.AccessToken != "" {
			t.Errorf("%d: %v", c.reply.status, err)
		}
		if errors.Is(err, provider.ErrRateLimited) && !e.RetryAt.Equal(fixed().Add(5*time.Minute)) {
			t.Errorf("%d: limited until %v", c.reply.status, e.RetryAt)
		}
		if len(s.requests()) != 2 {
			t.Errorf("%d: %d requests, want 2: redirects are not followed", c.reply.status, len(s.requests()))
		}
	}
}

func TestWhoMayAskTwiceButNotElsewhere(t *testing.T) {
	s, elsewhere := newServer(t), newServer(t)
	steps := func(f func(context.Context, *http.Client) (provider.User, error)) func(*provider.OAuth2Config) {
		return func(c *provider.OAuth2Config) { c.UserURL, c.User, c.FetchUser, c.APIURL = "", nil, f, s.URL }
	}
	get := func(ctx context.Context, c *http.Client, address string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return nil, err
		}
		resp, err := c.Do(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		return resp, err
	}
	o := s.oauth2(t, steps(func(ctx context.Context, c *http.Client) (provider.User, error) {
		if _, err := get(ctx, c, s.URL+"/user"); err != nil {
			return provider.User{}, err
		}
		resp, err := get(ctx, c, s.URL+"/no-such-path")
		if err != nil || resp.StatusCode != http.StatusNotFound {
			return provider.User{}, errors.New("want 404")
		}
		return provider.User{AccountID: "7", AvatarURL: "javascript:alert(1)", Email: "none", ID: "mine", Provider: "x"}, nil
	}))
	user, _, err := signIn2(t, o)
	if want := (provider.User{Provider: "example", AccountID: "7", SignedInAt: fixed()}); err != nil || user != want {
		t.Errorf("user %+v, %v", user, err)
	}
	if len(s.requests()) != 3 {
		t.Errorf("%d requests, want 3", len(s.requests()))
	}
	o = s.oauth2(t, steps(func(ctx context.Context, c *http.Client) (provider.User, error) {
		_, err := get(ctx, c, elsewhere.URL+"/user")
		return provider.User{AccountID: "7"}, err
	}))
	_, _, err = signIn2(t, o)
	failed(t, err, provider.ErrRefused)
	if len(elsewhere.requests()) != 0 {
		t.Error("credentials went to another host")
	}
	o = s.oauth2(t, steps(func(context.Context, *http.Client) (provider.User, error) {
		return provider.User{}, &provider.Error{Kind: provider.ErrNotAllowed, Detail: "saw " + accessToken}
	}))
	_, _, err = signIn2(t, o)
	failed(t, err, provider.ErrNotAllowed)
	o = s.oauth2(t, steps(func(context.Context, *http.Client) (provider.User, error) {
		return provider.User{}, errors.New("saw " + accessToken)
	}))
	_, _, err = signIn2(t, o)
	failed(t, err, provider.ErrUnavailable)
}

// TestFetchUserSeesNoToken prints what a FetchUser function has.
func TestFetchUserSeesNoToken(t *testing.T) {
	s := newServer(t)
	o := s.oauth2(t, func(c *provider.OAuth2Config) {
		c.UserURL, c.User, c.APIURL = "", nil, s.URL
		c.FetchUser = func(ctx context.Context, c *http.Client) (provider.User, error) {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/user", http.NoBody)
			if err != nil {
				return provider.User{}, err
			}
			resp, err := c.Do(r)
			if err != nil {
				return provider.User{}, err
			}
			_ = resp.Body.Close()
			// The transport still changes the contexts of the request.
			sent := resp.Request.WithContext(context.Background())
			for _, v := range []any{c, *c, c.Transport, sent, sent.Header, resp.Header} {
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
					if got := fmt.Sprintf(verb, v); strings.Contains(got, accessToken) || strings.Contains(got, refreshToken) {
						t.Errorf("%s of a %T prints %s", verb, v, got)
					}
				}
			}
			return provider.User{AccountID: "7"}, nil
		}
	})
	if _, _, err := signIn2(t, o); err != nil {
		t.Error(err)
	}
}

// TestFetchUserMayUseAnotherContext: its end ends the request too.
func TestFetchUserMayUseAnotherContext(t *testing.T) {
	s := newServer(t)
	own, cancel := context.WithCancel(context.Background())
	s.serve("/user", func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	o := s.oauth2(t, func(c *provider.OAuth2Config) {
		c.UserURL, c.User, c.APIURL, c.Timeout = "", nil, s.URL, time.Hour
		c.FetchUser = func(_ context.Context, c *http.Client) (provider.User, error) {
			r, err := http.NewRequestWithContext(own, http.MethodGet, s.URL+"/user", http.NoBody)
			if err != nil {
				return provider.User{}, err
			}
			resp, err := c.Do(r)
			if err == nil {
				_ = resp.Body.Close()
			}
			return provider.User{AccountID: "7"}, err
		}
	})
	_, _, err := signIn2(t, o)
	failed(t, err, provider.ErrUnavailable)
}

func TestOAuth2KnowsADeadToken(t *testing.T) {
	s := newServer(t)
	o := s.oauth2(t)
	invalid := http.Header{"Www-Authenticate": {`Bearer realm="x", error="invalid_token"`}}
	for _, c := range []struct {
		resp *http.Response
		body string
		want bool
	}{
		{&http.Response{StatusCode: 401, Header: invalid}, "", true},
		{&http.Response{StatusCode: 403, Header: invalid}, "", false},
		{&http.Response{StatusCode: 401}, `{"error":"invalid_token"}`, true},
		{&http.Response{StatusCode: 401}, `{"message":"Bad credentials"}`, false},
	} {
		if o.RejectsToken(c.resp, []byte(c.body)) != c.want {
			t.Errorf("status %d, %v: want %t", c.resp.StatusCode, c.resp.Header, c.want)
		}
	}
	own := s.oauth2(t, func(c *provider.OAuth2Config) {
		c.RejectsToken = func(resp *http.Response, body []byte) bool {
			return resp.StatusCode == 401 && strings.Contains(string(body), "Bad credentials")
		}
	})
	if own.RejectsToken(&http.Response{StatusCode: 503}, []byte("Bad credentials")) || !own.RejectsToken(&http.Response{StatusCode: 401}, []byte("Bad credentials")) {
		t.Error("RejectsToken does not ask the configured function")
	}
}

func TestOAuth2SendsCredentialsToItsAPIAlone(t *testing.T) {
	s := newServer(t)
	o := s.oauth2(t, func(c *provider.OAuth2Config) {
		c.UserURL, c.APIURL, c.APIHosts = "https://id.example/me", "https://api.example/v1", []string{"upload.example:8443"}
	})
	for address, want := range map[string]bool{
		"https://api.example/": true, "https://API.example:443/": true, "https://id.example/x": true, "https://upload.example:8443/": true,
		"http://api.example/": false, "https://api.example:8443/": false, "https://upload.example/": false, "https://evil.example/": false,
		"https://u@api.example/": false, s.URL: false, "https://api.x.com/": false,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if o.AllowsURL(u) != want {
			t.Errorf("AllowsURL(%s) is %t", address, !want)
		}
	}
}

func TestOAuth2ConfigurationFaults(t *testing.T) {
	_, err := newOAuth2(provider.OAuth2Config{ClientSecret: "SECRET client"})
	for _, field := range []string{"Name", "ClientID", "ClientSecret", "CallbackURL", "AuthorizeURL", "TokenURL", "UserURL"} {
		if err == nil || !strings.Contains(err.Error(), "OAuth2Config."+field+" ") {
			t.Errorf("nothing is said of %s: %v", field, err)
		}
	}
	if err != nil && (strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "console.x.com")) {
		t.Errorf("the error says too much: %v", err)
	}
	s := newServer(t)
	who := func(context.Context, *http.Client) (provider.User, error) { return provider.User{}, nil }
	for field, change := range map[string]func(*provider.OAuth2Config){
		"Name":           func(c *provider.OAuth2Config) { c.Name = ".reserved" },
		"FetchUser":      func(c *provider.OAuth2Config) { c.FetchUser = who },
		"Codes":          func(c *provider.OAuth2Config) { c.Codes = map[string]error{"1": errors.New("mine")} },
		"APIURL":         func(c *provider.OAuth2Config) { c.FetchUser, c.UserURL, c.User = who, "", nil },
		"UserURL":        func(c *provider.OAuth2Config) { c.UserURL = "http://api.example/user" },
		"AuthorizeURL":   func(c *provider.OAuth2Config) { c.AuthorizeURL += "?state=1" },
		"TokenURL":       func(c *provider.OAuth2Config) { c.TokenURL = "http://id.example/token" },
		"RevokeURL":      func(c *provider.OAuth2Config) { c.RevokeURL = "revoke" },
		"Scopes[1]":      func(c *provider.OAuth2Config) { c.Scopes = []string{"a", "b c"} },
		"APIHosts[0]":    func(c *provider.OAuth2Config) { c.APIHosts = []string{"https://a.example"} },
		"Timeout":        func(c *provider.OAuth2Config) { c.Timeout = -1 },
		"ClientSecret":   func(c *provider.OAuth2Config) { c.ClientSecret = "SECRET\n" },
		"IdentityScopes": func(c *provider.OAuth2Config) { c.IdentityScopes = []string{","} },
	} {
		cfg := s.oauth2Config()
		change(&cfg)
		if _, err := newOAuth2(cfg); err == nil || !strings.HasPrefix(err.Error(), "provider: OAuth2Config."+field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
