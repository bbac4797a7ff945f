package xapi

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Post is a post as the simulator keeps it.
type Post struct {
	ID          string
	AuthorID    string
	Text        string
	CreatedAt   time.Time
	ReplyToID   string   // the post that this one answers, if any
	QuoteID     string   // the post that this one quotes, if any
	MediaKeys   []string // in the order of media_ids
	PollOptions []string
}

type post struct {
	Post
	num           uint64 // the id as a number: newer posts have higher ones
	replySettings string
	replyToUser   string
	conversation  string
	media         []*media
	poll          *poll
	paid          bool // a paid partnership
}

type poll struct {
	id      string
	options []string
	minutes int
	ends    time.Time
}

// snowflake makes an id in the way X does: milliseconds since its epoch, shifted by 22 bits, so that the order of ids is
// that of time and a sample post of last week has a lower id than one of today.
func (a *API) snowflake(t time.Time) (string, uint64) {
	const epoch = 1288834974657
	n := max(t.UnixMilli()-epoch, 1) << 22
	for a.posts[strconv.FormatInt(n, 10)] != nil {
		n++
	}
	return strconv.FormatInt(n, 10), uint64(n)
}

func (a *API) addPost(p *post) {
	p.ID, p.num = a.snowflake(p.CreatedAt)
	p.conversation = p.ID
	if parent := a.posts[p.ReplyToID]; parent != nil {
		p.conversation, p.replyToUser = parent.conversation, parent.AuthorID
	}
	a.posts[p.ID] = p
}

// postsWhere gives posts, newest first.
func (a *API) postsWhere(keep func(*post) bool) []*post {
	list := slices.DeleteFunc(slices.Collect(maps.Values(a.posts)), func(p *post) bool { return !keep(p) })
	slices.SortFunc(list, func(p, q *post) int { return cmp.Compare(q.num, p.num) })
	return list
}

func (a *API) follow(from, to string) {
	if _, ok := a.following[from][to]; ok {
		return
	}
	a.follows++
	set(a.following, from, to, a.follows)
	set(a.followers, to, from, a.follows)
}

func set(edges map[string]map[string]uint64, from, to string, when uint64) {
	if edges[from] == nil {
		edges[from] = map[string]uint64{}
	}
	edges[from][to] = when
}

func (a *API) unfollow(from, to string) {
	delete(a.following[from], to)
	delete(a.followers[to], from)
}
