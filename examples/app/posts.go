package main

import (
	"cmp"
	"context"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	twitter "github.com/g8rswimmer/go-twitter/v2"

	"github.com/xsignin/xsignin/examples/internal/posttext"
)

// post is a post, as shown on a page.
type post struct {
	Text     string
	Author   person
	At       time.Time
	Link     string // the post at X
	Pictures []picture
	Poll     *poll
}

// person is a user of X, as shown on a page.
type person struct {
	Name, Username, Description string
	Avatar                      string // empty: show Initial instead
	Initial                     string
	Verified                    bool
}

// picture is a picture, or the first frame of a film.
type picture struct {
	URL           string // empty: its host is not allowed
	Alt           string
	Width, Height int
}

type poll struct {
	Options []option
	Votes   int
	Ends    time.Time
	Closed  bool
}

type option struct {
	Label          string
	Votes, Percent int
}

func (a *app) timeline(w http.ResponseWriter, r *http.Request) {
	l, err := a.ask(r, (*api).timeline)
	a.showPosts(w, r, l, err, view{
		Title: "Timeline", Current: "/timeline",
		Asked: asked{Call: "GET /2/users/:id/timelines/reverse_chronological"},
	})
}

func (a *app) posts(w http.ResponseWriter, r *http.Request) {
	l, err := a.ask(r, (*api).posts)
	a.showPosts(w, r, l, err, view{
		Title: "Your posts", Current: "/posts",
		Asked: asked{Call: "GET /2/users/:id/tweets"},
	})
}

func (a *app) followers(w http.ResponseWriter, r *http.Request) {
	l, err := a.ask(r, (*api).followers)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if wantsJSON(r) {
		writeJSON(w, map[string]any{"data": present(l.users)})
		return
	}
	v := view{
		Title: "Followers", Current: "/followers", Next: a.nextPage(r, l.next),
		Asked: asked{Call: "GET /2/users/:id/followers", Library: "go-twitter", Limit: l.limit},
	}
	for _, u := range present(l.users) {
		v.People = append(v.People, a.images.of(u))
	}
	a.page(w, r, http.StatusOK, "people", v)
}

// ask makes one of the reading calls for the user and the page of r.
func (a *app) ask(r *http.Request, call func(*api, context.Context, string, string) (list, error)) (list, error) {
	x, err := a.api(r.Context())
	if err != nil {
		return list{}, err
	}
	return call(x, r.Context(), user(r).AccountID, r.URL.Query().Get("page"))
}

func (a *app) showPosts(w http.ResponseWriter, r *http.Request, l list, err error, v view) {
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if wantsJSON(r) {
		writeJSON(w, struct {
			Data     []*twitter.TweetObj       `json:"data"`
			Includes *twitter.TweetRawIncludes `json:"includes,omitempty"`
			Next     string                    `json:"next,omitempty"`
		}{present(l.posts.Tweets), l.posts.Includes, a.nextPage(r, l.next)})
		return
	}
	v.Next, v.Asked.Library, v.Asked.Limit = a.nextPage(r, l.next), "go-twitter", l.limit
	v.Posts = a.postsOf(l.posts)
	a.page(w, r, http.StatusOK, "posts", v)
}

// nextPage is the address of the page for token.
func (a *app) nextPage(r *http.Request, token string) string {
	if token == "" {
		return ""
	}
	return a.link(r.URL.Path) + "?" + url.Values{"page": {token}}.Encode()
}

// present returns the existing elements, or an empty list instead of nil.
func present[T any](all []*T) []*T {
	return append([]*T{}, slices.DeleteFunc(all, func(t *T) bool { return t == nil })...)
}

// postsOf converts a response, which may lack everything but the texts, into posts for a page.
func (a *app) postsOf(raw *twitter.TweetRaw) []post {
	var users map[string]*twitter.UserObj
	var media map[string]*twitter.MediaObj
	var polls map[string]*twitter.PollObj
	if in := raw.Includes; in != nil {
		in.Users, in.Media, in.Polls = present(in.Users), present(in.Media), present(in.Polls)
		users, media, polls = in.UsersByID(), in.MediaByKeys(), in.PollsByID()
	}
	var posts []post
	for _, t := range present(raw.Tweets) {
		// X escapes &, < and > in texts; the template escapes them again.
		p := post{Text: shown(posttext.Unescape(t.Text)), At: parseTime(t.CreatedAt)}
		p.Author = a.images.of(cmp.Or(users[t.AuthorID], &twitter.UserObj{}))
		if a.cfg.apiURL == defaultAPIURL && t.ID != "" {
			p.Link = "https://x.com/" + url.PathEscape(cmp.Or(p.Author.Username, "i")) + "/status/" + url.PathEscape(t.ID)
		}
		if t.Attachments != nil {
			for _, key := range t.Attachments.MediaKeys {
				if m := media[key]; m != nil {
					p.Pictures = append(p.Pictures, a.images.picture(m))
				}
			}
			for _, id := range t.Attachments.PollIDs {
				if found := polls[id]; found != nil {
					p.Poll = pollOf(found)
				}
			}
		}
		posts = append(posts, p)
	}
	return posts
}

func pollOf(o *twitter.PollObj) *poll {
	p := &poll{Ends: parseTime(o.EndDateTime), Closed: o.VotingStatus == "closed"}
	for _, c := range present(o.Options) {
		p.Votes += c.Votes
		p.Options = append(p.Options, option{Label: shown(html.UnescapeString(c.Label)), Votes: c.Votes})
	}
	for i := range p.Options {
		if p.Votes > 0 {
			p.Options[i].Percent = 100 * p.Options[i].Votes / p.Votes
		}
	}
	return p
}

// parseTime parses a time of X. For a missing or invalid time it returns the zero time.
func parseTime(s string) time.Time {
	t, _ := time.Parse(time.RFC3339, s)
	return t
}

// images decides from which hosts pictures may be loaded, for the pages and for their policy.
type images struct {
	origins   []string
	simulator *url.URL // nil with X itself
}

func newImages(cfg config, api *url.URL) images {
	origin := api.Scheme + "://" + api.Host
	if cfg.simulator != "" {
		return images{[]string{origin}, api}
	}
	i := images{origins: []string{"https://pbs.twimg.com", "https://abs.twimg.com"}}
	if cfg.apiURL != defaultAPIURL {
		i.origins = append(i.origins, origin)
	}
	return i
}

// policy is the img-src of the Content-Security-Policy.
func (i images) policy() string { return "'self' " + strings.Join(i.origins, " ") }

// allowed returns raw, or "" if the policy would not allow it.
func (i images) allowed(raw string) string {
	u, err := url.Parse(raw)
	if err == nil && i.simulator != nil && loopback(u.Hostname()) {
		// A session from before a restart has the simulator's former port.
		u.Scheme, u.Host = i.simulator.Scheme, i.simulator.Host
		raw = u.String()
	}
	if err != nil || !slices.Contains(i.origins, u.Scheme+"://"+u.Host) {
		return ""
	}
	return raw
}

// shown is a text of X for a page: without control characters other than line breaks, and
// without the characters that turn the direction of the text around them. The pages have
// dir="auto" instead.
func shown(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		turns := r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
		if turns || unicode.IsControl(r) && r != '\n' {
			return -1
		}
		return r
	}, text))
}

func (i images) person(name, username, avatar string) person {
	p := person{Name: cmp.Or(shown(name), username, "A user of X"), Username: username, Avatar: i.allowed(avatar)}
	first, _ := utf8.DecodeRuneInString(p.Name)
	p.Initial = strings.ToUpper(string(first))
	return p
}

func (i images) of(u *twitter.UserObj) person {
	p := i.person(html.UnescapeString(u.Name), u.UserName, u.ProfileImageURL)
	p.Description, p.Verified = shown(html.UnescapeString(u.Description)), u.Verified
	return p
}

func (i images) picture(m *twitter.MediaObj) picture {
	return picture{
		URL: i.allowed(cmp.Or(m.URL, m.PreviewImageURL)), Alt: shown(m.AltText), Width: m.Width, Height: m.Height,
	}
}
