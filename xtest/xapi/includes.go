package xapi

import (
	"slices"

	"github.com/xsignin/xsignin/xtest"
)

// includes is what the expansions of a list of posts ask for, each object once.
func (a *API) includes(c *call, posts []*post, fields map[string]bool) map[string]any {
	want := c.List("expansions")
	inc := map[string]any{}
	seen := map[string]bool{}
	add := func(kind, id string, object func() map[string]any) {
		if key := kind + " " + id; !seen[key] {
			seen[key] = true
			list, _ := inc[kind].([]any)
			inc[kind] = append(list, object())
		}
	}
	addUser := func(id string) {
		if u := a.x.UserByID(id); u != nil {
			add("users", id, func() map[string]any { return a.userObject(c, u) })
		}
	}
	for _, p := range posts {
		if want["author_id"] || want["username"] {
			addUser(p.AuthorID)
		}
		if want["in_reply_to_user_id"] && p.replyToUser != "" {
			addUser(p.replyToUser)
		}
		if want["entities.mentions.username"] {
			for _, id := range a.mentioned(p.Text) {
				addUser(id)
			}
		}
		for _, id := range []string{p.QuoteID, p.ReplyToID} {
			ref := a.posts[id]
			if ref == nil || !a.mayRead(c, a.x.UserByID(ref.AuthorID)) {
				continue
			}
			if want["referenced_tweets"] || want["referenced_tweets.id"] || want["referenced_tweets.id.author_id"] {
				add("tweets", id, func() map[string]any { return a.postObject(c, ref, fields) })
			}
			if want["referenced_tweets.id.author_id"] {
				addUser(ref.AuthorID)
			}
		}
		if want["attachments.media_keys"] {
			for _, m := range p.media {
				add("media", m.key, func() map[string]any { return c.mediaObject(m) })
			}
		}
		if want["attachments.poll_ids"] && p.poll != nil {
			add("polls", p.poll.id, func() map[string]any { return c.pollObject(p.poll) })
		}
	}
	return inc
}

func (c *call) pollObject(p *poll) map[string]any {
	options := []any{}
	for i, label := range p.options {
		options = append(options, map[string]any{"position": i + 1, "label": label, "votes": 0})
	}
	o := map[string]any{"id": p.id, "options": options}
	for f := range c.List("poll.fields") {
		switch f {
		case "duration_minutes":
			o[f] = p.minutes
		case "end_datetime":
			o[f] = p.ends.UTC().Format(xtest.TimeFormat)
		case "voting_status":
			o[f] = "open"
			if !c.Now.Before(p.ends) {
				o[f] = "closed"
			}
		}
	}
	return o
}

// params tells whether the endpoint has a parameter.
func (c *call) takes(name string) bool { return slices.Contains(c.Endpoint.Params, name) }
