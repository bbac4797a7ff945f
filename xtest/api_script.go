package xtest

import "time"

// AddPost makes userID post text at the present moment of the simulator's clock and gives the post's id. None of the
// rules of POST /2/tweets apply: the text may be long or a duplicate. It panics when there is no such user. Goroutines
// may share it.
func (x *X) AddPost(userID, text string) (id string) {
	now := x.now()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seedDemo(now)
	x.mustUser(userID)
	p := &post{Post: Post{AuthorID: userID, Text: text, CreatedAt: now}}
	x.addPost(p)
	return p.ID
}

// Posts gives the posts of userID, newest first, and none for a user who does not exist. What it returns is a copy.
// Goroutines may share it.
func (x *X) Posts(userID string) []Post {
	now := x.now()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seedDemo(now)
	var list []Post
	for _, p := range x.postsWhere(func(p *post) bool { return p.AuthorID == userID }) {
		q := p.Post
		q.MediaKeys = append([]string(nil), p.MediaKeys...)
		q.PollOptions = append([]string(nil), p.PollOptions...)
		list = append(list, q)
	}
	return list
}

// Follow makes userID follow targetID; once is enough. It panics when one of them does not exist. Goroutines may share
// it.
func (x *X) Follow(userID, targetID string) {
	now := x.now()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seedDemo(now)
	x.follow(x.mustUser(userID), x.mustUser(targetID))
}

// SetRateLimit sets how many calls an endpoint answers in a window of 15 minutes, for each user, and for each app that
// uses an app-only token. The endpoint is written as X documents it, "GET /2/users/me" or "GET /2/users/:id/tweets".
// Windows that are open stay open, with what was used in them. A limit of 0 refuses every call; a negative one brings
// X's own limit back. It panics when the simulator has no such endpoint. Goroutines may share it.
func (x *X) SetRateLimit(endpoint string, limit int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range endpoints {
		if endpoints[i].name() != endpoint {
			continue
		}
		if x.api.limits == nil {
			x.api.limits = map[string]int{}
		}
		x.api.limits[endpoint] = limit
		if limit < 0 {
			delete(x.api.limits, endpoint)
		}
		return
	}
	panic("xtest: SetRateLimit: no endpoint " + endpoint)
}

func (x *X) mustUser(id string) *account {
	a := x.users[id]
	if a == nil {
		panic("xtest: no user " + id)
	}
	return a
}

// seedDemo gives the two demo accounts of a zero Config something to show, once. Accounts that a test brought along get
// nothing that it did not ask for.
func (x *X) seedDemo(now time.Time) {
	if x.api.seeded {
		return
	}
	x.api.seeded = true
	demo := defaultUsers()
	for _, u := range demo {
		if a := x.users[u.ID]; a == nil || a.Name != u.Name {
			return
		}
	}
	first, second := x.users[demo[0].ID], x.users[demo[1].ID]
	x.follow(first, second)
	x.follow(second, first)
	for _, s := range []struct {
		by   *account
		ago  time.Duration
		text string
	}{
		{first, 6*day + 5*time.Hour, "This is a sample post in the local simulator."},
		{second, 5*day + 2*time.Hour, "A sample post of the second demo account. Nothing here comes from X."},
		{first, 3*day + 7*time.Hour, "Another sample post in the local simulator, with a line break:\nthis is the second line."},
		{second, 2*day + time.Hour, "Sample text with a mention, for the mentions timeline: @" + first.Username},
		{first, 26 * time.Hour, "A third sample post in the local simulator. It was written for no reader. #sample"},
		{second, 3 * time.Hour, "The newest sample post in the local simulator."},
	} {
		x.addPost(&post{Post: Post{AuthorID: s.by.ID, Text: s.text, CreatedAt: now.Add(-s.ago)}})
	}
}
