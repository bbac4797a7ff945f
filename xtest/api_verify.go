package xtest

import (
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// verifyCredentials is the profile call of API 1.1: alive for some apps, promised to none. Unlike version 2 it ignores
// parameters that it does not know.
func (x *X) verifyCredentials(c *Call) *Reply {
	if c.Switches.NoVerifyCredentials {
		return c.limitedV1()
	}
	u := *c.User
	id, _ := strconv.ParseUint(u.ID, 10, 64)
	avatar := c.avatarURL(u)
	metrics := x.publicMetrics(c)
	body := map[string]any{
		"id": id, "id_str": u.ID, "name": u.Name, "screen_name": u.Username,
		"description": u.Description, "location": "", "url": nil,
		"protected": u.Protected, "verified": u.Verified,
		"followers_count": metrics["followers_count"], "friends_count": metrics["following_count"],
		"statuses_count": metrics["tweet_count"], "listed_count": 0, "favourites_count": 0,
		"created_at":        u.CreatedAt.UTC().Format(time.RubyDate),
		"profile_image_url": avatar, "profile_image_url_https": avatar,
		"default_profile_image": u.AvatarURL == "", "lang": nil,
	}
	if email, _ := strconv.ParseBool(c.Query.Get("include_email")); email && !c.Switches.NoEmailPermission {
		body["email"] = nil
		if u.Email != "" {
			body["email"] = u.Email
		}
	}
	return c.Found(http.StatusOK, body)
}

// limitedV1 is the answer of API 1.1, of which the plans that X sells include the sign-in only.
func (c *Call) limitedV1() *Reply {
	return c.refuse("LimitedV1", "no plan that X sells has this call: use API 2, such as GET /2/users/me, POST /2/tweets and POST /2/media/upload")
}

// publicMetrics are those of the caller, which an extension keeps.
func (x *X) publicMetrics(c *Call) map[string]any {
	object := map[string]any{"public_metrics": map[string]any{"followers_count": 0, "following_count": 0, "tweet_count": 0}}
	if x.ext.User != nil {
		ask := *c
		ask.Query = url.Values{"user.fields": {"public_metrics"}}
		x.ext.User(&ask, *c.User, object)
	}
	return object["public_metrics"].(map[string]any)
}
