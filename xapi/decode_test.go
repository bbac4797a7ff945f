package xapi_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/tokenstore"
	"github.com/xsignin/xsignin/xapi"
	"github.com/xsignin/xsignin/xtest"
)

func TestDecode(t *testing.T) {
	type user struct{ ID, Login string }
	for _, c := range []struct{ name, body, want string }{
		{"JSON", ` {"id":"1","login":"octocat"} `, "octocat"},
		{"JSONP", `callback( {"login":"octocat"} );` + "\n", "octocat"},
		{"fields of errors", `{"login":"octocat","message":"m","title":7,"errors":[],"error":null,"ret":0,"msg":""}`, "octocat"},
		{"fields of other types", `{"login":"octocat","ret":5,"error":{"count":0}}`, "octocat"},
		{"no body", "", ""},
	} {
		u, err := xapi.Decode[user](answer(200, c.body), nil)
		if err != nil || u.Login != c.want {
			t.Errorf("%s: %+v, %v", c.name, u, err)
		}
	}
	list, err := xapi.Decode[[]int](answer(200, `[1,2]`), nil)
	if err != nil || len(list) != 2 {
		t.Errorf("a list: %v, %v", list, err)
	}
	partial, err := xapi.Decode[struct{ Data []user }](answer(200, `{"data":[{"id":"1"}],"errors":[{"title":"Not Found Error"}]}`), nil)
	if err != nil || len(partial.Data) != 1 {
		t.Errorf("data beside errors: %v, %v", partial, err)
	}
}

func TestDecodeFails(t *testing.T) {
	failed := errors.New("no connection")
	if _, err := xapi.Decode[any](nil, failed); !errors.Is(err, failed) {
		t.Errorf("the client's error: %v", err)
	}
	for _, c := range []struct {
		name string
		body io.Reader
		want string
	}{
		{"cut off", io.MultiReader(strings.NewReader(`{"data":`), iotest.ErrReader(io.ErrUnexpectedEOF)), "read the answer"},
		{"too long", strings.NewReader(`"` + strings.Repeat("x", 4<<20) + `"`), "longer than 4 MiB"},
		{"another type", strings.NewReader(`{"data":"text"}`), "decode the answer"},
		{"a page", strings.NewReader("<html>sign in to the hotel</html>"), "status 200 (unavailable)"},
	} {
		resp := answer(200, "")
		closed := &closes{Reader: c.body}
		resp.Body = closed
		_, err := xapi.Decode[struct{ Data int }](resp, nil)
		if err == nil || !strings.HasPrefix(err.Error(), "xapi: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if !closed.closed {
			t.Errorf("%s: the body is open", c.name)
		}
	}
}

type closes struct {
	io.Reader
	closed bool
}

func (c *closes) Close() error { c.closed = true; return nil }

// The answers are those that X, GitHub and QQ were recorded to send.
func TestErrors(t *testing.T) {
	const problems = "https://api.twitter.com/2/problems/"
	reset := time.Unix(4102444800, 0)
	limit := []string{"X-Rate-Limit-Limit", "1", "X-Rate-Limit-Remaining", "0", "X-Rate-Limit-Reset", "4102444800"}
	for _, c := range []struct {
		status  int
		body    string
		headers []string
		want    xapi.Error
	}{
		{401, `{"title":"Unauthorized","detail":"Unauthorized","type":"about:blank","status":401}`, nil, xapi.Error{Cause: "unauthorized", Detail: "Unauthorized"}},
		{401, `{"errors":[{"code":89,"message":"Invalid or expired token."}]}`, nil, xapi.Error{Cause: "unauthorized", Code: "89", Detail: "Invalid or expired token."}},
		{402, `{"title":"CreditsDepleted","detail":"empty","type":"` + problems + `credits"}`, nil, xapi.Error{Cause: "no_credits", Code: "credits", Detail: "empty"}},
		{403, `{"title":"SpendCapReached","detail":"cap","type":"` + problems + `credits","reset_date":"2026-03-01"}`, nil, xapi.Error{Cause: "no_credits", Code: "credits", Detail: "cap"}},
		{429, `{"title":"UsageCapExceeded","detail":"cap","type":"` + problems + `usage-capped"}`, []string{"X-Rate-Limit-Remaining", "9", "X-Rate-Limit-Reset", "4102444800"}, xapi.Error{Cause: "no_credits", Code: "usage-capped", Detail: "cap"}},
		{429, `{"title":"Too Many Requests","detail":"Too Many Requests","type":"about:blank"}`, limit, xapi.Error{Cause: "rate_limited", Detail: "Too Many Requests", RetryAt: reset}},
		{429, `{"title":"Too Many Requests"}`, append([]string{"X-User-Limit-24hour-Remaining", "0", "X-User-Limit-24hour-Reset", "4102448400"}, limit...), xapi.Error{Cause: "rate_limited", Detail: "Too Many Requests", RetryAt: reset.Add(time.Hour)}},
		{403, `{"detail":"User has been suspended","title":"Forbidden","type":"` + problems + `user-suspended"}`, limit, xapi.Error{Cause: "account_refused", Code: "user-suspended", Detail: "User has been suspended"}},
		{403, `{"detail":"This account is suspended.","title":"Forbidden"}`, nil, xapi.Error{Cause: "account_refused", Detail: "This account is suspended."}},
		{429, `{"title":"Too Many Requests"}`, []string{
			"X-Rate-Limit-Remaining", "9", "X-Rate-Limit-Reset", "4102448400",
			"X-App-Limit-24hour-Remaining", "0", "X-App-Limit-24hour-Reset", "4102444800",
		}, xapi.Error{Cause: "rate_limited", Detail: "Too Many Requests", RetryAt: reset}},
		{403, `{"detail":"Your account is not permitted to perform this action.","title":"Forbidden","type":"about:blank"}`, nil, xapi.Error{Cause: "account_refused", Detail: "Your account is not permitted to perform this action."}},
		{403, `{"errors":[{"code":326,"message":"To protect our users, this account is temporarily locked."}]}`, nil, xapi.Error{Cause: "account_refused", Code: "326", Detail: "To protect our users, this account is temporarily locked."}},
		{403, `{"detail":"You are not allowed to create a Tweet with duplicate content.","type":"about:blank","title":"Forbidden"}`, nil, xapi.Error{Cause: "duplicate", Detail: "You are not allowed to create a Tweet with duplicate content."}},
		{403, `{"title":"Forbidden","detail":"read only","type":"https://api.x.com/2/problems/oauth1-permissions"}`, nil, xapi.Error{Cause: "read_only", Code: "oauth1-permissions", Detail: "read only"}},
		{403, `{"detail":"attach it to a project","title":"Client Forbidden","reason":"client-not-enrolled","type":"` + problems + `client-forbidden"}`, nil, xapi.Error{Cause: "no_access", Code: "client-forbidden", Detail: "attach it to a project"}},
		{403, `{"title":"Unsupported Authentication","detail":"Authenticating with Unknown is forbidden","type":"` + problems + `unsupported-authentication"}`, nil, xapi.Error{Cause: "unavailable", Code: "unsupported-authentication", Detail: "Authenticating with Unknown is forbidden"}},
		{429, `{"title":"UsageCapExceeded","period":"Monthly"}`, nil, xapi.Error{Cause: "no_credits", Detail: "UsageCapExceeded"}},
		{403, `{"detail":"Your enrolled account [1] has reached its billing cycle spend cap."}`, nil, xapi.Error{Cause: "no_credits", Detail: "Your enrolled account [1] has reached its billing cycle spend cap."}},
		{403, `{"detail":"Your account is not permitted to access this feature.","title":"Forbidden"}`, nil, xapi.Error{Cause: "refused", Detail: "Your account is not permitted to access this feature."}},
		{403, `{"detail":"Your developer account has been suspended.","title":"Forbidden"}`, nil, xapi.Error{Cause: "no_access", Detail: "Your developer account has been suspended."}},
		{403, `{"errors":[{"message":"Invalid / suspended application"}]}`, nil, xapi.Error{Cause: "no_access", Detail: "Invalid / suspended application"}},
		{403, `{"errors":[{"message":"To protect our users, this account is temporarily locked."}]}`, nil, xapi.Error{Cause: "account_refused", Detail: "To protect our users, this account is temporarily locked."}},
		{403, `{"detail":"You are not permitted to reply to this post.","title":"Forbidden"}`, nil, xapi.Error{Cause: "refused", Detail: "You are not permitted to reply to this post."}},
		{403, "<html>Attention Required!</html>", nil, xapi.Error{Cause: "unavailable"}},
		{403, "error code: 1020", nil, xapi.Error{Cause: "unavailable"}},
		{403, `{"title":"Forbidden","detail":"Forbidden","type":"about:blank"}`, nil, xapi.Error{Cause: "forbidden", Detail: "Forbidden"}},
		{400, `{"errors":[{"parameters":{},"message":"The text is too long"}],"title":"Invalid Request","detail":"One or more","type":"` + problems + `invalid-request"}`, nil, xapi.Error{Cause: "refused", Code: "invalid-request", Detail: "The text is too long"}},
		{403, "<!DOCTYPE html><title>Attention Required!</title>", []string{"Content-Type", "text/html; charset=utf-8"}, xapi.Error{Cause: "unavailable"}},
		{413, "<html>Request Entity Too Large</html>", nil, xapi.Error{Cause: "too_large"}},
		{503, "<html>down</html>", []string{"Retry-After", "x"}, xapi.Error{Cause: "unavailable"}},
		{302, "", nil, xapi.Error{Cause: "unavailable"}},
		{200, `{"errors":[{"detail":"Could not find user","title":"Not Found Error","type":"` + problems + `resource-not-found"}]}`, nil, xapi.Error{Cause: "not_found", Code: "resource-not-found", Detail: "Could not find user"}},
		{404, `{"message":"Not Found","documentation_url":"https://docs.github.com","status":"404"}`, nil, xapi.Error{Cause: "not_found", Detail: "Not Found"}},
		{403, `{"message":"API rate limit exceeded"}`, []string{"X-Ratelimit-Remaining", "0", "X-Ratelimit-Reset", "4102444800"}, xapi.Error{Cause: "rate_limited", Detail: "API rate limit exceeded", RetryAt: reset}},
		{200, `callback( {"error":100016,"error_description":"access token check failed"} );`, nil, xapi.Error{Cause: "refused", Code: "100016", Detail: "access token check failed"}},
		{200, `{"ret":-23,"msg":"token is invalid"}`, nil, xapi.Error{Cause: "refused", Code: "-23", Detail: "token is invalid"}},
	} {
		c.want.Status = c.status
		_, err := xapi.Decode[json.RawMessage](answer(c.status, c.body, c.headers...), nil)
		var got *xapi.Error
		if !errors.As(err, &got) {
			t.Errorf("%d %s: %v", c.status, c.body, err)
			continue
		}
		if *got != c.want {
			t.Errorf("%d %s:\n got %+v\nwant %+v", c.status, c.body, *got, c.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	_, err := xapi.Decode[any](answer(503, "", "Retry-After", "120"), nil)
	var e *xapi.Error
	if !errors.As(err, &e) || time.Until(e.RetryAt) < time.Minute || time.Until(e.RetryAt) > 2*time.Minute {
		t.Errorf("%+v", e)
	}
}

// A message goes to logs and terminals.
func TestMessagesAreBounded(t *testing.T) {
	said, _ := json.Marshal("\x1b]0;title\x07 a\nb " + strings.Repeat("é", 300))
	_, err := xapi.Decode[any](answer(400, `{"detail":`+string(said)+`,"code":"`+strings.Repeat("c", 900)+`"}`), nil)
	var e *xapi.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if !strings.HasPrefix(e.Detail, "]0;title a b é") || len(e.Detail) > 300 || len(e.Code) > 300 || !strings.HasSuffix(e.Detail, "…") {
		t.Errorf("%d bytes: %q", len(e.Detail), e.Detail)
	}
}

func TestDecodeAtX(t *testing.T) {
	eachProtocol(t, func(s *site, c *http.Client) {
		type me struct{ Data struct{ Username string } }
		if got, err := xapi.Decode[me](c.Get("/2/users/me")); err != nil || got.Data.Username != "demo" {
			s.Errorf("%+v, %v", got, err)
		}
		type post struct{ Data struct{ ID string } }
		got, err := xapi.Decode[post](c.Post("/2/tweets", "application/json", xapi.JSON(map[string]string{"text": "A & B"})))
		if posts := s.api.Posts(xtest.DefaultUserID); err != nil || got.Data.ID == "" || len(posts) == 0 || posts[0].Text != "A & B" {
			s.Errorf("%+v, %v, %v", got, err, posts)
		}
		var e *xapi.Error
		if _, err := xapi.Decode[post](c.Post("/2/tweets", "application/json", xapi.JSON(map[string]string{"text": "A & B"}))); !errors.As(err, &e) || e.Cause != "duplicate" {
			s.Errorf("the same text again: %v", err)
		}
	})
}

func TestJSONThatCannotBeEncoded(t *testing.T) {
	if _, err := io.ReadAll(xapi.JSON(func() {})); err == nil || !strings.HasPrefix(err.Error(), "xapi: encode the request: ") {
		t.Errorf("a function: %v", err)
	}
}

// A path alone goes to the API of the token's provider.
func TestOtherProviders(t *testing.T) {
	var seen []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+r.URL.Query().Get("access_token")+" "+string(body))
		switch {
		case r.URL.Path == "/api/user":
			_, _ = io.WriteString(w, `{"login":"octocat"}`)
		case strings.HasSuffix(r.URL.Path, "/hooks"):
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"id":12}`)
		default:
			_, _ = io.WriteString(w, `callback( {"nickname":"小企鹅"} );`)
		}
	}))
	defer srv.Close()
	client := func(cfg provider.OAuth2Config, path string) *http.Client {
		cfg.APIURL = srv.URL + path
		p, err := provider.NewOAuth2(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return manager(t, &http.Transport{}, p)(
			tokenstore.Key{Provider: p.Name(), UserID: "u", AccountID: "a"}, tokenstore.Token{AccessToken: "tok", AccountID: "a"})
	}
	github := client(provider.GitHub("id", "secret", "https://example.com/auth/github/callback"), "/api")
	user, err := xapi.Decode[struct{ Login string }](github.Get("user"))
	if err != nil || user.Login != "octocat" {
		t.Errorf("GitHub: %+v, %v", user, err)
	}
	hook, err := xapi.Decode[struct{ ID int }](github.Post("repos/o/r/hooks", "application/json", xapi.JSON(map[string]string{"name": "web"})))
	if err != nil || hook.ID != 12 {
		t.Errorf("a webhook: %+v, %v", hook, err)
	}
	qq := client(provider.QQ("id", "key", "https://example.com/auth/qq/callback"), "")
	me, err := xapi.Decode[struct{ Nickname string }](qq.PostForm("/user/get_user_info", map[string][]string{"openid": {"o"}}))
	if err != nil || me.Nickname != "小企鹅" {
		t.Errorf("QQ: %+v, %v", me, err)
	}
	want := []string{
		"GET /api/user Bearer tok ", `POST /api/repos/o/r/hooks Bearer tok {"name":"web"}`, "POST /user/get_user_info tok openid=o",
	}
	if strings.Join(seen, "\n") != strings.Join(want, "\n") {
		t.Errorf("the servers saw\n%s", strings.Join(seen, "\n"))
	}
}

func TestClient(t *testing.T) {
	eachProtocol(t, func(s *site, c *http.Client) {
		c = xapi.Client(c)
		resp, err := c.Get("https://api.twitter.com/2/users/me?user.fields=name")
		if err != nil || resp.StatusCode != http.StatusOK {
			s.Fatalf("%v, %v", resp, err)
		}
		_ = resp.Body.Close()
		if n := s.x.Count(http.MethodGet, "/2/users/me"); n == 0 {
			s.Error("X was not asked")
		}
		var e *xapi.Error
		if _, err := c.Get("https://api.x.com/2/no/such/path"); !errors.As(err, &e) || e.Cause != "not_found" {
			s.Errorf("an unknown path: %v", err)
		}
		if _, err := c.Get("https://example.com/"); err == nil {
			s.Error("credentials went elsewhere")
		}
	})
	// The kit's client completes a path by the address of the API.
	for from, to := range map[string]string{
		"https://api.x.com/2/users/me?a=b":       "/2/users/me?a=b",
		"https://api.twitter.com/2/tweets":       "/2/tweets",
		"https://upload.example.com/2/x%2Fy?a=b": "https://upload.example.com/2/x%2Fy?a=b",
		"/2/users/a%2Fb":                         "/2/users/a%2Fb",
	} {
		c := xapi.Client(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if got := r.URL.String(); got != to {
				t.Errorf("%s goes to %s", from, got)
			}
			return answer(200, ""), nil
		})})
		resp, err := c.Get(from)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	long := xapi.Client(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return answer(200, strings.Repeat("x", 5<<20)), nil
	})})
	resp, err := long.Get("https://api.x.com/2/users/me")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("5 MiB were read")
	}
}
