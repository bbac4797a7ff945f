package xapi

import (
	"net/http"
	"slices"

	"github.com/xsignin/xsignin/xtest"
)

// depth is how far back a user's timeline goes, on X as here.
const depth = 3200

func (a *API) getUserPosts(c *call) *xtest.Reply {
	return a.timeline(c, 5, depth, func(u *xtest.User) func(*post) bool {
		return func(p *post) bool { return p.AuthorID == u.ID }
	})
}

func (a *API) getMentions(c *call) *xtest.Reply {
	return a.timeline(c, 5, 800, func(u *xtest.User) func(*post) bool {
		return func(p *post) bool {
			return p.AuthorID != u.ID && slices.Contains(a.mentioned(p.Text), u.ID) && a.mayRead(c, a.x.UserByID(p.AuthorID))
		}
	})
}

// getHome is the home timeline, which X shows to its owner alone: own posts and those of the accounts one follows.
func (a *API) getHome(c *call) *xtest.Reply {
	if rep := c.ownID(); rep != nil {
		return rep
	}
	return a.timeline(c, 1, 3200, func(u *xtest.User) func(*post) bool {
		return func(p *post) bool {
			_, follows := a.following[u.ID][p.AuthorID]
			return follows || p.AuthorID == u.ID
		}
	})
}

// ownID refuses a path that does not name the caller.
func (c *call) ownID() *xtest.Reply {
	if id, own := c.Vars["id"], c.User.ID; id != own {
		return c.Refuse("id", []string{id}, "The `id` query parameter value [%s] must be the same as the authenticating user [%s]", id, own)
	}
	return nil
}

// timeline answers with a page of the posts that belong to the user in the path. The least max_results differs between
// X's timelines; the default is 10 on those that begin at 5 and 100 on the home timeline.
func (a *API) timeline(c *call, least, most int, belongs func(*xtest.User) func(*post) bool) *xtest.Reply {
	u, refusal := a.readable(c)
	if refusal != nil {
		return refusal
	}
	def := 10
	if least == 1 {
		def = 100
	}
	size := c.Number("max_results", def, least, 100)
	within := c.window()
	noReplies := c.List("exclude")["replies"]
	mine := belongs(u)
	posts := a.postsWhere(func(p *post) bool {
		return mine(p) && within(p) && !(noReplies && p.ReplyToID != "")
	})
	posts = posts[:min(len(posts), most)]
	keys := make([]uint64, len(posts))
	for i, p := range posts {
		keys[i] = p.num
	}
	low, high, meta := c.pageOf(keys, size)
	posts = posts[low:high]
	if len(posts) > 0 {
		meta["newest_id"], meta["oldest_id"] = posts[0].ID, posts[len(posts)-1].ID
	}
	body := a.postsBody(c, posts)
	body["meta"] = meta
	return c.Found(http.StatusOK, body)
}

// window reads the bounds of a timeline: ids exclude their own post, start_time is within, end_time is not.
func (c *call) window() func(*post) bool {
	since, until := c.id("since_id"), c.id("until_id")
	start, end := c.instant("start_time"), c.instant("end_time")
	return func(p *post) bool {
		return (since == 0 || p.num > since) && (until == 0 || p.num < until) &&
			(start.IsZero() || !p.CreatedAt.Before(start)) && (end.IsZero() || p.CreatedAt.Before(end))
	}
}
