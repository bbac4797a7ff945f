package xtest

import (
	"sort"
	"strconv"
	"time"
)

// apiState is what the API knows beside the accounts. X.mu guards it; its zero value is ready.
type apiState struct {
	seeded  bool
	posts   map[string]*post
	media   map[string]*media // by id
	limits  map[string]int    // set by SetRateLimit
	windows map[string]*apiWindow
	follows uint64 // counts up, to order follows
}

// accountAPI is what the API keeps with an account.
type accountAPI struct {
	following map[string]uint64 // by id of the other account: when, counted
	followers map[string]uint64
}

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
}

type poll struct {
	id      string
	options []string
	minutes int
	ends    time.Time
}

// snowflake makes an id in the way X does: milliseconds since its epoch, shifted by 22 bits, so that the order of ids is
// that of time and a sample post of last week has a lower id than one of today.
func (x *X) snowflake(t time.Time) (string, uint64) {
	const epoch = 1288834974657
	n := max(t.UnixMilli()-epoch, 1) << 22
	for x.api.posts[strconv.FormatInt(n, 10)] != nil {
		n++
	}
	return strconv.FormatInt(n, 10), uint64(n)
}

func (x *X) addPost(p *post) {
	if x.api.posts == nil {
		x.api.posts = map[string]*post{}
	}
	p.ID, p.num = x.snowflake(p.CreatedAt)
	p.conversation = p.ID
	if parent := x.api.posts[p.ReplyToID]; parent != nil {
		p.conversation, p.replyToUser = parent.conversation, parent.AuthorID
	}
	x.api.posts[p.ID] = p
}

// postsWhere gives posts, newest first.
func (x *X) postsWhere(keep func(*post) bool) []*post {
	var list []*post
	for _, p := range x.api.posts {
		if keep(p) {
			list = append(list, p)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].num > list[j].num })
	return list
}

func (x *X) follow(from, to *account) {
	if _, ok := from.api.following[to.ID]; ok {
		return
	}
	if from.api.following == nil {
		from.api.following = map[string]uint64{}
	}
	if to.api.followers == nil {
		to.api.followers = map[string]uint64{}
	}
	x.api.follows++
	from.api.following[to.ID] = x.api.follows
	to.api.followers[from.ID] = x.api.follows
}

func (x *X) unfollow(from, to *account) {
	delete(from.api.following, to.ID)
	delete(to.api.followers, from.ID)
}
