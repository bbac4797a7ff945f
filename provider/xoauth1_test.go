package provider_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

func TestOAuth1SignsInWithTwoCalls(t *testing.T) {
	s := newServer(t)
	x := s.xoauth1(t, func(c *provider.OAuth1Config) { c.Now = fixed })
	redirect, p, err := x.Begin(ctx, provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if redirect != s.URL+"/oauth/authenticate?oauth_token="+requestToken || p.Provider != "x-oauth1" || p.State != requestToken || p.Secret != requestSecret {
		t.Errorf("redirect is %s, pending %v", redirect, p)
	}
	begin := s.last(t)
	verifySignature(t, s.URL, begin, "")
	if got := authParams(t, begin); begin.method != "POST" || got["oauth_callback"] != callbackURL || got["oauth_consumer_key"] != consumerKey || got["oauth_token"] != "" {
		t.Errorf("request_token was %s with %v", begin.method, got)
	}

	user, token, err := x.Finish(ctx, p, url.Values{"oauth_token": {requestToken}, "oauth_verifier": {verifier}, "state": {"the callback's own"}})
	if err != nil {
		t.Fatal(err)
	}
	finish := s.last(t)
	verifySignature(t, s.URL, finish, requestSecret)
	if got := authParams(t, finish); finish.path != "/oauth/access_token" || got["oauth_token"] != requestToken || got["oauth_verifier"] != verifier {
		t.Errorf("access_token was %s with %v", finish.path, got)
	}
	if want := (provider.User{Provider: "x-oauth1", AccountID: "6253282", ID: "6253282", Username: "xapi", SignedInAt: fixed()}); user != want {
		t.Errorf("user is %+v, want %+v", user, want)
	}
	if token.AccessToken != accessToken || token.TokenSecret != tokenSecret || token.AccountID != "6253282" || !token.Expiry.IsZero() || !token.ObtainedAt.Equal(fixed()) {
		t.Errorf("token is %v", token)
	}
	if n := len(s.requests()); n != 2 {
		t.Errorf("X was asked %d times, want 2", n)
	}
}

// TestOAuth1AlwaysAsks: X's page /oauth/authorize asks also those who have allowed the app.
func TestOAuth1AlwaysAsks(t *testing.T) {
	for _, c := range []struct {
		edit func(c *provider.OAuth1Config)
		want string
	}{
		{func(*provider.OAuth1Config) {}, "/oauth/authenticate?oauth_token=a"},
		{func(c *provider.OAuth1Config) { c.AlwaysAsk = true }, "/oauth/authorize?oauth_token=a"},
		{func(c *provider.OAuth1Config) { c.AlwaysAsk, c.CallbackURL = true, "oob" }, "/oauth/authorize?oauth_token=a"},
		{func(c *provider.OAuth1Config) { c.AlwaysAsk, c.AuthorizeURL = true, c.APIURL+"/mine" }, "/mine?oauth_token=a"},
	} {
		s := newServer(t)
		s.reply("/oauth/request_token", 200, "oauth_callback_confirmed=true&oauth_token=a&oauth_token_secret=c")
		redirect, _, err := s.xoauth1(t, c.edit).Begin(ctx, provider.Options{})
		if err != nil || redirect != s.URL+c.want {
			t.Errorf("redirect is %s, %v, want %s", redirect, err, c.want)
		}
	}
}

func TestOAuth1BeginPassesItsWishesOn(t *testing.T) {
	s := newServer(t)
	s.reply("/p/oauth/request_token", 201, "\n oauth_callback_confirmed=true&oauth_token=a%2Bb&oauth_token_secret=c\n")
	x := s.xoauth1(t, func(c *provider.OAuth1Config) {
		c.APIURL += "/p/"
		c.AccessType = "read"
		c.CallbackURL = "oob"
		c.Name = "other-1"
	})
	redirect, p, err := x.Begin(ctx, provider.Options{ForceLogin: true, ScreenName: "@jack&x"})
	if err != nil {
		t.Fatal(err)
	}
	if want := s.URL + "/p/oauth/authorize?force_login=true&oauth_token=a%2Bb&screen_name=jack%26x"; redirect != want {
		t.Errorf("redirect is %s, want %s", redirect, want)
	}
	if p.State != "a+b" || p.Secret != "c" || p.Provider != "other-1" || x.Name() != "other-1" {
		t.Errorf("pending is %v with handle %q", p, p.State)
	}
	got := s.last(t)
	verifySignature(t, s.URL, got, "")
	if got.query.Encode() != "x_auth_access_type=read" || authParams(t, got)["oauth_callback"] != "oob" {
		t.Errorf("asked with %v and %v", got.query, authParams(t, got))
	}
}

func TestOAuth1FinishRefusesACallbackBeforeXIsAsked(t *testing.T) {
	p := provider.Pending{Provider: "x-oauth1", State: requestToken, Secret: requestSecret}
	for name, c := range map[string]struct {
		p        provider.Pending
		callback url.Values
		want     error
	}{
		"with another token":        {p, url.Values{"oauth_token": {"other"}, "oauth_verifier": {verifier}}, provider.ErrOtherBrowser},
		"with no token":             {p, url.Values{"oauth_verifier": {verifier}}, provider.ErrOtherBrowser},
		"with two tokens":           {p, url.Values{"oauth_token": {requestToken, "b"}, "oauth_verifier": {verifier}}, provider.ErrOtherBrowser},
		"with nothing":              {p, nil, provider.ErrOtherBrowser},
		"with an empty pending":     {provider.Pending{}, url.Values{"oauth_token": {""}, "oauth_verifier": {verifier}}, provider.ErrOtherBrowser},
		"of another provider":       {provider.Pending{Provider: "x", State: requestToken, Secret: requestSecret}, url.Values{"oauth_token": {requestToken}, "oauth_verifier": {verifier}}, provider.ErrOtherBrowser},
		"denied elsewhere":          {p, url.Values{"denied": {"other"}}, provider.ErrOtherBrowser},
		"denied with empty pending": {provider.Pending{Provider: "x-oauth1", Secret: "s"}, url.Values{"denied": {""}}, provider.ErrOtherBrowser},
		"denied":                    {p, url.Values{"denied": {requestToken}}, provider.ErrDenied},
		"without a verifier":        {p, url.Values{"oauth_token": {requestToken}}, provider.ErrDenied},
		"with two verifiers":        {p, url.Values{"oauth_token": {requestToken}, "oauth_verifier": {"a", "b"}}, provider.ErrDenied},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			user, token, err := s.xoauth1(t).Finish(ctx, c.p, c.callback)
			failed(t, err, c.want)
			if user != (provider.User{}) || token.AccessToken != "" || len(s.requests()) != 0 {
				t.Error("X was asked")
			}
		})
	}
}

func TestAPINEndsASignIn(t *testing.T) {
	s := newServer(t)
	x := s.xoauth1(t, func(c *provider.OAuth1Config) { c.CallbackURL = "oob" })
	_, p, err := x.Begin(ctx, provider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	user, _, err := x.Finish(ctx, p, pin(p, " 1234567\n"))
	if err != nil || user.AccountID != "6253282" || authParams(t, s.last(t))["oauth_verifier"] != "1234567" {
		t.Errorf("user is %v (%v)", user, err)
	}
	_, _, err = x.Finish(ctx, p, pin(p, "  "))
	failed(t, err, provider.ErrDenied)
	_, _, err = x.Finish(ctx, provider.Pending{}, pin(p, "1"))
	failed(t, err, provider.ErrOtherBrowser)
	s.reply("/oauth/access_token", 401, "Error processing your OAuth request: Invalid oauth_verifier parameter")
	_, _, err = x.Finish(ctx, p, pin(p, "7654321"))
	failed(t, err, provider.ErrExpired)
}

// pin is the callback of a sign-in that ends by a PIN.
func pin(p provider.Pending, typed string) url.Values {
	return url.Values{"oauth_token": {p.State}, "oauth_verifier": {typed}}
}

func code(n, text string) string { return `{"errors":[{"code":` + n + `,"message":"` + text + `"}]}` }

func xmlError(n, text string) string {
	return `<?xml version='1.0' encoding='UTF-8'?><errors><error code="` + n + `">` + text + `</error></errors>`
}

const desktop = `<hash><error>Desktop applications only support the oauth_callback value 'oob'</error><request>/oauth/request_token</request></hash>`

// oauth1Anywhere are the answers that mean the same at each of OAuth 1.0a's steps.
var oauth1Anywhere = []refusal{
	{"wrong keys", 401, code("32", "Could not authenticate you."), provider.ErrRefused, provider.ReasonCredentials, "32"},
	{"wrong keys in old words", 401, "Failed to validate oauth signature and token", provider.ErrRefused, provider.ReasonCredentials, ""},
	{"wrong keys in words alone", 401, `<hash><request>/oauth/request_token</request><error>Could not authenticate you</error></hash>`, provider.ErrRefused, provider.ReasonCredentials, ""},
	{"a clock that is off, in words alone", 401, `{"errors":[{"message":"Timestamp out of bounds."}]}`, provider.ErrRefused, provider.ReasonClock, ""},
	{"no header, in words alone", 400, "Bad Authentication data.", provider.ErrRefused, provider.ReasonCredentials, ""},
	{"no header", 400, code("215", "Bad Authentication data."), provider.ErrRefused, provider.ReasonCredentials, "215"},
	{"a clock that is off", 401, code("135", "Timestamp out of bounds."), provider.ErrRefused, provider.ReasonClock, "135"},
	{"a suspended app", 403, code("416", "Invalid / suspended application"), provider.ErrRefused, provider.ReasonAccess, "416"},
	{"limited access", 403, code("453", "You currently have access to a subset"), provider.ErrRefused, provider.ReasonAccess, "453"},
	{"an application's token", 403, code("220", "Your credentials do not allow access to this resource."), provider.ErrRefused, provider.ReasonAccess, "220"},
	{"an app without a project", 403, notEnrolled, provider.ErrRefused, provider.ReasonNotEnrolled, "client-forbidden"},
	{"no credits", 402, noCredits, provider.ErrRefused, provider.ReasonCredits, "credits"},
	{"a suspended user", 403, code("64", "Your account is suspended and is not permitted to access this feature."), provider.ErrAccountRefused, "", "64"},
	{"a locked account in XML", 403, xmlError("326", "this account is temporarily locked"), provider.ErrAccountRefused, "", "326"},
	{"a spent cap", 429, `{"title":"UsageCapExceeded"}`, provider.ErrRefused, provider.ReasonUsageCap, ""},
	{"too many calls", 429, code("88", "Rate limit exceeded"), provider.ErrRateLimited, "", "88"},
	{"too many calls with an old status", 403, code("88", "Rate limit exceeded"), provider.ErrRateLimited, "", "88"},
	{"trouble at X", 401, "This feature is temporarily unavailable", provider.ErrUnavailable, "", ""},
	{"trouble at X in Spanish", 401, "Esta función no está disponible temporalmente", provider.ErrUnavailable, "", ""},
	{"an outage", 503, page, provider.ErrUnavailable, "", ""},
	{"an outage with a code", 500, code("131", "Internal error"), provider.ErrUnavailable, "", "131"},
	{"a page of the edge", 403, page, provider.ErrUnavailable, "", ""},
	{"a page with status 401", 401, "<html><head>", provider.ErrUnavailable, "", ""},
	{"a redirect", 302, "", provider.ErrUnavailable, "", ""},
	{"a code that nobody knows", 403, code("999", "x"), provider.ErrRefused, provider.ReasonOther, "999"},
	{"XML that nobody knows", 403, xmlError("999", "x"), provider.ErrRefused, provider.ReasonOther, "999"},
	{"nothing with status 403", 403, "", provider.ErrUnavailable, "", ""},
}

func TestEveryAnswerToARequestTokenHasOneMeaning(t *testing.T) {
	for _, c := range append([]refusal{
		{"a callback that is not registered, in XML", 403, xmlError("415", "Callback URL not approved"), provider.ErrRefused, provider.ReasonCallback, "415"},
		{"a callback that is not registered, in Latin XML", 403, strings.Replace(xmlError("415", "Callback URL not approved"), "UTF-8", "ISO-8859-1", 1), provider.ErrRefused, provider.ReasonCallback, "415"},
		{"a callback that is not registered, in JSON", 403, code("415", "Callback URL not approved"), provider.ErrRefused, provider.ReasonCallback, "415"},
		{"a callback that is not registered, in words alone", 403, "Callback URL not approved for this client application", provider.ErrRefused, provider.ReasonCallback, ""},
		{"an unknown key in old words", 401, "Invalid / expired Token", provider.ErrRefused, provider.ReasonCredentials, ""},
		{"no callback registered at all", 401, desktop, provider.ErrRefused, provider.ReasonCallback, ""},
		{"oob that is not allowed", 403, code("417", "x"), provider.ErrRefused, provider.ReasonCallback, "417"},
		{"an unknown key", 401, code("89", "Invalid or expired token."), provider.ErrRefused, provider.ReasonCredentials, "89"},
		{"401 and a word", 401, "Unauthorized", provider.ErrRefused, provider.ReasonCredentials, ""},
		{"an unknown key in the words of the problem reporting extension", 401, "oauth_problem=consumer_key_unknown", provider.ErrRefused, provider.ReasonCredentials, ""},
		{"401 and nothing", 401, "", provider.ErrRefused, provider.ReasonCredentials, ""},
		{"a callback that is not confirmed", 200, "oauth_token=a&oauth_token_secret=b", provider.ErrUnavailable, "", ""},
		{"a callback that is denied", 200, "oauth_token=a&oauth_token_secret=b&oauth_callback_confirmed=false", provider.ErrUnavailable, "", ""},
		{"no secret", 200, "oauth_token=a&oauth_callback_confirmed=true", provider.ErrUnavailable, "", ""},
		{"a page with status 200", 200, page, provider.ErrUnavailable, "", ""},
		{"a body that is no form", 200, "%zz", provider.ErrUnavailable, "", ""},
		{"another good status", 204, "", provider.ErrUnavailable, "", ""},
	}, oauth1Anywhere...) {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.reply("/oauth/request_token", c.status, c.body)
			redirect, p, err := s.xoauth1(t).Begin(ctx, provider.Options{})
			c.check(t, err, "request_token")
			if redirect != "" || p.State != "" || p.Secret != "" || len(s.requests()) != 1 {
				t.Errorf("%q and %v after %d requests", redirect, p, len(s.requests()))
			}
		})
	}
}

func TestEveryAnswerToAnAccessTokenHasOneMeaning(t *testing.T) {
	for _, c := range append([]refusal{
		{"a wrong verifier", 401, "Error processing your OAuth request: Invalid oauth_verifier parameter", provider.ErrExpired, "", ""},
		{"no verifier", 401, `<hash><error>Required oauth_verifier parameter not provided</error></hash>`, provider.ErrExpired, "", ""},
		{"a request token that is gone", 401, "Request token missing", provider.ErrExpired, "", ""},
		{"a token that is gone", 401, code("89", "Invalid or expired token."), provider.ErrExpired, "", "89"},
		{"a token that is gone, in old words", 401, "Invalid / expired Token", provider.ErrExpired, "", ""},
		{"a token that is gone, in old XML", 401, `<?xml version="1.0" encoding="UTF-8"?><hash><error>Invalid / expired Token</error></hash>`, provider.ErrExpired, "", ""},
		{"an account that is locked", 403, code("326", "To protect our users, this account is temporarily locked."), provider.ErrAccountRefused, "", "326"},
		{"401 and nothing", 401, "", provider.ErrUnavailable, "", ""},
		{"no token", 200, "oauth_token_secret=b&user_id=1", provider.ErrUnavailable, "", ""},
		{"no secret", 200, "oauth_token=b&user_id=1", provider.ErrUnavailable, "", ""},
		{"an id that is none", 200, "oauth_token=" + accessToken + "&oauth_token_secret=" + tokenSecret + "&user_id=b/b", provider.ErrUnavailable, "", ""},
		{"a page with status 200", 200, page, provider.ErrUnavailable, "", ""},
		{"another good status", 204, "", provider.ErrUnavailable, "", ""},
	}, oauth1Anywhere...) {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.reply("/oauth/access_token", c.status, c.body)
			user, token, err := signIn1(t, s.xoauth1(t))
			c.check(t, err, "access_token")
			if user != (provider.User{}) || token.AccessToken != "" || token.TokenSecret != "" || len(s.requests()) != 2 {
				t.Errorf("%v and %v after %d requests", user, token, len(s.requests()))
			}
		})
	}
}

func TestAClockThatIsOffIsBlamedOnlyWhereNothingElseIs(t *testing.T) {
	for name, c := range map[string]struct {
		skew time.Duration
		body string
		kind error
		want provider.Reason
	}{
		"wrong keys and a clock behind":    {6 * time.Minute, code("32", "x"), provider.ErrRefused, provider.ReasonClock},
		"wrong keys and a clock ahead":     {-6 * time.Minute, code("32", "x"), provider.ErrRefused, provider.ReasonClock},
		"nothing and a clock ahead":        {-time.Hour, "", provider.ErrRefused, provider.ReasonClock},
		"wrong keys and a clock near":      {4 * time.Minute, code("32", "x"), provider.ErrRefused, provider.ReasonCredentials},
		"a wrong verifier and a clock off": {time.Hour, "Invalid oauth_verifier parameter", provider.ErrExpired, ""},
		"trouble at X and a clock off":     {time.Hour, "This feature is temporarily unavailable", provider.ErrUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.replyHeader("/oauth/access_token", reply{401, map[string]string{"Date": time.Now().Add(c.skew).UTC().Format(http.TimeFormat)}, c.body})
			_, _, err := signIn1(t, s.xoauth1(t))
			if e := failed(t, err, c.kind); e.Reason != c.want {
				t.Errorf("error is %v, want reason %q", err, c.want)
			}
		})
	}
}

func TestOAuth1AsksForTheProfileWhereItIsWantedOrNeeded(t *testing.T) {
	withoutID := "oauth_token=99-" + accessToken + "&oauth_token_secret=" + tokenSecret
	for name, c := range map[string]struct {
		profile bool
		body    string
		me      string
		status  int
		want    provider.User
		kind    error
		calls   int
	}{
		"wanted":                     {true, "", `{"data":{"id":"6253282","username":"new","name":"N"}}`, 200, provider.User{AccountID: "6253282", Username: "new", Name: "N"}, nil, 3},
		"needed":                     {false, withoutID, `{"data":{"id":"6253282","username":"u"}}`, 200, provider.User{AccountID: "6253282", Username: "u"}, nil, 3},
		"of another account":         {true, "", `{"data":{"id":"1","username":"u"}}`, 200, provider.User{}, provider.ErrUnavailable, 3},
		"wanted and not given":       {true, "", noCredits, 402, provider.User{}, provider.ErrRefused, 3},
		"needed and not given":       {false, withoutID, page, 503, provider.User{}, provider.ErrUnavailable, 3},
		"needed and token gone":      {false, withoutID, code("89", "x"), 401, provider.User{}, provider.ErrUnavailable, 3},
		"not needed with a line end": {false, "user_id=5&oauth_token=a&oauth_token_secret=b\r\n", "", 500, provider.User{AccountID: "5"}, nil, 2},
		"not needed without name":    {false, "oauth_token=a&oauth_token_secret=b&user_id=5", "", 500, provider.User{AccountID: "5"}, nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			if c.body != "" {
				s.reply("/oauth/access_token", 200, c.body)
			}
			s.reply("/2/users/me", c.status, c.me)
			user, token, err := signIn1(t, s.xoauth1(t, func(cfg *provider.OAuth1Config) { cfg.FetchProfile, cfg.Now = c.profile, fixed }))
			if n := len(s.requests()); n != c.calls {
				t.Errorf("X was asked %d times, want %d", n, c.calls)
			}
			if c.kind != nil {
				failed(t, err, c.kind)
				if token.AccessToken != "" {
					t.Error("a failed sign-in gave a token")
				}
				return
			}
			c.want.Provider, c.want.ID, c.want.SignedInAt = "x-oauth1", c.want.AccountID, fixed()
			if err != nil || user != c.want || token.AccountID != c.want.AccountID {
				t.Errorf("user is %+v, token %v (%v), want %+v", user, token, err, c.want)
			}
			if strings.ContainsAny(token.TokenSecret, "\r\n") {
				t.Error("the line end is in the secret")
			}
			if c.calls == 3 {
				verifySignature(t, s.URL, s.last(t), tokenSecret)
			}
		})
	}
}

func TestOAuth1RevokeSignsWithTheTokenThatIsToDie(t *testing.T) {
	token := tokenstore.Token{AccessToken: accessToken, TokenSecret: tokenSecret}
	s := newServer(t)
	x := s.xoauth1(t)
	if err := x.Revoke(ctx, token); err != nil {
		t.Fatal(err)
	}
	got := s.last(t)
	verifySignature(t, s.URL, got, tokenSecret)
	if got.method != "POST" || got.path != "/1.1/oauth/invalidate_token.json" || authParams(t, got)["oauth_token"] != accessToken {
		t.Errorf("asked %s %s", got.method, got.path)
	}
	s.reply("/1.1/oauth/invalidate_token.json", 401, code("89", "Invalid or expired token."))
	if err := x.Revoke(ctx, token); err != nil {
		t.Errorf("revoking a token that is gone: %v", err)
	}
	s.reply("/1.1/oauth/invalidate_token.json", 401, "Invalid / expired Token")
	if err := x.Revoke(ctx, token); err != nil {
		t.Errorf("revoking a token that is gone, in old words: %v", err)
	}
	s.reply("/1.1/oauth/invalidate_token.json", 200, page)
	failed(t, x.Revoke(ctx, token), provider.ErrUnavailable)
	s.reply("/1.1/oauth/invalidate_token.json", 503, code("89", "x"))
	failed(t, x.Revoke(ctx, token), provider.ErrUnavailable)
	for _, c := range oauth1Anywhere {
		t.Run(c.name, func(t *testing.T) {
			s.reply("/1.1/oauth/invalidate_token.json", c.status, c.body)
			c.check(t, x.Revoke(ctx, token), "invalidate_token")
		})
	}
}

func TestCode89AloneRefusesAnOAuth1Token(t *testing.T) {
	x := newServer(t).xoauth1(t)
	for _, c := range []struct {
		status int
		body   string
		want   bool
	}{
		{401, `{"errors":[{"code":89,"message":"Invalid or expired token."}]}`, true},
		{401, "\ufeff " + `{"errors":[{"code":32},{"code":"89"}]}`, true},
		{401, `{"errors":{"code":89}}`, true},
		{401, `{"code":89,"title":"Unauthorized"}`, true},
		{401, `<?xml version="1.0"?><errors><error code="89">Invalid or expired token.</error></errors>`, true},
		{401, ``, false},
		{401, `Unauthorized`, false},
		{401, `{"title":"Unauthorized","type":"about:blank","status":401,"detail":"Unauthorized"}`, false},
		{401, `{"errors":[{"code":32,"message":"Could not authenticate you."}]}`, false},
		{401, `{"errors":[{"code":89`, false},
		{401, `<html><error code="89">`, false},
		{403, `{"errors":[{"code":89}]}`, false},
		{429, `{"errors":[{"code":89}]}`, false},
		{503, `{"errors":[{"code":89}]}`, false},
	} {
		if got := x.RejectsToken(&http.Response{StatusCode: c.status}, []byte(c.body)); got != c.want {
			t.Errorf("%d %s: %t", c.status, c.body, got)
		}
	}
	if newServer(t).x(t).RejectsToken(&http.Response{StatusCode: 401}, []byte(code("89", "Invalid or expired token."))) {
		t.Error("an OAuth 2.0 token is refused by an answer of the API")
	}
}

// TestNoncesAreTakenEverywhere: letters and digits, and of a length that servers with a
// narrow idea of it accept.
func TestNoncesAreTakenEverywhere(t *testing.T) {
	s := newServer(t)
	s.reply("/oauth/request_token", 500, "")
	seen := make(map[string]bool)
	for range 100 {
		_, _, _ = s.xoauth1(t).Begin(ctx, provider.Options{})
		m := regexp.MustCompile(`oauth_nonce="([^"]*)"`).FindStringSubmatch(s.last(t).header.Get("Authorization"))
		if m == nil || !regexp.MustCompile(`^[A-Za-z0-9]{20,30}$`).MatchString(m[1]) || seen[m[1]] {
			t.Fatalf("nonce %v", m)
		}
		seen[m[1]] = true
	}
}
