package xapi

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

// newPost is the body of POST /2/tweets, as far as the simulator acts on it.
type newPost struct {
	Text  string `json:"text"`
	Quote string `json:"quote_tweet_id"`
	Reply *struct {
		To string `json:"in_reply_to_tweet_id"`
	} `json:"reply"`
	Poll *struct {
		Options []string `json:"options"`
		Minutes int      `json:"duration_minutes"`
	} `json:"poll"`
	Media *struct {
		IDs []string `json:"media_ids"`
	} `json:"media"`
	ReplySettings string `json:"reply_settings"`
	DMLink        string `json:"direct_message_deep_link"`
	Paid          bool   `json:"paid_partnership"`
}

func (a *API) postTweet(c *call) *xtest.Reply {
	var in newPost
	if rep := c.readJSON(&in, bodies["post"]); rep != nil {
		return rep
	}
	me := c.User
	p := &post{
		Post:          Post{AuthorID: me.ID, Text: in.Text, CreatedAt: c.Now, QuoteID: in.Quote},
		replySettings: in.ReplySettings,
		paid:          in.Paid,
	}
	if in.Reply != nil {
		p.ReplyToID = in.Reply.To
	}
	for _, rule := range []func(*call, *newPost, *post) *xtest.Reply{a.textRules, a.attach, a.referenceRules, a.duplicateRule} {
		if rep := rule(c, &in, p); rep != nil {
			return rep
		}
	}
	a.addPost(p)
	for _, m := range p.media {
		m.posted = true
	}
	return c.Found(http.StatusCreated, map[string]any{"data": map[string]any{
		"id": p.ID, "text": escape(p.Text), "edit_history_tweet_ids": []string{p.ID},
	}})
}

func (a *API) textRules(c *call, in *newPost, _ *post) *xtest.Reply {
	if strings.TrimSpace(in.Text) == "" && in.Media == nil {
		return c.Refuse("text", []string{in.Text}, "The `text` or `media` of a Tweet is required")
	}
	if Length(in.Text) > maxPostLength {
		return c.Refuse("text", []string{in.Text}, "Your Tweet text is too long. For more information on how Twitter determines text length see https://github.com/twitter/twitter-text.")
	}
	attached := 0
	for _, there := range []bool{in.Media != nil, in.Poll != nil, in.Quote != "", in.DMLink != ""} {
		if there {
			attached++
		}
	}
	if attached > 1 {
		return c.Refuse("", nil, "Only one of `media`, `poll`, `quote_tweet_id` and `direct_message_deep_link` may be provided")
	}
	return nil
}

// attach binds media and polls. A post has up to four photos, or one GIF, or one video, each uploaded by its author,
// processed, not expired, and not meant for direct messages.
func (a *API) attach(c *call, in *newPost, p *post) *xtest.Reply {
	if in.Poll != nil {
		minutes := in.Poll.Minutes
		p.poll = &poll{id: a.x.NewID(), options: in.Poll.Options, minutes: minutes, ends: c.Now.Add(time.Duration(minutes) * time.Minute)}
		p.PollOptions = in.Poll.Options
	}
	if in.Media == nil {
		return nil
	}
	for _, id := range in.Media.IDs {
		m := a.ownMedia(c, id)
		if m == nil || !m.ready(c.Now) || !strings.HasPrefix(m.category, "tweet_") && m.category != "amplify_video" || slices.Contains(p.media, m) ||
			len(in.Media.IDs) > 1 && m.category != "tweet_image" {
			return c.Refuse("media.media_ids", in.Media.IDs, "Your media IDs are invalid.")
		}
		p.media = append(p.media, m)
		p.MediaKeys = append(p.MediaKeys, m.key)
	}
	return nil
}

func (a *API) referenceRules(c *call, _ *newPost, p *post) *xtest.Reply {
	visible := func(id string) *post {
		if q := a.posts[id]; q != nil && a.mayRead(c, a.x.UserByID(q.AuthorID)) {
			return q
		}
		return nil
	}
	if p.QuoteID != "" && c.Switches.SelfServePlan {
		return xtest.Forbidden("Quoting Posts is not available on your current plan.")
	}
	if p.QuoteID != "" && visible(p.QuoteID) == nil {
		return c.Refuse("quote_tweet_id", []string{p.QuoteID}, "The Tweet that you attempted to quote is deleted or not visible to you.")
	}
	if p.ReplyToID == "" {
		return nil
	}
	parent := visible(p.ReplyToID)
	if parent == nil {
		return xtest.Forbidden("You attempted to reply to a Tweet that is deleted or not visible to you.")
	}
	if !a.mayReply(c.User, parent) || c.Switches.SelfServePlan && !a.engaged(c.User, parent) {
		return xtest.Forbidden("Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the author of the post you are replying to.")
	}
	return nil
}

// mayReply holds a reply to the reply_settings of its parent. Those about paid and verified accounts let verified ones in.
func (a *API) mayReply(me *xtest.User, parent *post) bool {
	author := a.x.UserByID(parent.AuthorID)
	if me.ID == author.ID || parent.replySettings == "" || slices.Contains(a.mentioned(parent.Text), me.ID) {
		return true
	}
	switch parent.replySettings {
	case "following":
		_, ok := a.following[author.ID][me.ID]
		return ok
	case "mentionedUsers":
		return false
	default:
		return me.Verified
	}
}

// engaged reports whether an author has mentioned or quoted the account that replies. X's self-serve plans allow no
// other replies since 23 February 2026.
func (a *API) engaged(me *xtest.User, parent *post) bool {
	quoted := a.posts[parent.QuoteID]
	return parent.AuthorID == me.ID || slices.Contains(a.mentioned(parent.Text), me.ID) ||
		quoted != nil && quoted.AuthorID == me.ID
}

// duplicateRule refuses the text of one of the author's posts of the last day. Media make a post another one, since X
// writes their link into its text.
func (a *API) duplicateRule(c *call, _ *newPost, p *post) *xtest.Reply {
	if len(p.media) > 0 {
		return nil
	}
	for _, q := range a.posts {
		if q.AuthorID == p.AuthorID && q.Text == p.Text && q.ReplyToID == p.ReplyToID && len(q.media) == 0 && c.Now.Sub(q.CreatedAt) < 24*time.Hour {
			return xtest.Forbidden("You are not allowed to create a Tweet with duplicate content.")
		}
	}
	return nil
}
