package xapi

import (
	"maps"
	"slices"

	"github.com/xsignin/xsignin/xtest"
)

var (
	readPosts  = []string{"tweet.read", "users.read"}
	readGraph  = []string{"tweet.read", "users.read", "follows.read"}
	writeGraph = []string{"tweet.read", "users.read", "follows.write"}
	writePosts = []string{"tweet.read", "tweet.write", "users.read"}
	writeMedia = []string{"media.write"}

	pageParams     = []string{"max_results", "pagination_token"}
	postParams     = append(xtest.UserParams(), "media.fields", "place.fields", "poll.fields")
	timelineParams = slices.Concat(postParams, pageParams, []string{"end_time", "exclude", "since_id", "start_time", "until_id"})

	mediaFields = []string{"alt_text", "duration_ms", "height", "media_key", "non_public_metrics", "organic_metrics",
		"preview_image_url", "promoted_metrics", "public_metrics", "type", "url", "variants", "width"}
	pollFields  = []string{"duration_minutes", "end_datetime", "id", "options", "voting_status"}
	placeFields = []string{"contained_within", "country", "country_code", "full_name", "geo", "id", "name", "place_type"}

	postExpansions = []string{"article.cover_media", "article.media_entities", "attachments.media_keys", "attachments.media_source_tweet",
		"attachments.poll_ids", "author_id", "edit_history_post_ids", "edit_history_tweet_ids", "entities.mentions.username",
		"entities.note.mentions.username", "geo.place_id", "in_reply_to_user_id", "referenced_posts", "referenced_posts.id", "referenced_posts.id.author_id",
		"referenced_tweets.id", "referenced_tweets.id.author_id", "username"}
)

func postValues() map[string][]string {
	values := xtest.UserValues()
	maps.Copy(values, map[string][]string{
		"media.fields": mediaFields,
		"poll.fields":  pollFields,
		"place.fields": placeFields,
		"expansions":   postExpansions,
		"exclude":      {"replies", "retweets"},
	})
	return values
}

// endpoints has the limits of X's table of rate limits and the scopes of its OpenAPI file.
func (a *API) endpoints() []xtest.Endpoint {
	return slices.Concat(a.userEndpoints(), a.postEndpoints(), a.mediaEndpoints())
}

func (a *API) userEndpoints() []xtest.Endpoint {
	read := func(pattern string, scopes []string, user, app int, serve func(*call) *xtest.Reply, more ...string) xtest.Endpoint {
		return xtest.Endpoint{
			Method: "GET", Pattern: pattern, Scopes: scopes, AppOnly: true, UserLimit: user, AppLimit: app,
			Params: append(xtest.UserParams(), more...), Values: xtest.UserValues(), Serve: a.locked(serve),
		}
	}
	follow := func(method, pattern string, serve func(*call) *xtest.Reply) xtest.Endpoint {
		return xtest.Endpoint{
			Method: method, Pattern: pattern, Scopes: writeGraph, Writes: true, UserLimit: 50, Serve: a.locked(serve),
		}
	}
	return []xtest.Endpoint{
		read("/2/users/by", readPosts, 900, 300, func(c *call) *xtest.Reply {
			return a.manyUsers(c, "usernames", usernamePattern, a.x.UserByName)
		}, "usernames"),
		read("/2/users/by/username/:username", readPosts, 900, 300, func(c *call) *xtest.Reply {
			return a.oneUser(c, "username", a.x.UserByName)
		}),
		read("/2/users/:id", readPosts, 900, 300, func(c *call) *xtest.Reply { return a.oneUser(c, "id", a.x.UserByID) }),
		read("/2/users", readPosts, 900, 300, func(c *call) *xtest.Reply {
			return a.manyUsers(c, "ids", idPattern, a.x.UserByID)
		}, "ids"),
		read("/2/users/:id/followers", readGraph, 300, 300, func(c *call) *xtest.Reply { return a.graph(c, a.followers) }, pageParams...),
		read("/2/users/:id/following", readGraph, 300, 300, func(c *call) *xtest.Reply { return a.graph(c, a.following) }, pageParams...),
		follow("POST", "/2/users/:id/following", a.postFollowing),
		follow("DELETE", "/2/users/:id/following/:target", a.deleteFollowing),
	}
}

func (a *API) postEndpoints() []xtest.Endpoint {
	read := func(pattern string, user, app int, params []string, serve func(*call) *xtest.Reply) xtest.Endpoint {
		return xtest.Endpoint{
			Method: "GET", Pattern: pattern, Scopes: readPosts, AppOnly: app > 0, UserLimit: user, AppLimit: app,
			Params: params, Values: postValues(), Serve: a.locked(serve),
		}
	}
	return []xtest.Endpoint{
		read("/2/users/:id/tweets", 900, 10_000, timelineParams, a.getUserPosts),
		read("/2/users/:id/mentions", 300, 450, timelineParams, a.getMentions),
		read("/2/users/:id/timelines/reverse_chronological", 180, 0, timelineParams, a.getHome),
		read("/2/tweets", 900, 300, slices.Concat(postParams, []string{"ids"}), a.getPosts),
		read("/2/tweets/:id", 900, 300, postParams, a.getPost),
		{
			Method: "POST", Pattern: "/2/tweets", Scopes: writePosts, Writes: true,
			UserLimit: 100, AppLimit: 10_000, Daily: true, Serve: a.locked(a.postTweet),
		},
		{
			Method: "DELETE", Pattern: "/2/tweets/:id", Scopes: writePosts, Writes: true,
			UserLimit: 50, Serve: a.locked(a.deletePost),
		},
	}
}

func (a *API) mediaEndpoints() []xtest.Endpoint {
	upload := func(pattern string, user, app int, serve func(*call) *xtest.Reply) xtest.Endpoint {
		return xtest.Endpoint{
			Method: "POST", Pattern: pattern, Scopes: writeMedia, Writes: true,
			UserLimit: user, AppLimit: app, Daily: true, Serve: a.locked(serve),
		}
	}
	return []xtest.Endpoint{
		upload("/2/media/upload", 500, 50_000, a.postMedia),
		upload("/2/media/upload/initialize", 1875, 180_000, a.initializeMedia),
		upload("/2/media/upload/:id/append", 1875, 180_000, a.appendMedia),
		upload("/2/media/upload/:id/finalize", 1875, 180_000, a.finalizeMedia),
		upload("/2/media/metadata", 500, 50_000, a.postMediaMetadata),
		{
			Method: "GET", Pattern: "/2/media/upload", Scopes: writeMedia, UserLimit: 1000, AppLimit: 100_000,
			Daily: true, Params: []string{"command", "media_id"}, Serve: a.locked(a.getMediaStatus),
		},
	}
}

// locked makes an endpoint's function that holds the lock.
func (a *API) locked(serve func(*call) *xtest.Reply) func(*xtest.Call) *xtest.Reply {
	return func(c *xtest.Call) *xtest.Reply {
		a.mu.Lock()
		defer a.mu.Unlock()
		return serve(&call{c})
	}
}
