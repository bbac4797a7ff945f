package xapi

import (
	"time"

	"github.com/xsignin/xsignin/xtest"
)

// AddDemo gives the two accounts of a zero [xtest.Config] posts and lets them follow each other.
func (a *API) AddDemo() {
	const day = 24 * time.Hour
	now := a.x.Now()
	a.Follow(xtest.DefaultUserID, xtest.SecondUserID)
	a.Follow(xtest.SecondUserID, xtest.DefaultUserID)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range []struct {
		by   string
		ago  time.Duration
		text string
	}{
		{xtest.DefaultUserID, 6*day + 5*time.Hour, "This is a sample post in the local simulator."},
		{xtest.SecondUserID, 5*day + 2*time.Hour, "A sample post of the second demo account. Nothing here comes from X."},
		{xtest.DefaultUserID, 3*day + 7*time.Hour, "Another sample post in the local simulator, with a line break:\nthis is the second line."},
		{xtest.SecondUserID, 2*day + time.Hour, "Sample text with a mention, for the mentions timeline: @" + xtest.DefaultUserName},
		{xtest.DefaultUserID, 26 * time.Hour, "A third sample post in the local simulator. It was written for no reader. #sample"},
		{xtest.SecondUserID, 3 * time.Hour, "The newest sample post in the local simulator."},
	} {
		a.addPost(&post{Post: Post{AuthorID: s.by, Text: s.text, CreatedAt: now.Add(-s.ago)}})
	}
}
