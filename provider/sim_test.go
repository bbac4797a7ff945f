package provider_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// simulated makes both providers against a local X, under X's own host names.
func simulated(t *testing.T, sw xtest.Switches, change ...func(*provider.OAuth2Config, *provider.OAuth1Config)) (*xtest.X, oauth2Client, oauth1Client) {
	t.Helper()
	sim := xtest.New(xtest.Config{Switches: sw})
	cfg := provider.OAuth2Config{
		ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret, CallbackURL: xtest.DefaultCallback, Transport: sim.Transport(),
	}
	cfg1 := provider.OAuth1Config{
		ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret, CallbackURL: xtest.DefaultCallback, Transport: sim.Transport(),
	}
	for _, c := range change {
		c(&cfg, &cfg1)
	}
	x, err := newX(cfg)
	if err != nil {
		t.Fatal(err)
	}
	y, err := newXOAuth1(cfg1)
	if err != nil {
		t.Fatal(err)
	}
	return sim, x, y
}

// approved goes to the consent page and returns the callback's query.
func approved(t *testing.T, sim *xtest.X, p provider.Provider, opt provider.Options) (provider.Pending, url.Values) {
	t.Helper()
	redirect, pending, err := p.Begin(ctx, opt)
	if err != nil {
		t.Fatal(err)
	}
	callback, err := sim.Approve(redirect, xtest.SecondUserID)
	if err != nil {
		t.Fatal(err)
	}
	return pending, query(t, callback)
}

func query(t *testing.T, callback string) url.Values {
	t.Helper()
	u, err := url.Parse(callback)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// upstream counts what X was asked by the providers, not by the browser.
func upstream(sim *xtest.X) (n int) {
	for _, r := range sim.Requests() {
		if r.Host == "api.x.com" && r.Path != "/oauth/authenticate" && r.Path != "/oauth/authorize" {
			n++
		}
	}
	return n
}

func TestASignInByOAuth2CostsTwoCalls(t *testing.T) {
	sim, x, _ := simulated(t, xtest.Switches{})
	p, callback := approved(t, sim, x, provider.Options{Scopes: []string{"users.email", "offline.access"}})
	user, token, err := x.Finish(ctx, p, callback)
	if err != nil {
		t.Fatal(err)
	}
	if n := upstream(sim); n != 2 {
		t.Errorf("X was asked %d times, want 2", n)
	}
	if user.AccountID != xtest.SecondUserID || user.Username != xtest.SecondUserName || token.AccountID != user.AccountID || !token.HasScopes(p.Scopes...) {
		t.Errorf("user is %v, token %v", user, token)
	}

	fresh, err := x.Refresh(ctx, token)
	if err != nil {
		t.Fatal(err)
	}
	if fresh.RefreshToken == token.RefreshToken || !sim.Live(fresh.AccessToken) || fresh.AccountID != user.AccountID {
		t.Errorf("the refreshed token is %v", fresh)
	}
	_, err = x.Refresh(ctx, token)
	failed(t, err, provider.ErrTokenRefused)
	if got, err := x.Profile(ctx, fresh); err != nil || got.AccountID != user.AccountID {
		t.Errorf("profile is %v (%v)", got, err)
	}
	for range 2 {
		if err := x.Revoke(ctx, fresh); err != nil {
			t.Fatal(err)
		}
	}
	if sim.Live(fresh.AccessToken) || sim.Live(fresh.RefreshToken) {
		t.Error("a revoked token lives")
	}

	_, _, err = x.Finish(ctx, p, callback)
	failed(t, err, provider.ErrExpired)
}

func TestASignInByOAuth1CostsTwoCalls(t *testing.T) {
	sim, _, y := simulated(t, xtest.Switches{})
	p, callback := approved(t, sim, y, provider.Options{})
	user, token, err := y.Finish(ctx, p, callback)
	if err != nil {
		t.Fatal(err)
	}
	if n := upstream(sim); n != 2 {
		t.Errorf("X was asked %d times, want 2", n)
	}
	if user.AccountID != xtest.SecondUserID || user.Username != xtest.SecondUserName || token.AccountID != user.AccountID {
		t.Errorf("user is %v, token %v", user, token)
	}
	if got, err := y.Profile(ctx, token); err != nil || got.AccountID != user.AccountID || got.Name == "" {
		t.Errorf("profile is %v (%v)", got, err)
	}
	for range 2 {
		if err := y.Revoke(ctx, token); err != nil {
			t.Fatal(err)
		}
	}
	if sim.Live(token.AccessToken) {
		t.Error("a revoked token lives")
	}
	_, err = y.Profile(ctx, token)
	if err == nil {
		t.Error("a revoked token has a profile")
	}
	_, _, err = y.Finish(ctx, p, callback)
	failed(t, err, provider.ErrExpired)
}

func TestAPublicAppSignsInRefreshesAndRevokes(t *testing.T) {
	sim, x, _ := simulated(t, xtest.Switches{}, func(c *provider.OAuth2Config, _ *provider.OAuth1Config) {
		c.ClientID, c.ClientSecret = xtest.DefaultPublicClientID, ""
	})
	p, callback := approved(t, sim, x, provider.Options{})
	_, token, err := x.Finish(ctx, p, callback)
	if err != nil {
		t.Fatal(err)
	}
	if token, err = x.Refresh(ctx, token); err != nil {
		t.Fatal(err)
	}
	if err := x.Revoke(ctx, token); err != nil || sim.Live(token.RefreshToken) {
		t.Errorf("revoked with %v, lives: %t", err, sim.Live(token.RefreshToken))
	}
}

func TestAConfidentialAppWithoutItsSecretIsToldSo(t *testing.T) {
	// NewX refuses an id that shows its type. This id does not.
	const id = "an-id-of-no-known-shape"
	sim := xtest.New(xtest.Config{ClientID: id})
	x, err := newX(provider.OAuth2Config{ClientID: id, CallbackURL: xtest.DefaultCallback, Transport: sim.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	p, callback := approved(t, sim, x, provider.Options{})
	_, _, err = x.Finish(ctx, p, callback)
	if e := failed(t, err, provider.ErrRefused); e.Reason != provider.ReasonCredentials {
		t.Errorf("error is %v", err)
	}
}

func TestXsRefusalsAreUnderstood(t *testing.T) {
	for name, c := range map[string]struct {
		api    xtest.Refusal
		sw     xtest.Switches
		kind   error
		reason provider.Reason
	}{
		"a token refused right after it was given": {xtest.RefuseUnauthorized, xtest.Switches{}, provider.ErrUnavailable, ""},
		"a scope missing":                          {xtest.RefuseForbidden, xtest.Switches{}, provider.ErrRefused, provider.ReasonScope},
		"an application's token":                   {xtest.RefuseUnsupportedAuth, xtest.Switches{}, provider.ErrRefused, provider.ReasonAccess},
		"an app without a project":                 {xtest.RefuseNotEnrolled, xtest.Switches{}, provider.ErrRefused, provider.ReasonNotEnrolled},
		"no credits":                               {xtest.RefuseNoCredits, xtest.Switches{}, provider.ErrRefused, provider.ReasonCredits},
		"too many calls":                           {xtest.RefuseTooMany, xtest.Switches{}, provider.ErrRateLimited, ""},
		"a spent cap":                              {xtest.RefuseUsageCap, xtest.Switches{}, provider.ErrRefused, provider.ReasonUsageCap},
		"a bad parameter":                          {xtest.RefuseInvalid, xtest.Switches{}, provider.ErrRefused, provider.ReasonOther},
		"a page of the edge":                       {xtest.RefuseAtEdge, xtest.Switches{}, provider.ErrUnavailable, ""},
		"the edge down":                            {xtest.RefuseEdgeDown, xtest.Switches{}, provider.ErrUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.sw.Refuse, c.sw.RefusePath = c.api, "/2/users/me"
			sim, x, _ := simulated(t, c.sw)
			p, callback := approved(t, sim, x, provider.Options{})
			_, token, err := x.Finish(ctx, p, callback)
			if e := failed(t, err, c.kind); e.Reason != c.reason || token.AccessToken != "" || upstream(sim) != 2 {
				t.Errorf("error is %v after %d calls", err, upstream(sim))
			}
		})
	}
}

func TestXsRefusalsOfOAuth1AreUnderstood(t *testing.T) {
	wrong := func(change func(*provider.OAuth1Config)) func(*provider.OAuth2Config, *provider.OAuth1Config) {
		return func(_ *provider.OAuth2Config, c *provider.OAuth1Config) { change(c) }
	}
	for name, c := range map[string]struct {
		sw     xtest.Switches
		change func(*provider.OAuth1Config)
		ahead  time.Duration
		want   provider.Reason
	}{
		"another callback":         {xtest.Switches{}, func(c *provider.OAuth1Config) { c.CallbackURL += "/" }, 0, provider.ReasonCallback},
		"another callback in JSON": {xtest.Switches{CallbackErrorJSON: true}, func(c *provider.OAuth1Config) { c.CallbackURL += "/" }, 0, provider.ReasonCallback},
		"another key":              {xtest.Switches{}, func(c *provider.OAuth1Config) { c.ConsumerKey = "other" }, 0, provider.ReasonCredentials},
		"another secret":           {xtest.Switches{}, func(c *provider.OAuth1Config) { c.ConsumerSecret = "other" }, 0, provider.ReasonCredentials},
		"a clock behind":           {xtest.Switches{}, func(*provider.OAuth1Config) {}, time.Hour, provider.ReasonClock},
	} {
		t.Run(name, func(t *testing.T) {
			sim, _, y := simulated(t, c.sw, wrong(c.change))
			sim.Advance(c.ahead)
			_, _, err := y.Begin(ctx, provider.Options{})
			if e := failed(t, err, provider.ErrRefused); e.Reason != c.want {
				t.Errorf("error is %v, want %s", err, c.want)
			}
		})
	}
}

func TestPeopleSayNo(t *testing.T) {
	sim, x, y := simulated(t, xtest.Switches{})
	for _, p := range []provider.Provider{x, y} {
		redirect, pending, err := p.Begin(ctx, provider.Options{})
		if err != nil {
			t.Fatal(err)
		}
		callback, err := sim.Deny(redirect, xtest.DefaultUserID)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = p.Finish(ctx, pending, query(t, callback))
		failed(t, err, provider.ErrDenied)
	}
}

func TestACodeIsTooOldAfterHalfAMinute(t *testing.T) {
	sim, x, _ := simulated(t, xtest.Switches{})
	p, callback := approved(t, sim, x, provider.Options{})
	sim.Advance(31 * time.Second)
	_, _, err := x.Finish(ctx, p, callback)
	failed(t, err, provider.ErrExpired)
}

func TestAStolenCallbackIsOfNoUseElsewhere(t *testing.T) {
	sim, x, y := simulated(t, xtest.Switches{})
	p, callback := approved(t, sim, x, provider.Options{})
	p.Secret = strings.Repeat("a", 43)
	_, _, err := x.Finish(ctx, p, callback)
	failed(t, err, provider.ErrExpired)

	p, callback = approved(t, sim, y, provider.Options{})
	p.Secret = "guessed"
	_, token, err := y.Finish(ctx, p, callback)
	if err == nil || token.AccessToken != "" {
		t.Error("another request secret signs in")
	}
}

func TestAPINSignsIn(t *testing.T) {
	sim, _, y := simulated(t, xtest.Switches{}, func(_ *provider.OAuth2Config, c *provider.OAuth1Config) { c.CallbackURL = "oob" })
	redirect, p, err := y.Begin(ctx, provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	shown, err := sim.Approve(redirect, xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	user, _, err := y.Finish(ctx, p, pin(p, shown))
	if err != nil || user.AccountID != xtest.DefaultUserID {
		t.Fatalf("user is %v (%v)", user, err)
	}
	_, _, err = y.Finish(ctx, p, pin(p, shown))
	failed(t, err, provider.ErrExpired)
}

func TestAnAnswerWithoutAnIDCostsOneCallMore(t *testing.T) {
	sim, _, y := simulated(t, xtest.Switches{OmitUserID: true})
	p, callback := approved(t, sim, y, provider.Options{})
	user, _, err := y.Finish(ctx, p, callback)
	if err != nil || user.AccountID != xtest.SecondUserID || upstream(sim) != 3 {
		t.Errorf("user is %v (%v) after %d calls", user, err, upstream(sim))
	}
}

func TestARefreshWhoseAnswerIsLostIsAnOutage(t *testing.T) {
	sim, x, _ := simulated(t, xtest.Switches{})
	p, callback := approved(t, sim, x, provider.Options{})
	_, token, err := x.Finish(ctx, p, callback)
	if err != nil {
		t.Fatal(err)
	}
	before := sim.Count("POST", "/2/oauth2/token")
	sim.Fail(xtest.Fault{Path: "/2/oauth2/token", Times: 1, After: true, CutAfter: 20})
	_, err = x.Refresh(ctx, token)
	failed(t, err, provider.ErrUnavailable)
	if n := sim.Count("POST", "/2/oauth2/token") - before; n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}
}
