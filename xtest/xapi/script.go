package xapi

// AddPost makes userID post text at the present moment of the simulator's clock and gives the post's id. None of the
// rules of POST /2/tweets apply: the text may be long or a duplicate. It panics when there is no such user. Goroutines
// may share it.
func (a *API) AddPost(userID, text string) (id string) {
	now := a.x.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mustUser(userID)
	p := &post{Post: Post{AuthorID: userID, Text: text, CreatedAt: now}}
	a.addPost(p)
	return p.ID
}

// Posts gives the posts of userID, newest first, and none for a user who does not exist. What it returns is a copy.
// Goroutines may share it.
func (a *API) Posts(userID string) []Post {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []Post
	for _, p := range a.postsWhere(func(p *post) bool { return p.AuthorID == userID }) {
		q := p.Post
		q.MediaKeys = append([]string(nil), p.MediaKeys...)
		q.PollOptions = append([]string(nil), p.PollOptions...)
		list = append(list, q)
	}
	return list
}

// Follow makes userID follow targetID; once is enough. It panics when one of them does not exist. Goroutines may share
// it.
func (a *API) Follow(userID, targetID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mustUser(userID)
	a.mustUser(targetID)
	a.follow(userID, targetID)
}

func (a *API) mustUser(id string) {
	if a.user(id) == nil {
		panic("xapi: no user " + id)
	}
}
