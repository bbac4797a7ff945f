package xtest

import (
	"net/http"
	"sort"
)

func (x *X) getFollowers(c *call) *reply {
	return x.graph(c, func(u *account) map[string]uint64 { return u.api.followers })
}

func (x *X) getFollowing(c *call) *reply {
	return x.graph(c, func(u *account) map[string]uint64 { return u.api.following })
}

// graph answers with a page of accounts, the latest follow first.
func (x *X) graph(c *call, edges func(*account) map[string]uint64) *reply {
	id := c.vars["id"]
	u := x.users[id]
	if u == nil {
		return found(http.StatusOK, map[string]any{"errors": []any{c.missing("user", "id", id)}})
	}
	if !x.mayRead(c, u) {
		return found(http.StatusOK, map[string]any{"errors": []any{c.hidden("user", "id", id)}})
	}
	size := c.number("max_results", 100, 1, 1000)
	byKey := map[uint64]*account{}
	var keys []uint64
	for id, key := range edges(u) {
		if other := x.users[id]; other != nil {
			byKey[key] = other
			keys = append(keys, key)
		}
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i] > keys[j] })
	low, high, meta := c.pageOf(keys, size)
	var page []*account
	for _, k := range keys[low:high] {
		page = append(page, byKey[k])
	}
	body := x.usersBody(c, page)
	body["meta"] = meta
	return found(http.StatusOK, body)
}

func (x *X) postFollowing(c *call) *reply {
	if rep := c.ownID(); rep != nil {
		return rep
	}
	var in struct {
		Target string `json:"target_user_id"`
	}
	if rep := c.readJSON(&in, schema{"target_user_id": {kind: "string", required: true, pattern: idPattern}}); rep != nil {
		return rep
	}
	me, target := c.who.user, x.users[in.Target]
	if target == nil {
		return found(http.StatusOK, map[string]any{"errors": []any{c.missing("user", "target_user_id", in.Target)}})
	}
	if target == me {
		return c.refused("target_user_id", []string{in.Target}, "You cannot follow yourself")
	}
	_, already := me.api.following[target.ID]
	if target.Protected && !already {
		// A protected account is asked; nobody answers here.
		return found(http.StatusOK, map[string]any{"data": map[string]any{"following": false, "pending_follow": true}})
	}
	x.follow(me, target)
	return found(http.StatusOK, map[string]any{"data": map[string]any{"following": true, "pending_follow": false}})
}

func (x *X) deleteFollowing(c *call) *reply {
	if rep := c.ownID(); rep != nil {
		return rep
	}
	if target := x.users[c.vars["target"]]; target != nil {
		x.unfollow(c.who.user, target)
	}
	return found(http.StatusOK, map[string]any{"data": map[string]any{"following": false}})
}
