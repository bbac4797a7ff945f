package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/xsignin/xsignin/provider"
)

// SignIn signs u in to this browser's session. Call it before the answer begins.
//
// The session gets a new id, so that an attacker who planted the old one does not share the sign-in.
// Values that the application keeps in the session stay, unless a user with another ID was
// signed in.
//
// The record is in the store when SignIn returns, and the session is in the list of the
// user's sessions. Then the session that the browser had before ends; if that fails, it is
// logged, and the sign-in stands. The cookie is written here, or by the middleware that
// put the session into r's context.
//
// The sign-in is finished or undone although r's context ends. If r's context has ended
// by then, it is undone, and nothing is written to w. On an error nothing of the sign-in
// remains.
func (m *Manager) SignIn(w http.ResponseWriter, r *http.Request, u provider.User) error {
	if !signedIn(u) {
		return errors.New("session: signing in: the user has no provider or no id")
	}
	s := &signIn{m: m, r: r, joined: m.loaded(r.Context())}
	steps := []func(provider.User) error{s.load, s.list, s.commit}
	for _, step := range steps {
		if err := step(u); err != nil {
			return fmt.Errorf("session: signing in: %w", join(err, s.undo()))
		}
	}
	if err := r.Context().Err(); err != nil {
		return fmt.Errorf("session: signing in: the request has ended: %w", join(err, s.undo()))
	}
	s.endOld()
	if roll := rollbackOf(r.Context()); roll != nil {
		roll.add(s.undo)
	}
	if !s.joined {
		m.writeCookie(w, s.token, s.deadline, m.sm.Cookie.Persist || m.sm.GetBool(s.ctx, rememberKey))
	}
	return nil
}

// signIn is a sign-in that begins.
type signIn struct {
	m      *Manager
	r      *http.Request
	joined bool // a middleware has put the session into r's context

	ctx      context.Context // holds the session, and does not end with the request
	oldToken string
	old      identity
	oldEnd   time.Time

	key      string
	deadline time.Time
	identity identity
	token    string
	listed   bool
	wrote    bool
}

// load loads the browser's session and gives it a new id.
func (s *signIn) load(u provider.User) error {
	m := s.m
	s.ctx = context.WithoutCancel(s.r.Context())
	if !s.joined {
		token, err := m.token(s.ctx, s.r)
		if err != nil {
			return err
		}
		if s.ctx, _, err = m.load(s.ctx, token); err != nil {
			return err
		}
		s.oldToken = token
	} else {
		s.oldToken = m.sm.Token(s.ctx)
	}
	if s.oldToken != "" {
		s.old, s.oldEnd = m.identityIn(s.ctx), m.sm.Deadline(s.ctx)
	}
	if err := m.sm.RenewToken(keep(s.ctx)); err != nil {
		return err
	}
	s.key, s.deadline = m.store.key(m.sm.Token(s.ctx)), m.sm.Deadline(s.ctx)
	if signedIn(s.old.user) && s.old.user.ID != u.ID {
		return m.sm.Clear(s.ctx)
	}
	return nil
}

// list adds the session to the list of the user's sessions.
func (s *signIn) list(u provider.User) error {
	s.identity = identity{user: u, id: newSessionID()}
	copy(s.identity.key[:], s.key)
	users := s.m.store.users
	if users == nil {
		return nil
	}
	s.listed = true
	now := time.Now()
	stamp, err := users.add(s.ctx, u.ID, listed{
		id: s.identity.id, key: s.key, provider: u.Provider, account: u.AccountID, agent: s.r.UserAgent(),
		deadline: s.deadline, created: now, used: now,
	})
	s.identity.stamp = stamp
	return err
}

// commit writes the record. A sign-out everywhere that comes in between wins.
func (s *signIn) commit(provider.User) error {
	s.m.putIdentity(s.ctx, s.identity)
	s.wrote = true
	var err error
	s.token, _, err = s.m.sm.Commit(reportEnded(s.ctx))
	if err == nil && s.m.store.users != nil {
		s.m.store.users.touches.claim(s.identity.id, time.Now(), touchEvery)
	}
	return err
}

// endOld ends the session that the browser had before.
func (s *signIn) endOld() {
	if s.oldToken == "" {
		return
	}
	m := s.m
	if err := m.store.DeleteCtx(s.ctx, m.store.key(s.oldToken)); err != nil {
		m.logger.WarnContext(s.ctx, "session: the session from before the sign-in is still open", "err", err)
	}
	m.store.users.mark(s.ctx, s.old, s.oldEnd, 0)
}

// undo removes the sign-in. A session that a middleware loaded ends with it, since its id was
// renewed.
func (s *signIn) undo() error {
	if s.key == "" {
		return nil
	}
	ctx, cancel := finish(s.ctx)
	defer cancel()
	var err error
	if s.wrote {
		err = s.m.store.erase(ctx, s.key, s.deadline)
	}
	if s.joined {
		err = join(err, s.m.store.DeleteCtx(ctx, s.m.store.key(s.oldToken)))
		_ = s.m.sm.Clear(ctx) // never fails
		_ = s.m.sm.Destroy(keep(ctx))
	}
	if s.listed {
		s.m.store.users.mark(ctx, s.identity, s.deadline, 0)
	}
	return err
}

// SignOut ends this browser's session and clears its cookie, if it sent one. The
// session's id is dead for good: a request that is still running does not bring it back.
// If the browser sent several cookies of the name, each of their sessions ends. Call
// SignOut before the answer begins.
//
// An error means that the store failed, and that the session may still be open. The cookie
// then stays, and so does the session that a middleware put into r's context, so that the
// visitor can try again. If the token store is away, the visitor is signed out all the same.
func (m *Manager) SignOut(w http.ResponseWriter, r *http.Request) error {
	ctx := context.WithoutCancel(r.Context())
	var err error
	loaded := ""
	var marks []func()
	if m.loaded(ctx) {
		loaded = m.sm.Token(ctx)
		i, deadline := m.identityIn(ctx), m.sm.Deadline(ctx)
		marks = append(marks, func() { m.store.users.mark(ctx, i, deadline, 0) })
	}
	sent := m.eachToken(r, func(token string) bool {
		if token == loaded {
			return true
		}
		b, removeErr := m.store.remove(ctx, m.store.key(token))
		err = join(err, removeErr)
		if rec, ok := m.store.decode(b); ok {
			marks = append(marks, func() { m.store.users.mark(ctx, rec.identity, rec.deadline, 0) })
		}
		return true
	})
	if m.loaded(ctx) && err == nil {
		err = m.end(ctx, sent)
	}
	if err != nil {
		return fmt.Errorf("session: signing out: %w", err)
	}
	for _, mark := range marks {
		mark()
	}
	if sent && r.Context().Err() == nil {
		m.clearCookies(w, r)
	}
	return nil
}

// end ends the session that ctx holds, which stays as it is if the store fails. known is
// whether the browser or the store knows the session: a destroyed session makes the
// middleware clear the cookie, even of a browser that has none.
func (m *Manager) end(ctx context.Context, known bool) error {
	if !known && m.sm.Token(ctx) == "" {
		return m.sm.Clear(ctx)
	}
	return m.sm.Destroy(ctx)
}
