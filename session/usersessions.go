package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/xsignin/xsignin/internal/wire"
	"github.com/xsignin/xsignin/tokenstore"
)

const (
	entryProvider = ".sessions"            // the reserved provider of the entries
	entryTime     = 5 * time.Second        // for a change of an entry, with all conflicts
	markTime      = 2 * time.Second        // for an entry that a request can do without
	endTime       = 20 * time.Second       // for the deletion of the records of sessions that end
	maxPause      = 250 * time.Millisecond // after a conflict
	maxRetries    = 120                    // of an end that failed: for about two hours
	touchEvery    = 10 * time.Minute       // how often a session is touched
	touchesAtOnce = 16                     // with other work in the background
	erasesAtOnce  = 8                      // by one end

	maxListed     = 200
	maxListedSize = 48 << 10
	maxEnded      = 500
	maxUserAgent  = 160
	maxEntry      = 63 << 10 // fits into every token store when it is sealed
	entryVersion  = 2
)

// UserSessions lists the sessions of each user and ends them. The list of a user is one
// sealed entry of the token store. Goroutines may share a UserSessions.
//
// Ending sessions takes effect at once on all replicas that share the session store. In three
// cases a session stays open until a request touches it, at most once in ten minutes: a write
// of its record came after the deletion, its record is in the memory of another process, or
// the application renewed its id by scs while the token store was unavailable.
//
// The list holds at most 200 sessions of a user, and 48 KiB. Above that the least recently
// used session ends. If the token store loses an entry, users stay signed in, and sessions are
// listed again when they are touched.
type UserSessions struct {
	store *store
	vault *tokenstore.Vault
}

// List returns the sessions of a user ([provider.User].ID), the most recently used first.
func (u *UserSessions) List(ctx context.Context, userID string) ([]UserSession, error) {
	e, _, err := u.read(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("session: listing sessions: %w", err)
	}
	e.trim(time.Now())
	return e.sessions, nil
}

// End ends the listed sessions of a user that match. [Manager.SessionID] returns the ID of
// the current one. A nil match ends all sessions, also those that are not in the list. Later
// sign-ins are not affected.
//
// An error means that some sessions may still be open. If the entry was written, this process
// continues in the background.
func (u *UserSessions) End(ctx context.Context, userID string, match func(UserSession) bool) error {
	if userID == "" {
		return errors.New("session: ending sessions: the user has no ID")
	}
	left, err := u.update(ctx, userID, true, func(e *entry) bool {
		if match == nil {
			e.notBefore = e.nextStamp(time.Now())
		}
		e.end(match)
		return true
	})
	if err == nil && len(left) > 0 {
		err = u.finish(context.WithoutCancel(ctx), userID, left)
	}
	if err != nil {
		return fmt.Errorf("session: ending sessions: %w", err)
	}
	return nil
}

// finish deletes the records of ended sessions, and then records the deletions in the
// entry. It retries failed deletions in the background.
func (u *UserSessions) finish(ctx context.Context, userID string, left []ended) error {
	return u.persist(ctx, 0, func(ctx context.Context) (first error) {
		ctx, cancel := context.WithTimeout(ctx, endTime)
		defer cancel()
		var mu sync.Mutex // guards done and first
		done := make(map[string]bool)
		for some := range slices.Chunk(left, erasesAtOnce) {
			var running sync.WaitGroup
			for _, s := range some {
				running.Go(func() {
					err := u.store.erase(ctx, s.key, s.deadline)
					mu.Lock()
					defer mu.Unlock()
					done[s.key], first = err == nil, cmp.Or(first, err)
				})
			}
			running.Wait()
		}
		left = slices.DeleteFunc(left, func(s ended) bool { return done[s.key] })
		u.store.later.After(0, func(ctx context.Context) {
			_, _ = u.update(ctx, userID, false, func(e *entry) (changed bool) {
				for i, s := range e.ended {
					if done[s.key] {
						e.ended[i].key, changed = "", true
					}
				}
				return changed
			})
		})
		return first
	})
}

// resume finishes deletions of another process in the background.
func (u *UserSessions) resume(userID string, left []ended) {
	if len(left) > 0 {
		u.store.later.After(0, func(ctx context.Context) { _ = u.finish(ctx, userID, left) })
	}
}

// persist calls f, and again in the background while it fails.
func (u *UserSessions) persist(ctx context.Context, tries int, f func(context.Context) error) error {
	err := f(ctx)
	if err != nil && tries < maxRetries {
		u.store.later.After(time.Second<<min(tries, 6), func(ctx context.Context) { _ = u.persist(ctx, tries+1, f) })
	}
	return err
}

// add lists a session that is about to begin, and gives it its stamp.
func (u *UserSessions) add(ctx context.Context, key string, rec *record, agent string) error {
	if u == nil {
		return nil
	}
	now := time.Now()
	left, err := u.update(ctx, rec.user.ID, true, func(e *entry) bool {
		if there := e.find(rec.id); there != nil {
			// The store took a write that it reported as failed.
			rec.stamp = there.stamp
			return false
		}
		rec.stamp = e.nextStamp(now)
		s := rec.listed()
		s.UserAgent, s.Created, s.LastUsed, s.key = agent, now, now, key
		e.put(s)
		return true
	})
	u.resume(rec.user.ID, left)
	u.store.touched.due(rec.id, now, touchEvery, true)
	return err
}

func (rec *record) listed() UserSession {
	return UserSession{
		ID: rec.id, Provider: rec.user.Provider, AccountID: rec.user.AccountID,
		Created: rec.user.SignedInAt, Deadline: rec.deadline, stamp: rec.stamp,
	}
}

// mark marks a session as ended after its record was deleted. It retries in the background.
func (u *UserSessions) mark(ctx context.Context, rec record) {
	if u == nil || !rec.signedIn() {
		return
	}
	_ = u.persist(context.WithoutCancel(ctx), 0, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, markTime)
		defer cancel()
		_, err := u.update(ctx, rec.user.ID, true, func(e *entry) bool {
			if e.last == 0 || e.refuses(&rec.identity) { // 0: the user was deleted
				return false
			}
			e.sessions = slices.DeleteFunc(e.sessions, func(s UserSession) bool { return s.ID == rec.id })
			e.ended = append(e.ended, ended{id: rec.id, deadline: rec.deadline})
			return true
		})
		return err
	})
}

// due reports whether a touch of the session is due, and claims it if claim is set. Touches
// are skipped where the stores are slow.
func (u *UserSessions) due(rec *record, claim bool) bool {
	return u != nil && rec.signedIn() && u.store.later.Running() < touchesAtOnce &&
		u.store.touched.due(rec.id, time.Now(), touchEvery, claim)
}

// touch checks a session in the background, at most once in ten minutes.
func (u *UserSessions) touch(key string, rec record) {
	if !u.due(&rec, true) {
		return
	}
	u.store.later.After(0, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, entryTime)
		defer cancel()
		// A write that came after the sign-out may have brought the record back.
		if ended, err := u.store.sweep(ctx, key); ended || err != nil {
			return
		}
		refused, made, _ := u.register(ctx, key, &rec, false)
		if refused {
			_ = u.store.erase(ctx, key, rec.deadline)
		}
		if !made {
			return
		}
		// If the user was deleted since the check above, the entry must not come back.
		if ended, err := u.store.sweep(ctx, key); ended && err == nil {
			_, _ = u.update(ctx, rec.user.ID, false, func(e *entry) bool {
				e.sessions = slices.DeleteFunc(e.sessions, func(s UserSession) bool { return s.ID == rec.id })
				if len(e.sessions)+len(e.ended) == 0 && e.notBefore == 0 {
					e.last = 0
				}
				return true
			})
		}
	})
}

// renewed registers a session whose record is about to be written under another key, because
// the application has renewed the session id by scs. It returns the record with that key. If
// the token store is unavailable, the next touch lists the key.
func (u *UserSessions) renewed(ctx context.Context, key string, b []byte) (moved []byte, refused bool) {
	var rec record
	if u == nil || !u.store.decode(b, &rec) || !rec.signedIn() || strings.HasPrefix(key, rec.key) {
		return b, false
	}
	ctx, cancel := context.WithTimeout(ctx, markTime)
	defer cancel()
	refused, _, err := u.register(ctx, key, &rec, true)
	if rec.key = key[:keyPrefix]; err == nil && !refused {
		moved, err = u.store.encode(rec)
	}
	if err != nil || refused {
		return b, refused
	}
	return moved, false
}

// register lists a session under the key of its record. It records a use if the last use is
// older than ten minutes. It returns refused if the session has ended, and made if it has made
// the entry.
//
// Requests that renew one id at the same time leave several records. The first of them keeps
// the id in the list. With renews, each other record gets a new id, so that all can be ended.
func (u *UserSessions) register(ctx context.Context, key string, rec *record, renews bool) (refused, made bool, err error) {
	before := rec.identity
	left, err := u.update(ctx, rec.user.ID, false, func(e *entry) bool {
		rec.identity, made = before, e.last == 0
		if refused = e.refuses(&before); refused {
			return false
		}
		s, now := rec.listed(), time.Now()
		switch there := e.find(rec.id); {
		case there == nil:
		case there.key == key || strings.HasPrefix(there.key, rec.key):
			s = *there
		case !renews:
			return false
		default:
			s, rec.id = *there, idOf(key)
			s.ID = rec.id
		}
		if s.key == key && s.Deadline.Equal(rec.deadline) && now.Sub(s.LastUsed) < touchEvery {
			return false
		}
		s.key, s.Deadline, s.LastUsed = key, rec.deadline, now
		e.put(s)
		return true
	})
	u.resume(rec.user.ID, left)
	return refused, made, err
}

// read returns the entry of a user, which is empty if the store has none.
func (u *UserSessions) read(ctx context.Context, userID string) (entry, tokenstore.Version, error) {
	b, v, err := u.vault.GetRecord(ctx, tokenstore.Key{Provider: entryProvider, UserID: userID})
	if errors.Is(err, tokenstore.ErrNotFound) {
		return entry{}, "", nil
	}
	var e entry
	c := &wire.Coder{B: b, Reading: true}
	if e.code(c); err == nil && !c.Done() {
		err = tokenstore.ErrUnreadable
	}
	return e, v, err
}

// update changes the entry of a user by a conditional write, and repeats it after a conflict.
// It returns the ended sessions whose records are still to be deleted. change returns false if
// there is nothing to write. With replace, update replaces an entry that cannot be opened.
func (u *UserSessions) update(ctx context.Context, userID string, replace bool, change func(*entry) bool) ([]ended, error) {
	ctx, cancel := context.WithTimeout(ctx, entryTime)
	defer cancel()
	for pause := 4 * time.Millisecond; ; pause = min(2*pause, maxPause) {
		e, v, err := u.read(ctx, userID)
		if replace && err != nil && (errors.Is(err, tokenstore.ErrUnreadable) || errors.As(err, new(*tokenstore.UnknownKeyError))) {
			u.store.logger.ErrorContext(ctx, "session: the list of a user's sessions cannot be opened; it is replaced", "user_id", userID, "err", err)
			e, err = entry{last: 1}, nil
		}
		if err != nil || !change(&e) {
			return nil, err
		}
		dropped := e.trim(time.Now())
		c := new(wire.Coder) // its nil B deletes the entry
		if e.last != 0 {
			c.B = make([]byte, 0, 1024)
			e.code(c)
		}
		_, err = u.vault.ReplaceRecord(ctx, tokenstore.Key{Provider: entryProvider, UserID: userID}, v, c.B)
		switch {
		case err == nil:
			if dropped > 0 {
				u.store.logger.InfoContext(ctx, "session: a user has too many sessions; the least recently used ended", "user_id", userID, "ended", dropped)
			}
			return slices.DeleteFunc(e.ended, func(s ended) bool { return s.key == "" }), nil
		case !errors.Is(err, tokenstore.ErrConflict):
			return nil, err
		}
		select {
		case <-time.After(rand.N(pause)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

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
	last      int64 // the latest stamp that the entry has seen; 0 if the store has no entry
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

func (e *entry) find(id string) *UserSession {
	if i := slices.IndexFunc(e.sessions, func(s UserSession) bool { return s.ID == id }); i >= 0 {
		return &e.sessions[i]
	}
	return nil
}

// put adds s, or replaces the session with its id.
func (e *entry) put(s UserSession) {
	s.UserAgent = s.UserAgent[:min(len(s.UserAgent), maxUserAgent)]
	e.last = max(e.last, s.stamp, 1) // 0 is the stamp of a session that began without a vault
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
// the sessions above the limits, and returns their number.
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
	// Ends may be dropped here: the record was deleted, or notBefore refuses the session.
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
