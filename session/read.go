package session

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/provider"
)

// Get returns who is signed in to the session that r's cookie names. ok is false
// if nobody is. It is one store read, none without a cookie or with one that scs
// never made, and it writes nothing, but that it deletes the record of a session that was
// ended everywhere: a session with an idle timeout does not live longer for it. [Manager.Load] is for the requests of a visitor.
//
// If a middleware has put the session into ctx, Read looks only there, and sees a
// sign-in or sign-out of the same request.
//
// A record that does not decode, or is of a newer version of this package, is
// nobody's. An error means that the store could not answer, or that the list of
// sign-outs could not, see [NewSignOuts].
func (m *Manager) Get(ctx context.Context, r *http.Request) (u provider.User, ok bool, err error) {
	if m.loaded(ctx) {
		return m.userIn(ctx)
	}
	token, _ := m.token(r)
	rec, ok, err := m.find(ctx, token)
	return rec.user, ok, err
}

// Load is [Manager.Get] for a visitor's request: with an idle timeout it also
// records that the session is used, in the store and in the cookie, at most once
// in a sixteenth of the timeout. It still reads the store once. Call it before the
// answer begins. Without an idle timeout it writes nothing.
//
// It says in the answer that it varies by cookie. A use that cannot be recorded is
// logged and signs nobody out. If a middleware has put the session into r's
// context, recording its use is left to that.
//
// A use is recorded by writing the record that was just read: values that another
// request of the same session saves within that moment are lost. With
// [Manager.LoadAndSave], as with scs, that moment is as long as the request.
func (m *Manager) Load(w http.ResponseWriter, r *http.Request) (u provider.User, ok bool, err error) {
	varyByCookie(w.Header())
	ctx := r.Context()
	if m.loaded(ctx) {
		return m.userIn(ctx)
	}
	token, _ := m.token(r)
	rec, ok, err := m.find(ctx, token)
	if ok && m.touchDue(rec.touched) {
		ok = m.touch(w, r, token, rec)
	}
	if !ok {
		return provider.User{}, false, err
	}
	return rec.user, true, nil
}

// record is what reading a session's identity finds.
type record struct {
	header
	raw []byte
	// values are set if the whole record had to be decoded.
	values map[string]any
}

// find reads the record of a signed-in user; nobody has the empty token. It allocates
// for the store's key and for the user.
func (m *Manager) find(ctx context.Context, token string) (rec record, ok bool, err error) {
	if token == "" {
		return record{}, false, nil
	}
	key := m.store.key(token)
	b, found, err := m.store.findOpen(ctx, key)
	if err != nil {
		return record{}, false, fmt.Errorf("session: reading: %w", err)
	}
	if !found {
		return record{}, false, nil
	}
	rec, ok = decodeRecord(m.sm.Codec, b)
	if !ok {
		m.logUnreadable(ctx)
	}
	if !signedIn(rec.user) {
		return record{}, false, nil
	}
	ended, err := m.store.ended(ctx, rec.identity)
	if err != nil {
		return record{}, false, err
	}
	if ended {
		m.store.discard(ctx, key)
		return record{}, false, nil
	}
	return rec, true, nil
}

// decodeRecord reads the identity, and nothing else where the record is ours. It
// reports whether the record is readable.
func decodeRecord(c scs.Codec, b []byte) (record, bool) {
	if _, own := c.(codec); own && ownRecord(b) {
		h, err := decodeHeader(b)
		return record{header: h, raw: b}, err == nil
	}
	deadline, values, err := c.Decode(b)
	if err != nil {
		return record{}, false
	}
	return record{
		header: header{deadline: deadline, identity: identityOf(values[identityKey])}, raw: b, values: values,
	}, true
}

// touchedTime is when the use of a record was last recorded, as far as it says.
func (m *Manager) touchedTime(b []byte, values map[string]any) time.Time {
	if m.own {
		h, _ := decodeHeader(b)
		return h.touched
	}
	return identityOf(values[identityKey]).touched
}

// logUnreadable says once that there are records that do not decode, which whoever
// changed the codec wants to know. The codec's error may quote the record, so it is
// left out.
func (m *Manager) logUnreadable(ctx context.Context) {
	m.unreadable.Do(func() {
		m.logger.DebugContext(ctx, "session: a record does not decode; its user has to sign in again")
	})
}
