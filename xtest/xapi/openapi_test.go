package xapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

// rules are those of testdata/openapi-2.167.txt.
type rules struct {
	endpoints map[string]string // the schema of each endpoint's answer
	schemas   map[string]objectRule
}

type objectRule struct {
	closed bool
	fields map[string]fieldRule
}

type fieldRule struct {
	required bool
	kind     string
}

func readRules(t *testing.T) rules {
	t.Helper()
	b, err := os.ReadFile("testdata/openapi-2.167.txt")
	if err != nil {
		t.Fatal(err)
	}
	r := rules{endpoints: map[string]string{}, schemas: map[string]objectRule{}}
	for line := range strings.Lines(strings.ReplaceAll(string(b), "\n  ", " ")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if endpoint, schema, ok := strings.Cut(line, " = "); ok {
			r.endpoints[endpoint] = schema
			continue
		}
		name, fields, _ := strings.Cut(line, ": ")
		name, closed := strings.CutSuffix(name, " closed")
		rule := objectRule{closed, map[string]fieldRule{}}
		for _, f := range strings.Split(fields, ", ") {
			key, kind, ok := strings.Cut(f, " ")
			if !ok {
				t.Fatalf("%s: %q has no type", name, f)
			}
			key, required := strings.CutSuffix(key, "!")
			rule.fields[key] = fieldRule{required, kind}
		}
		r.schemas[name] = rule
	}
	return r
}

// check reports what is wrong with a value.
func (r rules) check(at, kind string, v any) []string {
	if items, ok := strings.CutPrefix(kind, "[]"); ok {
		list, ok := v.([]any)
		if !ok {
			return []string{at + " is no list"}
		}
		var faults []string
		for i, item := range list {
			faults = append(faults, r.check(fmt.Sprintf("%s[%d]", at, i), items, item)...)
		}
		return faults
	}
	if rule, ok := r.schemas[kind]; ok {
		return r.checkObject(at, rule, v)
	}
	s, isText := v.(string)
	n, isNumber := v.(json.Number)
	_, isBool := v.(bool)
	_, isObject := v.(map[string]any)
	good := false
	switch kind {
	case "any":
		good = true
	case "string":
		good = isText
	case "time":
		_, err := time.Parse(time.RFC3339, s)
		good = err == nil
	case "id":
		good = regexp.MustCompile(`^[0-9]{1,19}$`).MatchString(s)
	case "integer":
		good = isNumber && !strings.ContainsAny(n.String(), ".eE")
	case "boolean":
		good = isBool
	case "object":
		good = isObject
	default:
		good = isText && slices.Contains(strings.Split(kind, "|"), s)
	}
	if good {
		return nil
	}
	return []string{fmt.Sprintf("%s is no %s: %v", at, kind, v)}
}

func (r rules) checkObject(at string, rule objectRule, v any) []string {
	object, ok := v.(map[string]any)
	if !ok {
		return []string{at + " is no object"}
	}
	var faults []string
	for key, f := range rule.fields {
		if _, given := object[key]; f.required && !given {
			faults = append(faults, at+"."+key+" is missing")
		}
	}
	for key, value := range object {
		f, known := rule.fields[key]
		switch {
		case known:
			faults = append(faults, r.check(at+"."+key, f.kind, value)...)
		case rule.closed:
			faults = append(faults, at+"."+key+" is not allowed")
		}
	}
	return faults
}

const (
	everyUserField = "user.fields=confirmed_email,connection_status,created_at,description,entities,is_identity_verified,location,most_recent_post_id," +
		"parody,pinned_post_id,profile_banner_url,profile_image_url,protected,public_metrics,receives_your_dm,subscribes_to_you,subscription," +
		"subscription_type,url,verified,verified_followers_count,verified_type,withheld"
	everyPostField = "post.fields=article,article_title,attachments,author_id,card_uri,community_id,context_annotations,conversation_id,created_at," +
		"display_text_range,edit_controls,entities,geo,in_reply_to_user_id,lang,matched_media_notes,media_metadata,note_post,note_request_suggestions," +
		"paid_partnership,possibly_sensitive,public_metrics,referenced_posts,reply_settings,scopes,source,suggested_source_links," +
		"suggested_source_links_with_counts,username,withheld"
	everyMediaField = "media.fields=alt_text,duration_ms,height,preview_image_url,public_metrics,type,url,variants,width"
	everyPollField  = "poll.fields=duration_minutes,end_datetime,options,voting_status"
	everyUser       = "?expansions=affiliation,most_recent_post_id,pinned_post_id&" + everyUserField + "&" + everyPostField
	everyPost       = "?expansions=article.cover_media,article.media_entities,attachments.media_keys,attachments.media_source_tweet,attachments.poll_ids," +
		"author_id,edit_history_post_ids,entities.mentions.username,geo.place_id,in_reply_to_user_id,referenced_posts,username&" +
		everyPostField + "&" + everyUserField + "&" + everyMediaField + "&" + everyPollField
)

// Every answer holds against X's OpenAPI file, with all fields and all expansions, in both vocabularies that have its
// names.
func TestAnswersHoldAgainstOpenAPI(t *testing.T) {
	t.Parallel()
	r := readRules(t)
	for _, vocabulary := range []xtest.Vocabulary{xtest.BothVocabularies, xtest.PostVocabulary} {
		t.Run(vocabulary.String(), func(t *testing.T) {
			l := newAPILab(t, xtest.Config{Switches: xtest.Switches{APISwitches: xtest.APISwitches{Vocabulary: vocabulary}}})
			l.AddUser(xtest.User{ID: "7", Username: "seven", Protected: true})
			l.AddUser(xtest.User{ID: "8", Username: "eight", Suspended: true})
			as := l.full(one)
			seen := map[string]bool{}
			call := func(endpoint, path string, body any) *result {
				t.Helper()
				method, _, _ := strings.Cut(endpoint, " ")
				var res *result
				if form, ok := body.(segment); ok {
					res = l.upload(path, as, form, "segment_index", "0")
				} else {
					res = l.send(method, path, as, body)
				}
				if res.status >= 300 {
					t.Errorf("%s: %d %s", endpoint, res.status, res.body)
				}
				d := json.NewDecoder(bytes.NewReader(res.body))
				d.UseNumber()
				var v any
				if err := d.Decode(&v); err != nil {
					t.Fatal(err)
				}
				for _, fault := range r.check(endpoint, r.endpoints[endpoint], v) {
					t.Error(fault)
				}
				seen[endpoint] = true
				return res
			}
			callAll(l, call)
			for endpoint := range r.endpoints {
				if !seen[endpoint] {
					t.Errorf("%s was not called", endpoint)
				}
			}
		})
	}
}

// segment is a file for an upload by a form.
type segment []byte

// callAll calls every endpoint, with something in each kind of answer.
func callAll(l *apiLab, call func(endpoint, path string, body any) *result) {
	gif, png := gifOf(3, 3), pngOf(3, 3)
	picture := call("POST /2/media/upload", "/2/media/upload", object{"media": png, "media_category": "tweet_image"}).text("data", "id")
	call("POST /2/media/upload", "/2/media/upload", object{"media": gif, "media_category": "tweet_gif"})
	moving := call("POST /2/media/upload/initialize", "/2/media/upload/initialize", object{"media_category": "tweet_gif"}).text("data", "id")
	call("POST /2/media/upload/:id/append", "/2/media/upload/"+moving+"/append", segment(gif))
	call("POST /2/media/upload/:id/finalize", "/2/media/upload/"+moving+"/finalize", nil)
	for range 3 {
		call("GET /2/media/upload", "/2/media/upload?media_id="+moving, nil)
	}
	call("POST /2/media/metadata", "/2/media/metadata", object{"id": picture, "metadata": object{"alt_text": object{"text": "a square"}}})

	mention := l.AddPost(two, "hello @demo, see https://example.com #tag & more")
	post := func(more object) string {
		more["text"] = fmt.Sprint("a post with ", len(more), " and ", more)[:60]
		return call("POST /2/tweets", "/2/tweets", more).text("data", "id")
	}
	post(object{"poll": object{"options": []any{"Yes", "No"}, "duration_minutes": 60}})
	post(object{"media": object{"media_ids": []any{picture}, "title": "Square"}, "paid_partnership": true})
	post(object{"media": object{"media_ids": []any{moving}}})
	quote := post(object{"quote_tweet_id": mention, "reply_settings": "following"})
	post(object{"reply": object{"in_reply_to_tweet_id": mention}})

	call("GET /2/tweets/:id", "/2/tweets/"+quote+everyPost, nil)
	call("GET /2/tweets/:id", "/2/tweets/1", nil)
	call("GET /2/tweets", "/2/tweets"+everyPost+"&ids="+quote+","+mention+",1,"+l.AddPost("7", "hidden"), nil)
	call("GET /2/users/:id/tweets", "/2/users/"+one+"/tweets"+everyPost+"&max_results=5", nil)
	call("GET /2/users/:id/tweets", "/2/users/7/tweets", nil)
	call("GET /2/users/:id/mentions", "/2/users/"+one+"/mentions"+everyPost, nil)
	call("GET /2/users/:id/timelines/reverse_chronological", "/2/users/"+one+"/timelines/reverse_chronological"+everyPost, nil)
	call("DELETE /2/tweets/:id", "/2/tweets/"+quote, nil)

	call("POST /2/users/:id/following", "/2/users/"+one+"/following", object{"target_user_id": two})
	call("POST /2/users/:id/following", "/2/users/"+one+"/following", object{"target_user_id": "7"})
	call("GET /2/users/me", "/2/users/me"+everyUser, nil)
	call("GET /2/users/:id", "/2/users/"+two+everyUser, nil)
	call("GET /2/users/:id", "/2/users/8", nil)
	call("GET /2/users", "/2/users"+everyUser+"&ids=1,7,8,"+two, nil)
	call("GET /2/users/by", "/2/users/by"+everyUser+"&usernames=demo,nobody", nil)
	call("GET /2/users/by/username/:username", "/2/users/by/username/demo"+everyUser, nil)
	call("GET /2/users/:id/followers", "/2/users/"+one+"/followers"+everyUser, nil)
	call("GET /2/users/:id/following", "/2/users/"+one+"/following"+everyUser+"&max_results=1", nil)
	call("DELETE /2/users/:id/following/:target", "/2/users/"+one+"/following/"+two, nil)
}

// The check itself can fail.
func TestTheRulesOfOpenAPIRefuse(t *testing.T) {
	t.Parallel()
	r := readRules(t)
	for _, tt := range []struct {
		kind, value, fault string
	}{
		{"UserPublicMetrics", `{"followers_count":1,"following_count":1,"listed_count":0}`, "post_count is missing"},
		{"User", `{"id":7}`, "is no string"},
		{"User", `{"connection_status":["friend"]}`, "is no blocking|"},
		{"Post", `{"created_at":"yesterday"}`, "is no time"},
		{"CreatePostsResponseData", `{"id":"x","text":""}`, "is no id"},
		{"GetMediaUploadStatusResponseDataProcessingInfo", `{"error":{}}`, "is not allowed"},
		{"Problem", `{"type":"about:blank","title":"","detail":"","resource_type":""}`, "type is no https"},
	} {
		d := json.NewDecoder(strings.NewReader(tt.value))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		if faults := r.check("v", tt.kind, v); len(faults) != 1 || !strings.Contains(faults[0], tt.fault) {
			t.Errorf("%s %s: got %q, want %q", tt.kind, tt.value, faults, tt.fault)
		}
	}
}
