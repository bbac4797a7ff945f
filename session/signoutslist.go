package session

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// signOutList is the list as it was read at some moment. It is never changed.
type signOutList struct {
	read uint64    // the number of the read
	asOf time.Time // when the read began
	// version is that of the head; "" if there is none.
	version  tokenstore.Version
	position uint64
	// Positions of users on closed pages, which are named, and on the open one. Two
	// maps, because a sign-out changes the small one only.
	pages  []string
	closed map[signOutKey]signOutEnd
	open   map[signOutKey]signOutEnd
}

// signOutEnd is a user's newest sign-out, and when it ends no session any more, in
// milliseconds since 1970.
type signOutEnd struct {
	position uint64
	until    int64
}

// younger reports whether the list is younger than age. No list is not.
func (l *signOutList) younger(age time.Duration, now time.Time) bool {
	if l == nil {
		return false
	}
	old := now.Sub(l.asOf)
	return old >= 0 && old < age
}

func (l *signOutList) empty() bool { return len(l.open) == 0 && len(l.closed) == 0 }

func (l *signOutList) ended(userID string, position uint64) bool {
	if l.empty() {
		return false
	}
	key := signOutKeyOf(userID)
	return l.open[key].position > position || l.closed[key].position > position
}

// signOutKeyOf names a user on the list. The buffer keeps it from allocating for ids of
// ordinary length.
func signOutKeyOf(userID string) signOutKey {
	var buf [256]byte
	sum := sha256.Sum256(append(buf[:0], userID...))
	return signOutKey(sum[:len(signOutKey{})])
}

// join returns the two lists as one: where l does not reach the position of other.
func (l *signOutList) join(other *signOutList) *signOutList {
	both := *l
	both.position = max(l.position, other.position)
	both.closed, both.open = union(l.closed, other.closed), union(l.open, other.open)
	return &both
}

func union(a, b map[signOutKey]signOutEnd) map[signOutKey]signOutEnd {
	if len(b) == 0 {
		return a
	}
	u := make(map[signOutKey]signOutEnd, len(a)+len(b))
	maps.Copy(u, a)
	for k, e := range b {
		u[k] = later(u[k], e)
	}
	return u
}

func later(a, b signOutEnd) signOutEnd {
	if b.position > a.position {
		return b
	}
	return a
}

// read reads what is new, and returns the list that is in memory then.
func (s *SignOuts) read(ctx context.Context) (*signOutList, error) {
	next := &signOutList{read: s.reads.Add(1), asOf: time.Now()}
	// A page that is missing was dropped since the head was read, or is lost.
	for range 5 {
		head, err := s.head(ctx)
		if err != nil {
			return nil, err
		}
		known := s.list.Load()
		if known != nil && known.version == head.version {
			next.version, next.position = known.version, known.position
			next.pages, next.closed, next.open = known.pages, known.closed, known.open
			return s.publish(next), nil
		}
		next.version, next.position = head.version, head.position
		next.open = positions(nil, head.entries)
		err = s.readPages(ctx, next, known, head.pages)
		switch {
		case err == nil:
			return s.publish(next), nil
		case !errors.Is(err, tokenstore.ErrNotFound):
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: a page of it is missing", errSignOuts)
}

// readPages fills in the closed pages. They never change, so those known are not read.
func (s *SignOuts) readPages(ctx context.Context, next, known *signOutList, pages []signOutPage) error {
	next.pages, next.closed = make([]string, len(pages)), nil
	for i, p := range pages {
		next.pages[i] = p.name
	}
	var have []string
	if known != nil {
		if slices.Equal(next.pages, known.pages) {
			next.closed = known.closed
			return nil
		}
		// Those of dropped pages go with their time.
		next.closed = maps.Clone(known.closed)
		now := next.asOf.UnixMilli()
		maps.DeleteFunc(next.closed, func(_ signOutKey, e signOutEnd) bool { return e.until <= now })
		have = known.pages
	}
	for _, name := range next.pages {
		if slices.Contains(have, name) {
			continue
		}
		page, err := s.get(ctx, name)
		if err != nil {
			return err
		}
		entries, err := decodeSignOutPage(page.Value)
		if err != nil {
			return err
		}
		next.closed = positions(next.closed, entries)
	}
	return nil
}

// positions adds entries to m, which may be nil.
func positions(m map[signOutKey]signOutEnd, entries []signOut) map[signOutKey]signOutEnd {
	if m == nil {
		m = make(map[signOutKey]signOutEnd, len(entries))
	}
	for _, e := range entries {
		m[e.key] = later(m[e.key], signOutEnd{e.position, e.until.UnixMilli()})
	}
	return m
}

// publish makes next the list that requests go by, unless a later read was quicker,
// and returns the one that is.
func (s *SignOuts) publish(next *signOutList) *signOutList {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.list.Load()
	if known != nil && known.read >= next.read {
		return known
	}
	if known != nil && next.position < known.position {
		// It was read before a sign-out of this process was written, or the store has
		// lost what it had.
		next = next.join(known)
	}
	s.list.Store(next)
	return next
}

// note puts a sign-out that was just written on the list in memory.
func (s *SignOuts) note(e signOut) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.list.Load()
	next := *known
	next.position = max(known.position, e.position)
	next.open = maps.Clone(known.open)
	next.open = positions(next.open, []signOut{e})
	s.list.Store(&next)
}

// signOutHead is the head as it is in the store.
type signOutHead struct {
	version  tokenstore.Version
	position uint64
	pages    []signOutPage
	entries  []signOut
}

// head reads the head; where there is none it is empty.
func (s *SignOuts) head(ctx context.Context) (signOutHead, error) {
	e, err := s.get(ctx, headName)
	if errors.Is(err, tokenstore.ErrNotFound) {
		return signOutHead{}, nil
	}
	if err != nil {
		return signOutHead{}, err
	}
	head, err := decodeSignOutHead(e.Value)
	head.version = e.Version
	return head, err
}

func (s *SignOuts) get(ctx context.Context, name string) (tokenstore.Entry, error) {
	call, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	e, err := s.store.Get(call, signOutsKey(name))
	if errors.Is(err, tokenstore.ErrNotFound) {
		return e, err // which is not for people
	}
	if err != nil {
		return e, fmt.Errorf("session: reading the list of sign-outs: %w", err)
	}
	return e, nil
}
