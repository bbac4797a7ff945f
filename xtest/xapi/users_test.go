package xapi_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

func TestMeIsTheDocumentedBody(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	want := `{"data":{"id":"` + one + `","name":"Demo Account","username":"demo"}}`
	l.get("/2/users/me", l.oauth2(one, "tweet.read users.read")).wantBody(200, jsonType, want)
	l.get("/2/users/me", l.oauth1(one)).wantBody(200, jsonType, want)
}

func TestUserFields(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	l.AddUser(xtest.User{ID: "77", Username: "own_picture", Name: "Demo <with> picture", AvatarURL: "https://pbs.example/x_normal.jpg", Protected: true})
	last := l.AddPost(two, "the latest")
	as := l.full(one)
	res := l.get("/2/users/"+two+"?user.fields=created_at,description,profile_image_url,protected,verified,verified_type,public_metrics,most_recent_tweet_id,connection_status,location", as).want(200)
	for path, want := range map[string]any{
		"id": two, "created_at": "2024-05-08T03:06:29.000Z", "protected": false, "verified": true, "verified_type": "blue",
		"profile_image_url": l.URL + "/profile_images/" + two + "_normal.png", "most_recent_tweet_id": last, "location": nil,
	} {
		wantEqual(t, path, res.at("data", path), want)
	}
	wantEqual(t, "followers", res.at("data", "public_metrics", "followers_count"), "1")
	wantEqual(t, "posts", res.at("data", "public_metrics", "tweet_count"), "4")
	wantEqual(t, "connections", res.at("data", "connection_status"), []any{"following", "followed_by"})

	res = l.get("/2/users/77?user.fields=profile_image_url,protected,verified_type,most_recent_post_id", as).want(200)
	wantEqual(t, "own picture", res.text("data", "profile_image_url"), "https://pbs.example/x_normal.jpg")
	wantEqual(t, "verified type", res.text("data", "verified_type"), "none")
	if !strings.Contains(string(res.body), "Demo <with> picture") {
		t.Errorf("X does not escape: %s", res.body)
	}
}

func TestPicturesAreFoundUnderTheBaseURL(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{BaseURL: "https://sim.example/x/"})
	res := l.get("/2/users/me?user.fields=profile_image_url", l.full(one))
	wantEqual(t, "picture", res.text("data", "profile_image_url"), "https://sim.example/x/profile_images/"+one+"_normal.png")
}

func TestTheLatestPostCanBeIncluded(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	last := l.AddPost(one, "the latest")
	res := l.get("/2/users/me?expansions=most_recent_tweet_id&tweet.fields=author_id", l.full(one))
	wantEqual(t, "id", res.text("data", "most_recent_tweet_id"), last)
	wantEqual(t, "included", res.text("includes", "tweets", 0, "author_id"), one)
	l.AddUser(xtest.User{ID: "7", Username: "silent"})
	if res := l.get("/2/users/7?expansions=most_recent_tweet_id", l.full(one)); res.at("includes") != nil {
		t.Errorf("nothing to include: %s", res.body)
	}
}

func TestConfirmedEmail(t *testing.T) {
	t.Parallel()
	const ask = "/2/users/me?user.fields=confirmed_email"
	basic, email := "tweet.read users.read", "tweet.read users.read users.email"
	tests := []struct {
		name, user, scopes string
		sw                 xtest.APISwitches
		status             int
		want               any
	}{
		{"with scope, setting and address it is there", one, email, xtest.APISwitches{}, 200, "demo@example.com"},
		{"without the scope the key is missing", one, basic, xtest.APISwitches{}, 200, nil},
		{"without the app's setting the key is missing", one, email, xtest.APISwitches{NoEmailPermission: true}, 200, nil},
		{"without an address the key is missing", two, email, xtest.APISwitches{}, 200, nil},
		{"without the scope the call can fail", one, basic, xtest.APISwitches{RefuseEmail: true}, 403, nil},
		{"without the setting the call can fail", one, email, xtest.APISwitches{RefuseEmail: true, NoEmailPermission: true}, 403, nil},
		{"a missing address never fails the call", two, email, xtest.APISwitches{RefuseEmail: true}, 200, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newAPILab(t, xtest.Config{Switches: xtest.Switches{APISwitches: tt.sw}})
			res := l.get(ask, l.oauth2(tt.user, tt.scopes)).want(tt.status)
			wantEqual(t, "confirmed_email", res.at("data", "confirmed_email"), tt.want)
		})
	}
	l := newAPILab(t, xtest.Config{})
	wantEqual(t, "by OAuth 1.0a", l.get(ask, l.oauth1(one)).text("data", "confirmed_email"), "demo@example.com")
	wantEqual(t, "of somebody else", l.get("/2/users/"+one+"?user.fields=confirmed_email", l.full(two)).at("data", "confirmed_email"), nil)
}

func TestUsersAreLookedUp(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	wantEqual(t, "by id", l.get("/2/users/"+two, as).text("data", "username"), "demo_two")
	wantEqual(t, "by name in another case", l.get("/2/users/by/username/DEMO_Two", as).text("data", "id"), two)
	if err := l.RenameUser(two, "renamed"); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "by its new name", l.get("/2/users/by/username/renamed", as).text("data", "id"), two)

	l.get("/2/users/1", as).wantBody(200, jsonType, `{"errors":[{"value":"1","detail":"Could not find user with id: [1].","title":"Not Found Error","resource_type":"user","parameter":"id","resource_id":"1","type":"https://api.x.com/2/problems/resource-not-found"}]}`)
	wantEqual(t, "unknown name", l.get("/2/users/by/username/demo_two", as).text("errors", 0, "detail"), "Could not find user with username: [demo_two].")

	res := l.get("/2/users?ids="+one+",1,"+two, as).want(200)
	wantEqual(t, "several", res.column("id"), []string{one, two})
	wantEqual(t, "the missing one", res.text("errors", 0, "parameter"), "ids")
	wantEqual(t, "several by name", l.get("/2/users/by?usernames=renamed,demo", as).column("id"), []string{two, one})
	if res := l.get("/2/users?ids=1", as).want(200); res.at("data") != nil || res.at("errors", 0) == nil {
		t.Errorf("nobody: %s", res.body)
	}
}

func TestParametersAreCheckedAsXChecksThem(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	many := strings.TrimSuffix(strings.Repeat("1,", 101), ",")
	tests := []struct{ name, path, message string }{
		{"an unknown parameter", "/2/users/me?foo=1", "The query parameter [foo] is not one of [expansions,post.fields,tweet.fields,user.fields]"},
		{"an unknown parameter beside a path", "/2/users/" + one + "?foo=1", "The query parameter [foo] is not one of [expansions,id,post.fields,tweet.fields,user.fields]"},
		{"a parameter twice", "/2/users/me?user.fields=name&user.fields=id", "Duplicate parameters are not allowed: the `user.fields` query parameter"},
		{"an unknown poll field", "/2/tweets/1?poll.fields=votes", "The `poll.fields` query parameter value [votes] is not one of [duration_minutes,end_datetime,id,options,voting_status]"},
		{"an unknown exclusion", "/2/users/" + one + "/tweets?exclude=quotes", "The `exclude` query parameter value [quotes] is not one of [replies,retweets]"},
		{"an unknown media field", "/2/tweets/1?media.fields=size", "The `media.fields` query parameter value [size] is not one of [alt_text,duration_ms,height,media_key,non_public_metrics,organic_metrics,preview_image_url,promoted_metrics,public_metrics,type,url,variants,width]"},
		{"an unknown place field", "/2/tweets/1?place.fields=size", "The `place.fields` query parameter value [size] is not one of [contained_within,country,country_code,full_name,geo,id,name,place_type]"},
		{"an expansion of posts for a user", "/2/users/me?expansions=author_id", "The `expansions` query parameter value [author_id] is not one of [affiliation,affiliation.user_id,most_recent_post_id,most_recent_tweet_id,pinned_post_id,pinned_tweet_id]"},
		{"an id that is none", "/2/users/:id", "The `id` query parameter value [:id] is not valid"},
		{"a name that is none", "/2/users/by/username/a-b", "The `username` query parameter value [a-b] does not match ^[A-Za-z0-9_]{1,15}$"},
		{"no ids", "/2/users", "The `ids` query parameter can not be empty"},
		{"too many ids", "/2/users?ids=" + many, "The number of values in the `ids` query parameter list [101] is not between 1 and 100"},
		{"an id in a list that is none", "/2/tweets?ids=1,x", "The `ids` query parameter value [x] is not valid"},
		{"too few results", "/2/users/" + one + "/tweets?max_results=4", "The `max_results` query parameter value [4] is not between 5 and 100"},
		{"too many results", "/2/users/" + one + "/mentions?max_results=101", "The `max_results` query parameter value [101] is not between 5 and 100"},
		{"no results at home", "/2/users/" + one + "/timelines/reverse_chronological?max_results=0", "The `max_results` query parameter value [0] is not between 1 and 100"},
		{"too many followers", "/2/users/" + one + "/followers?max_results=1001", "The `max_results` query parameter value [1001] is not between 1 and 1000"},
		{"a number that is none", "/2/users/" + one + "/following?max_results=ten", "The `max_results` query parameter value [ten] is not a valid integer"},
		{"an empty number", "/2/users/" + one + "/following?max_results=", "The `max_results` query parameter value [] is not a valid integer"},
		{"a page that is none", "/2/users/" + one + "/following?pagination_token=abc", "The `pagination_token` query parameter value [abc] is not valid"},
		{"an empty page", "/2/users/" + one + "/following?pagination_token=", "The `pagination_token` query parameter value [] is not valid"},
		{"a post that is none", "/2/users/" + one + "/tweets?since_id=x", "The `since_id` query parameter value [x] is not valid"},
		{"a time that is none", "/2/users/" + one + "/tweets?start_time=today", "The `start_time` query parameter value [today] is not a valid RFC3339 date/time"},
		{"a query that is none", "/2/users/me?a=%zz", "The query string is not valid"},
		{"somebody else's home", "/2/users/" + two + "/timelines/reverse_chronological", "The `id` query parameter value [" + two + "] must be the same as the authenticating user [" + one + "]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { l.get(tt.path, as).wantInvalid(tt.message) })
	}
	l.get("/2/users/"+one+"/tweets?max_results=0", as).wantBody(400, jsonType, `{"errors":[{"parameters":{"max_results":["0"]},"message":"The `+"`max_results`"+` query parameter value [0] is not between 5 and 100"}],"title":"Invalid Request","detail":"One or more parameters to your request was invalid.","type":"https://api.x.com/2/problems/invalid-request"}`)
	if res := l.get("/2/users/me?foo=1&bar=2", as).want(400); res.at("errors", 1) == nil {
		t.Errorf("all faults at once: %s", res.body)
	}
}

func TestVerifyCredentials(t *testing.T) {
	t.Parallel()
	const path = "/1.1/account/verify_credentials.json"
	l := newAPILab(t, xtest.Config{})
	as := l.oauth1(one)
	res := l.get(path+"?include_entities=false&unknown=1", as).want(200)
	for k, want := range map[string]any{
		"id": one, "id_str": one, "screen_name": "demo", "name": "Demo Account", "created_at": "Wed May 23 06:01:13 +0000 2007",
		"profile_image_url_https": l.URL + "/profile_images/" + one + "_normal.png", "email": nil, "friends_count": "1",
	} {
		wantEqual(t, k, res.at(k), want)
	}
	if strings.Contains(string(res.body), `"email"`) {
		t.Errorf("%s", res.body)
	}
	wantEqual(t, "email", l.get(path+"?include_email=true&skip_status=true", as).text("email"), "demo@example.com")
	for _, yes := range []string{"True", "t", "1"} { // clients send these, and X takes them
		wantEqual(t, yes, l.get(path+"?include_email="+yes, as).text("email"), "demo@example.com")
	}
	wantEqual(t, "False", l.get(path+"?include_email=False", as).at("email"), nil)
	if res := l.get(path+"?include_email=true&skip_status=true", l.oauth1(two)); !strings.Contains(string(res.body), `"email":null`) {
		t.Errorf("no address: %s", res.body)
	}
	l.get(path, l.full(one)).want(403)
	l.get(path, nobody).want(400)

	l.SetSwitches(xtest.Switches{APISwitches: xtest.APISwitches{NoEmailPermission: true}})
	wantEqual(t, "without the setting", l.get(path+"?include_email=true", as).at("email"), nil)
	l.SetSwitches(xtest.Switches{APISwitches: xtest.APISwitches{NoVerifyCredentials: true}})
	wantEqual(t, "limited access", l.get(path, as).want(403).text("errors", 0, "code"), "453")
}

// X's plans include only the sign-in of API 1.1. Clients that still make other calls get code 453.
func TestOtherCallsOfVersion1(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	for _, tt := range []struct {
		name, method, path string
		as                 credentials
		status             int
		code               string
	}{
		{"a post", "POST", "/1.1/statuses/update.json", l.oauth1(one), 403, "453"},
		{"a timeline", "GET", "/1.1/statuses/home_timeline.json", l.oauth1(one), 403, "453"},
		{"nobody", "POST", "/1.1/statuses/update.json", nobody, 400, "215"},
		{"a token of OAuth 2.0", "POST", "/1.1/statuses/update.json", l.full(one), 403, "220"},
		{"an upload, which is gone", "POST", "/1.1/media/upload.json", l.oauth1(one), 404, "34"},
	} {
		res := l.send(tt.method, tt.path, tt.as, nil).want(tt.status)
		wantEqual(t, tt.name, res.text("errors", 0, "code"), tt.code)
	}
	wantEqual(t, "the log", strings.Contains(l.Requests()[len(l.Requests())-1].Reason, "/2/media/upload"), true)
}

func TestFollowing(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	l.AddUser(xtest.User{ID: "7", Username: "seven"})
	l.AddUser(xtest.User{ID: "8", Username: "eight", Protected: true})
	as := l.full(one)
	follow := func(target string) *result {
		return l.send("POST", "/2/users/"+one+"/following", as, map[string]any{"target_user_id": target})
	}
	follow("7").wantBody(200, jsonType, `{"data":{"following":true,"pending_follow":false}}`)
	follow("8").wantBody(200, jsonType, `{"data":{"following":false,"pending_follow":true}}`)
	wantEqual(t, "following, the latest first", l.get("/2/users/"+one+"/following", as).column("id"), []string{"7", two})
	wantEqual(t, "followers", l.get("/2/users/7/followers?user.fields=username", as).column("username"), []string{"demo"})
	l.send("DELETE", "/2/users/"+one+"/following/7", as, nil).wantBody(200, jsonType, `{"data":{"following":false}}`)
	l.get("/2/users/7/followers", as).wantBody(200, jsonType, `{"meta":{"result_count":0}}`)

	follow(one).wantInvalid("You cannot follow yourself")
	wantEqual(t, "nobody", follow("99").text("errors", 0, "parameter"), "target_user_id")
	follow("x").wantInvalid("$.target_user_id: does not match the regex pattern ^[0-9]{1,19}$")
	l.send("POST", "/2/users/"+two+"/following", as, map[string]any{"target_user_id": "7"}).want(400)
	l.send("DELETE", "/2/users/"+two+"/following/7", as, nil).want(400)
	l.send("DELETE", "/2/users/"+one+"/following/x", as, nil).wantInvalid("The `target_user_id` query parameter value [x] is not valid")
	l.get("/2/users/8/followers", as).want(200)
	wantEqual(t, "a protected account", l.get("/2/users/8/followers", as).text("errors", 0, "title"), "Authorization Error")
	wantEqual(t, "nobody's followers", l.get("/2/users/99/followers", as).text("errors", 0, "title"), "Not Found Error")
	l.Follow(one, "8")
	follow("8").wantBody(200, jsonType, `{"data":{"following":true,"pending_follow":false}}`)
	l.get("/2/users/8/followers", as).wantBody(200, jsonType, `{"data":[{"id":"`+one+`","name":"Demo Account","username":"demo"}],"meta":{"result_count":1}}`)
	wantPanic(t, "following nobody", func() { l.Follow(one, "99") })
}

func TestFollowersComeInPages(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{Users: []xtest.User{{ID: "1", Username: "hub"}}})
	for _, id := range []string{"2", "3", "4", "5", "6"} {
		l.AddUser(xtest.User{ID: id, Username: "u" + id})
		l.Follow(id, "1")
	}
	as := l.full("1")
	page := func(token string) *result {
		path := "/2/users/1/followers?max_results=2"
		if token != "" {
			path += "&pagination_token=" + url.QueryEscape(token)
		}
		return l.get(path, as).want(200)
	}
	first := page("")
	wantEqual(t, "first", first.column("id"), []string{"6", "5"})
	second := page(first.text("meta", "next_token"))
	l.AddUser(xtest.User{ID: "9", Username: "u9"})
	l.Follow("9", "1")
	wantEqual(t, "second", second.column("id"), []string{"4", "3"})
	third := page(second.text("meta", "next_token"))
	wantEqual(t, "third", third.column("id"), []string{"2"})
	wantEqual(t, "the end", third.at("meta", "next_token"), nil)
	wantEqual(t, "back", page(third.text("meta", "previous_token")).column("id"), []string{"4", "3"})
	wantEqual(t, "back to the start", page(second.text("meta", "previous_token")).column("id"), []string{"6", "5"})
	l.get("/2/users/1/following?pagination_token="+first.text("meta", "next_token"), as).want(400)
	wantEqual(t, "accounts of the test's own have no posts", len(l.Posts("1")), 0)
}
