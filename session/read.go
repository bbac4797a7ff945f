package session

import (
	"context"
	"fmt"
	"net/http"

	"github.com/xsignin/xsignin/provider"
)

// Get returns the user of the session that r's cookie names. ok is false without one. It
// is one store read, and none without a cookie or with a cookie that scs never made. It does
// not record that the session is used: [Manager.Load] does.
//
// If a middleware has put the session into ctx, Get looks only there. Then it sees a sign-in
// or sign-out of the same request.
//
// A record that does not decode has no user. An error means that the store did not answer.
func (m *Manager) Get(ctx context.Context, r *http.Request) (u provider.User, ok bool, err error) {
	if m.loaded(ctx) {
		return m.userIn(ctx)
	}
	found, err := m.open(ctx, r)
	return found.user, found.ok, err
}

// Load is [Manager.Get] for a visitor's request. With an idle timeout it also records that
// the session is used, at most once in a sixteenth of the timeout. It still reads the
// store once. Without an idle timeout it writes nothing.
//
// It adds Vary: Cookie to the answer, and never a cookie: the handler may make the answer
// cacheable. A use that cannot be recorded is logged, and the user stays signed in. If a
// middleware has put the session into r's context, recording its use is left to that.
//
// Recording a use writes the record that was just read. Values that another request of the
// same session saves within that moment are lost.
func (m *Manager) Load(w http.ResponseWriter, r *http.Request) (u provider.User, ok bool, err error) {
	varyByCookie(w.Header())
	ctx := r.Context()
	if m.loaded(ctx) {
		return m.userIn(ctx)
	}
	found, err := m.open(ctx, r)
	if found.ok && m.touchDue(found.touched) {
		found.ok = m.touch(ctx, found.token, found.record)
	}
	if !found.ok {
		return provider.User{}, false, err
	}
	return found.user, true, nil
}

// record is the result of reading a session's identity.
type record struct {
	header
	raw []byte
	// values are set if the whole record had to be decoded.
	values map[string]any
}

// opened is the session that a request's cookies name.
type opened struct {
	record
	token string
	ok    bool // whether a user is signed in
}

// open finds the session of r. Another host of the site, or an older cookie at a longer
// path, may put a cookie of the same name in front: the first whose record has a user counts.
func (m *Manager) open(ctx context.Context, r *http.Request) (found opened, err error) {
	m.eachToken(r, func(token string) bool {
		found.record, found.ok, err = m.find(ctx, token)
		found.token = token
		return !found.ok && err == nil
	})
	return found, err
}

// find reads the record of a signed-in user. With the store of this package it allocates
// for the user only.
func (m *Manager) find(ctx context.Context, token string) (rec record, ok bool, err error) {
	hashed := hashKey(token)
	var b []byte
	var found bool
	if m.store.memory != nil {
		b, found = m.store.memory.find(hashed[:])
		found = found && !isTombstone(b)
	} else if b, found, err = m.store.findOpen(ctx, string(hashed[:])); err != nil {
		return record{}, false, fmt.Errorf("session: reading: %w", err)
	}
	if !found {
		return record{}, false, nil
	}
	rec, ok = m.store.decode(b)
	if !ok {
		m.logUnreadable(ctx)
	}
	if !signedIn(rec.user) {
		return record{}, false, nil
	}
	if m.store.users == nil || m.store.users.fresh(&rec, hashed[:]) {
		return rec, true, nil
	}
	return m.inspected(ctx, string(hashed[:]), rec)
}

// inspected returns rec if the session may be used.
func (m *Manager) inspected(ctx context.Context, key string, rec record) (record, bool, error) {
	if !m.store.inspect(ctx, key, &rec) {
		return record{}, false, nil
	}
	return rec, true, nil
}

// decode reads the identity, and nothing else where the record has our codec. It reports
// whether the record is readable.
func (s *store) decode(b []byte) (record, bool) {
	if s.own && ownRecord(b) {
		h, err := decodeHeader(b)
		return record{header: h, raw: b}, err == nil
	}
	deadline, values, err := s.sm.Codec.Decode(b)
	if err != nil {
		return record{}, false
	}
	return record{
		header: header{deadline: deadline, identity: s.identityOf(values[identityKey])}, raw: b, values: values,
	}, true
}

// encode returns the record with its identity as it is now, used now.
func (s *store) encode(rec record) ([]byte, error) {
	values := rec.values
	if values == nil {
		var err error
		if rec.deadline, values, err = s.sm.Codec.Decode(rec.raw); err != nil {
			return nil, err
		}
	}
	delete(values, identityKey)
	if signedIn(rec.user) {
		values[identityKey] = s.identityValue(rec.identity)
	}
	return s.sm.Codec.Encode(rec.deadline, values)
}

// logUnreadable logs once that there are records that do not decode. The codec's error may
// quote the record, so it is left out.
func (m *Manager) logUnreadable(ctx context.Context) {
	m.unreadable.Do(func() {
		m.logger.DebugContext(ctx, "session: a record does not decode; its user has to sign in again")
	})
}
