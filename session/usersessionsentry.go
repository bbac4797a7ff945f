package session

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/xsignin/xsignin/internal/wire"
)

const (
	maxListed     = 200
	maxListedSize = 48 << 10
	maxEnded      = 500
	maxUnfinished = 200
	// maxUserAgent bounds the user agent of a session in the list.
	maxUserAgent = 160
)

// entry is what the token store holds about the sessions of one user.
//
// A stamp is a time in milliseconds, but always later than every stamp that the entry has
// seen. So the order of sign-ins and sign-outs does not depend on clocks.
type entry struct {
	last      uint64 // the latest stamp that the entry has seen
	notBefore uint64 // sessions with an earlier stamp have ended
	sessions  []listed
	ended     []endedSession
	// unfinished are the sessions that have ended, and whose record is still to be deleted.
	unfinished []unfinished
}

// listed is a session in the list.
type listed struct {
	id       sessionID
	stamp    uint64
	key      string // of its record in the session store
	provider string
	account  string
	agent    string
	deadline time.Time
	created  time.Time
	used     time.Time
}

// endedSession is a session that ended by itself, and not with all others.
type endedSession struct {
	id       sessionID
	deadline time.Time
}

type unfinished struct {
	key      string
	deadline time.Time
}

func (l listed) size() int {
	return len(l.key) + len(l.provider) + len(l.account) + len(l.agent) + 60
}

// nextStamp returns a stamp that is later than all others.
func (e *entry) nextStamp(now time.Time) uint64 {
	e.last = max(e.last+1, uint64(max(0, now.UnixMilli())))
	return e.last
}

// refuses reports whether the session has ended.
func (e *entry) refuses(id sessionID, stamp uint64) bool {
	return stamp < e.notBefore || slices.ContainsFunc(e.ended, func(s endedSession) bool { return s.id == id })
}

// find returns the session with the id, or nil.
func (e *entry) find(id sessionID) *listed {
	i := slices.IndexFunc(e.sessions, func(l listed) bool { return l.id == id })
	if i < 0 {
		return nil
	}
	return &e.sessions[i]
}

// put adds l, or replaces the session with its id.
func (e *entry) put(l listed) {
	l.agent = l.agent[:min(len(l.agent), maxUserAgent)]
	e.last = max(e.last, l.stamp)
	if old := e.find(l.id); old != nil {
		*old = l
		return
	}
	e.sessions = append(e.sessions, l)
}

// end ends the sessions that match.
func (e *entry) end(match func(listed) bool) {
	e.sessions = slices.DeleteFunc(e.sessions, func(l listed) bool {
		if !match(l) {
			return false
		}
		e.ended = append(e.ended, endedSession{l.id, l.deadline})
		e.unfinished = append(e.unfinished, unfinished{l.key, l.deadline})
		return true
	})
}

// endAll ends all sessions, also those that are not in the list.
func (e *entry) endAll(now time.Time) {
	e.notBefore = e.nextStamp(now)
	for _, l := range e.sessions {
		e.unfinished = append(e.unfinished, unfinished{l.key, l.deadline})
	}
	e.sessions = nil
}

// trim removes what has expired, and ends the least recently used sessions above the limits.
// It returns how many it ended.
func (e *entry) trim(now time.Time) (dropped int) {
	e.sessions = slices.DeleteFunc(e.sessions, func(l listed) bool { return l.deadline.Before(now) })
	e.ended = slices.DeleteFunc(e.ended, func(s endedSession) bool { return s.deadline.Before(now) })
	e.unfinished = slices.DeleteFunc(e.unfinished, func(s unfinished) bool { return s.deadline.Before(now) })
	size := 0
	for _, l := range e.sessions {
		size += l.size()
	}
	for len(e.sessions) > maxListed || size > maxListedSize {
		oldest := slices.MinFunc(e.sessions, func(a, b listed) int { return a.used.Compare(b.used) })
		size -= oldest.size()
		e.end(func(l listed) bool { return l.id == oldest.id })
		dropped++
	}
	e.ended = e.ended[max(0, len(e.ended)-maxEnded):]
	// The marks catch the sessions whose deletion is dropped here.
	most := min(maxUnfinished, (maxEntry-size-20*len(e.ended))/60)
	e.unfinished = e.unfinished[max(0, len(e.unfinished)-most):]
	return dropped
}

const entryVersion = 1

// maxEntry is the longest entry that fits into every token store when it is sealed.
const maxEntry = 63 << 10

func (e *entry) encode() []byte {
	b := append(make([]byte, 0, 1024), entryVersion)
	b = binary.BigEndian.AppendUint64(b, e.last)
	b = binary.BigEndian.AppendUint64(b, e.notBefore)
	b = binary.AppendUvarint(b, uint64(len(e.sessions)))
	for _, l := range e.sessions {
		b = append(b, l.id[:]...)
		b = binary.BigEndian.AppendUint64(b, l.stamp)
		for _, s := range [...]string{l.key, l.provider, l.account, l.agent} {
			b = wire.AppendString(b, s)
		}
		for _, t := range [...]time.Time{l.deadline, l.created, l.used} {
			b = wire.AppendTime(b, t)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(e.ended)))
	for _, s := range e.ended {
		b = wire.AppendTime(append(b, s.id[:]...), s.deadline)
	}
	b = binary.AppendUvarint(b, uint64(len(e.unfinished)))
	for _, s := range e.unfinished {
		b = wire.AppendTime(wire.AppendString(b, s.key), s.deadline)
	}
	return b
}

func decodeEntry(b []byte) (entry, error) {
	r := &wire.Reader{Rest: string(b)}
	var e entry
	version := r.Byte()
	e.last, e.notBefore = r.Uint64(), r.Uint64()
	for n := r.Uvarint(); n > 0 && !r.Bad; n-- {
		var l listed
		copy(l.id[:], r.Take(uint64(len(l.id))))
		l.stamp = r.Uint64()
		for _, s := range [...]*string{&l.key, &l.provider, &l.account, &l.agent} {
			*s = r.Text()
		}
		for _, t := range [...]*time.Time{&l.deadline, &l.created, &l.used} {
			*t = r.Time()
		}
		e.sessions = append(e.sessions, l)
	}
	for n := r.Uvarint(); n > 0 && !r.Bad; n-- {
		var s endedSession
		copy(s.id[:], r.Take(uint64(len(s.id))))
		s.deadline = r.Time()
		e.ended = append(e.ended, s)
	}
	for n := r.Uvarint(); n > 0 && !r.Bad; n-- {
		e.unfinished = append(e.unfinished, unfinished{key: r.Text(), deadline: r.Time()})
	}
	if !r.Done() || version != entryVersion {
		return entry{}, errMalformed
	}
	return e, nil
}
