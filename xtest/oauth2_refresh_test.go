package xtest_test

import (
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

func TestRefreshTokensRotate(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	first := s.signIn(xtest.DefaultUserID)
	second := s.refresh(first.Refresh).tokens(t)
	if second.Refresh == "" || second.Refresh == first.Refresh || second.Access == first.Access || second.Expires != 7200 {
		t.Errorf("got %+v after %+v", second, first)
	}
	if !s.Live(first.Access) || s.Live(first.Refresh) || !s.Live(second.Access) || !s.Live(second.Refresh) {
		t.Error("wanted: the old refresh token dead, all others alive")
	}
	s.refresh(first.Refresh).want(t, 400, typeJSON, invalid(spentToken))
	s.refresh("unknown").want(t, 400, typeJSON, invalid(spentToken))
	s.refresh(second.Access).want(t, 400, typeJSON, invalid(spentToken))
	s.public("/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {second.Refresh}}).
		want(t, 400, typeJSON, invalid(spentToken))
	s.confidential("/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}}).
		want(t, 400, typeJSON, invalid("Missing required parameter [refresh_token]."))
	s.refresh(second.Refresh).tokens(t)
}

func TestOfTwoRefreshesOneWins(t *testing.T) {
	t.Parallel()
	for _, family := range []bool{false, true} {
		s := newSim(t, xtest.Config{Switches: xtest.Switches{RefreshReuseRevokes: family}})
		first := s.signIn(xtest.DefaultUserID)
		const n = 8
		replies := make([]reply, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { replies[i] = s.refresh(first.Refresh) })
		}
		wg.Wait()
		var won []tokens
		for _, r := range replies {
			if r.status == 200 {
				won = append(won, r.tokens(t))
			} else if r.status != 400 || r.body != invalid(spentToken) {
				t.Errorf("a loser got %d %s", r.status, r.body)
			}
		}
		if len(won) != 1 {
			t.Fatalf("%d of %d won", len(won), n)
		}
		if s.Live(won[0].Refresh) == family || s.Live(won[0].Access) == family || s.Live(first.Access) == family {
			t.Errorf("RefreshReuseRevokes %v: the winner's pair is alive: %v", family, s.Live(won[0].Refresh))
		}
	}
}

func TestSwitchesOfRefresh(t *testing.T) {
	t.Parallel()
	t.Run("the answer is lost and the effect stays", func(t *testing.T) {
		s := newSim(t, xtest.Config{})
		first := s.signIn(xtest.DefaultUserID)
		s.Fail(xtest.Fault{Path: "/2/oauth2/token", Times: 1, CutAfter: -1})
		req := newRequest(t, "POST", s.base+"/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.Refresh}})
		req.SetBasicAuth(xtest.DefaultClientID, xtest.DefaultClientSecret)
		if resp, err := s.http.Do(req); err == nil {
			t.Fatalf("got %d", resp.StatusCode)
		}
		if s.Live(first.Refresh) {
			t.Error("the old refresh token is alive")
		}
	})
	t.Run("the old access token dies", func(t *testing.T) {
		s := newSim(t, xtest.Config{Switches: xtest.Switches{RefreshEndsAccess: true}})
		first := s.signIn(xtest.DefaultUserID)
		other := s.signIn(xtest.DefaultUserID)
		second := s.refresh(first.Refresh).tokens(t)
		if s.Live(first.Access) || !s.Live(second.Access) || !s.Live(other.Access) {
			t.Error("wanted: only the access token of the same grant dead")
		}
	})
	t.Run("access tokens live as long as the switch says", func(t *testing.T) {
		s := newSim(t, xtest.Config{Switches: xtest.Switches{AccessLifetime: 10 * time.Second}})
		first := s.signIn(xtest.DefaultUserID)
		s.Advance(10*time.Second - time.Millisecond)
		if first.Expires != 10 || !s.Live(first.Access) {
			t.Errorf("expires_in %d, alive %t", first.Expires, s.Live(first.Access))
		}
		s.Advance(time.Millisecond)
		if s.Live(first.Access) || !s.Live(first.Refresh) {
			t.Error("wanted: the access token dead, the refresh token alive")
		}
	})
	t.Run("refresh tokens have a lifetime", func(t *testing.T) {
		s := newSim(t, xtest.Config{Switches: xtest.Switches{RefreshLifetime: 24 * time.Hour}})
		first := s.signIn(xtest.DefaultUserID)
		s.Advance(24 * time.Hour)
		s.refresh(first.Refresh).want(t, 400, typeJSON, invalid(spentToken))
	})
	t.Run("without the switch they live for years", func(t *testing.T) {
		s := newSim(t, xtest.Config{})
		first := s.signIn(xtest.DefaultUserID)
		s.Advance(5 * 365 * 24 * time.Hour)
		s.refresh(first.Refresh).tokens(t)
	})
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	revoke := func(s *sim, token, hint string) reply {
		form := url.Values{"token": {token}}
		if hint != "" {
			form.Set("token_type_hint", hint)
		}
		return s.confidential("/2/oauth2/revoke", form)
	}
	s := newSim(t, xtest.Config{})
	got := s.signIn(xtest.DefaultUserID)
	revoke(s, got.Access, "").want(t, 400, typeJSON, invalid("Missing required parameter [token_type_hint]."))
	revoke(s, "", "access_token").want(t, 400, typeJSON, invalid("Missing required parameter [token]."))
	revoke(s, got.Access, "x").want(t, 400, typeJSON, invalid("Value passed for the token type hint was invalid."))
	s.public("/2/oauth2/revoke", url.Values{"token": {got.Access}, "token_type_hint": {"access_token"}}).
		want(t, 400, typeJSON, invalid(spentToken))
	revoke(s, got.Access, "access_token").want(t, 200, typeJSON, `{"revoked":true}`)
	if s.Live(got.Access) || !s.Live(got.Refresh) {
		t.Error("wanted: the named token dead and no other")
	}
	revoke(s, got.Access, "access_token").want(t, 200, typeJSON, `{"revoked":true}`)
	revoke(s, got.Refresh, "refresh_token").want(t, 200, typeJSON, `{"revoked":true}`)
	s.refresh(got.Refresh).want(t, 400, typeJSON, invalid(spentToken))

	s.SetSwitches(xtest.Switches{RevokeWithoutHint: true, RevokeEmptyBody: true, RevokeEndsGrant: true})
	got = s.signIn(xtest.DefaultUserID)
	revoke(s, got.Refresh, "").want(t, 200, typeJSON, "")
	if s.Live(got.Access) || s.Live(got.Refresh) {
		t.Error("RevokeEndsGrant: a token is alive")
	}
}

func TestAppOnlyTokens(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{})
	ask := func(key, secret string, form url.Values) reply {
		req := newRequest(t, "POST", s.base+"/oauth2/token", form)
		req.SetBasicAuth(key, secret)
		return s.do(req)
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	got := ask(xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret, form).tokens(t)
	if got.Type != "bearer" || !s.Live(got.Access) {
		t.Errorf("got %+v", got)
	}
	if again := ask(xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret, form).tokens(t); again.Access != got.Access {
		t.Error("the second answer has another token")
	}
	for _, r := range []reply{
		ask(xtest.DefaultConsumerKey, "x", form),
		ask(xtest.DefaultClientID, xtest.DefaultClientSecret, form),
		s.do(newRequest(t, "POST", s.base+"/oauth2/token", form)),
	} {
		r.want(t, 403, typeJSON, `{"errors":[{"code":99,"message":"Unable to verify your credentials","label":"authenticity_token_error"}]}`)
	}
	if r := ask(xtest.DefaultConsumerKey, xtest.DefaultConsumerSecret, url.Values{}); r.status != 403 {
		t.Errorf("no grant_type: got %d", r.status)
	}
}

func TestTokenEndpointsCanBeLimited(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{Switches: xtest.Switches{TokenRateLimit: 2}})
	ask := func() reply {
		return s.confidential("/2/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}})
	}
	for i, want := range []int{400, 400, 429, 429} {
		r := ask()
		if r.status != want || r.header.Get("x-rate-limit-limit") != "2" || r.header.Get("x-rate-limit-remaining") != fmt.Sprint(max(1-i, 0)) ||
			r.header.Get("x-rate-limit-reset") != fmt.Sprint(epoch.Add(15*time.Minute).Unix()) || r.header.Get("Retry-After") != "" {
			t.Errorf("request %d: got %d %v", i, r.status, r.header)
		}
		if want == 429 && r.body != codedBody(88, "Rate limit exceeded") {
			t.Errorf("got %s", r.body)
		}
	}
	s.requestToken(callback)
	s.Advance(15 * time.Minute)
	if r := ask(); r.status != 400 {
		t.Errorf("in the next window: got %d", r.status)
	}
}

// The switch that punishes reuse remembers spent tokens for a day.
func TestSpentRefreshTokensAreForgottenInTime(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{Switches: xtest.Switches{RefreshReuseRevokes: true}})
	first := s.signIn(xtest.DefaultUserID)
	second := s.refresh(first.Refresh).tokens(t)
	if s.Live(first.Refresh) {
		t.Error("a spent token is alive")
	}
	_, _, _, before := s.Kept()
	s.Advance(25 * time.Hour)
	s.refresh("unknown")
	if _, _, _, after := s.Kept(); after >= before || !s.Live(second.Refresh) {
		t.Errorf("%d tokens are kept, and %d before", after, before)
	}
}

func TestWhatIsOverIsForgotten(t *testing.T) {
	t.Parallel()
	s := newSim(t, xtest.Config{Switches: xtest.Switches{RefreshLifetime: time.Hour}})
	for range 5 {
		s.signIn(xtest.DefaultUserID)
		s.code(authorizeQuery(), xtest.DefaultUserID)
		s.requestToken(callback)
	}
	s.Advance(3 * time.Hour)
	s.refresh("x")
	if n, rt, c, tk := s.Kept(); n+rt+c+tk != 0 {
		t.Errorf("kept %d nonces, %d request tokens, %d codes, %d tokens", n, rt, c, tk)
	}
}
