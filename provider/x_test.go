package provider_test

import (
	"encoding/base64"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"crypto/sha256"

	"github.com/xsignin/xsignin/provider"
)

func TestBeginMakesTheAddressOfTheConsentPage(t *testing.T) {
	s := newServer(t)
	x := s.x(t, func(c *provider.OAuth2Config) { c.AuthorizeURL = "https://x.example/i/authorize?lang=a+b" })
	redirect, p, err := x.Begin(ctx, provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(redirect)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(redirect, "https://x.example/i/authorize?lang=a+b&") {
		t.Errorf("AuthorizeURL's own query is not kept: %s", redirect)
	}
	if !strings.Contains(redirect, "scope=tweet.read%20users.read%20offline.access") {
		t.Errorf("the scopes are not joined by %%20: %s", redirect)
	}
	sum := sha256.Sum256([]byte(p.Secret))
	for k, want := range map[string]string{
		"response_type": "code", "client_id": clientID, "redirect_uri": callbackURL, "state": p.State,
		"code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method": "S256",
	} {
		if got := u.Query()[k]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", k, got, want)
		}
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(p.State) {
		t.Errorf("the state is %q, want 256 bits in base64url", p.State)
	}
	if len(p.Secret) < 43 || p.Provider != "x" || !slices.Equal(p.Scopes, []string{"tweet.read", "users.read", "offline.access"}) {
		t.Errorf("pending is %+v with %d bytes of secret", p, len(p.Secret))
	}
	if strings.Contains(redirect, p.Secret) {
		t.Error("the verifier is in the address")
	}
	_, again, _ := x.Begin(ctx, provider.Options{})
	if again.State == p.State || again.Secret == p.Secret {
		t.Error("two sign-ins share a secret")
	}
	if len(s.requests()) != 0 {
		t.Error("Begin spoke to X")
	}
}

func TestBeginTakesTheScopesOfOneSignIn(t *testing.T) {
	x := newServer(t).x(t)
	_, p, err := x.Begin(ctx, provider.Options{Scopes: []string{"dm.read", "users.read", "dm.read"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"dm.read", "users.read", "tweet.read"}; !slices.Equal(p.Scopes, want) {
		t.Errorf("scopes are %v, want %v", p.Scopes, want)
	}
	_, p, err = x.Begin(ctx, provider.Options{MoreScopes: []string{"dm.read", "users.read"}})
	if want := []string{"tweet.read", "users.read", "offline.access", "dm.read"}; err != nil || !slices.Equal(p.Scopes, want) {
		t.Errorf("more: scopes are %v (%v), want %v", p.Scopes, err, want)
	}
	_, p, err = x.Begin(ctx, provider.Options{Scopes: []string{"like.read"}, MoreScopes: []string{"dm.read"}})
	if want := []string{"like.read", "tweet.read", "users.read", "dm.read"}; err != nil || !slices.Equal(p.Scopes, want) {
		t.Errorf("others, and more: scopes are %v (%v), want %v", p.Scopes, err, want)
	}
	p.Scopes[0] = "changed"
	_, q, _ := x.Begin(ctx, provider.Options{})
	q.Scopes[0] = "changed"
	if _, q, _ = x.Begin(ctx, provider.Options{}); q.Scopes[0] == "changed" {
		t.Error("a pending shares the provider's scopes")
	}
	for _, bad := range []string{"", "a,b", "a b", "a\n", `a"`} {
		_, _, err := x.Begin(ctx, provider.Options{Scopes: []string{bad}})
		if err != nil {
			_, _, err = x.Begin(ctx, provider.Options{MoreScopes: []string{bad}})
		}
		if e := failed(t, err, provider.ErrRefused); e.Reason != provider.ReasonScope {
			t.Errorf("scope %q: %v", bad, err)
		}
	}
}

func TestFinishSignsIn(t *testing.T) {
	for name, public := range map[string]bool{"as a confidential app": false, "as a public app": true} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			x := s.x(t, func(c *provider.OAuth2Config) {
				c.Now = fixed
				c.APIURL += "/prefix/"
				if public {
					c.ClientSecret = ""
				}
			})
			s.reply("/prefix/2/oauth2/token", 200, tokenBody)
			s.reply("/prefix/2/users/me", 200, `{"data":{"id":"2244994945","name":"X Developers","username":"XDevelopers","profile_image_url":"https://pbs.example/a_normal.jpg","confirmed_email":"not@asked.example","x":{}},"errors":[]}`)
			user, token, err := signIn(t, x, provider.Options{})
			if err != nil {
				t.Fatal(err)
			}
			wantUser := provider.User{
				Provider: "x", AccountID: "2244994945", ID: "2244994945", Username: "XDevelopers", Name: "X Developers",
				AvatarURL: "https://pbs.example/a_normal.jpg", Email: "not@asked.example", SignedInAt: fixed(),
			}
			if user != wantUser {
				t.Errorf("user is %+v, want %+v", user, wantUser)
			}
			if token.AccessToken != accessToken || token.RefreshToken != refreshToken || token.TokenSecret != "" ||
				!token.Expiry.Equal(fixed().Add(2*time.Hour)) || token.AccountID != "2244994945" || !token.ObtainedAt.Equal(fixed()) ||
				!reflect.DeepEqual(token.Scopes, []string{"users.read", "tweet.read", "offline.access"}) {
				t.Errorf("token is %v", token)
			}

			all := s.requests()
			if len(all) != 2 {
				t.Fatalf("X was asked %d times, want 2", len(all))
			}
			exchange := all[0]
			form := exchange.form()
			if exchange.method != "POST" || exchange.path != "/prefix/2/oauth2/token" || form.Get("grant_type") != "authorization_code" ||
				form.Get("code") != theCode || form.Get("redirect_uri") != callbackURL || len(form.Get("code_verifier")) < 43 || form.Has("client_secret") {
				t.Errorf("the exchange was %s %s with %v", exchange.method, exchange.path, form)
			}
			basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":"+clientSecret))
			if public && (exchange.header.Get("Authorization") != "" || form.Get("client_id") != clientID) ||
				!public && (exchange.header.Get("Authorization") != basic || form.Has("client_id")) {
				t.Errorf("the client authenticated by %q and %v", exchange.header.Get("Authorization"), form)
			}
			me := all[1]
			if me.method != "GET" || me.path != "/prefix/2/users/me" || me.header.Get("Authorization") != "Bearer "+accessToken ||
				me.query.Encode() != "user.fields=profile_image_url" {
				t.Errorf("users/me was %s %s?%s by %s", me.method, me.path, me.query.Encode(), me.header.Get("Authorization"))
			}
		})
	}
}

func TestFinishAsksForTheAddressOnlyWhereItIsAskedForAndGranted(t *testing.T) {
	for name, c := range map[string]struct {
		asked   bool
		granted string
		want    string
	}{
		"asked and granted":        {true, "tweet.read users.read users.email", "profile_image_url,confirmed_email"},
		"asked and not granted":    {true, "tweet.read users.read", "profile_image_url"},
		"granted without a word":   {true, "", "profile_image_url,confirmed_email"},
		"granted and not asked":    {false, "tweet.read users.read users.email", "profile_image_url"},
		"neither asked nor grated": {false, "", "profile_image_url"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.reply("/2/oauth2/token", 200, `{"access_token":"`+accessToken+`","scope":"`+c.granted+`"}`)
			s.reply("/2/users/me", 200, `{"data":{"id":"1","confirmed_email":"a@b.example"}}`)
			opt := provider.Options{}
			if c.asked {
				opt.Scopes = []string{"users.email"}
			}
			user, token, err := signIn(t, s.x(t), opt)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.last(t).query.Get("user.fields"); got != c.want {
				t.Errorf("fields are %q, want %q", got, c.want)
			}
			if c.granted == "" && !token.HasScopes("tweet.read", "users.read") {
				t.Errorf("without a scope in the answer the token has %v", token.Scopes)
			}
			if strings.Contains(c.want, "email") && user.Email != "a@b.example" {
				t.Errorf("the address is %q", user.Email)
			}
		})
	}
}

func TestFinishRefusesACallbackBeforeXIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		pending  func(*provider.Pending)
		callback func(p provider.Pending) url.Values
		want     error
		reason   provider.Reason
	}{
		"with another state":             {nil, func(provider.Pending) url.Values { return url.Values{"state": {"other"}, "code": {theCode}} }, provider.ErrOtherBrowser, ""},
		"without a state":                {nil, func(provider.Pending) url.Values { return url.Values{"code": {theCode}} }, provider.ErrOtherBrowser, ""},
		"with two states":                {nil, func(p provider.Pending) url.Values { return url.Values{"state": {p.State, "b"}, "code": {theCode}} }, provider.ErrOtherBrowser, ""},
		"with an empty pending":          {func(p *provider.Pending) { *p = provider.Pending{} }, func(provider.Pending) url.Values { return url.Values{"state": {""}, "code": {theCode}} }, provider.ErrOtherBrowser, ""},
		"with a pending without handle":  {func(p *provider.Pending) { p.State = "" }, func(provider.Pending) url.Values { return url.Values{"state": {""}, "code": {theCode}} }, provider.ErrOtherBrowser, ""},
		"with a pending of another kind": {func(p *provider.Pending) { p.Provider = "y" }, ok2, provider.ErrOtherBrowser, ""},
		"with a pending without secret":  {func(p *provider.Pending) { p.Secret = "" }, ok2, provider.ErrOtherBrowser, ""},
		"without a code":                 {nil, func(p provider.Pending) url.Values { return url.Values{"state": {p.State}} }, provider.ErrDenied, ""},
		"with two codes":                 {nil, func(p provider.Pending) url.Values { return url.Values{"state": {p.State}, "code": {"a", "b"}} }, provider.ErrDenied, ""},
		"that says access_denied":        {nil, said("access_denied"), provider.ErrDenied, ""},
		"that says invalid_scope":        {nil, said("invalid_scope"), provider.ErrRefused, provider.ReasonScope},
		"that says unauthorized_client":  {nil, said("unauthorized_client"), provider.ErrRefused, provider.ReasonCredentials},
		"that says invalid_request":      {nil, said("invalid_request"), provider.ErrRefused, provider.ReasonOther},
		"that says server_error":         {nil, said("server_error"), provider.ErrUnavailable, ""},
		"that says what nobody knows":    {nil, said("weather"), provider.ErrDenied, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			x := s.x(t)
			_, p, _ := x.Begin(ctx, provider.Options{})
			callback := c.callback(p)
			if c.pending != nil {
				c.pending(&p)
			}
			_, token, err := x.Finish(ctx, p, callback)
			if e := failed(t, err, c.want); e.Reason != c.reason || e.Op != "callback" {
				t.Errorf("error is %#v", e)
			}
			if token.AccessToken != "" || len(s.requests()) != 0 {
				t.Error("X was asked")
			}
		})
	}
}

func ok2(p provider.Pending) url.Values {
	return url.Values{"state": {p.State}, "code": {theCode}}
}

// said is a callback that belongs to the sign-in and reports an error. It has a code
// too, which must not be used, and repeats secrets.
func said(word string) func(provider.Pending) url.Values {
	return func(p provider.Pending) url.Values {
		return url.Values{"state": {p.State}, "error": {word}, "code": {theCode}, "error_description": {"see " + theCode + clientSecret}}
	}
}
