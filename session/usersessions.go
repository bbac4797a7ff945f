package session

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

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
	touchesAtOnce = 16
)

// UserSessions lists the sessions of each user and ends them. The list of a user is one
// sealed entry of the token store. Goroutines may share a UserSessions.
//
// Ending sessions holds at once on all replicas that share the session store. A session stays
// open until a request next touches it, in the background, at most once in ten minutes, if a
// write of its record came after the deletion, if its record is in the memory of another
// process, or if the application renewed its id by scs while the token store was away.
//
// The list holds at most 200 sessions of a user, and 48 KiB. Above that the least recently
// used session ends. If the token store loses an entry, users stay signed in, and sessions are
// listed again when they are touched.
type UserSessions struct {
	store *store
	vault *tokenstore.Vault
	slots chan struct{} // full when enough touches run
}

// List returns the sessions of a user, the most recently used first. userID is
// [provider.User].ID.
func (u *UserSessions) List(ctx context.Context, userID string) ([]UserSession, error) {
	e, _, err := u.read(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("session: listing sessions: %w", err)
	}
	e.trim(time.Now())
	slices.SortFunc(e.sessions, func(a, b UserSession) int { return b.LastUsed.Compare(a.LastUsed) })
	return e.sessions, nil
}

// End ends the listed sessions of a user that match. [Manager.SessionID] returns the ID of
// the current one. A nil match ends all sessions, also those that are not in the list. A
// sign-in that comes later stays.
//
// An error means that not all may have ended. If the entry was written, this process goes on
// in the background.
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

// finish deletes the records of sessions that have ended, and then says so in the entry. It
// tries again in the background what fails.
func (u *UserSessions) finish(ctx context.Context, userID string, left []ended) error {
	return u.persist(ctx, 0, func(ctx context.Context) (first error) {
		ctx, cancel := context.WithTimeout(ctx, endTime)
		defer cancel()
		var mu sync.Mutex
		done := make(map[string]bool)
		forEach(left, func(s ended) {
			err := u.store.erase(ctx, s.key, s.deadline)
			mu.Lock()
			defer mu.Unlock()
			if done[s.key] = err == nil; first == nil {
				first = err
			}
		})
		left = slices.DeleteFunc(left, func(s ended) bool { return done[s.key] })
		u.store.later.after(0, func(ctx context.Context) {
			_, _ = u.update(ctx, userID, false, func(e *entry) bool { return e.forget(done) })
		})
		return first
	})
}

// resume finishes in the background what another process left.
func (u *UserSessions) resume(userID string, left []ended) {
	if len(left) > 0 {
		u.store.later.after(0, func(ctx context.Context) { _ = u.finish(ctx, userID, left) })
	}
}

// persist calls f, and again in the background while it fails.
func (u *UserSessions) persist(ctx context.Context, tries int, f func(context.Context) error) error {
	err := f(ctx)
	if err != nil && tries < maxRetries {
		wait := time.Second << min(tries, 6)
		u.store.later.after(wait, func(ctx context.Context) { _ = u.persist(ctx, tries+1, f) })
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

// listed returns rec as a session in the list.
func (rec *record) listed() UserSession {
	return UserSession{
		ID: rec.id, Provider: rec.user.Provider, AccountID: rec.user.AccountID,
		Created: rec.user.SignedInAt, Deadline: rec.deadline, stamp: rec.stamp,
	}
}

// mark marks a session as ended whose record was deleted. It waits for a short time, and
// tries again in the background.
func (u *UserSessions) mark(ctx context.Context, rec record) {
	if u == nil || !rec.signedIn() {
		return
	}
	_ = u.persist(context.WithoutCancel(ctx), 0, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, markTime)
		defer cancel()
		_, err := u.update(ctx, rec.user.ID, true, func(e *entry) bool {
			if e.missing() || e.refuses(&rec.identity) { // missing: the user was deleted
				return false
			}
			e.sessions = slices.DeleteFunc(e.sessions, func(s UserSession) bool { return s.ID == rec.id })
			e.ended = append(e.ended, ended{id: rec.id, deadline: rec.deadline})
			return true
		})
		return err
	})
}

// due reports whether a touch of the session is due, and claims it if claim is set.
func (u *UserSessions) due(rec *record, claim bool) bool {
	return u != nil && rec.signedIn() && len(u.slots) < cap(u.slots) && u.store.touched.due(rec.id, time.Now(), touchEvery, claim)
}

// touch checks a session in the background, at most once in ten minutes.
func (u *UserSessions) touch(key string, rec record) {
	if !u.due(&rec, true) {
		return
	}
	select {
	case u.slots <- struct{}{}:
	default:
		return
	}
	u.store.later.after(0, func(ctx context.Context) {
		defer func() { <-u.slots }()
		ctx, cancel := context.WithTimeout(ctx, entryTime)
		defer cancel()
		// A write that came after the sign-out may have brought the record back.
		if ended, err := u.store.sweep(ctx, key, tombstoneKey(key)); ended || err != nil {
			return
		}
		refused, made, err := u.check(ctx, key, rec, touchEvery)
		if refused && err == nil {
			_ = u.store.erase(ctx, key, rec.deadline)
		}
		if !made {
			return
		}
		// If the user was deleted since the look above, the entry must not come back.
		if ended, err := u.store.sweep(ctx, key, tombstoneKey(key)); ended && err == nil {
			_, _ = u.update(ctx, rec.user.ID, false, func(e *entry) bool { return e.unlist(rec.id) })
		}
	})
}

// check reports whether the entry says that the session has ended. Otherwise it lists the
// session if it is missing, and records its use if the last record is older than stale. made
// says that the store had no entry.
func (u *UserSessions) check(ctx context.Context, key string, rec record, stale time.Duration) (refused, made bool, err error) {
	left, err := u.update(ctx, rec.user.ID, false, func(e *entry) bool {
		if refused = e.refuses(&rec.identity); refused {
			return false
		}
		made = e.missing()
		now := time.Now()
		s := rec.listed()
		if there := e.find(rec.id); there != nil {
			if there.key != key && !strings.HasPrefix(there.key, rec.key) {
				return false // its id was renewed, and the list has the later record
			}
			s = *there
		}
		if s.key == key && s.Deadline.Equal(rec.deadline) && now.Sub(s.LastUsed) < stale {
			return false
		}
		s.key, s.Deadline, s.LastUsed = key, rec.deadline, now
		e.put(s)
		return true
	})
	u.resume(rec.user.ID, left)
	return refused, made, err
}

// renewed lists a session under the key that its record is about to be written under, if the
// application has renewed the session id by scs. It returns the record with that key. If the
// token store is away, the next touch lists the key.
//
// Requests that renew one id at the same time leave several records. The first of them keeps
// the id in the list, and each other is a new session there, so that all of them can be ended.
func (u *UserSessions) renewed(ctx context.Context, key string, b []byte) (record []byte, refused bool) {
	if u == nil {
		return b, false
	}
	rec, ok := u.store.decode(b)
	if !ok || !rec.signedIn() || strings.HasPrefix(key, rec.key) {
		return b, false
	}
	ctx, cancel := context.WithTimeout(ctx, markTime)
	defer cancel()
	before := rec.identity
	left, err := u.update(ctx, rec.user.ID, false, func(e *entry) bool {
		rec.identity = before
		if refused = e.refuses(&before); refused {
			return false
		}
		there := e.find(before.id)
		switch {
		case there == nil:
			s := rec.listed()
			s.key, s.LastUsed = key, time.Now()
			e.put(s)
		case there.key == key || strings.HasPrefix(there.key, before.key):
			there.key, there.Deadline, there.LastUsed = key, rec.deadline, time.Now()
		default:
			rec.id = idOf(key)
			also := *there
			also.ID, also.key, also.Deadline, also.LastUsed = rec.id, key, rec.deadline, time.Now()
			e.put(also)
		}
		return true
	})
	u.resume(rec.user.ID, left)
	if err != nil || refused {
		return b, refused
	}
	rec.key = key[:keyPrefix]
	if moved, err := u.store.encode(rec); err == nil {
		b = moved
	}
	return b, false
}

// read returns the entry of a user, which is empty if the store has none.
func (u *UserSessions) read(ctx context.Context, userID string) (entry, tokenstore.Version, error) {
	b, v, err := u.vault.GetRecord(ctx, tokenstore.Key{Provider: entryProvider, UserID: userID})
	if errors.Is(err, tokenstore.ErrNotFound) {
		return entry{}, "", nil
	}
	if err != nil {
		return entry{}, v, err
	}
	e, err := decodeEntry(b)
	return e, v, err
}

// update changes the entry of a user by a conditional write, until no other write comes in
// between, and returns whose records are still to be deleted. change returns false if there is
// nothing to write. With replace, it replaces an entry that cannot be opened.
func (u *UserSessions) update(ctx context.Context, userID string, replace bool, change func(*entry) bool) ([]ended, error) {
	ctx, cancel := context.WithTimeout(ctx, entryTime)
	defer cancel()
	for pause := 4 * time.Millisecond; ; pause = min(2*pause, maxPause) {
		e, v, err := u.read(ctx, userID)
		if replace && err != nil && (errors.Is(err, tokenstore.ErrUnreadable) || errors.As(err, new(*tokenstore.UnknownKeyError))) {
			u.store.logger.ErrorContext(ctx, "session: the list of a user's sessions cannot be opened; it is replaced", "user_id", userID, "err", err)
			e, err = entry{last: 1}, nil // not missing
		}
		if err != nil || !change(&e) {
			return nil, err
		}
		dropped := e.trim(time.Now())
		var plain []byte // deletes the entry
		if !e.missing() {
			plain = e.encode()
		}
		_, err = u.vault.ReplaceRecord(ctx, tokenstore.Key{Provider: entryProvider, UserID: userID}, v, plain)
		switch {
		case err == nil:
			if dropped > 0 {
				u.store.logger.InfoContext(ctx, "session: a user has too many sessions; the least recently used ended", "user_id", userID, "ended", dropped)
			}
			return e.unfinished(), nil
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
