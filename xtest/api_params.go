package xtest

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The values of the list parameters: those of X's OpenAPI file and, where that file has renamed tweets to posts, the names
// that X's guides and every known client use.
var (
	userFields = []string{"affiliation", "confirmed_email", "connection_status", "created_at", "description", "entities", "id",
		"is_identity_verified", "location", "most_recent_post_id", "most_recent_tweet_id", "name", "parody", "pinned_post_id", "pinned_tweet_id",
		"profile_banner_url", "profile_image_url", "protected", "public_metrics", "receives_your_dm", "subscribes_to_you",
		"subscription", "subscription_type", "url", "username", "verified", "verified_followers_count", "verified_type", "withheld"}
	postFields = []string{"article", "article_title", "attachments", "author_id", "card_uri", "community_id", "context_annotations", "conversation_id",
		"created_at", "display_text_range", "edit_controls", "edit_history_post_ids", "edit_history_tweet_ids", "entities", "geo", "id",
		"in_reply_to_user_id", "lang", "matched_media_notes", "media_metadata", "non_public_metrics", "note_post", "note_request_suggestions",
		"note_tweet", "organic_metrics", "paid_partnership",
		"possibly_sensitive", "promoted_metrics", "public_metrics", "referenced_posts", "referenced_tweets", "reply_settings",
		"scopes", "source", "suggested_source_links", "suggested_source_links_with_counts", "text", "username", "withheld"}
	userExpansions = []string{"affiliation", "affiliation.user_id", "most_recent_post_id", "most_recent_tweet_id", "pinned_post_id", "pinned_tweet_id"}

	idPattern       = regexp.MustCompile(`^[0-9]{1,19}$`)
	usernamePattern = regexp.MustCompile(`^[A-Za-z0-9_]{1,15}$`)
)

// checkQuery refuses what X refuses: unknown and repeated parameters, values outside a list, and bad ids in the path. The
// answer has all faults at once.
func (c *Call) checkQuery() {
	for _, name := range []string{"id", "target"} {
		if v, ok := c.Vars[name]; ok && !idPattern.MatchString(v) {
			c.AddFault(paramName(name), []string{v}, "The `%s` query parameter value [%s] is not valid", paramName(name), v)
		}
	}
	if v, ok := c.Vars["username"]; ok && !usernamePattern.MatchString(v) {
		c.AddFault("username", []string{v}, "The `username` query parameter value [%s] does not match ^[A-Za-z0-9_]{1,15}$", v)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Query)) {
		values := c.Query[name]
		if !slices.Contains(c.Endpoint.Params, name) {
			allowed := slices.AppendSeq(slices.Clone(c.Endpoint.Params), maps.Keys(c.Vars))
			slices.Sort(allowed)
			c.AddFault(name, values, "The query parameter [%s] is not one of [%s]", name, strings.Join(allowed, ","))
			continue
		}
		if len(values) > 1 {
			c.AddFault(name, values, "Duplicate parameters are not allowed: the `%s` query parameter", name)
			continue
		}
		if allowed := c.Endpoint.Values[name]; allowed != nil {
			for _, v := range strings.Split(values[0], ",") {
				if !slices.Contains(allowed, v) {
					c.AddFault(name, values, "The `%s` query parameter value [%s] is not one of [%s]", name, v, strings.Join(allowed, ","))
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

// List reads a comma-separated parameter, under any of its names. The result has names of the older vocabulary.
func (c *Call) List(names ...string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		for _, v := range strings.Split(c.Query.Get(name), ",") {
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

// Number reads an integer parameter with its limits.
func (c *Call) Number(name string, def, low, high int) int {
	v := c.Query.Get(name)
	if v == "" && !c.Query.Has(name) {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		c.AddFault(name, []string{v}, "The `%s` query parameter value [%s] is not a valid integer", name, v)
		return def
	}
	if n < low || n > high {
		c.AddFault(name, []string{v}, "The `%s` query parameter value [%s] is not between %d and %d", name, v, low, high)
		return def
	}
	return n
}
