package provider_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xtest"
)

const nativeURI = "com.example.app:/callback"

// programCode is what a program gets from X by itself.
func programCode(t *testing.T, sim *xtest.X, clientID string, scopes ...string) (code, verifier string) {
	t.Helper()
	verifier = oauth2.GenerateVerifier()
	cfg := oauth2.Config{ClientID: clientID, RedirectURL: nativeURI, Scopes: scopes, Endpoint: oauth2.Endpoint{AuthURL: "https://x.com/i/oauth2/authorize"}}
	callback, err := sim.Approve(cfg.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier)), xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	return query(t, callback).Get("code"), verifier
}

func TestACodeOfAProgramIsExchangedWithItsOwnRedirectURI(t *testing.T) {
	for name, public := range map[string]bool{"a confidential app": false, "a public app": true} {
		t.Run(name, func(t *testing.T) {
			id := xtest.DefaultClientID
			sim, x, _ := simulated(t, xtest.Switches{}, func(c *provider.OAuth2Config, _ *provider.OAuth1Config) {
				if public {
					id = xtest.DefaultPublicClientID
					c.ClientID, c.ClientSecret = id, ""
				}
			})
			sim.SetCallbacks(xtest.DefaultCallback, nativeURI)
			code, verifier := programCode(t, sim, id, "tweet.read", "users.read", "users.email")
			user, token, err := x.ExchangeCode(ctx, code, verifier, nativeURI)
			if err != nil {
				t.Fatal(err)
			}
			if user.AccountID != xtest.DefaultUserID || token.AccountID != user.AccountID || token.RefreshToken != "" || !token.HasScopes("tweet.read", "users.read", "users.email") {
				t.Errorf("%v, %v", user, token)
			}
			if user.Email != "" {
				t.Error("the address came, which the provider is not configured to ask for")
			}
			if n := upstream(sim); n != 2 {
				t.Errorf("X was asked %d times", n)
			}
		})
	}
}

func TestTheAddressComesWhereBothAskForIt(t *testing.T) {
	sim, x, _ := simulated(t, xtest.Switches{}, func(c *provider.OAuth2Config, _ *provider.OAuth1Config) {
		c.Scopes = []string{"tweet.read", "users.read", "users.email"}
	})
	sim.SetCallbacks(nativeURI)
	code, verifier := programCode(t, sim, xtest.DefaultClientID, "tweet.read", "users.read", "users.email")
	if user, _, err := x.ExchangeCode(ctx, code, verifier, nativeURI); err != nil || user.Email == "" {
		t.Errorf("%q, %v", user.Email, err)
	}
}

// TestScopesThatNobodyNamedAreNotMadeUp: the provider did not ask, so it cannot know.
func TestScopesThatNobodyNamedAreNotMadeUp(t *testing.T) {
	s := newServer(t)
	s.reply("/2/oauth2/token", 200, `{"token_type":"bearer","access_token":"`+accessToken+`"}`)
	x, err := newX(provider.OAuth2Config{ClientID: clientID, ClientSecret: clientSecret, CallbackURL: callbackURL, APIURL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := x.ExchangeCode(ctx, theCode, verifier, nativeURI)
	if err != nil || token.Scopes != nil {
		t.Errorf("%v, %v", token.Scopes, err)
	}
	if form := s.seen[0].form(); form.Get("redirect_uri") != nativeURI || form.Get("code_verifier") != verifier || form.Get("code") != theCode {
		t.Error("the form is another")
	}
}

func TestNothingMissingIsSentToX(t *testing.T) {
	sim, x, x1 := simulated(t, xtest.Switches{})
	for _, g := range [][3]string{{"", "v", "r"}, {"c", "", "r"}, {"c", "v", ""}} {
		if _, _, err := x.ExchangeCode(ctx, g[0], g[1], g[2]); !errors.Is(err, provider.ErrRefused) {
			t.Errorf("%v", err)
		}
	}
	for _, token := range []tokenstore.Token{{}, {AccessToken: "a"}, {TokenSecret: "b"}} {
		if _, _, err := x1.VerifyToken(ctx, token); !errors.Is(err, provider.ErrRefused) {
			t.Errorf("%v", err)
		}
	}
	if n := upstream(sim); n != 0 {
		t.Errorf("X was asked %d times", n)
	}
}

// TestABearerTokenProvesNothing: X accepts bearer tokens of every application.
func TestABearerTokenProvesNothing(t *testing.T) {
	_, x, x1 := simulated(t, xtest.Switches{})
	if _, ok := any(x).(provider.TokenVerifier); ok {
		t.Error("X by OAuth 2.0 is a TokenVerifier")
	}
	if _, ok := any(x1).(provider.CodeExchanger); ok {
		t.Error("X by OAuth 1.0a is a CodeExchanger")
	}
	// Nor does a signed call of another provider, which need not compare applications.
	s := newServer(t)
	_, _, err := s.oauth1(t).VerifyToken(ctx, tokenstore.Token{AccessToken: accessToken, TokenSecret: tokenSecret})
	failed(t, err, provider.ErrTokenRefused)
	if len(s.requests()) != 0 {
		t.Error("the provider was asked")
	}
}

func TestIsX(t *testing.T) {
	_, x, x1 := simulated(t, xtest.Switches{})
	s := newServer(t)
	for p, want := range map[provider.Provider]bool{x: true, x1: true, s.oauth2(t): false, s.oauth1(t): false, nil: false} {
		if provider.IsX(p) != want {
			t.Errorf("IsX(%v) is %t", p, !want)
		}
	}
}

// TestVerifiersLongerThanTheRFCAllowsAreExchanged: X's own SDK sends 171 characters.
func TestVerifiersLongerThanTheRFCAllowsAreExchanged(t *testing.T) {
	s := newServer(t)
	long := strings.Repeat("v", 171)
	for _, x := range []oauth2Client{s.x(t), s.oauth2(t)} {
		if _, _, err := x.ExchangeCode(ctx, theCode, long, nativeURI); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.requests()[0].form().Get("code_verifier"); got != long {
		t.Errorf("a verifier of %d characters was sent", len(got))
	}
	qq, err := newOAuth2(provider.QQ(clientID, clientSecret, callbackURL))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = qq.ExchangeCode(ctx, theCode, long, nativeURI)
	failed(t, err, provider.ErrRefused)
}

func TestEveryAnswerToAProofHasOneMeaning(t *testing.T) {
	for name, tt := range map[string]struct {
		reply  reply
		kind   error
		reason provider.Reason
	}{
		"89":                       {reply{status: 401, body: `{"errors":[{"code":89,"message":"Invalid or expired token."}]}`}, provider.ErrTokenRefused, ""},
		"32, a wrong token secret": {reply{status: 401, body: `{"errors":[{"code":32,"message":"Could not authenticate you."}]}`}, provider.ErrTokenRefused, ""},
		"a bare 401":               {reply{status: 401, body: `{"title":"Unauthorized","type":"about:blank","status":401}`}, provider.ErrTokenRefused, ""},
		"an empty 401":             {reply{status: 401}, provider.ErrTokenRefused, ""},
		"the clock":                {reply{status: 401, body: `{"errors":[{"code":135,"message":"Timestamp out of bounds."}]}`}, provider.ErrRefused, provider.ReasonClock},
		"an outage":                {reply{status: 401, body: "This feature is temporarily unavailable"}, provider.ErrUnavailable, ""},
		"403":                      {reply{status: 403, body: `{"title":"Forbidden"}`}, provider.ErrRefused, provider.ReasonAccess},
		"the plan":                 {reply{status: 403, body: `{"errors":[{"code":453,"message":"subset"}]}`}, provider.ErrRefused, provider.ReasonAccess},
		"credits":                  {reply{status: 402, body: `{"title":"CreditsDepleted"}`}, provider.ErrRefused, provider.ReasonCredits},
		"a limit":                  {reply{status: 429}, provider.ErrRateLimited, ""},
		"500":                      {reply{status: 500}, provider.ErrUnavailable, ""},
		"a page":                   {reply{status: 401, header: map[string]string{"Content-Type": "text/html"}, body: "<!doctype html><title>x</title>"}, provider.ErrUnavailable, ""},
		"nobody":                   {reply{status: 200, body: `{"data":{"name":"x"}}`}, provider.ErrUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.replyHeader("/2/users/me", tt.reply)
			x1, err := newXOAuth1(provider.OAuth1Config{ConsumerKey: consumerKey, ConsumerSecret: consumerSecret, CallbackURL: callbackURL, APIURL: s.URL})
			if err != nil {
				t.Fatal(err)
			}
			user, token, err := x1.VerifyToken(ctx, tokenstore.Token{AccessToken: accessToken, TokenSecret: tokenSecret})
			var pe *provider.Error
			if !errors.As(err, &pe) || !errors.Is(pe.Kind, tt.kind) || pe.Reason != tt.reason || user.AccountID != "" || token.AccessToken != "" {
				t.Errorf("%v", err)
			}
			if err != nil && strings.Contains(err.Error(), "SECRET") {
				t.Errorf("a secret is in %v", err)
			}
		})
	}
}

func TestAProofIsSignedWithTheAppsOwnKey(t *testing.T) {
	s := newServer(t)
	x1, err := newXOAuth1(provider.OAuth1Config{ConsumerKey: consumerKey, ConsumerSecret: consumerSecret, CallbackURL: callbackURL, APIURL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	// What the caller claims of the account counts for nothing.
	user, token, err := x1.VerifyToken(ctx, tokenstore.Token{AccessToken: accessToken, TokenSecret: tokenSecret, AccountID: "1", Scopes: []string{"dm.write"}})
	if err != nil {
		t.Fatal(err)
	}
	if user.AccountID != "2244994945" || token.AccountID != user.AccountID || token.Scopes != nil || token.AccessToken != accessToken || token.TokenSecret != tokenSecret || token.ObtainedAt.IsZero() {
		t.Errorf("%v, %v", user, token)
	}
	if len(s.seen) != 1 || s.seen[0].method != http.MethodGet ||
		!strings.Contains(s.seen[0].header.Get("Authorization"), `oauth_consumer_key="`+url.QueryEscape(consumerKey)+`"`) ||
		s.seen[0].path != "/2/users/me" {
		t.Errorf("%d requests", len(s.seen))
	}
}
