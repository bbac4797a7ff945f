package xtest

import (
	"net/http"
	"strings"
)

const isoMillis = "2006-01-02T15:04:05.000Z"

func (x *X) getMe(c *call) *reply {
	fields := c.list("user.fields")
	u := c.who.user
	data := x.userObject(c, u, fields)
	if fields["confirmed_email"] {
		allowed := !c.sw.NoEmailPermission && (c.who.kind == "oauth1" || c.who.scopes["users.email"])
		switch {
		case !allowed && c.sw.RefuseEmail:
			return apiForbidden()
		case allowed && u.Email != "":
			data["confirmed_email"] = u.Email
		}
	}
	return found(http.StatusOK, x.withUserIncludes(c, map[string]any{"data": data}, []*account{u}))
}

func (x *X) getUser(c *call) *reply {
	id := c.vars["id"]
	return x.oneUser(c, "id", id, x.users[id])
}

func (x *X) getUserByName(c *call) *reply {
	name := c.vars["username"]
	return x.oneUser(c, "username", name, x.byName(name))
}

func (x *X) oneUser(c *call, by, value string, u *account) *reply {
	if u == nil {
		return found(http.StatusOK, map[string]any{"errors": []any{c.missing("user", by, value)}})
	}
	body := map[string]any{"data": x.userObject(c, u, c.list("user.fields"))}
	return found(http.StatusOK, x.withUserIncludes(c, body, []*account{u}))
}

func (x *X) getUsers(c *call) *reply {
	return x.manyUsers(c, "ids", c.ids("ids", idPattern), func(id string) *account { return x.users[id] })
}

func (x *X) getUsersByNames(c *call) *reply {
	return x.manyUsers(c, "usernames", c.ids("usernames", usernamePattern), x.byName)
}

func (x *X) manyUsers(c *call, by string, keys []string, find func(string) *account) *reply {
	var users []*account
	var errs []any
	for _, k := range keys {
		if u := find(k); u != nil {
			users = append(users, u)
		} else {
			errs = append(errs, c.missing("user", by, k))
		}
	}
	body := x.usersBody(c, users)
	if errs != nil {
		body["errors"] = errs
	}
	return found(http.StatusOK, body)
}

// usersBody has no "data" when there is nobody, as X's has none.
func (x *X) usersBody(c *call, users []*account) map[string]any {
	body := map[string]any{}
	fields := c.list("user.fields")
	var data []any
	for _, u := range users {
		data = append(data, x.userObject(c, u, fields))
	}
	if data != nil {
		body["data"] = data
	}
	return x.withUserIncludes(c, body, users)
}

// withUserIncludes adds what the expansions of the user endpoints ask for.
func (x *X) withUserIncludes(c *call, body map[string]any, users []*account) map[string]any {
	if !c.list("expansions")["most_recent_tweet_id"] {
		return body
	}
	fields := c.list("tweet.fields", "post.fields")
	var posts []any
	for _, u := range users {
		if p := x.newest(u); p != nil && x.mayRead(c, u) {
			posts = append(posts, x.postObject(c, p, fields))
		}
	}
	if posts != nil {
		body["includes"] = map[string]any{"tweets": posts}
	}
	return body
}

func (x *X) newest(u *account) *post {
	list := x.postsWhere(func(p *post) bool { return p.AuthorID == u.ID })
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// userObject has id, name and username, and what the fields ask for. Values that the simulator does not keep are left
// out, as X leaves out what an account has not filled in.
func (x *X) userObject(c *call, u *account, fields map[string]bool) map[string]any {
	o := map[string]any{"id": u.ID, "name": u.Name, "username": u.Username}
	for f := range fields {
		switch f {
		case "created_at":
			if !u.CreatedAt.IsZero() {
				o[f] = u.CreatedAt.UTC().Format(isoMillis)
			}
		case "description":
			o[f] = u.Description
		case "profile_image_url":
			o[f] = c.avatarURL(u)
		case "protected":
			o[f] = u.Protected
		case "verified":
			o[f] = u.Verified
		case "verified_type":
			o[f] = "none"
			if u.Verified {
				o[f] = "blue"
			}
		case "public_metrics":
			o[f] = x.userMetrics(u)
		case "most_recent_tweet_id":
			if p := x.newest(u); p != nil {
				o[c.word(f)] = p.ID
			}
		case "connection_status":
			o[f] = x.connections(c, u)
		}
	}
	if c.list("expansions")["most_recent_tweet_id"] {
		if p := x.newest(u); p != nil {
			o[c.word("most_recent_tweet_id")] = p.ID
		}
	}
	return o
}

func (x *X) userMetrics(u *account) map[string]any {
	posts, media := 0, 0
	for _, p := range x.api.posts {
		if p.AuthorID == u.ID {
			posts++
			media += len(p.media)
		}
	}
	return map[string]any{
		"followers_count": len(u.api.followers), "following_count": len(u.api.following),
		"tweet_count": posts, "media_count": media, "listed_count": 0, "like_count": 0,
	}
}

func (x *X) connections(c *call, u *account) []string {
	list := []string{}
	if me := c.who.user; me != nil {
		if _, ok := me.api.following[u.ID]; ok {
			list = append(list, "following")
		}
		if _, ok := me.api.followers[u.ID]; ok {
			list = append(list, "followed_by")
		}
	}
	return list
}

// mayRead tells whether the caller sees the posts of u: those of a protected account are for itself and its followers.
func (x *X) mayRead(c *call, u *account) bool {
	if !u.Protected {
		return true
	}
	me := c.who.user
	if me == nil {
		return false
	}
	_, follows := u.api.followers[me.ID]
	return follows || me.ID == u.ID
}

// word gives a name in the vocabulary that the switches choose.
func (c *call) word(name string) string {
	if c.sw.PostVocabulary {
		return strings.Replace(name, "tweet", "post", 1)
	}
	return name
}
