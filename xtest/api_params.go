package xtest

import (
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// What may stand in the list parameters: X's OpenAPI file and, where that has already renamed tweets to posts, the names
// that its guides and every known client use.
var (
	userFields = []string{"affiliation", "confirmed_email", "connection_status", "created_at", "description", "entities", "id",
		"is_identity_verified", "location", "most_recent_post_id", "most_recent_tweet_id", "name", "parody", "pinned_post_id", "pinned_tweet_id",
		"profile_banner_url", "profile_image_url", "protected", "public_metrics", "receives_your_dm", "subscribes_to_you",
		"subscription", "subscription_type", "url", "username", "verified", "verified_followers_count", "verified_type", "withheld"}
	postFields = []string{"article", "attachments", "author_id", "card_uri", "community_id", "context_annotations", "conversation_id",
		"created_at", "display_text_range", "edit_controls", "edit_history_post_ids", "edit_history_tweet_ids", "entities", "geo", "id",
		"in_reply_to_user_id", "lang", "media_metadata", "non_public_metrics", "note_post", "note_tweet", "organic_metrics",
		"possibly_sensitive", "promoted_metrics", "public_metrics", "referenced_posts", "referenced_tweets", "reply_settings",
		"scopes", "source", "suggested_source_links", "text", "withheld"}
	mediaFields = []string{"alt_text", "duration_ms", "height", "media_key", "non_public_metrics", "organic_metrics",
		"preview_image_url", "promoted_metrics", "public_metrics", "type", "url", "variants", "width"}
	pollFields  = []string{"duration_minutes", "end_datetime", "id", "options", "voting_status"}
	placeFields = []string{"contained_within", "country", "country_code", "full_name", "geo", "id", "name", "place_type"}

	userExpansions = []string{"affiliation.user_id", "most_recent_post_id", "most_recent_tweet_id", "pinned_post_id", "pinned_tweet_id"}
	postExpansions = []string{"article.cover_media", "article.media_entities", "attachments.media_keys", "attachments.media_source_tweet",
		"attachments.poll_ids", "author_id", "edit_history_post_ids", "edit_history_tweet_ids", "entities.mentions.username",
		"entities.note.mentions.username", "geo.place_id", "in_reply_to_user_id", "referenced_posts.id", "referenced_posts.id.author_id",
		"referenced_tweets.id", "referenced_tweets.id.author_id"}

	idPattern       = regexp.MustCompile(`^[0-9]{1,19}$`)
	usernamePattern = regexp.MustCompile(`^[A-Za-z0-9_]{1,15}$`)
)

// checkQuery refuses, as X does, a parameter that the endpoint does not have, one given twice, a value that is none of
// those allowed, and a path whose id is none. All faults are told at once.
func (c *call) checkQuery() {
	for _, name := range []string{"id", "target"} {
		if v, ok := c.vars[name]; ok && !idPattern.MatchString(v) {
			c.refuseParam(paramName(name), []string{v}, "The `%s` query parameter value [%s] is not valid", paramName(name), v)
		}
	}
	if v, ok := c.vars["username"]; ok && !usernamePattern.MatchString(v) {
		c.refuseParam("username", []string{v}, "The `username` query parameter value [%s] does not match ^[A-Za-z0-9_]{1,15}$", v)
	}
	names := make([]string, 0, len(c.query))
	for name := range c.query {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		values := c.query[name]
		if !slices.Contains(c.end.params, name) {
			allowed := slices.Clone(c.end.params)
			for v := range c.vars {
				allowed = append(allowed, v)
			}
			sort.Strings(allowed)
			c.refuseParam(name, values, "The query parameter [%s] is not one of [%s]", name, strings.Join(allowed, ","))
			continue
		}
		if len(values) > 1 {
			c.refuseParam(name, values, "Duplicate parameters are not allowed: the `%s` query parameter", name)
			continue
		}
		if allowed := c.allowedValues(name); allowed != nil {
			for _, v := range strings.Split(values[0], ",") {
				if !slices.Contains(allowed, v) {
					c.refuseParam(name, values, "The `%s` query parameter value [%s] is not one of [%s]", name, v, strings.Join(allowed, ","))
				}
			}
		}
	}
}

// paramName is the name that X gives to a part of the path.
func paramName(variable string) string {
	if variable == "target" {
		return "target_user_id"
	}
	return variable
}

func (c *call) allowedValues(name string) []string {
	switch name {
	case "user.fields":
		return userFields
	case "tweet.fields", "post.fields":
		return postFields
	case "media.fields":
		return mediaFields
	case "poll.fields":
		return pollFields
	case "place.fields":
		return placeFields
	case "exclude":
		return []string{"replies", "retweets"}
	case "expansions":
		if slices.Contains(c.end.params, "media.fields") {
			return postExpansions
		}
		return userExpansions
	}
	return nil
}

// list reads a comma-separated parameter, whichever of its names it goes by. Names are given in the older vocabulary.
func (c *call) list(names ...string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		for _, v := range strings.Split(c.query.Get(name), ",") {
			if v != "" {
				set[oldName(v)] = true
			}
		}
	}
	return set
}

func oldName(v string) string {
	switch v {
	case "edit_history_post_ids", "most_recent_post_id", "pinned_post_id", "note_post",
		"referenced_posts", "referenced_posts.id", "referenced_posts.id.author_id":
		return strings.Replace(v, "post", "tweet", 1)
	}
	return v
}

// number reads an integer parameter with its limits.
func (c *call) number(name string, def, low, high int) int {
	v := c.query.Get(name)
	if v == "" && !c.query.Has(name) {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		c.refuseParam(name, []string{v}, "The `%s` query parameter value [%s] is not a valid integer", name, v)
		return def
	}
	if n < low || n > high {
		c.refuseParam(name, []string{v}, "The `%s` query parameter value [%s] is not between %d and %d", name, v, low, high)
		return def
	}
	return n
}

// ids reads the required list of a lookup, at most 100 of them.
func (c *call) ids(name string, pattern *regexp.Regexp) []string {
	v := c.query.Get(name)
	if v == "" {
		c.refuseParam(name, c.query[name], "The `%s` query parameter can not be empty", name)
		return nil
	}
	list := strings.Split(v, ",")
	if len(list) > 100 {
		c.refuseParam(name, []string{v}, "The number of values in the `%s` query parameter list [%d] is not between 1 and 100", name, len(list))
		return nil
	}
	for _, id := range list {
		if !pattern.MatchString(id) {
			c.refuseParam(name, []string{v}, "The `%s` query parameter value [%s] is not valid", name, id)
		}
	}
	return list
}

// id reads an optional id; 0 if absent.
func (c *call) id(name string) uint64 {
	v := c.query.Get(name)
	if v == "" {
		return 0
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || !idPattern.MatchString(v) {
		c.refuseParam(name, []string{v}, "The `%s` query parameter value [%s] is not valid", name, v)
	}
	return n
}

// instant reads an optional time, of which X wants RFC 3339.
func (c *call) instant(name string) time.Time {
	v := c.query.Get(name)
	if v == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil {
		c.refuseParam(name, []string{v}, "The `%s` query parameter value [%s] is not a valid RFC3339 date/time", name, v)
	}
	return t
}
