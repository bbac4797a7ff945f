package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/xsignin/xsignin/internal/answer"
	"github.com/xsignin/xsignin/provider"
)

// SignIn signs u in to this browser's session. Call it before the answer begins.
//
// The session gets a new id. Values that the application keeps in it stay, unless a user with
// another ID was signed in. When SignIn returns, the record is stored, and the session is in
// the list of the user's sessions. The browser's former session has ended; a failure to end it
// is logged. The cookie is written here, or by the middleware that has loaded the session.
//
// If r's context ends meanwhile, the sign-in is undone, and nothing is written to w. After an
// error nothing of the sign-in remains.
//
// SignIn calls each function in then once, when the session is saved or the save has failed.
// Behind [Manager.LoadAndSave] this is after the answer.
func (m *Manager) SignIn(w http.ResponseWriter, r *http.Request, u provider.User, then ...func(saved bool) error) error {
	s := &signIn{Manager: m, joined: m.loaded(r.Context())}
	err := s.begin(r, u)
	if err == nil && s.oldToken != "" && r.Context().Err() == nil {
		if err := m.store.DeleteCtx(s.ctx, keyOf(s.oldToken)); err != nil {
			m.store.logger.WarnContext(s.ctx, "session: the session from before the sign-in is still open", "err", err)
		}
		m.store.users.mark(s.ctx, s.old)
	}
	if err = cmp.Or(err, r.Context().Err()); err != nil {
		// An unavailable store returns the same error at every step.
		all := append(steps{s.undo}, then...)
		if undone := all.end(false); undone != nil && undone.Error() != err.Error() {
			err = errors.Join(err, undone)
		}
		return fmt.Errorf("session: signing in: %w", err)
	}
	if !s.joined {
		dropCookie(w.Header(), m.sm.Cookie.Name)
		m.sm.WriteSessionCookie(s.ctx, w, m.sm.Token(s.ctx), s.new.deadline)
	}
	if commit, ok := r.Context().Value(lastCommit).(*steps); ok {
		*commit = append(append(*commit, s.undo), then...)
		return nil
	}
	all := steps(then)
	return all.end(true)
}

type signIn struct {
	*Manager
	joined   bool            // a middleware has put the session into the request's context
	ctx      context.Context // holds the session, and does not end with the request
	oldToken string
	old, new record
	key      string // of the new record
}

// begin gives the browser's session a new id, lists it and writes its record.
func (s *signIn) begin(r *http.Request, u provider.User) (err error) {
	if u.Provider == "" || u.ID == "" {
		return errors.New("the user has no provider or no id")
	}
	s.ctx, s.oldToken, err = s.load(context.WithoutCancel(r.Context()), s.sm, r)
	if err != nil {
		return err
	}
	if s.oldToken != "" {
		s.old = record{identity: s.identityIn(s.ctx), deadline: s.sm.Deadline(s.ctx)}
	}
	if err := s.sm.RenewToken(with(s.ctx, keep)); err != nil {
		return err
	}
	if s.old.signedIn() && s.old.user.ID != u.ID {
		_ = s.sm.Clear(s.ctx) // never fails
	}
	s.key, s.new.deadline = keyOf(s.sm.Token(s.ctx)), s.sm.Deadline(s.ctx)
	s.new.identity = identity{user: u, id: idOf(s.key), key: s.key[:keyPrefix]}
	if err := s.store.users.add(s.ctx, s.key, &s.new, r.UserAgent()); err != nil {
		return err
	}
	s.sm.Put(s.ctx, identityKey, s.store.identityValue(s.new.identity))
	// If a sign-out everywhere comes in between, the sign-in fails.
	_, _, err = s.sm.Commit(with(s.ctx, reportEnded))
	return err
}

// undo removes a sign-in that is not saved, and the session that a middleware loaded.
func (s *signIn) undo(saved bool) error {
	if saved || s.key == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, finishTime)
	defer cancel()
	err := s.store.erase(ctx, s.key, s.new.deadline)
	if s.joined {
		err = errors.Join(err, s.store.DeleteCtx(ctx, keyOf(s.oldToken)), s.sm.Destroy(with(ctx, keep)))
	}
	s.store.users.mark(ctx, s.new)
	return err
}

// SignOut ends this browser's session for good and clears its cookie, if it sent one. If the
// browser sent several cookies of the name, each of their sessions ends. Call SignOut before
// the answer begins.
//
// An error means that the store failed, and that the session may still be open. The cookie
// then stays, so that the visitor can try again. If only the token store is unavailable, the
// visitor is signed out.
func (m *Manager) SignOut(w http.ResponseWriter, r *http.Request) (err error) {
	ctx := context.WithoutCancel(r.Context())
	tokens, sent := m.tokens(r, nil)
	loaded := m.loaded(ctx)
	if loaded && m.sm.Token(ctx) != "" && !slices.Contains(tokens, m.sm.Token(ctx)) {
		tokens = append(tokens, m.sm.Token(ctx))
	}
	for _, token := range tokens {
		rec, removeErr := m.store.remove(ctx, keyOf(token))
		if err = cmp.Or(err, removeErr); removeErr == nil {
			m.store.users.mark(ctx, rec)
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("session: signing out: %w", err)
	case loaded && (sent || len(tokens) > 0):
		_ = m.sm.Destroy(with(ctx, keep)) // never fails
	case loaded:
		// After Destroy the middleware clears the cookie, even of a browser that has none.
		_ = m.sm.Clear(ctx)
	}
	if sent && r.Context().Err() == nil {
		m.clearCookies(w, r, len(tokens) > 1)
	}
	return nil
}

// LoadAndSave is scs's middleware of that name, for applications that keep values in the
// session. It may wrap the whole application. If the session cannot be saved after a sign-in in
// the same request, the sign-in is undone, and scs's ErrorFunc answers. A Flush before the
// first Write loses the cookie. Behind another LoadAndSave of the sessions it does nothing.
//
// Unlike scs's, it writes nothing after the request's context has ended.
func (m *Manager) LoadAndSave(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.loaded(r.Context()) {
			next.ServeHTTP(w, r)
			return
		}
		commit := new(steps)
		ctx := context.WithValue(with(r.Context(), reportEnded), lastCommit, commit)
		// The cookie of this copy lasts until the deadline. The store knows the idle timeout.
		sm := *m.sm
		sm.IdleTimeout = 0
		sm.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
			// The session ended while the request ran. The browser has a newer cookie, or none.
			if undone := commit.end(false); !errors.Is(err, errEnded) {
				m.sm.ErrorFunc(w, r, errors.Join(err, undone))
			}
		}
		own := answer.NewRequestWriter(ctx, w)
		ctx, _, err := m.load(ctx, &sm, r)
		if err != nil {
			m.sm.ErrorFunc(own, r, err)
			return
		}
		saved := false // also if next panics
		defer func() { _ = commit.end(saved) }()
		sm.LoadAndSave(next).ServeHTTP(own, r.WithContext(ctx))
		saved = own.Begun || ctx.Err() == nil
	})
}

// unavailable answers a request whose session could not be read or saved.
func (m *Manager) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	log := m.store.logger.ErrorContext
	if errors.Is(r.Context().Err(), context.Canceled) {
		log = m.store.logger.DebugContext // the visitor has left
	}
	log(r.Context(), "session: the store failed", "err", err)
	for _, name := range [...]string{"Content-Disposition", "Content-Encoding", "Etag", "Last-Modified", "Location", "Refresh"} {
		w.Header().Del(name)
	}
	w.Header().Set("Retry-After", "5")
	answer.SetCacheControl(w.Header(), "no-store")
	http.Error(w, "Your session cannot be read or saved at the moment. Please try again.", http.StatusServiceUnavailable)
}

// steps are functions to call once the session is saved, or the save has failed.
type steps []func(saved bool) error

// end calls the steps, once.
func (s *steps) end(saved bool) (err error) {
	all := *s
	*s = nil
	for _, then := range all {
		err = errors.Join(err, then(saved))
	}
	return err
}
