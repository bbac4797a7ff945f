package session

import (
	"slices"
	"time"

	"github.com/xsignin/xsignin/internal/wire"
)

const (
	maxListed     = 200
	maxListedSize = 48 << 10
	maxEnded      = 500
	maxUserAgent  = 160
	maxEntry      = 63 << 10 // fits into every token store when it is sealed
	entryVersion  = 2
)

// UserSession is one session in the list of a user's sessions.
type UserSession struct {
	// ID names the session in the list. It is not the session id and opens nothing.
	ID string
	// Provider and AccountID say how the user signed in.
	Provider, AccountID string
	// UserAgent is the beginning of the browser's User-Agent at the sign-in.
	UserAgent string
	Created   time.Time
	// LastUsed is up to ten minutes old.
	LastUsed time.Time
	Deadline time.Time

	key   string // of its record in the session store
	stamp int64
}

// ended is a session that has ended.
type ended struct {
	id       string
	key      string // of the record that is still to be deleted, or ""
	deadline time.Time
}

// entry is what the token store holds about the sessions of one user.
//
// A stamp is a time in milliseconds, but always later than every stamp that the entry has
// seen. So the order of sign-ins and sign-outs does not depend on clocks.
type entry struct {
	last      int64 // the latest stamp that the entry has seen
	notBefore int64 // sessions with an earlier stamp have ended
	sessions  []UserSession
	ended     []ended
}

func (s *UserSession) size() int {
	return len(s.key) + len(s.Provider) + len(s.AccountID) + len(s.UserAgent) + 60
}

// nextStamp returns a stamp that is later than all others.
func (e *entry) nextStamp(now time.Time) int64 {
	e.last = max(e.last+1, now.UnixMilli())
	return e.last
}

// refuses reports whether the session has ended.
func (e *entry) refuses(i *identity) bool {
	return i.stamp < e.notBefore || slices.ContainsFunc(e.ended, func(s ended) bool { return s.id == i.id })
}

// find returns the session with the id, or nil.
func (e *entry) find(id string) *UserSession {
	if i := slices.IndexFunc(e.sessions, func(s UserSession) bool { return s.ID == id }); i >= 0 {
		return &e.sessions[i]
	}
	return nil
}

// put adds s, or replaces the session with its id.
func (e *entry) put(s UserSession) {
	s.UserAgent = s.UserAgent[:min(len(s.UserAgent), maxUserAgent)]
	e.last = max(e.last, s.stamp)
	if old := e.find(s.ID); old != nil {
		*old = s
		return
	}
	e.sessions = append(e.sessions, s)
}

// end ends the sessions that match, or all with a nil match.
func (e *entry) end(match func(UserSession) bool) {
	e.sessions = slices.DeleteFunc(e.sessions, func(s UserSession) bool {
		if match != nil && !match(s) {
			return false
		}
		e.ended = append(e.ended, ended{s.ID, s.key, s.Deadline})
		return true
	})
}

// trim removes what has expired, and sorts the sessions, the most recently used first. It ends
// those above the limits, and returns how many.
func (e *entry) trim(now time.Time) (dropped int) {
	e.sessions = slices.DeleteFunc(e.sessions, func(s UserSession) bool { return s.Deadline.Before(now) })
	e.ended = slices.DeleteFunc(e.ended, func(s ended) bool { return s.deadline.Before(now) })
	slices.SortStableFunc(e.sessions, func(a, b UserSession) int { return b.LastUsed.Compare(a.LastUsed) })
	before, place, size := len(e.sessions), 0, 0
	e.end(func(s UserSession) bool {
		place++
		size += s.size()
		return place > maxListed || size > maxListedSize
	})
	// A session whose end is dropped here was deleted, or not before catches it.
	most := min(maxEnded, (maxEntry-min(size, maxListedSize))/66)
	e.ended = e.ended[max(0, len(e.ended)-most):]
	return before - len(e.sessions)
}

func (e *entry) code(c *wire.Coder) {
	version := int64(entryVersion)
	c.Number(&version)
	c.Bad = c.Bad || version != entryVersion
	c.Number(&e.last)
	c.Number(&e.notBefore)
	wire.List(c, &e.sessions, func(s *UserSession) {
		c.Text(&s.ID, &s.key, &s.Provider, &s.AccountID, &s.UserAgent)
		c.Number(&s.stamp)
		c.Time(&s.Created, &s.LastUsed, &s.Deadline)
	})
	wire.List(c, &e.ended, func(s *ended) {
		c.Text(&s.id, &s.key)
		c.Time(&s.deadline)
	})
}
