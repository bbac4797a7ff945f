package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

const (
	// entryProvider is the reserved provider of the entries in the token store.
	entryProvider = ".sessions"
	// entryTime bounds a read and write of an entry, with all repetitions after conflicts.
	entryTime = 5 * time.Second
	// markTime is how long a request waits for an entry that it can do without.
	markTime = 2 * time.Second
	// endTime bounds the deletion of the records of sessions that end.
	endTime = 20 * time.Second
	// firstPause and lastPause bound the pause after a conflict.
	firstPause = 2 * time.Millisecond
	lastPause  = 250 * time.Millisecond
	// lastRetry is the longest pause before a mark or a deletion is tried again.
	lastRetry = time.Minute
	// maxRetries is how often it is tried: for about two hours.
	maxRetries = 120
	// touchEvery is how often a session is touched in the background.
	touchEvery = 10 * time.Minute
	// maxTouched is how many sessions a process remembers to have touched.
	maxTouched = 200_000
	// touchesAtOnce is how many touches run at the same time.
	touchesAtOnce = 16
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
}

// UserSessions lists the sessions of each user and ends them. The list of a user is one
// sealed entry of the token store. [Manager.UserSessions] returns it. Goroutines may share a
// UserSessions.
//
// Ending sessions holds at once on all replicas that share the session store. In two cases a
// session stays open until it is next touched, which a replica does at most once in ten
// minutes, in the background of a request:
//
//   - a write of its record arrived after the record was deleted;
//   - its record is in the memory of another process.
//
// The list holds at most 200 sessions of a user, and 48 KiB. Above that the least recently
// used session ends. A user who signs in again has a new session.
//
// An ordinary request neither reads nor writes the token store. If the store loses an entry,
// users stay signed in, and sessions are listed again when they are touched.
type UserSessions struct {
	store   *store
	vault   *tokenstore.Vault
	logger  *slog.Logger
	touches *touches[sessionID]
	slots   chan struct{} // full when enough touches run
}

func newUserSessions(s *store, vault *tokenstore.Vault, logger *slog.Logger) *UserSessions {
	return &UserSessions{
		store: s, vault: vault, logger: logger,
		touches: newTouches[sessionID](maxTouched / 2), slots: make(chan struct{}, touchesAtOnce),
	}
}

// List returns the sessions of a user, the most recently used first. userID is
// [provider.User].ID.
func (u *UserSessions) List(ctx context.Context, userID string) ([]UserSession, error) {
	e, _, err := u.read(ctx, userID)
	if err != nil {
		return nil, fmt.Errorf("session: listing sessions: %w", err)
	}
	e.trim(time.Now())
	slices.SortFunc(e.sessions, func(a, b listed) int { return b.used.Compare(a.used) })
	var list []UserSession
	for _, l := range e.sessions {
		list = append(list, UserSession{
			ID: l.id.String(), Provider: l.provider, AccountID: l.account, UserAgent: l.agent,
			Created: l.created, LastUsed: l.used, Deadline: l.deadline,
		})
	}
	return list, nil
}

// End ends one session of a user. A session that is not in the list has ended.
func (u *UserSessions) End(ctx context.Context, userID, id string) error {
	return u.end(ctx, userID, func(l listed) bool { return l.id.String() == id })
}

// EndOthers ends all listed sessions of a user but one. [Manager.SessionID] returns the
// current one.
func (u *UserSessions) EndOthers(ctx context.Context, userID, keep string) error {
	return u.end(ctx, userID, func(l listed) bool { return l.id.String() != keep })
}

// EndAccount ends the listed sessions of a user that were signed in with an account. The
// providers are those that share the ids of accounts, as x and x-oauth1 do.
func (u *UserSessions) EndAccount(ctx context.Context, userID, accountID string, providers ...string) error {
	return u.end(ctx, userID, func(l listed) bool {
		return l.account == accountID && slices.Contains(providers, l.provider)
	})
}

// EndAll ends all sessions of a user, also those that are not in the list. A sign-in that
// comes later stays.
//
// An error means that not all sessions may have ended. If the entry was written, this process
// goes on with the deletion in the background.
func (u *UserSessions) EndAll(ctx context.Context, userID string) error {
	return u.ending(ctx, userID, func(e *entry) { e.endAll(time.Now()) })
}

func (u *UserSessions) end(ctx context.Context, userID string, match func(listed) bool) error {
	return u.ending(ctx, userID, func(e *entry) { e.end(match) })
}

// ending writes the end of sessions into the entry, then deletes their records.
func (u *UserSessions) ending(ctx context.Context, userID string, change func(*entry)) error {
	if userID == "" {
		return errors.New("session: ending sessions: the user has no ID")
	}
	var left []unfinished
	err := u.update(ctx, userID, true, func(e *entry) bool {
		change(e)
		left = slices.Clone(e.unfinished)
		return true
	})
	if err == nil {
		err = u.finish(ctx, userID, left, 0)
	}
	if err != nil {
		return fmt.Errorf("session: ending sessions: %w", err)
	}
	return nil
}

// finish deletes the records of sessions that have ended, and then removes them from the
// entry. It tries again in the background what fails.
func (u *UserSessions) finish(ctx context.Context, userID string, left []unfinished, tries int) error {
	if len(left) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	var mu sync.Mutex
	var first error
	done := make(map[string]bool)
	var wg sync.WaitGroup
	queue := make(chan unfinished, len(left))
	for _, l := range left {
		queue <- l
	}
	close(queue)
	for range min(eraseAtOnce, len(left)) {
		wg.Go(func() {
			for l := range queue {
				err := u.store.erase(ctx, l.key, l.deadline)
				mu.Lock()
				if done[l.key] = err == nil; err != nil && first == nil {
					first = err
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	left = slices.DeleteFunc(left, func(l unfinished) bool { return done[l.key] })
	u.forget(userID, done)
	if len(left) > 0 {
		u.retry(tries, func(ctx context.Context, tries int) { _ = u.finish(ctx, userID, left, tries) })
	}
	return first
}

// resume finishes in the background what another process left.
func (u *UserSessions) resume(userID string, left []unfinished) {
	if len(left) > 0 {
		u.store.later.background(func(ctx context.Context) { _ = u.finish(ctx, userID, left, 0) })
	}
}

// forget removes the keys from the entry whose record was deleted.
func (u *UserSessions) forget(userID string, done map[string]bool) {
	u.store.later.background(func(ctx context.Context) {
		_ = u.update(ctx, userID, false, func(e *entry) bool {
			n := len(e.unfinished)
			e.unfinished = slices.DeleteFunc(e.unfinished, func(l unfinished) bool { return done[l.key] })
			return len(e.unfinished) != n
		})
	})
}

// retry calls f later, unless it was tried often enough.
func (u *UserSessions) retry(tries int, f func(ctx context.Context, tries int)) {
	if tries >= maxRetries {
		return
	}
	wait := min(time.Second<<min(tries, 10), lastRetry)
	u.store.later.after(wait, func(ctx context.Context) { f(ctx, tries+1) })
}

// add lists a session that is about to begin, and returns its stamp.
func (u *UserSessions) add(ctx context.Context, userID string, l listed) (stamp uint64, err error) {
	dropped := 0
	var left []unfinished
	err = u.update(ctx, userID, true, func(e *entry) bool {
		if there := e.find(l.id); there != nil {
			// The store took a write that it reported as failed.
			l.stamp = there.stamp
			return false
		}
		l.stamp = e.nextStamp(time.Now())
		e.put(l)
		dropped = e.trim(time.Now())
		left = slices.Clone(e.unfinished)
		return true
	})
	if err == nil {
		u.resume(userID, left)
	}
	if dropped > 0 {
		u.logger.InfoContext(ctx, "session: a user has too many sessions; the least recently used ended", "user_id", userID, "ended", dropped)
	}
	return l.stamp, err
}

// mark marks a session as ended whose record was deleted. It waits for a short time, and
// tries again in the background.
func (u *UserSessions) mark(ctx context.Context, i identity, deadline time.Time, tries int) {
	if u == nil || !signedIn(i.user) || i.id == (sessionID{}) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), markTime)
	defer cancel()
	err := u.update(ctx, i.user.ID, true, func(e *entry) bool {
		if e.refuses(i.id, i.stamp) {
			return false
		}
		e.sessions = slices.DeleteFunc(e.sessions, func(l listed) bool { return l.id == i.id })
		e.ended = append(e.ended, endedSession{i.id, deadline})
		return true
	})
	if err != nil {
		u.retry(tries, func(ctx context.Context, tries int) { u.mark(ctx, i, deadline, tries) })
	}
}

// touchLater checks a session in the background, at most once in ten minutes.
func (u *UserSessions) touchLater(key string, rec *record) {
	if len(u.slots) == cap(u.slots) || !u.touches.claim(rec.id, time.Now(), touchEvery) {
		return
	}
	select {
	case u.slots <- struct{}{}:
	default:
		return
	}
	seen := *rec
	u.store.later.background(func(ctx context.Context) {
		defer func() { <-u.slots }()
		ctx, cancel := context.WithTimeout(ctx, entryTime)
		defer cancel()
		// A write that came after the sign-out may have brought the record back.
		if ended, err := u.store.sweep(ctx, key, tombstoneKey(key)); ended || err != nil {
			return
		}
		if refused, err := u.check(ctx, key, &seen, touchEvery); refused && err == nil {
			_ = u.store.erase(ctx, key, seen.deadline)
		}
	})
}

// fresh reports whether the record has the key that its identity names, and was touched
// lately.
func (u *UserSessions) fresh(rec *record, key []byte) bool {
	return rec.id != sessionID{} && string(rec.key[:]) == string(key[:keyPrefix]) && !u.touches.due(rec.id, time.Now(), touchEvery)
}

// check reports whether the entry says that the session has ended. Otherwise it lists the
// session if it is missing, and records its use if the last record is older than stale. An
// entry that cannot be opened is left alone.
func (u *UserSessions) check(ctx context.Context, key string, rec *record, stale time.Duration) (refused bool, err error) {
	var left []unfinished
	err = u.update(ctx, rec.user.ID, false, func(e *entry) bool {
		if refused = e.refuses(rec.id, rec.stamp); refused {
			return false
		}
		now := time.Now()
		l := listed{id: rec.id, stamp: rec.stamp, provider: rec.user.Provider, account: rec.user.AccountID, created: rec.user.SignedInAt}
		if there := e.find(rec.id); there != nil {
			l = *there
		}
		if l.key == key && l.deadline.Equal(rec.deadline) && now.Sub(l.used) < stale {
			return false
		}
		l.key, l.deadline, l.used = key, rec.deadline, now
		e.put(l)
		left = slices.Clone(e.unfinished)
		return true
	})
	if err == nil {
		u.resume(rec.user.ID, left)
	}
	return refused, err
}

// register lists a session under the key that it has now: the application renewed the
// session id by scs, or the session is older than the list. The request waits. It reports
// whether the session may be used. If the token store is away, the next request tries again.
func (u *UserSessions) register(ctx context.Context, key string, rec *record) bool {
	ctx, cancel := context.WithTimeout(ctx, markTime)
	defer cancel()
	moved := *rec
	if moved.id == (sessionID{}) {
		moved.id = newSessionID()
	}
	copy(moved.key[:], key)
	refused, err := u.check(ctx, key, &moved, 0)
	switch {
	case err != nil:
		return true
	case refused:
		_ = u.store.erase(context.WithoutCancel(ctx), key, rec.deadline)
		return false
	}
	b, err := u.store.encode(moved)
	if err == nil {
		err = u.store.CommitCtx(reportEnded(ctx), key, b, u.store.expiry(moved.deadline))
	}
	if errors.Is(err, errEnded) {
		return false
	}
	if err == nil {
		moved.raw = b
		*rec = moved
	}
	return true
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
	if err != nil {
		err = tokenstore.ErrUnreadable
	}
	return e, v, err
}

// update changes the entry of a user by a conditional write, until no other write comes in
// between. change returns false if there is nothing to write. With replace, it replaces an
// entry that cannot be opened.
func (u *UserSessions) update(ctx context.Context, userID string, replace bool, change func(*entry) bool) error {
	ctx, cancel := context.WithTimeout(ctx, entryTime)
	defer cancel()
	for wait := firstPause; ; wait = min(2*wait, lastPause) {
		e, v, err := u.read(ctx, userID)
		if replace && unreadable(err) {
			u.logger.ErrorContext(ctx, "session: the list of a user's sessions cannot be opened; it is replaced", "user_id", userID, "err", err)
			e, err = entry{}, nil
		}
		if err != nil || !change(&e) {
			return err
		}
		e.trim(time.Now())
		_, err = u.vault.ReplaceRecord(ctx, tokenstore.Key{Provider: entryProvider, UserID: userID}, v, e.encode())
		if !errors.Is(err, tokenstore.ErrConflict) {
			return err
		}
		timer := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// unreadable reports whether an entry is there and does not open.
func unreadable(err error) bool {
	return err != nil && (errors.Is(err, tokenstore.ErrUnreadable) || errors.As(err, new(*tokenstore.UnknownKeyError)))
}
