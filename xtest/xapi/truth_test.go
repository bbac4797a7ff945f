package xapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// The lengths are those of X's page about counting characters and of twitter-text.
func TestLengthIsWeighed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"":                    0,
		"café":                4,
		"cafe\u0301":          4,
		"Ünïcödé – “quoted”":  18,
		"日本語":                 6,
		"한국어 text":            11,
		"👾":                   2,
		"🙋🏽":                  2,
		"👨‍🎤":                 2,
		"👨‍👩‍👧‍👦":             2,
		"🇩🇪🇫🇷":                4,
		"1️⃣ and 1":           8,
		"❤️":                  2,
		"Hello, world! 👋":     16,
		"https://example.com": 23,
		"https://example.com/very/long/path?a=bc": 23,
		"see example.com, and http://a.io/b.":     4 + 23 + 6 + 23 + 1,
		"write to me@example.com":                 23,
	} {
		if got := xapi.Length(text); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

func TestPostsAreLimitedByTheirWeight(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	for text, status := range map[string]int{
		strings.Repeat("a", 280):       201,
		strings.Repeat("a", 281):       400,
		strings.Repeat("語", 140):       201,
		strings.Repeat("語", 140) + "a": 400,
		strings.Repeat("a", 256) + " https://x.com/" + strings.Repeat("b", 300): 201,
		strings.Repeat("a", 257) + " https://x.com/":                            400,
	} {
		l.send("POST", "/2/tweets", as, object{"text": text}).want(status)
	}
}

func TestTextsComeBackEscaped(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	const text, escaped = `a < b && c > "d" &amp;`, `a &lt; b &amp;&amp; c &gt; "d" &amp;amp;`
	res := l.send("POST", "/2/tweets", as, object{"text": text}).want(201)
	wantEqual(t, "answer", res.text("data", "text"), escaped)
	wantEqual(t, "read", l.get("/2/tweets/"+res.text("data", "id"), as).text("data", "text"), escaped)
	wantEqual(t, "kept", l.Posts(one)[0].Text, text)
}

func TestPicturesHaveNoStatus(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	picture := l.chunked(as, pngOf(2, 2), "image/png", "tweet_image").want(200).text("data", "id")
	video := l.chunked(as, []byte("a video"), "video/mp4", "amplify_video").want(200)
	wantEqual(t, "the life of amplify_video", video.text("data", "expires_after_secs"), "1296000")
	for _, command := range []string{"command=STATUS&", ""} {
		l.get("/2/media/upload?"+command+"media_id="+picture, as).want(400)
		l.get("/2/media/upload?"+command+"media_id="+video.text("data", "id"), as).want(200)
	}
	l.SetSwitches(xtest.Switches{APISwitches: xtest.APISwitches{PictureStatusNotFound: true}})
	l.get("/2/media/upload?media_id="+picture, as).want(404)
	for _, r := range l.Requests() {
		if r.Status >= 400 && !strings.Contains(r.Reason, "only videos and GIFs") {
			t.Errorf("the log says %q", r.Reason)
		}
	}
}

func TestBigSegmentsAreRefusedWithoutABody(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	id := l.send("POST", "/2/media/upload/initialize", as, object{"media_category": "tweet_video"}).want(200).text("data", "id")
	path := "/2/media/upload/" + id + "/append"
	l.upload(path, as, make([]byte, 4<<20), "segment_index", "0").want(200)
	res := l.upload(path, as, make([]byte, 5<<20), "segment_index", "1").want(413)
	wantEqual(t, "body", len(res.body), 0)
	l.send("POST", "/2/media/upload/"+id+"/finalize", as, nil).want(200)
}

func TestMetadataOtherThanAltText(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	id := l.chunked(as, pngOf(2, 2), "image/png", "tweet_image").want(200).text("data", "id")
	l.send("POST", "/2/media/metadata", as, object{"id": id}).want(200)
	meta := object{"allow_download_status": object{"allow_download": true}, "alt_text": object{"text": "a square"}}
	res := l.send("POST", "/2/media/metadata", as, object{"id": id, "metadata": meta}).want(200)
	wantEqual(t, "metadata", fmt.Sprint(res.at("data", "associated_metadata")), fmt.Sprint(meta))
	l.send("POST", "/2/media/metadata", as, object{"id": id, "metadata": object{"management_info": object{}}}).
		wantInvalid("$.metadata.management_info.managed: is missing but it is required")
}

func TestSelfServePlansRefuse(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	silent, naming := l.AddPost(two, "to nobody"), l.AddPost(two, "hello @demo")
	quoting := l.send("POST", "/2/tweets", l.full(two), object{"text": "look", "quote_tweet_id": l.Posts(one)[0].ID}).want(201).text("data", "id")
	l.SetSwitches(xtest.Switches{APISwitches: xtest.APISwitches{SelfServePlan: true}})
	reply := func(to string) object { return object{"text": "re " + to, "reply": object{"in_reply_to_tweet_id": to}} }
	l.send("POST", "/2/tweets", as, reply(silent)).want(403)
	l.send("POST", "/2/tweets", as, reply(naming)).want(201)
	l.send("POST", "/2/tweets", as, reply(quoting)).want(201)
	l.send("POST", "/2/tweets", as, reply(l.Posts(one)[0].ID)).want(201)
	l.send("POST", "/2/tweets", as, object{"text": "look", "quote_tweet_id": naming}).want(403)
	l.send("POST", "/2/users/"+one+"/following", as, object{"target_user_id": two}).want(403)
	l.send("POST", "/2/tweets", as, object{"text": "a post of one's own"}).want(201)
}

func TestSuspendedAccounts(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	mine, other, signed := l.full(one), l.full(two), l.oauth1(one)
	l.Suspend(one, true)
	l.get("/2/users/me", mine).want(403)
	l.send("POST", "/2/tweets", mine, object{"text": "x"}).want(403)
	wantEqual(t, "API 1.1", l.get("/1.1/account/verify_credentials.json", signed).want(403).text("errors", 0, "code"), "64")
	for _, path := range []string{"/2/users/" + one, "/2/users?ids=" + one, "/2/users/by/username/demo", "/2/users/" + one + "/tweets", "/2/users/" + one + "/followers"} {
		res := l.get(path, other).want(200)
		if res.at("data") != nil || !strings.HasPrefix(res.text("errors", 0, "detail"), "User has been suspended: [") {
			t.Errorf("%s: %s", path, res.body)
		}
	}
	l.Suspend(one, false)
	l.get("/2/users/me", mine).want(200)
}

func TestSpendCapAtTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	l.SetSwitches(xtest.Switches{APISwitches: xtest.APISwitches{
		Refuse: xtest.RefuseSpendCap, RefusePath: "/2/oauth2/token", RefuseTimes: 1,
	}})
	res := l.send("POST", "/2/oauth2/token", nobody, "").want(403)
	wantEqual(t, "title", res.text("title"), "SpendCapReached")
	l.send("POST", "/2/oauth2/token", nobody, "").want(401)
}

func TestAMonthlyCapIsNotARateLimit(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{Switches: xtest.Switches{APISwitches: xtest.APISwitches{Refuse: xtest.RefuseUsageCap}}})
	res := l.get("/2/users/me", l.full(one)).want(429)
	wantEqual(t, "remaining", res.header.Get("x-rate-limit-remaining"), "74")
}

func TestBothVocabulariesAreWhole(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	as := l.full(one)
	l.SetNow(apiNoon.Add(time.Second))
	post := l.send("POST", "/2/tweets", as, object{"text": "look", "quote_tweet_id": l.Posts(two)[0].ID}).want(201).text("data", "id")
	names := [][2]string{
		{`"tweets":`, `"posts":`}, {`"referenced_tweets":`, `"referenced_posts":`}, {`"retweet_count":`, `"repost_count":`},
		{`"tweet_count":`, `"post_count":`}, {`"edit_history_tweet_ids":`, `"edit_history_post_ids":`},
		{`"most_recent_tweet_id":`, `"most_recent_post_id":`},
	}
	for _, ask := range []string{
		"?tweet.fields=public_metrics&expansions=referenced_tweets.id,author_id&user.fields=public_metrics,most_recent_tweet_id",
		"?post.fields=public_metrics&expansions=referenced_posts,username&user.fields=public_metrics,most_recent_post_id",
	} {
		for vocabulary, want := range map[xtest.Vocabulary][2]bool{
			xtest.BothVocabularies: {true, true}, xtest.TweetVocabulary: {true, false}, xtest.PostVocabulary: {false, true},
		} {
			l.SetSwitches(xtest.Switches{APISwitches: xtest.APISwitches{Vocabulary: vocabulary}})
			body := string(l.get("/2/tweets/"+post+ask, as).want(200).body)
			for _, pair := range names {
				if got := [2]bool{strings.Contains(body, pair[0]), strings.Contains(body, pair[1])}; got != want {
					t.Errorf("vocabulary %d: %v: got %v, want %v in %s", vocabulary, pair, got, want, body)
				}
			}
		}
	}
}

// Values of a form are text, whatever they are in JSON.
func TestFormsOfUploadsHaveTextForNumbers(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	res := l.upload("/2/media/upload/initialize", l.full(one), nil, "media_type", "image/gif", "media_category", "tweet_gif",
		"total_bytes", "10", "shared", "true", "additional_owners", two+",7").want(200)
	path := "/2/media/upload/" + res.text("data", "id") + "/append"
	l.upload(path, l.full(two), make([]byte, 11), "segment_index", "0").wantInvalid("Segments do not add up to provided total file size.")
	l.upload(path, l.full(two), make([]byte, 10), "segment_index", "0").want(200)
	l.upload(path, l.full(two), nil, "segment_index", "none").want(400)
}

func TestPostsOfATestHavePollsAndPictures(t *testing.T) {
	t.Parallel()
	l := newAPILab(t, xtest.Config{})
	key := l.AddPicture(one, pngOf(4, 3), "a square")
	at := apiNoon.Add(-48 * time.Hour)
	id := l.Add(xapi.Post{AuthorID: one, Text: "two days old", CreatedAt: at, MediaKeys: []string{key}})
	res := l.get("/2/tweets/"+id+"?expansions=attachments.media_keys&media.fields=alt_text,width&tweet.fields=created_at", l.full(two))
	wantEqual(t, "time", res.text("data", "created_at"), "2026-08-20T12:00:00.000Z")
	wantEqual(t, "picture", res.text("includes", "media", 0, "alt_text"), "a square")
	l.get("/media/"+key, nobody).want(200)
	poll := l.Add(xapi.Post{AuthorID: one, Text: "?", PollOptions: []string{"Yes", "No"}})
	res = l.get("/2/tweets/"+poll+"?expansions=attachments.poll_ids&poll.fields=end_datetime", l.full(two))
	wantEqual(t, "poll", res.text("includes", "polls", 0, "end_datetime"), "2026-08-29T12:00:00.000Z")
	wantPanic(t, "no picture", func() { l.AddPicture(one, []byte("text"), "") })
	wantPanic(t, "no media", func() { l.Add(xapi.Post{AuthorID: one, MediaKeys: []string{"3_1"}}) })
}
