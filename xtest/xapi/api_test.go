package xapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

const (
	jsonType    = "application/json; charset=utf-8"
	problemType = "application/problem+json"

	flat401 = `{"title":"Unauthorized","type":"about:blank","status":401,"detail":"Unauthorized"}`
	flat403 = `{"title":"Forbidden","type":"about:blank","status":403,"detail":"Forbidden"}`
	flat429 = `{"title":"Too Many Requests","detail":"Too Many Requests","type":"about:blank","status":429}`
)

func unsupported(with, host string) string {
	return `{"title":"Unsupported Authentication","detail":"Authenticating with ` + with + ` is forbidden for this endpoint.  Supported authentication types are [OAuth 1.0a User Context, OAuth 2.0 User Context].","type":"https://` + host + `/2/problems/unsupported-authentication","status":403}`
}

func TestEveryCallAsksForItsScopes(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	post := l.AddPost(one, "to be read")
	tests := []struct {
		call   string
		scopes string
	}{
		{"GET /2/users/me", "tweet.read users.read"},
		{"GET /2/users/" + two, "tweet.read users.read"},
		{"GET /2/users?ids=" + two, "tweet.read users.read"},
		{"GET /2/users/by/username/demo", "tweet.read users.read"},
		{"GET /2/users/by?usernames=demo", "tweet.read users.read"},
		{"GET /2/users/" + one + "/tweets", "tweet.read users.read"},
		{"GET /2/users/" + one + "/mentions", "tweet.read users.read"},
		{"GET /2/users/" + one + "/timelines/reverse_chronological", "tweet.read users.read"},
		{"GET /2/users/" + one + "/followers", "tweet.read users.read follows.read"},
		{"GET /2/users/" + one + "/following", "tweet.read users.read follows.read"},
		{"POST /2/users/" + one + "/following", "tweet.read users.read follows.write"},
		{"DELETE /2/users/" + one + "/following/" + two, "tweet.read users.read follows.write"},
		{"GET /2/tweets/" + post, "tweet.read users.read"},
		{"GET /2/tweets?ids=" + post, "tweet.read users.read"},
		{"POST /2/tweets", "tweet.read tweet.write users.read"},
		{"DELETE /2/tweets/" + post, "tweet.read tweet.write users.read"},
		{"POST /2/media/upload", "media.write"},
		{"GET /2/media/upload?command=STATUS&media_id=1", "media.write"},
		{"POST /2/media/upload/initialize", "media.write"},
		{"POST /2/media/upload/1/append", "media.write"},
		{"POST /2/media/upload/1/finalize", "media.write"},
		{"POST /2/media/metadata", "media.write"},
	}
	for _, tt := range tests {
		t.Run(tt.call, func(t *testing.T) {
			method, path, _ := strings.Cut(tt.call, " ")
			need := strings.Fields(tt.scopes)
			for _, missing := range need {
				rest := "offline.access " + strings.Join(without(strings.Fields(allScopes), missing), " ")
				l.send(method, path, l.oauth2(one, rest), nil).wantBody(403, problemType, flat403)
			}
			if res := l.send(method, path, l.oauth2(one, tt.scopes), nil); res.status == 401 || res.status == 403 {
				t.Errorf("with its scopes: %d %s", res.status, res.body)
			}
		})
	}
}

func without(list []string, s string) []string {
	var out []string
	for _, v := range list {
		if v != s {
			out = append(out, v)
		}
	}
	return out
}

func TestAppOnlyTokensAreForPublicReading(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	app := l.appOnly()
	l.get("/2/users/me", app).wantBody(403, problemType, unsupported("OAuth 2.0 Application-Only", "api.twitter.com"))
	l.send("POST", "/2/tweets", app, map[string]any{"text": "x"}).wantBody(403, problemType, unsupported("OAuth 2.0 Application-Only", "api.twitter.com"))
	l.get("/2/users/"+one+"/timelines/reverse_chronological", app).want(403)
	for _, path := range []string{"/2/users/" + one, "/2/users/" + one + "/tweets", "/2/users/" + one + "/followers?user.fields=connection_status", "/2/tweets?ids=1"} {
		l.get(path, app).want(200)
	}
	l.get("/1.1/account/verify_credentials.json", app).wantBody(403, jsonType, `{"errors":[{"code":220,"message":"Your credentials do not allow access to this resource."}]}`)
}

func TestReadOnlyAppsMayNotWriteByOAuth1(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{ReadOnly: true})
	as := l.oauth1(one)
	l.send("POST", "/2/tweets", as, map[string]any{"text": "x"}).wantBody(403, problemType,
		`{"title":"Forbidden","detail":"Your client app is not configured with the appropriate oauth1 app permissions for this endpoint.","type":"https://api.twitter.com/2/problems/oauth1-permissions","status":403}`)
	res := l.get("/2/users/me", as).want(200)
	wantEqual(t, "x-access-level", res.header.Get("x-access-level"), "read")
}

func TestAccessLevelTellsWhatTheTokenMay(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	for _, tt := range []struct {
		name string
		as   credentials
		want string
	}{
		{"an OAuth 1.0a token of a writing app", l.oauth1(one), "read-write"},
		{"a token with a write scope", l.full(one), "read-write"},
		{"a token with read scopes", l.oauth2(one, "tweet.read users.read"), "read"},
	} {
		wantEqual(t, tt.name, l.get("/2/users/me", tt.as).header.Get("x-access-level"), tt.want)
	}
}

func TestUnknownCallersPathsAndMethods(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	res := l.get("/2/users/me", nobody)
	res.wantBody(401, problemType, flat401)
	wantEqual(t, "remaining", res.header.Get("x-rate-limit-remaining"), "75")
	l.get("/2/users/me", bearerToken("made-up")).wantBody(401, problemType, flat401)
	l.get("/2/nothing/here", as).wantBody(404, problemType, `{"title":"Not Found","type":"about:blank","status":404,"detail":"Not Found"}`)
	l.send("PUT", "/2/users/me", as, nil).want(405)
	l.send("HEAD", "/2/users/me", as, nil).want(200)
	l.send("POST", "/2/tweets", as, strings.Repeat("x", 33<<20)).want(413)
}

func TestAnswersCarryTheHeadersOfX(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	for _, res := range []*result{l.get("/2/users/me", l.full(one)), l.get("/2/users/me", nobody)} {
		if len(res.header["Set-Cookie"]) != 2 || !strings.HasPrefix(res.header["Set-Cookie"][0], "guest_id=v1%3A") {
			t.Errorf("cookies %v", res.header["Set-Cookie"])
		}
		if res.header.Get("x-transaction-id") == "" || res.header.Get("Retry-After") != "" {
			t.Errorf("headers %v", res.header)
		}
		wantEqual(t, "Date", res.header.Get("Date"), apiNoon.Format(http.TimeFormat))
	}
}

func TestRefusalsCanBeCalledForByASwitch(t *testing.T) {
	t.Parallel()
	const credits = `{"title":"CreditsDepleted","detail":"Your enrolled account [1500000000000000001] does not have any credits to fulfill this request.","type":"https://api.twitter.com/2/problems/credits"}`
	if len(credits) != 185 {
		t.Fatalf("X's body has 185 bytes, this one %d", len(credits))
	}
	tests := []struct {
		name        string
		sw          xtest.APISwitches
		status      int
		contentType string
		body        string
	}{
		{"unauthorized", xtest.APISwitches{Refuse: xtest.RefuseUnauthorized}, 401, problemType, flat401},
		{"forbidden", xtest.APISwitches{Refuse: xtest.RefuseForbidden}, 403, problemType, flat403},
		{"unsupported authentication", xtest.APISwitches{Refuse: xtest.RefuseUnsupportedAuth}, 403, problemType, unsupported("OAuth 2.0 Application-Only", "api.twitter.com")},
		{"unsupported authentication in its other words", xtest.APISwitches{Refuse: xtest.RefuseUnsupportedAuth, UnknownAuth: true}, 403, problemType, unsupported("Unknown", "api.twitter.com")},
		{"the newer problem host", xtest.APISwitches{Refuse: xtest.RefuseUnsupportedAuth, ProblemHost: "api.x.com"}, 403, problemType, unsupported("OAuth 2.0 Application-Only", "api.x.com")},
		{"not enrolled", xtest.APISwitches{Refuse: xtest.RefuseNotEnrolled}, 403, jsonType, `{"client_id":"10000001","detail":"When authenticating requests to the Twitter API v2 endpoints, you must use keys and tokens from a Twitter developer App that is attached to a Project. You can create a project via the developer portal.","registration_url":"https://developer.twitter.com/en/docs/projects/overview","title":"Client Forbidden","required_enrollment":"Appropriate Level of API Access","reason":"client-not-enrolled","type":"https://api.twitter.com/2/problems/client-forbidden"}`},
		{"no credits", xtest.APISwitches{Refuse: xtest.RefuseNoCredits}, 402, jsonType, credits},
		{"no credits as a problem", xtest.APISwitches{Refuse: xtest.RefuseNoCredits, ErrorContentType: problemType}, 402, problemType, credits},
		{"too many", xtest.APISwitches{Refuse: xtest.RefuseTooMany}, 429, problemType, flat429},
		{"too many as plain JSON", xtest.APISwitches{Refuse: xtest.RefuseTooMany, ErrorContentType: "application/json"}, 429, "application/json", flat429},
		{"too many as documented", xtest.APISwitches{Refuse: xtest.RefuseTooMany, LegacyRateLimitBody: true}, 429, jsonType, `{"errors":[{"code":88,"message":"Rate limit exceeded"}]}`},
		{"usage cap", xtest.APISwitches{Refuse: xtest.RefuseUsageCap}, 429, jsonType, `{"account_id":"1500000000000000001","product_name":"standard-basic","title":"UsageCapExceeded","period":"Monthly","scope":"Product","detail":"Usage cap exceeded: Monthly product cap","type":"https://api.twitter.com/2/problems/usage-capped"}`},
		{"spend cap", xtest.APISwitches{Refuse: xtest.RefuseSpendCap}, 403, jsonType, `{"account_id":"1500000000000000001","title":"SpendCapReached","detail":"Your enrolled account [1500000000000000001] has reached its billing cycle spend cap.","reset_date":"2026-09-01","type":"https://api.twitter.com/2/problems/credits"}`},
		{"suspended", xtest.APISwitches{Refuse: xtest.RefuseSuspended}, 403, problemType, `{"title":"Forbidden","detail":"Your account is suspended and is not permitted to access this feature.","type":"https://api.twitter.com/2/problems/user-suspended","status":403}`},
		{"not permitted", xtest.APISwitches{Refuse: xtest.RefuseNotPermitted}, 403, jsonType, `{"detail":"Your account is not permitted to perform this action.","type":"about:blank","title":"Forbidden","status":403}`},
		{"locked", xtest.APISwitches{Refuse: xtest.RefuseLocked}, 403, jsonType, `{"errors":[{"code":326,"message":"To protect our users from spam and other malicious activity, this account is temporarily locked. Please log in to https://twitter.com to unlock your account."}]}`},
		{"invalid", xtest.APISwitches{Refuse: xtest.RefuseInvalid}, 400, jsonType, `{"errors":[],"title":"Invalid Request","detail":"One or more parameters to your request was invalid.","type":"https://api.x.com/2/problems/invalid-request"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newAPILab(t, xtest.Config{Switches: xtest.Switches{APISwitches: tt.sw}})
			as := l.full(one)
			res := l.get("/2/users/me", as)
			res.wantBody(tt.status, tt.contentType, tt.body)
			wantEqual(t, "rate-limit headers", res.header.Get("x-rate-limit-limit") != "", tt.status != 402)
			wantEqual(t, "a spent window", res.header.Get("x-rate-limit-remaining") == "0", tt.sw.Refuse == xtest.RefuseTooMany)
			l.get("/2/users/me", nobody).wantBody(401, problemTypeOr(tt.sw), flat401)
			if tt.status != 429 {
				l.get("/1.1/account/verify_credentials.json", l.oauth1(one)).want(200)
			}
			tt.sw.RefusePath = "/2/tweets"
			l.SetSwitches(xtest.Switches{APISwitches: tt.sw})
			l.get("/2/users/me", as).want(200)
		})
	}
}

func problemTypeOr(sw xtest.APISwitches) string {
	if sw.ErrorContentType != "" {
		return sw.ErrorContentType
	}
	return problemType
}

func TestTheEdgeAnswersWithHTMLBeforeX(t *testing.T) {
	t.Parallel()
	for refusal, status := range map[xtest.Refusal]int{xtest.RefuseAtEdge: 403, xtest.RefuseEdgeDown: 503} {
		l := newAPILab(t, xtest.Config{Switches: xtest.Switches{APISwitches: xtest.APISwitches{Refuse: refusal, ErrorContentType: problemType}}})
		res := l.get("/2/users/me", nobody).want(status)
		if !strings.HasPrefix(res.header.Get("Content-Type"), "text/html") || !strings.Contains(string(res.body), "Cloudflare") {
			t.Errorf("%d: %v %s", status, res.header, res.body)
		}
		if res.header.Get("x-rate-limit-limit") != "" {
			t.Error("the edge knows no rate limits")
		}
	}
}

func TestMeCanBeDownForGoodTokens(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		sw     xtest.APISwitches
		status int
		calls  int
	}{
		{"with 401", xtest.APISwitches{Refuse: xtest.RefuseUnauthorized, RefuseTimes: 2}, 401, 2},
		{"with 503", xtest.APISwitches{Refuse: xtest.RefuseEdgeDown, RefuseTimes: 1}, 503, 1},
		{"with a passing 403", xtest.APISwitches{Refuse: xtest.RefuseUnsupportedAuth, UnknownAuth: true, RefuseTimes: 3}, 403, 3},
		{"until it is set again", xtest.APISwitches{Refuse: xtest.RefuseUnauthorized}, 401, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.sw.RefusePath = "/2/users/me"
			l := newAPILab(t, xtest.Config{Switches: xtest.Switches{APISwitches: tt.sw}})
			as := l.full(one)
			for range tt.calls {
				l.get("/2/users/me", as).want(tt.status)
				l.get("/2/users/"+one, as).want(200)
			}
			if tt.sw.RefuseTimes == 0 {
				l.SetSwitches(xtest.Switches{})
			}
			l.get("/2/users/me", as).want(200)
		})
	}
}

func TestRateLimits(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as, other := l.full(one), l.full(two)
	limits := func(res *result) string {
		return fmt.Sprint(res.header.Get("x-rate-limit-limit"), " ", res.header.Get("x-rate-limit-remaining"), " ", res.header.Get("x-rate-limit-reset"))
	}
	reset := apiNoon.Add(15 * time.Minute).Unix()
	for i := range 75 {
		wantEqual(t, "headers", limits(l.get("/2/users/me", as).want(200)), fmt.Sprintf("75 %d %d", 74-i, reset))
	}
	l.Advance(time.Minute)
	res := l.get("/2/users/me", as)
	res.wantBody(429, problemType, flat429)
	wantEqual(t, "headers when spent", limits(res), fmt.Sprintf("75 0 %d", reset))
	wantEqual(t, "Retry-After", res.header.Get("Retry-After"), "")
	wantEqual(t, "another user", limits(l.get("/2/users/me", other).want(200)), fmt.Sprintf("75 74 %d", reset+60))
	l.get("/2/users/"+one, as).want(200)
	l.Advance(14 * time.Minute)
	wantEqual(t, "a new window", limits(l.get("/2/users/me", as).want(200)), fmt.Sprintf("75 74 %d", reset+900))

	wantEqual(t, "the app as a whole", limits(l.get("/2/users/"+one, l.appOnly())), fmt.Sprintf("300 299 %d", reset+900))
	refused := l.get("/2/users/me", l.oauth2(one, "tweet.read"))
	wantEqual(t, "a refused call counts", limits(refused.want(403)), fmt.Sprintf("75 73 %d", reset+900))
}

func TestRateLimitsCanBeSet(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	l.SetRateLimit("GET /2/users/:id/tweets", 1)
	l.get("/2/users/"+one+"/tweets", as).want(200)
	l.get("/2/users/"+two+"/tweets", as).want(429)
	l.SetRateLimit("GET /2/users/:id/tweets", -1)
	wantEqual(t, "X's own limit", l.get("/2/users/"+two+"/tweets", as).want(200).header.Get("x-rate-limit-remaining"), "898")
	l.SetRateLimit("GET /2/users/me", 0)
	l.get("/2/users/me", as).want(429)
	l.SetRateLimit("GET /1.1/account/verify_credentials.json", 0)
	l.get("/1.1/account/verify_credentials.json", l.oauth1(one)).wantBody(429, jsonType, `{"errors":[{"code":88,"message":"Rate limit exceeded"}]}`)
	wantPanic(t, "an unknown endpoint", func() { l.SetRateLimit("GET /2/nothing", 1) })
}

func wantPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

func TestDailyLimits(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{Switches: xtest.Switches{APISwitches: xtest.APISwitches{DailyLimit: 2}}})
	as := l.full(one)
	post := func(text string) *result { return l.send("POST", "/2/tweets", as, map[string]any{"text": text}) }
	res := post("first").want(201)
	for name, want := range map[string]string{
		"x-user-limit-24hour-limit": "2", "x-user-limit-24hour-remaining": "1", "x-user-limit-24hour-reset": fmt.Sprint(apiNoon.Add(24 * time.Hour).Unix()),
		"x-app-limit-24hour-limit": "10000", "x-app-limit-24hour-remaining": "9999", "x-rate-limit-limit": "100",
	} {
		wantEqual(t, name, res.header.Get(name), want)
	}
	post("second").want(201)
	l.Advance(time.Hour)
	post("third").want(429)
	l.Advance(23 * time.Hour)
	as = l.full(one)
	post("fourth").want(201)

	l.SetSwitches(xtest.Switches{})
	if res := post("fifth").want(201); res.header.Get("x-user-limit-24hour-limit") != "" {
		t.Error("24-hour headers without the switch")
	}
}
