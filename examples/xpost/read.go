package main

import (
	"context"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"

	twitter "github.com/g8rswimmer/go-twitter/v2"

	"github.com/xsignin/xsignin/examples/internal/posttext"
)

func postExpansions() []twitter.Expansion {
	return []twitter.Expansion{twitter.ExpansionAuthorID, twitter.ExpansionAttachmentsMediaKeys, twitter.ExpansionAttachmentsPollIDs}
}

func postFields() []twitter.TweetField {
	return []twitter.TweetField{twitter.TweetFieldAuthorID, twitter.TweetFieldCreatedAt, twitter.TweetFieldAttachments}
}

func userFields() []twitter.UserField {
	return []twitter.UserField{twitter.UserFieldDescription, twitter.UserFieldVerified}
}

func mediaFields() []twitter.MediaField {
	return []twitter.MediaField{twitter.MediaFieldType, twitter.MediaFieldURL, twitter.MediaFieldAltText}
}

func pollFields() []twitter.PollField {
	return []twitter.PollField{twitter.PollFieldEndDateTime, twitter.PollFieldVotingStatus}
}

// posts are a page of posts, as -json shows it.
type posts struct {
	Data     []*twitter.TweetObj       `json:"data"`
	Includes *twitter.TweetRawIncludes `json:"includes,omitempty"`
	Next     string                    `json:"next,omitempty"`
}

func timeline(ctx context.Context, c *call) (result, error) {
	// X's limits: https://docs.x.com names 5 as the minimum for a user's posts.
	if c.opt.count < 5 || c.opt.count > 100 {
		return result{}, usagef("timeline: -n is from 5 to 100")
	}
	x, err := c.api(ctx)
	if err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	p := posts{}
	var raw *twitter.TweetRaw
	if c.opt.user == "" {
		resp, err := x.read.UserTweetReverseChronologicalTimeline(ctx, x.account.id, twitter.UserTweetReverseChronologicalTimelineOpts{
			Expansions: postExpansions(), TweetFields: postFields(), UserFields: userFields(), MediaFields: mediaFields(),
			PollFields: pollFields(), MaxResults: c.opt.count, PaginationToken: c.opt.nextPage,
		})
		if err != nil {
			return result{}, fmt.Errorf("timeline: %w", err)
		}
		raw, p.Next = resp.Raw, resp.Meta.NextToken
	} else {
		id, err := x.userID(ctx, c.opt.user)
		if err != nil {
			return result{}, err
		}
		resp, err := x.read.UserTweetTimeline(ctx, id, twitter.UserTweetTimelineOpts{
			Expansions: postExpansions(), TweetFields: postFields(), UserFields: userFields(), MediaFields: mediaFields(),
			PollFields: pollFields(), MaxResults: c.opt.count, PaginationToken: c.opt.nextPage,
		})
		if err != nil {
			return result{}, fmt.Errorf("posts: %w", err)
		}
		raw, p.Next = resp.Raw, resp.Meta.NextToken
	}
	p.Data, p.Includes = present(raw.Tweets), raw.Includes
	return result{document: p, write: p.write}, nil
}

// userID returns the id of a user. For a name that costs a call.
func (x *api) userID(ctx context.Context, user string) (string, error) {
	name := strings.TrimPrefix(user, "@")
	switch {
	case user == "me", strings.EqualFold(name, x.account.username):
		return x.account.id, nil
	case strings.Trim(user, "0123456789") == "":
		return user, nil
	}
	if strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || name == "" {
		return "", usagef("-user takes @name, an id, or me, and not %q", user)
	}
	resp, err := x.read.UserNameLookup(ctx, []string{name}, twitter.UserLookupOpts{})
	if err != nil {
		return "", fmt.Errorf("user: %w", err)
	}
	if users := present(resp.Raw.Users); len(users) > 0 && users[0].ID != "" {
		return users[0].ID, nil
	}
	return "", fmt.Errorf("there is no user @%s at X", name)
}

// present returns the existing elements, or an empty list instead of nil.
func present[T any](all []*T) []*T {
	return append([]*T{}, slices.DeleteFunc(all, func(t *T) bool { return t == nil })...)
}

func (p posts) write(w io.Writer) {
	users, media, polls := map[string]*twitter.UserObj{}, map[string]*twitter.MediaObj{}, map[string]*twitter.PollObj{}
	if p.Includes != nil {
		for _, u := range present(p.Includes.Users) {
			users[u.ID] = u
		}
		for _, m := range present(p.Includes.Media) {
			media[m.Key] = m
		}
		for _, o := range present(p.Includes.Polls) {
			polls[o.ID] = o
		}
	}
	if len(p.Data) == 0 {
		fmt.Fprintln(w, "There is nothing here.")
	}
	for _, t := range p.Data {
		by := t.AuthorID
		if u := users[t.AuthorID]; u != nil {
			by = "@" + u.UserName
		}
		fmt.Fprintf(w, "%s  %s  %s\n", by, when(t.CreatedAt), t.ID)
		// X escapes &, < and > in texts.
		for line := range strings.SplitSeq(posttext.Unescape(t.Text), "\n") {
			fmt.Fprintf(w, "  %s\n", plain(line))
		}
		if t.Attachments != nil {
			for _, key := range t.Attachments.MediaKeys {
				if m := media[key]; m != nil {
					fmt.Fprintf(w, "  [%s] %s\n", m.Type, plain(m.AltText+" "+m.URL))
				}
			}
			for _, id := range t.Attachments.PollIDs {
				if o := polls[id]; o != nil {
					writePoll(w, o)
				}
			}
		}
		fmt.Fprintln(w)
	}
	writeNext(w, p.Next)
}

func writePoll(w io.Writer, o *twitter.PollObj) {
	for _, option := range present(o.Options) {
		votes := "votes"
		if option.Votes == 1 {
			votes = "vote"
		}
		fmt.Fprintf(w, "  ( ) %s, %d %s\n", plain(html.UnescapeString(option.Label)), option.Votes, votes)
	}
}

func writeNext(w io.Writer, next string) {
	if next != "" {
		fmt.Fprintf(w, "More: -page %s\n", plain(next))
	}
}

// people are a page of users, as -json shows it.
type people struct {
	Data []*twitter.UserObj `json:"data"`
	Next string             `json:"next,omitempty"`
}

func followers(ctx context.Context, c *call) (result, error) {
	if c.opt.count < 1 || c.opt.count > 1000 {
		return result{}, usagef("followers: -n is from 1 to 1000")
	}
	x, err := c.api(ctx, "follows.read")
	if err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	id := x.account.id
	if c.opt.user != "" {
		if id, err = x.userID(ctx, c.opt.user); err != nil {
			return result{}, err
		}
	}
	resp, err := x.read.UserFollowersLookup(ctx, id, twitter.UserFollowersLookupOpts{
		UserFields: userFields(), MaxResults: c.opt.count, PaginationToken: c.opt.nextPage,
	})
	if err != nil {
		return result{}, fmt.Errorf("followers: %w", err)
	}
	p := people{Data: present(resp.Raw.Users), Next: resp.Meta.NextToken}
	return result{document: p, write: func(w io.Writer) {
		if len(p.Data) == 0 {
			fmt.Fprintln(w, "There is nobody here.")
		}
		for _, u := range p.Data {
			fmt.Fprintf(w, "@%s  %s  %s\n", u.UserName, plain(html.UnescapeString(u.Name)), u.ID)
			if about := plain(html.UnescapeString(u.Description)); about != "" {
				fmt.Fprintf(w, "  %s\n", about)
			}
		}
		writeNext(w, p.Next)
	}}, nil
}
