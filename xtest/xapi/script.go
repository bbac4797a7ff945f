package xapi

import (
	"strings"
	"time"
)

// AddPost makes userID post text at the present moment of the simulator's clock, as [API.Add] does.
func (a *API) AddPost(userID, text string) (id string) {
	return a.Add(Post{AuthorID: userID, Text: text})
}

// Add keeps a post with the author, text, time, poll and media of p, and gives its id. A zero time is the present, and a
// poll is open for a week. None of the rules of POST /2/tweets apply: the text may be long or a duplicate. It panics when
// there is no such user, or no such media.
func (a *API) Add(p Post) (id string) {
	const week = 7 * 24 * time.Hour
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mustUser(p.AuthorID)
	kept := &post{Post: p}
	if p.CreatedAt.IsZero() {
		kept.CreatedAt = a.x.Now()
	}
	if p.PollOptions != nil {
		kept.poll = &poll{id: a.x.NewID(), options: p.PollOptions, minutes: int(week / time.Minute), ends: kept.CreatedAt.Add(week)}
	}
	for _, key := range p.MediaKeys {
		_, id, _ := strings.Cut(key, "_")
		if a.media[id] == nil {
			panic("xapi: no media " + key)
		}
		a.media[id].posted = true
		kept.media = append(kept.media, a.media[id])
	}
	a.addPost(kept)
	return kept.ID
}

// AddPicture keeps a picture of userID with a description, for [API.Add], and gives its media key. It panics when data is
// no picture that X takes.
func (a *API) AddPicture(userID string, data []byte, description string) (mediaKey string) {
	info, ok := readImage(data)
	if !ok {
		panic("xapi: AddPicture: not a picture")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.keep(&media{
		owner: userID, category: "tweet_image", mime: info.mime, data: data, image: info, finalized: a.x.Now(), posted: true,
		metadata: map[string]any{"alt_text": map[string]any{"text": description}},
	})
	return m.key
}

// Posts gives the posts of userID, newest first, and none for a user who does not exist. The result is a copy.
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
	if a.x.UserByID(id) == nil {
		panic("xapi: no user " + id)
	}
}
