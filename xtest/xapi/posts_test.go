package xapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

type object = map[string]any

func TestPostingAnswers201WithThePost(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	for name, as := range map[string]credentials{"OAuth 2.0": l.full(one), "OAuth 1.0a": l.oauth1(one)} {
		text := "Hello & good day by " + name
		res := l.send("POST", "/2/tweets", as, object{"text": text}).want(201)
		id := res.text("data", "id")
		res.wantBody(201, jsonType, `{"data":{"edit_history_post_ids":["`+id+`"],"edit_history_tweet_ids":["`+id+`"],"id":"`+id+`","text":"`+strings.ReplaceAll(text, "&", "&amp;")+`"}}`)
		if len(id) != 19 {
			t.Errorf("id %s", id)
		}
		l.get("/2/tweets/"+id, as).wantBody(200, jsonType, string(res.body))
		wantEqual(t, "kept", l.Posts(one)[0].Text, text)
	}
	l.SetSwitches(xtest.Switches{APISwitches: xtest.APISwitches{Vocabulary: xtest.PostVocabulary}})
	res := l.send("POST", "/2/tweets", l.full(one), object{"text": "in new words"}).want(201)
	wantEqual(t, "in the new vocabulary", res.text("data", "edit_history_post_ids", 0), res.text("data", "id"))
}

func TestPostsThatXRefuses(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	foreign := l.AddPost(two, "of another")
	as := l.full(one)
	poll := func(minutes any, options ...any) object {
		return object{"text": "?", "poll": object{"options": options, "duration_minutes": minutes}}
	}
	const long = "Your Tweet text is too long. For more information on how Twitter determines text length see https://github.com/twitter/twitter-text."
	tests := []struct {
		name    string
		body    any
		message string
	}{
		{"an unknown key", object{"text": "x", "txet": "y"}, "$.txet: is not defined in the schema and the schema does not allow additional properties"},
		{"an unknown key deeper down", object{"text": "x", "reply": object{"in_reply_to_tweet_id": "1", "x": 1}}, "$.reply.x: is not defined in the schema and the schema does not allow additional properties"},
		{"nothing", object{}, "The `text` or `media` of a Tweet is required"},
		{"blanks", object{"text": " \n"}, "The `text` or `media` of a Tweet is required"},
		{"281 characters", object{"text": strings.Repeat("ä", 281)}, long},
		{"a number for text", object{"text": 5}, "$.text: integer found, string expected"},
		{"a fraction", object{"text": 5.5}, "$.text: number found, string expected"},
		{"null", object{"text": nil}, "$.text: null found, string expected"},
		{"a string for true", object{"text": "x", "nullcast": "true"}, "$.nullcast: string found, boolean expected"},
		{"a string for a list", object{"text": "x", "media": object{"media_ids": "1"}}, "$.media.media_ids: string found, array expected"},
		{"a list for all", []any{}, "$: array found, object expected"},
		{"no media", object{"text": "x", "media": object{"media_ids": []any{}}}, "$.media.media_ids: there must be a minimum of 1 items in the array"},
		{"five media", object{"text": "x", "media": object{"media_ids": []any{"1", "2", "3", "4", "5"}}}, "$.media.media_ids: there must be a maximum of 4 items in the array"},
		{"eleven people in a picture", object{"text": "x", "media": object{"media_ids": []any{"1"}, "tagged_user_ids": strings.Split("1,2,3,4,5,6,7,8,9,10,11", ",")}}, "$.media.tagged_user_ids: there must be a maximum of 10 items in the array"},
		{"unknown media", object{"text": "x", "media": object{"media_ids": []any{"1"}}}, "Your media IDs are invalid."},
		{"a poll with one option", poll(60, "a"), "$.poll.options: there must be a minimum of 2 items in the array"},
		{"a poll with five options", poll(60, "a", "b", "c", "d", "e"), "$.poll.options: there must be a maximum of 4 items in the array"},
		{"a poll with a long option", poll(60, "a", strings.Repeat("b", 26)), "$.poll.options[1]: may only be 25 characters long"},
		{"a poll with an empty option", poll(60, "", "b"), "$.poll.options[0]: must be at least 1 characters long"},
		{"a short poll", poll(4, "a", "b"), "$.poll.duration_minutes: must have a minimum value of 5"},
		{"a long poll", poll(10081, "a", "b"), "$.poll.duration_minutes: must have a maximum value of 10080"},
		{"a poll without end", object{"text": "x", "poll": object{"options": []any{"a", "b"}}}, "$.poll.duration_minutes: is missing but it is required"},
		{"two attachments", object{"text": "x", "quote_tweet_id": foreign, "poll": object{"options": []any{"a", "b"}, "duration_minutes": 5}}, "Only one of `media`, `poll`, `quote_tweet_id` and `direct_message_deep_link` may be provided"},
		{"an unknown reply setting", object{"text": "x", "reply_settings": "nobody"}, "$.reply_settings: does not have a value in the enumeration [following, mentionedUsers, subscribers, verified]"},
		{"a quote of nothing", object{"text": "x", "quote_tweet_id": "1"}, "The Tweet that you attempted to quote is deleted or not visible to you."},
		{"an id that is none", object{"text": "x", "quote_tweet_id": "one"}, "$.quote_tweet_id: does not match the regex pattern ^[0-9]{1,19}$"},
		{"a form", "text=x", "Requests with bodies must have content-type of application/json."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { l.send("POST", "/2/tweets", as, tt.body).wantInvalid(tt.message) })
	}
	broken := func(r *http.Request) { as(r); r.Header.Set("Content-Type", "application/json;charset=UTF-8") }
	l.send("POST", "/2/tweets", broken, `{"text":`).wantInvalid("Request body is not valid JSON")
	l.send("POST", "/2/tweets", broken, `{} {}`).wantInvalid("Request body is not valid JSON")
	l.send("POST", "/2/tweets", broken, `{"text":"with a charset"}`).want(201)
	if res := l.send("POST", "/2/tweets", as, object{"text": 1, "foo": 2}).want(400); res.at("errors", 1) == nil {
		t.Errorf("all faults at once: %s", res.body)
	}
	l.send("POST", "/2/tweets?dry_run=true", as, object{"text": "with a parameter"}).wantInvalid("The query parameter [dry_run] is not one of []")
	wantEqual(t, "a refused call does nothing", l.Posts(one)[0].Text, "with a charset")
	l.send("POST", "/2/tweets", as, object{"text": strings.Repeat("ä", 280)}).want(201)
}

func TestDuplicatesAreRefusedForADay(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as, other := l.full(one), l.full(two)
	post := func(as credentials, body object) *result { return l.send("POST", "/2/tweets", as, body) }
	post(as, object{"text": "again"}).want(201)
	post(as, object{"text": "again"}).wantBody(403, jsonType, `{"detail":"You are not allowed to create a Tweet with duplicate content.","type":"about:blank","title":"Forbidden","status":403}`)
	parent := post(other, object{"text": "again"}).want(201).text("data", "id")
	post(as, object{"text": "again", "reply": object{"in_reply_to_tweet_id": parent}}).want(201)
	l.send("DELETE", "/2/tweets/"+l.Posts(one)[1].ID, as, nil).want(200)
	post(as, object{"text": "again"}).want(201)
	l.Advance(25 * time.Hour)
	post(l.full(one), object{"text": "again"}).want(201)
}

func TestOnlyOnesOwnPostsCanBeDeleted(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	mine, theirs := l.AddPost(one, "mine"), l.AddPost(two, "theirs")
	as := l.full(one)
	l.send("DELETE", "/2/tweets/"+mine, as, nil).wantBody(200, jsonType, `{"data":{"deleted":true}}`)
	l.get("/2/tweets/"+mine, as).wantBody(200, jsonType, `{"errors":[{"value":"`+mine+`","detail":"Could not find tweet with id: [`+mine+`].","title":"Not Found Error","resource_type":"tweet","parameter":"id","resource_id":"`+mine+`","type":"https://api.x.com/2/problems/resource-not-found"}]}`)
	l.send("DELETE", "/2/tweets/"+mine, as, nil).want(404)
	wantEqual(t, "detail", l.send("DELETE", "/2/tweets/"+theirs, as, nil).want(403).text("detail"), "You are not authorized to delete this Tweet.")
	l.get("/2/tweets/"+theirs, as).want(200)
	wantPanic(t, "a post of nobody", func() { l.AddPost("1", "x") })
}

func TestRepliesKeepToTheSettingsOfTheirParent(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{Users: []xtest.User{
		{ID: "1", Username: "author"}, {ID: "2", Username: "named"}, {ID: "3", Username: "followed"}, {ID: "4", Username: "stranger"}, {ID: "5", Username: "checked", Verified: true},
	}})
	l.Follow("1", "3")
	as := map[string]credentials{}
	for _, u := range []string{"1", "2", "3", "4", "5"} {
		as[u] = l.full(u)
	}
	for setting, allowed := range map[string]string{"": "12345", "mentionedUsers": "12", "following": "123", "verified": "125", "subscribers": "125"} {
		body := object{"text": "@named what do you say? " + setting}
		if setting != "" {
			body["reply_settings"] = setting
		}
		parent := l.send("POST", "/2/tweets", as["1"], body).want(201).text("data", "id")
		for u, c := range as {
			want := 403
			if strings.Contains(allowed, u) {
				want = 201
			}
			res := l.send("POST", "/2/tweets", c, object{"text": "reply", "reply": object{"in_reply_to_tweet_id": parent}})
			if res.status != want {
				t.Errorf("reply by %s to %q: %d %s", u, setting, res.status, res.body)
			}
		}
	}
	res := l.send("POST", "/2/tweets", as["1"], object{"text": "to nothing", "reply": object{"in_reply_to_tweet_id": "1"}}).want(403)
	wantEqual(t, "detail", res.text("detail"), "You attempted to reply to a Tweet that is deleted or not visible to you.")
}

func TestPostFieldsAndExpansions(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	quoted := l.AddPost(two, "Look at this")
	l.Advance(time.Minute)
	quote := l.send("POST", "/2/tweets", as, object{"text": "Hé @demo_two, see https://x.example/a #Sample", "quote_tweet_id": quoted, "reply_settings": "following"}).want(201).text("data", "id")
	reply := l.send("POST", "/2/tweets", as, object{"text": "And this", "reply": object{"in_reply_to_tweet_id": quoted}}).want(201).text("data", "id")

	res := l.get("/2/tweets/"+quote+"?tweet.fields=author_id,created_at,conversation_id,in_reply_to_user_id,lang,possibly_sensitive,source,public_metrics,referenced_tweets,reply_settings,entities,attachments,geo", as).want(200)
	for k, want := range map[string]any{
		"author_id": one, "created_at": "2026-08-22T12:01:00.000Z", "conversation_id": quote, "in_reply_to_user_id": nil,
		"lang": "en", "possibly_sensitive": false, "reply_settings": "following", "attachments": nil, "source": "Local simulator",
		"referenced_tweets": []any{object{"type": "quoted", "id": quoted}},
	} {
		wantEqual(t, k, res.at("data", k), want)
	}
	wantEqual(t, "mention", fmt.Sprint(res.at("data", "entities", "mentions")), "[map[end:12 id:"+two+" start:3 username:demo_two]]")
	wantEqual(t, "hashtag", res.text("data", "entities", "hashtags", 0, "tag"), "Sample")
	wantEqual(t, "link", res.text("data", "entities", "urls", 0, "display_url"), "x.example/a")

	res = l.get("/2/tweets?ids="+reply+","+quote+",1&expansions=author_id,referenced_posts.id,referenced_tweets.id.author_id,in_reply_to_user_id,entities.mentions.username&post.fields=public_metrics&user.fields=verified", as).want(200)
	wantEqual(t, "order", res.column("id"), []string{reply, quote})
	wantEqual(t, "brought along", res.text("data", 0, "author_id"), one)
	wantEqual(t, "in reply to", res.text("data", 0, "in_reply_to_user_id"), two)
	wantEqual(t, "missing", res.text("errors", 0, "resource_id"), "1")
	users, _ := res.at("includes", "users").([]any)
	posts, _ := res.at("includes", "tweets").([]any)
	if len(users) != 2 || len(posts) != 1 {
		t.Errorf("each once: %s", res.body)
	}
	wantEqual(t, "user fields", res.at("includes", "users", 1, "verified"), true)
	wantEqual(t, "quotes of the quoted", res.at("includes", "tweets", 0, "public_metrics", "quote_count"), "1")
	wantEqual(t, "replies to the quoted", res.at("includes", "tweets", 0, "public_metrics", "reply_count"), "1")

	single := l.get("/2/tweets/"+reply+"?tweet.fields=conversation_id,referenced_tweets", as)
	wantEqual(t, "conversation", single.text("data", "conversation_id"), quoted)
	wantEqual(t, "kind", single.text("data", "referenced_tweets", 0, "type"), "replied_to")
}

func TestPolls(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	id := l.send("POST", "/2/tweets", as, object{"text": "Which?", "poll": object{"options": []any{"this", "that"}, "duration_minutes": 30}}).want(201).text("data", "id")
	path := "/2/tweets/" + id + "?expansions=attachments.poll_ids&poll.fields=duration_minutes,end_datetime,voting_status"
	res := l.get(path, as).want(200)
	wantEqual(t, "attached", res.text("data", "attachments", "poll_ids", 0), res.text("includes", "polls", 0, "id"))
	wantEqual(t, "second option", fmt.Sprint(res.at("includes", "polls", 0, "options", 1)), "map[label:that position:2 votes:0]")
	wantEqual(t, "end", res.text("includes", "polls", 0, "end_datetime"), "2026-08-22T12:30:00.000Z")
	wantEqual(t, "status", res.text("includes", "polls", 0, "voting_status"), "open")
	wantEqual(t, "minutes", res.text("includes", "polls", 0, "duration_minutes"), "30")
	l.Advance(30 * time.Minute)
	wantEqual(t, "status", l.get(path, as).text("includes", "polls", 0, "voting_status"), "closed")
	wantEqual(t, "kept", l.Posts(one)[0].PollOptions, []string{"this", "that"})
}

func TestProtectedPostsAreForFollowers(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	l.AddUser(xtest.User{ID: "7", Username: "shy", Protected: true})
	id := l.AddPost("7", "not for all @demo")
	as, self := l.full(one), l.full("7")
	wantEqual(t, "a post", l.get("/2/tweets/"+id, as).text("errors", 0, "detail"), "Sorry, you are not authorized to see the tweet with id: ["+id+"].")
	wantEqual(t, "in a list", l.get("/2/tweets?ids="+id, as).text("errors", 0, "parameter"), "ids")
	wantEqual(t, "a timeline", l.get("/2/users/7/tweets", as).text("errors", 0, "detail"), "Sorry, you are not authorized to see the user with id: [7].")
	wantEqual(t, "for an app", l.get("/2/users/7/tweets", l.appOnly()).text("errors", 0, "title"), "Authorization Error")
	wantEqual(t, "a mention", len(l.get("/2/users/"+one+"/mentions", as).column("id")), 1)
	wantEqual(t, "the latest", l.get("/2/users/7?expansions=most_recent_tweet_id", as).at("includes"), nil)
	l.send("POST", "/2/tweets", as, object{"text": "quote", "quote_tweet_id": id}).want(400)
	l.get("/2/tweets/"+id, self).wantBody(200, jsonType, `{"data":{"edit_history_post_ids":["`+id+`"],"edit_history_tweet_ids":["`+id+`"],"id":"`+id+`","text":"not for all @demo"}}`)
	l.Follow(one, "7")
	wantEqual(t, "for a follower", l.get("/2/users/7/tweets", as).column("id"), []string{id})
}

func TestTheDemoAccountsHaveSomethingToShow(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	res := l.get("/2/users/"+one+"/timelines/reverse_chronological?tweet.fields=created_at,author_id", as).want(200)
	dates := res.column("created_at")
	if len(dates) != 6 {
		t.Fatalf("%s", res.body)
	}
	for i, d := range dates {
		at, err := time.Parse(time.RFC3339, d)
		if err != nil || apiNoon.Sub(at) > 7*24*time.Hour || at.After(apiNoon) || i > 0 && dates[i-1] <= d {
			t.Errorf("dates %v", dates)
		}
	}
	for _, p := range append(l.Posts(one), l.Posts(two)...) {
		if !strings.Contains(strings.ToLower(p.Text), "sample") {
			t.Errorf("%q does not say what it is", p.Text)
		}
	}
	wantEqual(t, "of both", len(l.get("/2/users/"+two+"/tweets", as).column("id")), 3)
	wantEqual(t, "mentions", len(l.get("/2/users/"+one+"/mentions", as).column("id")), 1)
	wantEqual(t, "followers", l.get("/2/users/"+one+"/followers", as).column("id"), []string{two})
	wantEqual(t, "following", l.get("/2/users/"+two+"/following", as).column("id"), []string{one})
}

func TestTimelines(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{Users: []xtest.User{{ID: "1", Username: "reader"}, {ID: "2", Username: "writer"}, {ID: "3", Username: "stranger"}}})
	l.Follow("1", "2")
	ids := []string{}
	for i := range 12 {
		l.Advance(time.Minute)
		ids = append([]string{l.AddPost("2", fmt.Sprint("post ", i))}, ids...)
	}
	l.AddPost("3", "not for the reader")
	as := l.full("1")
	page := func(path string) *result { return l.get(path, as).want(200) }

	first := page("/2/users/2/tweets")
	wantEqual(t, "ten by default, newest first", first.column("id"), ids[:10])
	wantEqual(t, "newest", first.text("meta", "newest_id"), ids[0])
	wantEqual(t, "oldest", first.text("meta", "oldest_id"), ids[9])
	wantEqual(t, "count", first.text("meta", "result_count"), "10")
	wantEqual(t, "nothing before", first.at("meta", "previous_token"), nil)
	five := page("/2/users/2/tweets?max_results=5")
	next := page("/2/users/2/tweets?max_results=5&pagination_token=" + five.text("meta", "next_token"))
	wantEqual(t, "the second page", next.column("id"), ids[5:10])
	l.AddPost("2", "in between")
	last := page("/2/users/2/tweets?max_results=5&pagination_token=" + next.text("meta", "next_token"))
	wantEqual(t, "a new post moves no page", last.column("id"), ids[10:])
	wantEqual(t, "the end", last.at("meta", "next_token"), nil)
	wantEqual(t, "and back", page("/2/users/2/tweets?max_results=5&pagination_token="+last.text("meta", "previous_token")).column("id"), ids[5:10])
	l.get("/2/users/3/tweets?pagination_token="+five.text("meta", "next_token"), as).want(400)

	wantEqual(t, "home", len(page("/2/users/1/timelines/reverse_chronological").column("id")), 13)
	wantEqual(t, "one at home", len(page("/2/users/1/timelines/reverse_chronological?max_results=1").column("id")), 1)
	wantEqual(t, "since", page("/2/users/2/tweets?since_id=" + ids[2]).column("id")[1:], ids[:2])
	wantEqual(t, "until", page("/2/users/2/tweets?until_id="+ids[9]).column("id"), ids[10:])
	when := func(minutes int) string {
		return url.QueryEscape(apiNoon.Add(time.Duration(minutes) * time.Minute).Format(time.RFC3339))
	}
	wantEqual(t, "from start to before end", page("/2/users/2/tweets?start_time="+when(2)+"&end_time="+when(4)).column("id"), []string{ids[9], ids[10]})

	reply := l.send("POST", "/2/tweets", as, object{"text": "@writer yes", "reply": object{"in_reply_to_tweet_id": ids[0]}}).want(201).text("data", "id")
	wantEqual(t, "with replies", page("/2/users/1/tweets").column("id"), []string{reply})
	if res := page("/2/users/1/tweets?exclude=replies,retweets"); string(res.body) != `{"meta":{"result_count":0}}` {
		t.Errorf("without replies: %s", res.body)
	}
	wantEqual(t, "mentions", page("/2/users/2/mentions").column("id"), []string{reply})
	wantEqual(t, "nobody", page("/2/users/99/tweets").text("errors", 0, "title"), "Not Found Error")
	wantEqual(t, "expanded", page("/2/users/2/tweets?max_results=5&expansions=author_id").text("includes", "users", 0, "username"), "writer")
}

func TestPostsOfOneInstantHaveIDsOfTheirOwn(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	if a, b := l.AddPost(one, "a"), l.AddPost(one, "b"); a == b {
		t.Error("the same id twice")
	}
	l.SetNow(time.Unix(0, 0))
	if id := l.AddPost(one, "long ago"); strings.HasPrefix(id, "-") {
		t.Error(id)
	}
	posts := l.Posts(one)
	if posts[0].Text != "b" || posts[len(posts)-1].Text != "long ago" {
		t.Errorf("order: %v", posts)
	}
	posts[0].Text = "changed"
	wantEqual(t, "a copy", l.Posts(one)[0].Text, "b")
	wantEqual(t, "nobody", len(l.Posts("1")), 0)
}
