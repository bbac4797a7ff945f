package provider_test

import (
	"strings"
	"testing"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
)

// meRefusals are X's answers to users/me, as OAuth 2.0 takes them.
var meRefusals = []refusal{
	{"401 to a good token", 401, `{"title":"Unauthorized","type":"about:blank","status":401,"detail":"Unauthorized"}`, provider.ErrUnavailable, "", ""},
	{"no credits", 402, noCredits, provider.ErrRefused, provider.ReasonCredits, "credits"},
	{"a scope missing", 403, `{"title":"Forbidden","type":"about:blank","status":403,"detail":"Forbidden"}`, provider.ErrRefused, provider.ReasonScope, ""},
	{"an app without a project", 403, notEnrolled, provider.ErrRefused, provider.ReasonNotEnrolled, "client-forbidden"},
	{"a failure that passes", 403, `{"title":"Unsupported Authentication","detail":"Authenticating with Unknown is forbidden for this endpoint.","type":"https://api.x.com/2/problems/unsupported-authentication","status":403}`, provider.ErrUnavailable, "", "unsupported-authentication"},
	{"an application's token", 403, `{"title":"Unsupported Authentication","detail":"Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint.","type":"https://api.x.com/2/problems/unsupported-authentication","status":403}`, provider.ErrRefused, provider.ReasonAccess, "unsupported-authentication"},
	{"a suspended user", 403, `{"title":"Forbidden","detail":"User has been suspended.","type":"https://api.twitter.com/2/problems/user-suspended","status":403}`, provider.ErrAccountRefused, "", "user-suspended"},
	{"a suspended user with status 200", 200, `{"errors":[{"title":"Forbidden","detail":"User has been suspended: [7].","type":"https://api.twitter.com/2/problems/resource-not-found"}]}`, provider.ErrAccountRefused, "", "resource-not-found"},
	{"a suspended user by the first API's code", 403, `{"errors":[{"code":64,"message":"Your account is suspended and is not permitted to access this feature."}]}`, provider.ErrAccountRefused, "", "64"},
	{"an account that is locked", 403, `{"errors":[{"code":326,"message":"To protect our users, this account is temporarily locked."}]}`, provider.ErrAccountRefused, "", "326"},
	{"an account that is not permitted", 403, `{"title":"Forbidden","detail":"Your account is not permitted to perform this action.","type":"about:blank","status":403}`, provider.ErrAccountRefused, "", ""},
	{"a suspended user, at X's new address", 403, `{"title":"Forbidden","detail":"x","type":"https://api.x.com/2/problems/user-suspended","status":403}`, provider.ErrAccountRefused, "", "user-suspended"},
	{"a suspended user, with a slash behind the type", 403, `{"title":"Forbidden","type":"https://api.x.com/2/problems/user-suspended/"}`, provider.ErrAccountRefused, "", "user-suspended"},
	{"a suspended user inside errors", 403, `{"errors":[{"title":"Forbidden","type":"https://api.x.com/2/problems/user-suspended"}]}`, provider.ErrAccountRefused, "", "user-suspended"},
	{"a suspended user with status 400", 400, `{"title":"Forbidden","type":"https://api.x.com/2/problems/user-suspended"}`, provider.ErrAccountRefused, "", "user-suspended"},
	{"a suspended user with status 401", 401, `{"title":"Forbidden","type":"https://api.x.com/2/problems/user-suspended"}`, provider.ErrAccountRefused, "", "user-suspended"},
	{"a suspended user by a code in words", 403, `{"errors":[{"code":"64"}]}`, provider.ErrAccountRefused, "", "64"},
	{"a suspended user by another code", 403, `{"errors":[{"code":63}]}`, provider.ErrAccountRefused, "", "63"},
	{"a suspended user by the text alone", 403, `{"title":"Forbidden","detail":"Your account has been suspended.","type":"about:blank"}`, provider.ErrAccountRefused, "", ""},
	{"a suspended user in capitals", 403, `{"detail":"USER HAS BEEN SUSPENDED"}`, provider.ErrAccountRefused, "", ""},
	{"a locked account by the text alone", 403, `{"title":"Forbidden","detail":"To protect our users from spam, this account is temporarily locked."}`, provider.ErrAccountRefused, "", ""},
	{"a locked account with status 401", 401, `{"errors":[{"code":326,"message":"x"}]}`, provider.ErrAccountRefused, "", "326"},
	{"a suspended application", 403, `{"errors":[{"code":416,"message":"Invalid / suspended application"}]}`, provider.ErrRefused, provider.ReasonAccess, "416"},
	{"a suspended developer account", 403, `{"title":"Forbidden","detail":"Your developer account is suspended."}`, provider.ErrRefused, provider.ReasonAccess, ""},
	{"a failure that passes, inside errors", 403, `{"errors":[{"title":"Unsupported Authentication","detail":"Authenticating with Unknown is forbidden for this endpoint.","type":"https://api.x.com/2/problems/unsupported-authentication"}]}`, provider.ErrUnavailable, "", "unsupported-authentication"},
	{"a failure that passes, in lower case", 403, `{"detail":"authenticating with unknown is forbidden"}`, provider.ErrUnavailable, "", ""},
	{"an enrolment that is missing, at X's old address", 403, `{"reason":"client-not-enrolled","type":"https://api.twitter.com/2/problems/client-forbidden"}`, provider.ErrRefused, provider.ReasonNotEnrolled, "client-forbidden"},
	{"an enrolment that is missing, by its reason", 403, `{"reason":"client-not-enrolled","title":"Client Forbidden"}`, provider.ErrRefused, provider.ReasonNotEnrolled, ""},
	{"permissions of the application", 403, `{"title":"Forbidden","type":"https://api.x.com/2/problems/oauth1-permissions"}`, provider.ErrRefused, provider.ReasonAccess, ""},
	{"an account whose plan does not have the feature", 403, `{"title":"Forbidden","detail":"Your account is not permitted to access this feature.","type":"about:blank","status":403}`, provider.ErrRefused, provider.ReasonOther, ""},
	{"an enrolment that is missing, in words alone", 403, `{"title":"Client Forbidden","detail":"You must use keys and tokens from an App that is attached to a Project."}`, provider.ErrRefused, provider.ReasonNotEnrolled, ""},
	{"limited access, in words alone", 403, `{"errors":[{"message":"You currently have access to a subset of X API V2 endpoints"}]}`, provider.ErrRefused, provider.ReasonAccess, ""},
	{"a suspended application, in words alone", 403, `{"errors":[{"message":"Invalid / suspended application"}]}`, provider.ErrRefused, provider.ReasonAccess, ""},
	{"a user who has not enrolled, by the reason alone", 403, `{"reason":"user-not-enrolled","title":"Client Forbidden"}`, provider.ErrRefused, provider.ReasonAccess, ""},
	{"a refusal without a word", 403, `{"status":403,"errors":[]}`, provider.ErrRefused, provider.ReasonOther, ""},
	{"a scope missing, inside errors", 403, `{"errors":[{"title":"Forbidden","detail":"Forbidden","type":"about:blank"}]}`, provider.ErrRefused, provider.ReasonScope, ""},
	{"a user whom X bills and who has not enrolled", 403, `{"reason":"user-not-enrolled","title":"Client Forbidden","type":"https://api.x.com/2/problems/client-forbidden"}`, provider.ErrRefused, provider.ReasonAccess, "client-forbidden"},
	{"a refusal of the field for the address", 403, `{"title":"Forbidden","detail":"The app may not read confirmed_email."}`, provider.ErrRefused, provider.ReasonOther, ""},
	{"a cap without a type", 429, `{"title":"UsageCapExceeded","period":"Monthly"}`, provider.ErrRefused, provider.ReasonUsageCap, ""},
	{"a cap in its detail", 429, `{"detail":"Usage cap exceeded: Monthly product cap"}`, provider.ErrRefused, provider.ReasonUsageCap, ""},
	{"a cap inside errors", 429, `{"errors":[{"type":"https://api.twitter.com/2/problems/usage-capped"}]}`, provider.ErrRefused, provider.ReasonUsageCap, "usage-capped"},
	{"credits that are spent, with status 429", 429, `{"title":"CreditsDepleted","type":"https://api.x.com/2/problems/credits"}`, provider.ErrRefused, provider.ReasonCredits, "credits"},
	{"credits that are spent, with status 403 and no type", 403, `{"title":"CreditsDepleted","detail":"x"}`, provider.ErrRefused, provider.ReasonCredits, ""},
	{"credits that are spent, with nothing", 402, ``, provider.ErrRefused, provider.ReasonCredits, ""},
	{"a spending limit", 403, `{"title":"SpendCapReached","reset_date":"2026-09-01","type":"https://api.x.com/2/problems/credits"}`, provider.ErrRefused, provider.ReasonCredits, "credits"},
	{"a spending limit without a type", 403, `{"detail":"Your enrolled account [1] has reached its billing cycle spend cap."}`, provider.ErrRefused, provider.ReasonCredits, ""},
	{"a spending limit called a cap", 403, `{"title":"UsageCapExceeded"}`, provider.ErrRefused, provider.ReasonCredits, ""},
	{"too many calls, by the code alone", 403, `{"errors":[{"code":88}]}`, provider.ErrRateLimited, "", "88"},
	{"too many calls at the edge", 429, page, provider.ErrRateLimited, "", ""},
	{"too many calls and nothing", 429, ``, provider.ErrRateLimited, "", ""},
	{"a scope missing, in two fields", 403, `{"title":"Forbidden","detail":"Forbidden","errors":[]}`, provider.ErrRefused, provider.ReasonScope, ""},
	{"a refusal in other words", 403, `{"title":"Forbidden","detail":"This request looks odd.","type":"about:blank","status":403}`, provider.ErrRefused, provider.ReasonOther, ""},
	{"the same inside errors", 403, `{"errors":[{"title":"Unsupported Authentication","type":"https://api.x.com/2/problems/unsupported-authentication"}]}`, provider.ErrRefused, provider.ReasonAccess, "unsupported-authentication"},
	{"limited access", 403, `{"errors":[{"message":"You currently have access to a subset","code":453}]}`, provider.ErrRefused, provider.ReasonAccess, "453"},
	{"a page of the edge", 403, page, provider.ErrUnavailable, "", ""},
	{"text of the edge", 403, "error code: 1015", provider.ErrUnavailable, "", ""},
	{"a bad parameter", 400, `{"errors":[{"parameters":{"user.fields":["x"]},"message":"no"}],"title":"Invalid Request","detail":"One or more parameters to your request was invalid.","type":"https://api.twitter.com/2/problems/invalid-request"}`, provider.ErrRefused, provider.ReasonOther, "invalid-request"},
	{"too many calls", 429, tooMany, provider.ErrRateLimited, "", ""},
	{"a spent cap", 429, `{"title":"UsageCapExceeded","type":"https://api.x.com/2/problems/usage-capped"}`, provider.ErrRefused, provider.ReasonUsageCap, "usage-capped"},
	{"an outage", 503, page, provider.ErrUnavailable, "", ""},
	{"a redirect", 301, ``, provider.ErrUnavailable, "", ""},
	{"a page with status 200", 200, page, provider.ErrUnavailable, "", ""},
	{"nothing with status 200", 200, ``, provider.ErrUnavailable, "", ""},
	{"an account that is not shown", 200, `{"errors":[{"title":"Not Found Error","detail":"Could not find user","type":"https://api.twitter.com/2/problems/resource-not-found"}]}`, provider.ErrUnavailable, "", "resource-not-found"},
	{"no id", 200, `{"data":{"username":"a"}}`, provider.ErrUnavailable, "", ""},
	{"an id with a blank", 200, `{"data":{"id":"1 2"}}`, provider.ErrUnavailable, "", ""},
	{"an id with a line end", 200, `{"data":{"id":"12\n"}}`, provider.ErrUnavailable, "", ""},
	{"an id of 65 digits", 200, `{"data":{"id":"` + strings.Repeat("1", 65) + `"}}`, provider.ErrUnavailable, "", ""},
	{"an id with a colon", 200, `{"data":{"id":"a:1"}}`, provider.ErrUnavailable, "", ""},
	{"an id with a fraction", 200, `{"data":{"id":1.5}}`, provider.ErrUnavailable, "", ""},
	{"an id with an exponent", 200, `{"data":{"id":1e5}}`, provider.ErrUnavailable, "", ""},
	{"a negative id", 200, `{"data":{"id":-1}}`, provider.ErrUnavailable, "", ""},
	{"a list", 200, `{"data":[{"id":"1"}]}`, provider.ErrUnavailable, "", ""},
	{"an id in other case", 200, `{"data":{"ID":"1"}}`, provider.ErrUnavailable, "", ""},
}

func TestEveryAnswerToTheIdentityCallHasOneMeaning(t *testing.T) {
	for _, c := range meRefusals {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.reply("/2/users/me", c.status, c.body)
			x := s.x(t)
			user, token, err := signIn(t, x, provider.Options{})
			c.check(t, err, "users/me")
			if user != (provider.User{}) || token.AccessToken != "" || token.RefreshToken != "" {
				t.Errorf("a failed sign-in gave %v and %v", user, token)
			}
			if n := len(s.requests()); n != 2 {
				t.Errorf("X was asked %d times, want 2", n)
			}
			_, err = x.Profile(ctx, stored())
			c.check(t, err, "users/me")
			notTokenRefused(t, err)
		})
	}
}

func TestAnAccountIsReadStrictlyWhereItMattersAndLenientlyElsewhere(t *testing.T) {
	long := strings.Repeat("é", 200)
	const wales = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
	for name, c := range map[string]struct {
		body string
		want provider.User
	}{
		"an id above 2^53":          {`{"data":{"id":"1788000000000000001"}}`, provider.User{AccountID: "1788000000000000001"}},
		"an id as a number":         {`{"data":{"id":1788000000000000001}}`, provider.User{AccountID: "1788000000000000001"}},
		"fields of other types":     {`{"data":{"id":"1","name":5,"username":{},"profile_image_url":[],"confirmed_email":7}}`, provider.User{AccountID: "1"}},
		"a picture by script":       {`{"data":{"id":"1","profile_image_url":"javascript:alert(1)"}}`, provider.User{AccountID: "1"}},
		"a picture that is no URL":  {`{"data":{"id":"1","profile_image_url":"http://%zz"}}`, provider.User{AccountID: "1"}},
		"a picture with a path":     {`{"data":{"id":"1","profile_image_url":"/a.jpg"}}`, provider.User{AccountID: "1"}},
		"no address":                {`{"data":{"id":"1","confirmed_email":"nobody"}}`, provider.User{AccountID: "1"}},
		"an address that is a book": {`{"data":{"id":"1","confirmed_email":"a@` + long + `"}}`, provider.User{AccountID: "1"}},
		"a name of several lines":   {`{"data":{"id":"1","name":" a\r\n\tb\u0000c "}}`, provider.User{AccountID: "1", Name: "a b c"}},
		"a Persian name":            {`{"data":{"id":"1","name":"نگین می\u200cخواهد"}}`, provider.User{AccountID: "1", Name: "نگین می\u200cخواهد"}},
		"a joined emoji":            {`{"data":{"id":"1","name":"👩\u200d💻 Ada \u2764\ufe0f\u200d🔥"}}`, provider.User{AccountID: "1", Name: "👩\u200d💻 Ada ❤\ufe0f\u200d🔥"}},
		"joiners at the ends":       {`{"data":{"id":"1","name":"\u200d \u200ca\u200d \u200c"}}`, provider.User{AccountID: "1", Name: "a"}},
		"a name of joiners alone":   {`{"data":{"id":"1","name":"\u200c\u200d"}}`, provider.User{AccountID: "1"}},
		"a name of joiners cut":     {`{"data":{"id":"1","name":"` + long[:196] + `c\u200db"}}`, provider.User{AccountID: "1", Name: long[:196] + "c"}},
		"a name without ink":        {`{"data":{"id":"1","name":"\u3164 \u2800"}}`, provider.User{AccountID: "1"}},
		"letters without ink":       {`{"data":{"id":"1","name":"\u3164김\u3164수\u115f"}}`, provider.User{AccountID: "1", Name: "김\u3164수"}},
		"a new emoji":               {`{"data":{"id":"1","name":"Ada \ud83e\udee9"}}`, provider.User{AccountID: "1", Name: "Ada \U0001fae9"}},
		"the flag of Wales":         {`{"data":{"id":"1","name":"Dai` + wales + `Jones"}}`, provider.User{AccountID: "1", Name: "Dai" + wales + "Jones"}},
		"the flag of Wales cut":     {`{"data":{"id":"1","name":"` + long[:192] + wales + `"}}`, provider.User{AccountID: "1", Name: long[:192] + "\U0001f3f4"}},
		"text in tags":              {`{"data":{"id":"1","name":"a` + wales[4:] + `b"}}`, provider.User{AccountID: "1", Name: "ab"}},
		"a name turned around":      {`{"data":{"id":"1","name":"a\u202eb\u2066c"}}`, provider.User{AccountID: "1", Name: "a b c"}},
		"joiners in other fields":   {`{"data":{"id":"1","username":"a\u200db"}}`, provider.User{AccountID: "1", Username: "a b"}},
		"a name that is a book":     {`{"data":{"id":"1","name":"` + long + `"}}`, provider.User{AccountID: "1", Name: long[:200]}},
		"errors beside the data":    {`{"data":{"id":"1","username":"u"},"errors":[{"title":"x"}],"includes":{}}`, provider.User{AccountID: "1", Username: "u"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.reply("/2/users/me", 200, c.body)
			got, err := s.x(t, func(c *provider.OAuth2Config) { c.Now = fixed }).Profile(ctx, stored())
			if err != nil {
				t.Fatal(err)
			}
			c.want.Provider, c.want.ID, c.want.SignedInAt = "x", c.want.AccountID, fixed()
			if got != c.want {
				t.Errorf("user is %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestProfileAsksForTheAddressWhereTheTokenAllowsIt(t *testing.T) {
	s := newServer(t)
	token := stored()
	token.Scopes = append(token.Scopes, "users.email")
	if _, err := s.x(t).Profile(ctx, token); err != nil {
		t.Fatal(err)
	}
	if got := s.last(t).query.Get("user.fields"); got != "profile_image_url,confirmed_email" {
		t.Errorf("fields are %q", got)
	}
}

func TestEveryAnswerToTheIdentityCallOfOAuth1HasOneMeaning(t *testing.T) {
	token := tokenstore.Token{AccessToken: accessToken, TokenSecret: tokenSecret}
	s := newServer(t)
	x := s.xoauth1(t)
	user, err := x.Profile(ctx, token)
	if err != nil || user.AccountID != "2244994945" || user.Provider != "x-oauth1" || user.Name != "X Developers" {
		t.Fatalf("user is %+v (%v)", user, err)
	}
	verifySignature(t, s.URL, s.last(t), tokenSecret)
	for _, c := range []refusal{
		{"a new token that is gone", 401, `{"errors":[{"code":89,"message":"Invalid or expired token."}]}`, provider.ErrUnavailable, "", "89"},
		{"a bare 401", 401, `{"title":"Unauthorized","type":"about:blank","status":401,"detail":"Unauthorized"}`, provider.ErrUnavailable, "", ""},
		{"a bare 403", 403, `{"title":"Forbidden","type":"about:blank","status":403,"detail":"Forbidden"}`, provider.ErrRefused, provider.ReasonAccess, ""},
		{"a suspended user", 403, `{"title":"Forbidden","type":"https://api.twitter.com/2/problems/user-suspended"}`, provider.ErrAccountRefused, "", "user-suspended"},
		{"a locked account", 403, `{"errors":[{"code":326,"message":"this account is temporarily locked"}]}`, provider.ErrAccountRefused, "", "326"},
		{"a suspended user by the text alone", 403, `{"detail":"Your account has been suspended."}`, provider.ErrAccountRefused, "", ""},
		{"a failure that passes", 403, `{"detail":"Authenticating with Unknown is forbidden for this endpoint."}`, provider.ErrUnavailable, "", ""},
		{"a cap without a type", 429, `{"title":"UsageCapExceeded"}`, provider.ErrRefused, provider.ReasonUsageCap, ""},
		{"other keys in words alone", 401, `{"errors":[{"message":"Could not authenticate you."}]}`, provider.ErrRefused, provider.ReasonCredentials, ""},
		{"an account whose plan does not have the feature", 403, `{"detail":"Your account is not permitted to access this feature."}`, provider.ErrRefused, provider.ReasonAccess, ""},
		{"other keys", 401, `{"errors":[{"code":32,"message":"Could not authenticate you."}]}`, provider.ErrRefused, provider.ReasonCredentials, "32"},
		{"an outage", 503, page, provider.ErrUnavailable, "", ""},
		{"a bad parameter", 400, `{"title":"Invalid Request"}`, provider.ErrRefused, provider.ReasonOther, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.reply("/2/users/me", c.status, c.body)
			_, err := x.Profile(ctx, token)
			c.check(t, err, "users/me")
		})
	}
}

// TestOtherServersMayHaveIDsOfAnotherShape: X's are decimal numbers, in strings.
func TestOtherServersMayHaveIDsOfAnotherShape(t *testing.T) {
	for written, want := range map[string]string{
		`"9223372036854775807"`: "9223372036854775807", `9223372036854775807`: "9223372036854775807",
		`"user-1"`: "user-1", `"3fa85f64-5717-4562-b3fc-2c963f66afa6"`: "3fa85f64-5717-4562-b3fc-2c963f66afa6",
	} {
		s := newServer(t)
		s.reply("/2/users/me", 200, `{"data":{"id":`+written+`,"username":"a"}}`)
		user, _, err := signIn(t, s.x(t), provider.Options{})
		if err != nil || user.AccountID != want || user.ID != want {
			t.Errorf("%s: %v, %v", written, user, err)
		}
	}
}
