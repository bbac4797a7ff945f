package xtest

import "strings"

const pathMe = "/2/users/me"

// endpoint is one call of the API: who may make it, how often, and with which query parameters.
type endpoint struct {
	method, pattern string
	scopes          []string // all of them, for an OAuth 2.0 user token
	appOnly         bool     // an app-only token will do
	writes          bool     // a read-only OAuth 1.0a app is refused
	userLimit       int      // in 15 minutes for each user; 0: X publishes none
	appLimit        int      // for the app as a whole: in 24 hours if daily, else in 15 minutes for app-only tokens
	daily           bool
	params          []string
	serve           func(*X, *call) *reply
}

func (e *endpoint) name() string { return e.method + " " + e.pattern }

var (
	readPosts  = []string{"tweet.read", "users.read"}
	readUsers  = []string{"tweet.read", "users.read"}
	readGraph  = []string{"tweet.read", "users.read", "follows.read"}
	writeGraph = []string{"tweet.read", "users.read", "follows.write"}
	writePosts = []string{"tweet.read", "tweet.write", "users.read"}
	writeMedia = []string{"media.write"}

	userParams     = []string{"expansions", "post.fields", "tweet.fields", "user.fields"}
	postParams     = []string{"expansions", "media.fields", "place.fields", "poll.fields", "post.fields", "tweet.fields", "user.fields"}
	pageParams     = []string{"max_results", "pagination_token"}
	windowParams   = []string{"end_time", "since_id", "start_time", "until_id"}
	timelineParams = join(postParams, pageParams, windowParams, []string{"exclude"})
)

func join(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// endpoints is never changed. A literal stands before a placeholder in the same place. Limits are those of X's table of
// rate limits; scopes those of its OpenAPI file.
var endpoints = []endpoint{
	{method: "GET", pattern: pathMe, scopes: readUsers, userLimit: 75, params: userParams, serve: (*X).getMe},
	{method: "GET", pattern: "/2/users/by", scopes: readUsers, appOnly: true, userLimit: 900, appLimit: 300, params: join(userParams, []string{"usernames"}), serve: (*X).getUsersByNames},
	{method: "GET", pattern: "/2/users/by/username/:username", scopes: readUsers, appOnly: true, userLimit: 900, appLimit: 300, params: userParams, serve: (*X).getUserByName},
	{method: "GET", pattern: "/2/users/:id", scopes: readUsers, appOnly: true, userLimit: 900, appLimit: 300, params: userParams, serve: (*X).getUser},
	{method: "GET", pattern: "/2/users", scopes: readUsers, appOnly: true, userLimit: 900, appLimit: 300, params: join(userParams, []string{"ids"}), serve: (*X).getUsers},
	{method: "GET", pattern: "/2/users/:id/tweets", scopes: readPosts, appOnly: true, userLimit: 900, appLimit: 10_000, params: timelineParams, serve: (*X).getUserPosts},
	{method: "GET", pattern: "/2/users/:id/mentions", scopes: readPosts, appOnly: true, userLimit: 300, appLimit: 450, params: timelineParams, serve: (*X).getMentions},
	{method: "GET", pattern: "/2/users/:id/timelines/reverse_chronological", scopes: readPosts, userLimit: 180, params: timelineParams, serve: (*X).getHome},
	{method: "GET", pattern: "/2/users/:id/followers", scopes: readGraph, appOnly: true, userLimit: 300, appLimit: 300, params: join(userParams, pageParams), serve: (*X).getFollowers},
	{method: "GET", pattern: "/2/users/:id/following", scopes: readGraph, appOnly: true, userLimit: 300, appLimit: 300, params: join(userParams, pageParams), serve: (*X).getFollowing},
	{method: "POST", pattern: "/2/users/:id/following", scopes: writeGraph, writes: true, userLimit: 50, serve: (*X).postFollowing},
	{method: "DELETE", pattern: "/2/users/:id/following/:target", scopes: writeGraph, writes: true, userLimit: 50, serve: (*X).deleteFollowing},
	{method: "POST", pattern: "/2/tweets", scopes: writePosts, writes: true, userLimit: 100, appLimit: 10_000, daily: true, serve: (*X).postTweet},
	{method: "GET", pattern: "/2/tweets", scopes: readPosts, appOnly: true, userLimit: 900, appLimit: 300, params: join(postParams, []string{"ids"}), serve: (*X).getPosts},
	{method: "GET", pattern: "/2/tweets/:id", scopes: readPosts, appOnly: true, userLimit: 900, appLimit: 300, params: postParams, serve: (*X).getPost},
	{method: "DELETE", pattern: "/2/tweets/:id", scopes: writePosts, writes: true, userLimit: 50, serve: (*X).deletePost},
	{method: "POST", pattern: "/2/media/upload", scopes: writeMedia, writes: true, userLimit: 500, appLimit: 50_000, daily: true,
		params: []string{"additional_owners", "command", "media_category", "media_id", "media_type", "segment_index", "shared", "total_bytes"}, serve: (*X).postMedia},
	{method: "GET", pattern: "/2/media/upload", scopes: writeMedia, userLimit: 1000, appLimit: 100_000, daily: true, params: []string{"command", "media_id"}, serve: (*X).getMediaStatus},
	{method: "POST", pattern: "/2/media/upload/initialize", scopes: writeMedia, writes: true, userLimit: 1875, appLimit: 180_000, daily: true, serve: (*X).initializeMedia},
	{method: "POST", pattern: "/2/media/upload/:id/append", scopes: writeMedia, writes: true, userLimit: 1875, appLimit: 180_000, daily: true, serve: (*X).appendMedia},
	{method: "POST", pattern: "/2/media/upload/:id/finalize", scopes: writeMedia, writes: true, userLimit: 1875, appLimit: 180_000, daily: true, serve: (*X).finalizeMedia},
	{method: "POST", pattern: "/2/media/metadata", scopes: writeMedia, writes: true, userLimit: 500, appLimit: 50_000, daily: true, serve: (*X).postMediaMetadata},
	{method: "GET", pattern: "/1.1/account/verify_credentials.json", userLimit: 75, serve: (*X).verifyCredentials},
}

// findEndpoint gives the endpoint for a request. Where the path is known and the method is not, the endpoint is nil and
// known is true.
func findEndpoint(method, path string) (e *endpoint, vars map[string]string, known bool) {
	if method == "HEAD" {
		method = "GET"
	}
	for i := range endpoints {
		vars, ok := matchPath(endpoints[i].pattern, path)
		if !ok {
			continue
		}
		known = true
		if endpoints[i].method == method {
			return &endpoints[i], vars, true
		}
	}
	return nil, nil, known
}

func matchPath(pattern, path string) (map[string]string, bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	vars := map[string]string{}
	for i, w := range want {
		switch {
		case strings.HasPrefix(w, ":") && got[i] != "":
			vars[w[1:]] = got[i]
		case w != got[i]:
			return nil, false
		}
	}
	return vars, true
}
