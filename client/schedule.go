package client

import (
	"math/rand/v2"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// This file decides when a token is refreshed or read again.

const (
	// maxSpread bounds the random part of the time when a refresh begins.
	maxSpread = 30 * time.Second
	// A token that does not expire is read again, for a sign-out on another replica.
	rereadAfter = 5 * time.Minute
	// lookPause is the pause between attempts in the background.
	lookPause = time.Minute
)

// remember makes a cached of a token that was read or obtained now.
func (m *Manager) remember(t tokenstore.Token) *cached {
	c, now := &cached{token: t}, m.now()
	switch {
	case t.Expiry.IsZero():
		c.lookAt = now.Add(rereadAfter)
	case t.RefreshToken == "":
		c.lookAt = t.Expiry
	default:
		ahead := m.refreshBefore
		if life := t.Expiry.Sub(t.ObtainedAt); !t.ObtainedAt.IsZero() {
			ahead = min(ahead, life/2)
		}
		c.lookAt = t.Expiry.Add(-ahead - rand.N(min(max(ahead, 0)/10, maxSpread)+1))
	}
	return c
}

// pause is a time in which the provider is not asked.
type pause struct {
	length time.Duration
	until  time.Time
	err    error
}

// extend begins the next pause, which is twice as long as the one before.
func (p *pause) extend(now time.Time, least, most time.Duration) {
	p.length = min(max(2*p.length, least), most)
	p.until = now.Add(p.length)
}
