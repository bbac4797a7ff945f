package xapi

import (
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/xsignin/xsignin/xtest"
)

func (a *API) getPost(c *call) *xtest.Reply {
	id := c.Vars["id"]
	p := a.posts[id]
	if p == nil {
		return c.Found(http.StatusOK, map[string]any{"errors": []any{c.Missing("tweet", "id", id)}})
	}
	if !a.mayRead(c, a.x.UserByID(p.AuthorID)) {
		return c.Found(http.StatusOK, map[string]any{"errors": []any{c.Hidden("tweet", "id", id)}})
	}
	body := a.postsBody(c, []*post{p})
	body["data"] = body["data"].([]any)[0]
	return c.Found(http.StatusOK, body)
}

func (a *API) getPosts(c *call) *xtest.Reply {
	var posts []*post
	var errs []any
	for _, id := range c.ids("ids", idPattern) {
		switch p := a.posts[id]; {
		case p == nil:
			errs = append(errs, c.Missing("tweet", "ids", id))
		case !a.mayRead(c, a.x.UserByID(p.AuthorID)):
			errs = append(errs, c.Hidden("tweet", "ids", id))
		default:
			posts = append(posts, p)
		}
	}
	body := a.postsBody(c, posts)
	if errs != nil {
		body["errors"] = errs
	}
	return c.Found(http.StatusOK, body)
}

func (a *API) deletePost(c *call) *xtest.Reply {
	id := c.Vars["id"]
	p := a.posts[id]
	if p == nil {
		return xtest.NotFound()
	}
	if p.AuthorID != c.User.ID {
		return xtest.Forbidden("You are not authorized to delete this Tweet.")
	}
	delete(a.posts, id)
	return c.Found(http.StatusOK, map[string]any{"data": map[string]any{"deleted": true}})
}

// postsBody has no "data" when there are no posts, as X's has none.
func (a *API) postsBody(c *call, posts []*post) map[string]any {
	body := map[string]any{}
	fields := c.List("tweet.fields", "post.fields")
	var data []any
	for _, p := range posts {
		data = append(data, a.postObject(c, p, fields))
	}
	if data != nil {
		body["data"] = data
	}
	if inc := a.includes(c, posts, fields); len(inc) > 0 {
		body["includes"] = inc
	}
	return body
}

// expansionField is the field that an expansion brings along, asked for or not.
var expansionField = map[string]string{
	"author_id":                      "author_id",
	"username":                       "username",
	"attachments.media_keys":         "attachments",
	"attachments.poll_ids":           "attachments",
	"in_reply_to_user_id":            "in_reply_to_user_id",
	"referenced_tweets":              "referenced_tweets",
	"referenced_tweets.id":           "referenced_tweets",
	"referenced_tweets.id.author_id": "referenced_tweets",
	"entities.mentions.username":     "entities",
}

func (a *API) postObject(c *call, p *post, fields map[string]bool) map[string]any {
	o := map[string]any{"id": p.ID, "text": escape(p.Text), "edit_history_tweet_ids": []string{p.ID}}
	all := map[string]bool{}
	for f := range fields {
		all[f] = true
	}
	if c.takes("media.fields") {
		for e := range c.List("expansions") {
			all[expansionField[e]] = true
		}
	}
	for f := range all {
		switch f {
		case "author_id":
			o[f] = p.AuthorID
		case "username":
			o[f] = a.x.UserByID(p.AuthorID).Username
		case "created_at":
			o[f] = p.CreatedAt.UTC().Format(xtest.TimeFormat)
		case "conversation_id":
			o[f] = p.conversation
		case "in_reply_to_user_id":
			if p.replyToUser != "" {
				o[f] = p.replyToUser
			}
		case "reply_settings":
			o[f] = p.replySettings
			if p.replySettings == "" {
				o[f] = "everyone"
			}
		case "lang":
			o[f] = "en"
		case "possibly_sensitive":
			o[f] = false
		case "source":
			o[f] = "Local simulator"
		case "paid_partnership":
			o[f] = p.paid
		case "public_metrics":
			o[f] = a.postMetrics(p)
		case "referenced_tweets":
			if refs := p.references(); refs != nil {
				o[f] = refs
			}
		case "attachments":
			if a := p.attachments(); a != nil {
				o[f] = a
			}
		case "entities":
			if e := a.entities(p.Text); e != nil {
				o[f] = e
			}
		}
	}
	return o
}

func (p *post) references() []any {
	var refs []any
	if p.QuoteID != "" {
		refs = append(refs, map[string]any{"type": "quoted", "id": p.QuoteID})
	}
	if p.ReplyToID != "" {
		refs = append(refs, map[string]any{"type": "replied_to", "id": p.ReplyToID})
	}
	return refs
}

func (p *post) attachments() map[string]any {
	switch {
	case len(p.media) > 0:
		return map[string]any{"media_keys": p.MediaKeys}
	case p.poll != nil:
		return map[string]any{"poll_ids": []string{p.poll.id}}
	}
	return nil
}

func (a *API) postMetrics(p *post) map[string]any {
	replies, quotes := 0, 0
	for _, q := range a.posts {
		if q.ReplyToID == p.ID {
			replies++
		}
		if q.QuoteID == p.ID {
			quotes++
		}
	}
	return map[string]any{"reply_count": replies, "quote_count": quotes,
		"retweet_count": 0, "like_count": 0, "bookmark_count": 0, "impression_count": 0}
}

var (
	mentionPattern = regexp.MustCompile(`\B@([A-Za-z0-9_]{1,15})\b`)
	hashtagPattern = regexp.MustCompile(`\B#([\p{L}\p{N}_]*\p{L}[\p{L}\p{N}_]*)`)
)

// entities finds mentions, hashtags and links. Their positions count runes.
func (a *API) entities(text string) map[string]any {
	e := map[string]any{}
	add := func(kind string, span []int, more map[string]any) {
		more["start"] = utf8.RuneCountInString(text[:span[0]])
		more["end"] = utf8.RuneCountInString(text[:span[1]])
		list, _ := e[kind].([]any)
		e[kind] = append(list, more)
	}
	for _, m := range mentionPattern.FindAllStringSubmatchIndex(text, -1) {
		if u := a.x.UserByName(text[m[2]:m[3]]); u != nil {
			add("mentions", m, map[string]any{"username": u.Username, "id": u.ID})
		}
	}
	for _, m := range hashtagPattern.FindAllStringSubmatchIndex(text, -1) {
		add("hashtags", m, map[string]any{"tag": text[m[2]:m[3]]})
	}
	for _, m := range linkPattern.FindAllStringSubmatchIndex(text, -1) {
		m = m[2:4]
		link := text[m[0]:m[1]]
		_, display, full := strings.Cut(link, "://")
		if !full {
			link, display = "http://"+link, link
		}
		add("urls", m, map[string]any{"url": link, "expanded_url": link, "display_url": display})
	}
	if len(e) == 0 {
		return nil
	}
	return e
}

// mentioned gives the ids of the accounts that a text names.
func (a *API) mentioned(text string) []string {
	var ids []string
	for _, m := range mentionPattern.FindAllStringSubmatch(text, -1) {
		if u := a.x.UserByName(m[1]); u != nil {
			ids = append(ids, u.ID)
		}
	}
	return ids
}
