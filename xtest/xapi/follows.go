package xapi

import (
	"net/http"
	"slices"

	"github.com/xsignin/xsignin/xtest"
)

// readable gives the user in the path, whose lists the caller may read.
func (a *API) readable(c *call) (*xtest.User, *xtest.Reply) {
	id := c.Vars["id"]
	u := a.x.UserByID(id)
	if u == nil || u.Suspended {
		return nil, c.Found(http.StatusOK, map[string]any{"errors": []any{c.noUser(u, "id", id)}})
	}
	if !a.mayRead(c, u) {
		return nil, c.Found(http.StatusOK, map[string]any{"errors": []any{c.Hidden("user", "id", id)}})
	}
	return u, nil
}

// graph answers with a page of accounts, the latest follow first.
func (a *API) graph(c *call, edges map[string]map[string]uint64) *xtest.Reply {
	u, refusal := a.readable(c)
	if refusal != nil {
		return refusal
	}
	size := c.Number("max_results", 100, 1, 1000)
	byKey := map[uint64]*xtest.User{}
	var keys []uint64
	for id, key := range edges[u.ID] {
		if other := a.x.UserByID(id); other != nil {
			byKey[key] = other
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	slices.Reverse(keys)
	low, high, meta := c.pageOf(keys, size)
	var page []*xtest.User
	for _, k := range keys[low:high] {
		page = append(page, byKey[k])
	}
	body := a.usersBody(c, page)
	body["meta"] = meta
	return c.Found(http.StatusOK, body)
}

func (a *API) postFollowing(c *call) *xtest.Reply {
	if rep := c.ownID(); rep != nil {
		return rep
	}
	var in struct {
		Target string `json:"target_user_id"`
	}
	if rep := c.readJSON(&in, bodies["follow"]); rep != nil {
		return rep
	}
	if c.Switches.SelfServePlan {
		return xtest.Forbidden("Following is not available on your current plan.")
	}
	me, target := c.User, a.x.UserByID(in.Target)
	if target == nil {
		return c.Found(http.StatusOK, map[string]any{"errors": []any{c.Missing("user", "target_user_id", in.Target)}})
	}
	if target.ID == me.ID {
		return c.Refuse("target_user_id", []string{in.Target}, "You cannot follow yourself")
	}
	_, already := a.following[me.ID][target.ID]
	if target.Protected && !already {
		// The owner of a protected account has to accept, and never does here.
		return c.Found(http.StatusOK, map[string]any{"data": map[string]any{"following": false, "pending_follow": true}})
	}
	a.follow(me.ID, target.ID)
	return c.Found(http.StatusOK, map[string]any{"data": map[string]any{"following": true, "pending_follow": false}})
}

func (a *API) deleteFollowing(c *call) *xtest.Reply {
	if rep := c.ownID(); rep != nil {
		return rep
	}
	a.unfollow(c.User.ID, c.Vars["target"])
	return c.Found(http.StatusOK, map[string]any{"data": map[string]any{"following": false}})
}
