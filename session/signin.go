package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/xsignin/xsignin/provider"
)

// SignIn signs u in to this browser's session. Call it before the answer begins.
//
// The session gets a new id, and the old id is dead, so that nobody who planted it
// shares the sign-in. Values that the application keeps in the session stay, unless
// a user with another ID was signed in, or the session was ended everywhere:
// then they are dropped.
//
// The record is in the store when SignIn returns. The cookie is written here, or by
// the middleware that put the session into r's context. On an error nothing of the
// sign-in remains, neither a session with u nor a cookie; the old session may have
// ended.
func (m *Manager) SignIn(w http.ResponseWriter, r *http.Request, u provider.User) error {
	if !signedIn(u) {
		return errors.New("session: signing in: the user has no provider or no id")
	}
	if answerBegun(w) {
		return errors.New("session: signing in: the answer has begun, so the cookie cannot be sent")
	}
	ctx := r.Context()
	position, err := m.store.signOuts.position(ctx)
	if err != nil {
		return fmt.Errorf("session: signing in: %w", err)
	}
	joined := m.loaded(ctx)
	if !joined {
		token, _ := m.token(r)
		var s seen
		loaded, err := m.load(ctx, token, &s)
		if err == nil && s.unreadable {
			// scs knows of no session, but a replica of another version may.
			err = m.store.DeleteCtx(ctx, m.store.key(token))
		}
		if err != nil {
			return fmt.Errorf("session: signing in: %w", err)
		}
		ctx = loaded
	}
	prev := m.identityIn(ctx)
	ended, err := m.store.ended(ctx, prev)
	if err != nil {
		return fmt.Errorf("session: signing in: %w", err)
	}
	if err := m.sm.RenewToken(ctx); err != nil {
		return fmt.Errorf("session: signing in: ending the old session: %w", err)
	}
	if ended || signedIn(prev.user) && prev.user.ID != u.ID {
		if err := m.sm.Clear(ctx); err != nil {
			return fmt.Errorf("session: signing in: %w", err)
		}
	}
	m.putIdentity(ctx, identity{user: u, position: position})
	token, expiry, err := m.sm.Commit(ctx)
	if err != nil {
		return fmt.Errorf("session: signing in: %w", join(err, m.drop(ctx)))
	}
	if !joined {
		m.writeCookie(w, token, expiry, m.sm.Cookie.Persist || m.sm.GetBool(ctx, rememberKey))
	}
	return nil
}

// SignOut ends this browser's session and clears its cookie, if it sent one. The
// session's id is dead for good: a request in flight does not bring it back. Call
// it before the answer begins.
//
// An error means that the store failed, and that the session may still be open.
// The cookie then stays, and so does the session that a middleware put into r's
// context: a visitor who cannot be signed out is not told so, and can try again,
// which needs the cookie to name the session.
func (m *Manager) SignOut(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	token, sent := m.token(r)
	var err error
	switch {
	case m.loaded(ctx):
		err = m.end(ctx, sent)
	case token != "":
		err = m.store.DeleteCtx(ctx, m.store.key(token))
	}
	if err != nil {
		return fmt.Errorf("session: signing out: %w", err)
	}
	if sent {
		m.clearCookie(w)
	}
	return nil
}

// end ends the session that ctx holds, which stays as it is if the store fails.
// known is whether the browser or the store knows of the session: a destroyed
// session makes the middleware clear the cookie, even of a browser that has none.
func (m *Manager) end(ctx context.Context, known bool) error {
	if !known && m.sm.Token(ctx) == "" {
		return m.sm.Clear(ctx)
	}
	return m.sm.Destroy(ctx)
}

// drop is end for a session that must not remain: if the store fails, at least
// nobody is signed in to what the middleware saves.
func (m *Manager) drop(ctx context.Context) error {
	err := m.end(ctx, true)
	if err != nil {
		_ = m.sm.Clear(ctx) // never fails
	}
	return err
}
