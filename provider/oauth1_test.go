package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/provider"
)

func (s *server) oauth1(t *testing.T, change ...func(*provider.OAuth1Config)) oauth1Client {
	t.Helper()
	s.reply("/user", 200, `{"id":7,"login":"ada"}`)
	cfg := provider.OAuth1Config{
		Name: "example1", ConsumerKey: consumerKey, ConsumerSecret: consumerSecret, CallbackURL: callbackURL,
		RequestTokenURL: s.URL + "/oauth/request_token", AuthorizeURL: s.URL + "/oauth/authorize?lang=en", AccessTokenURL: s.URL + "/oauth/access_token",
		UserURL: s.URL + "/user", User: exampleUser, Now: fixed,
	}
	for _, c := range change {
		c(&cfg)
	}
	o, err := newOAuth1(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOAuth1SignsInByConfiguration(t *testing.T) {
	s := newServer(t)
	o := s.oauth1(t)
	if got := o.CallbackURL(); got != callbackURL {
		t.Errorf("the callback is %q", got)
	}
	redirect, p, err := o.Begin(ctx, provider.Options{ForceLogin: true})
	if err != nil {
		t.Fatal(err)
	}
	if want := s.URL + "/oauth/authorize?lang=en&oauth_token=" + requestToken; redirect != want {
		t.Errorf("the consent page is %s, want %s", redirect, want)
	}
	user, token, err := o.Finish(ctx, p, url.Values{"oauth_token": {requestToken}, "oauth_verifier": {verifier}})
	if err != nil {
		t.Fatal(err)
	}
	if want := (provider.User{Provider: "example1", AccountID: "7", Username: "ada", SignedInAt: fixed()}); user != want {
		t.Errorf("user %+v, want %+v", user, want)
	}
	if token.AccessToken != accessToken || token.TokenSecret != tokenSecret || token.AccountID != "7" {
		t.Errorf("token %v", token)
	}
	all := s.requests()
	for i, secret := range []string{"", requestSecret, tokenSecret} {
		verifySignature(t, s.URL, all[i], secret)
	}
	for _, callback := range []url.Values{
		{"oauth_token": {"another"}, "oauth_verifier": {verifier}},
		{"state": {requestToken}, "code": {verifier}},
	} {
		_, _, err := o.Finish(ctx, p, callback)
		failed(t, err, provider.ErrOtherBrowser)
	}
	_, _, err = o.Finish(ctx, p, url.Values{"oauth_token": {requestToken}})
	failed(t, err, provider.ErrDenied)
	if len(s.requests()) != 3 {
		t.Errorf("%d requests, want 3", len(s.requests()))
	}
}

func TestOAuth1Refusals(t *testing.T) {
	for _, c := range []struct {
		path   string
		status int
		body   string
		kind   error
		reason provider.Reason
	}{
		{"/oauth/request_token", 401, "oauth_problem=consumer_key_unknown", provider.ErrRefused, provider.ReasonCredentials},
		{"/oauth/request_token", 401, "", provider.ErrRefused, provider.ReasonCredentials},
		{"/oauth/request_token", 401, "oauth_problem=timestamp_refused", provider.ErrRefused, provider.ReasonClock},
		{"/oauth/request_token", 400, "Callback URL is not registered", provider.ErrRefused, provider.ReasonCallback},
		{"/oauth/request_token", 503, "", provider.ErrUnavailable, ""},
		{"/oauth/request_token", 200, "oauth_token=a&oauth_token_secret=b", provider.ErrUnavailable, ""},
		{"/oauth/access_token", 401, "oauth_problem=verifier_invalid", provider.ErrExpired, ""},
		{"/oauth/access_token", 401, "oauth_problem=permission_denied", provider.ErrDenied, ""},
		{"/oauth/access_token", 401, "", provider.ErrExpired, ""},
		{"/oauth/access_token", 200, "", provider.ErrUnavailable, ""},
		{"/user", 403, "{}", provider.ErrRefused, provider.ReasonAccess},
	} {
		s := newServer(t)
		o := s.oauth1(t)
		s.reply(c.path, c.status, c.body)
		_, p, err := o.Begin(ctx, provider.Options{})
		if err == nil {
			_, _, err = o.Finish(ctx, p, url.Values{"oauth_token": {p.State}, "oauth_verifier": {verifier}})
		}
		if e := failed(t, err, c.kind); e.Reason != c.reason {
			t.Errorf("%s %d %s: %v", c.path, c.status, c.body, err)
		}
	}
}

func TestOAuth1KnowsADeadToken(t *testing.T) {
	o := newServer(t).oauth1(t)
	header := http.Header{"Www-Authenticate": {`OAuth realm="x",oauth_problem="token_revoked"`}}
	if !o.RejectsToken(&http.Response{StatusCode: 401, Header: header}, nil) {
		t.Error("a revoked token is not rejected")
	}
	for body, want := range map[string]bool{"oauth_problem=token_rejected": true, "oauth_problem=timestamp_refused": false, "": false} {
		if got := o.RejectsToken(&http.Response{StatusCode: 401, Header: http.Header{}}, []byte(body)); got != want {
			t.Errorf("RejectsToken of %q is %t", body, got)
		}
	}
}

func TestOAuth1ConfigurationFaults(t *testing.T) {
	_, err := newOAuth1(provider.OAuth1Config{ConsumerSecret: "SECRET consumer"})
	for _, field := range []string{"Name", "ConsumerKey", "ConsumerSecret", "CallbackURL", "RequestTokenURL", "AuthorizeURL", "AccessTokenURL", "UserURL"} {
		if err == nil || !strings.Contains(err.Error(), "OAuth1Config."+field+" ") {
			t.Errorf("nothing is said of %s: %v", field, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "SECRET") {
		t.Errorf("the error repeats a secret: %v", err)
	}
}
