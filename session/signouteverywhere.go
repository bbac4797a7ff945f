package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

// SignOutEverywhere ends every session of a user: here when it returns, and on the other
// replicas within five seconds, see [NewSignOuts]. userID is the application's id of
// the user, [provider.User].ID, which differs from User.AccountID where the application chose it.
// Records stay in the store until they are met or expire; they open nothing.
//
// A sign-in that the user has begun and not finished is a new one when it ends, and
// stays. An error means that nothing may have changed: the list could not be read or
// written, or the Manager was made without one.
func (m *Manager) SignOutEverywhere(ctx context.Context, userID string) error {
	switch {
	case m.store.signOuts == nil:
		return errors.New("session: signing out everywhere: the manager has no list of sign-outs: set SignOuts in its configuration")
	case userID == "":
		return errors.New("session: signing out everywhere: the user has no ID")
	}
	if err := m.store.signOuts.end(ctx, userID); err != nil {
		return fmt.Errorf("session: signing out everywhere: %w", err)
	}
	return nil
}

// HasSignOuts reports whether [Manager.SignOutEverywhere] can work.
func (m *Manager) HasSignOuts() bool { return m.store.signOuts != nil }

// end puts userID on the list.
func (s *SignOuts) end(ctx context.Context, userID string) error {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	// It holds here at once only where there is a list for it.
	if s.list.Load() == nil {
		if _, err := s.read(ctx); err != nil {
			return err
		}
	}
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		err := s.write(ctx, signOutKeyOf(userID))
		if !errors.Is(err, tokenstore.ErrConflict) {
			return err
		}
	}
}

// write tries to put key on the list, once.
func (s *SignOuts) write(ctx context.Context, key signOutKey) error {
	head, err := s.head(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	e := signOut{
		key: key,
		// One more is enough while the store keeps the list. Where it was lost, the time
		// is beyond what sessions of before know.
		position: max(head.position+1, s.list.Load().position+1, uint64(now.UnixMilli())),
		until:    now.Add(s.lifetime + keepMargin),
	}
	next := head.without(key, now)
	var page string
	if len(next.entries) >= s.pageSize {
		if page, err = s.closePage(ctx, &next); err != nil {
			return err
		}
	}
	next.position, next.entries = e.position, append(next.entries, e)
	err = s.replaceHead(ctx, head.version, next)
	if err != nil && !errors.Is(err, tokenstore.ErrConflict) && s.written(ctx, e) {
		err = nil
	}
	if err != nil {
		if errors.Is(err, tokenstore.ErrConflict) && page != "" {
			s.dropUnnamed(ctx, page)
		}
		return err
	}
	s.note(e)
	for _, p := range head.pages {
		if !slices.Contains(next.pages, p) {
			s.drop(ctx, p.name)
		}
	}
	return nil
}

// written reports whether e is on the list although the store has said that it could not
// write it: who is told so must not have been signed out.
func (s *SignOuts) written(ctx context.Context, e signOut) bool {
	head, err := s.head(ctx)
	return err == nil && slices.ContainsFunc(head.entries, func(there signOut) bool {
		return there.key == e.key && there.position == e.position
	})
}

// without returns the head without key's entry, which another replaces, and without
// what ends no session any more.
func (h signOutHead) without(key signOutKey, now time.Time) signOutHead {
	next := signOutHead{position: h.position}
	for _, p := range h.pages {
		if p.until.After(now) {
			next.pages = append(next.pages, p)
		}
	}
	for _, e := range h.entries {
		if e.key != key && e.until.After(now) {
			next.entries = append(next.entries, e)
		}
	}
	return next
}

// closePage writes the open page as one of its own, which h then names.
func (s *SignOuts) closePage(ctx context.Context, h *signOutHead) (name string, err error) {
	if len(h.pages) >= signOutMaxPages {
		return "", fmt.Errorf("session: the list of sign-outs is full: it has room for %d sign-outs everywhere within the lifetime of a session", signOutMaxPages*s.pageSize)
	}
	p := signOutPage{name: rand.Text()}
	for _, e := range h.entries {
		if e.until.After(p.until) {
			p.until = e.until
		}
	}
	call, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if _, err := s.store.Put(call, signOutsKey(p.name), encodeSignOutPage(h.entries)); err != nil {
		return "", fmt.Errorf("session: writing the list of sign-outs: %w", err)
	}
	h.pages, h.entries = append(h.pages, p), nil
	return p.name, nil
}

func (s *SignOuts) replaceHead(ctx context.Context, v tokenstore.Version, h signOutHead) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if _, err := s.store.Replace(ctx, signOutsKey(headName), v, h.encode()); err != nil {
		return fmt.Errorf("session: writing the list of sign-outs: %w", err)
	}
	return nil
}

// dropUnnamed deletes a page unless the head names it: a driver that sends a write again
// by itself may tell of a conflict with the first one, and a head that names a missing
// page cannot be read by anybody.
func (s *SignOuts) dropUnnamed(ctx context.Context, name string) {
	head, err := s.head(ctx)
	if err == nil && !slices.ContainsFunc(head.pages, func(p signOutPage) bool { return p.name == name }) {
		s.drop(ctx, name)
	}
}

// drop deletes a page that the head does not name. One that stays takes room and does
// nothing.
func (s *SignOuts) drop(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	if e, err := s.store.Get(ctx, signOutsKey(name)); err == nil {
		_ = s.store.Delete(ctx, signOutsKey(name), e.Version)
	}
}
