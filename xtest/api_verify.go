package xtest

import (
	"net/http"
	"strconv"
	"time"
)

// verifyCredentials is the profile call of API 1.1: alive for some apps, promised to none. Unlike version 2 it ignores
// parameters that it does not know.
func (x *X) verifyCredentials(c *call) *reply {
	if c.sw.NoVerifyCredentials {
		return v1Error(http.StatusForbidden, 453, "You currently have access to a subset of Twitter API v2 endpoints and limited v1.1 endpoints (e.g. media post, oauth) only. If you need access to this endpoint, you may need a different access level. You can learn more here: https://developer.twitter.com/en/portal/product")
	}
	u := c.who.user
	id, _ := strconv.ParseUint(u.ID, 10, 64)
	avatar := c.avatarURL(u)
	metrics := x.userMetrics(u)
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
	if c.query.Get("include_email") == "true" && !c.sw.NoEmailPermission {
		body["email"] = nil
		if u.Email != "" {
			body["email"] = u.Email
		}
	}
	if p := x.newest(u); p != nil && c.query.Get("skip_status") != "true" {
		num := p.num
		body["status"] = map[string]any{"id": num, "id_str": p.ID, "text": p.Text, "created_at": p.CreatedAt.UTC().Format(time.RubyDate)}
	}
	return found(http.StatusOK, body)
}
