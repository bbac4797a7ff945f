package xapi

import (
	"net/http"
	"regexp"

	"github.com/xsignin/xsignin/xtest"
)

// oneUser answers about the account in the path.
func (a *API) oneUser(c *call, by string, find func(string) *xtest.User) *xtest.Reply {
	value := c.Vars[by]
	u := find(value)
	if u == nil || u.Suspended {
		return c.Found(http.StatusOK, map[string]any{"errors": []any{c.noUser(u, by, value)}})
	}
	body := a.usersBody(c, []*xtest.User{u})
	body["data"] = body["data"].([]any)[0]
	return c.Found(http.StatusOK, body)
}

// manyUsers answers about the accounts in a parameter.
func (a *API) manyUsers(c *call, by string, pattern *regexp.Regexp, find func(string) *xtest.User) *xtest.Reply {
	var users []*xtest.User
	var errs []any
	for _, k := range c.ids(by, pattern) {
		if u := find(k); u != nil && !u.Suspended {
			users = append(users, u)
		} else {
			errs = append(errs, c.noUser(u, by, k))
		}
	}
	body := a.usersBody(c, users)
	if errs != nil {
		body["errors"] = errs
	}
	return c.Found(http.StatusOK, body)
}

// noUser is the entry for an account that is not there, or suspended.
func (c *call) noUser(u *xtest.User, by, value string) any {
	if u == nil {
		return c.Missing("user", by, value)
	}
	return c.Suspended(by, value)
}

// usersBody has no "data" without users, as on X.
func (a *API) usersBody(c *call, users []*xtest.User) map[string]any {
	body := map[string]any{}
	var data []any
	for _, u := range users {
		data = append(data, a.userObject(c, u))
	}
	if data != nil {
		body["data"] = data
	}
	if includes := a.userIncludes(c, users); includes != nil {
		body["includes"] = includes
	}
	return body
}

// completeUser is for the users that package xtest answers with.
func (a *API) completeUser(xc *xtest.Call, u xtest.User, object map[string]any) map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := &call{xc}
	a.addUserFields(c, &u, object)
	return a.userIncludes(c, []*xtest.User{&u})
}

// userIncludes is what the expansions of the user endpoints ask for.
func (a *API) userIncludes(c *call, users []*xtest.User) map[string]any {
	if !c.List("expansions")["most_recent_tweet_id"] {
		return nil
	}
	fields := c.List("tweet.fields", "post.fields")
	var posts []any
	for _, u := range users {
		if p := a.newest(u); p != nil && a.mayRead(c, u) {
			posts = append(posts, a.postObject(c, p, fields))
		}
	}
	if posts == nil {
		return nil
	}
	return map[string]any{"tweets": posts}
}

func (a *API) userObject(c *call, u *xtest.User) map[string]any {
	object := c.UserObject(*u)
	a.addUserFields(c, u, object)
	return object
}

// addUserFields adds what user.fields and the expansions ask for and package xtest does not keep.
func (a *API) addUserFields(c *call, u *xtest.User, object map[string]any) {
	fields := c.List("user.fields")
	if fields["public_metrics"] {
		object["public_metrics"] = a.userMetrics(u)
	}
	if fields["connection_status"] {
		object["connection_status"] = a.connections(c, u)
	}
	if fields["most_recent_tweet_id"] || c.List("expansions")["most_recent_tweet_id"] {
		if p := a.newest(u); p != nil {
			object["most_recent_tweet_id"] = p.ID
		}
	}
}

func (a *API) newest(u *xtest.User) *post {
	list := a.postsWhere(func(p *post) bool { return p.AuthorID == u.ID })
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

func (a *API) userMetrics(u *xtest.User) map[string]any {
	posts, media := 0, 0
	for _, p := range a.posts {
		if p.AuthorID == u.ID {
			posts++
			media += len(p.media)
		}
	}
	return map[string]any{
		"followers_count": len(a.followers[u.ID]), "following_count": len(a.following[u.ID]),
		"tweet_count": posts, "media_count": media, "listed_count": 0, "like_count": 0,
	}
}

func (a *API) connections(c *call, u *xtest.User) []string {
	list := []string{}
	if me := c.User; me != nil {
		if _, ok := a.following[me.ID][u.ID]; ok {
			list = append(list, "following")
		}
		if _, ok := a.followers[me.ID][u.ID]; ok {
			list = append(list, "followed_by")
		}
	}
	return list
}

// mayRead tells whether the caller sees the posts of u: those of a protected account are for itself and its followers.
func (a *API) mayRead(c *call, u *xtest.User) bool {
	if !u.Protected {
		return true
	}
	me := c.User
	if me == nil {
		return false
	}
	_, follows := a.followers[u.ID][me.ID]
	return follows || me.ID == u.ID
}
