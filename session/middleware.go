package session

import (
	"context"
	"net/http"

	"github.com/alexedwards/scs/v2"
)

// LoadAndSave is for applications that keep values of their own in the session, and
// takes the place of scs's method of that name: it puts the session into the
// request's context, where the methods of [Manager.SCS] find it, and saves it, if
// it was changed, right before the answer begins. It may be mounted for some paths
// only. Behind another LoadAndSave of the same sessions it does nothing.
//
// The answer begins with the first Write, the first WriteHeader that is not
// informational (1xx), the first Flush or the Hijack, or when the handler returns.
// Changes after that are not saved; ending the session takes effect at any time,
// but clears the cookie only before. When a handler panics nothing is saved.
//
// With an idle timeout an unchanged session is saved at most once in a sixteenth of
// the timeout.
//
// If the store fails, the handler's answer is not sent, as it would claim what did
// not happen: scs's ErrorFunc answers instead, which for a manager of [New] is
// status 503 with Retry-After.
//
// The ResponseWriter that next gets works with [http.ResponseController] and is an
// [http.Flusher], [http.Hijacker] and [io.ReaderFrom], the last without losing
// sendfile.
func (m *Manager) LoadAndSave(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		varyByCookie(w.Header())
		if m.loaded(r.Context()) {
			next.ServeHTTP(w, r)
			return
		}
		ctx, err := m.loadAndTouch(w, r)
		if err != nil {
			m.fail(w, r, err)
			return
		}
		r = r.WithContext(ctx)
		rw := &responseWriter{ResponseWriter: w, m: m, r: r}
		next.ServeHTTP(rw, r)
		// Not deferred: a handler that panicked did not finish what it was changing.
		_ = rw.begin()
	})
}

// loadAndTouch puts the session of r into its context. Its use is recorded before
// the handler runs, not after: a write of the whole record at the end of a long
// request would undo what others saved meanwhile, although this one changed nothing.
func (m *Manager) loadAndTouch(w http.ResponseWriter, r *http.Request) (context.Context, error) {
	token, _ := m.token(r)
	var s seen
	ctx, err := m.load(r.Context(), token, &s)
	if err != nil || s.raw == nil || !m.touchDue(s.touched) {
		return ctx, err
	}
	rec, ok := decodeRecord(m.sm.Codec, s.raw)
	if ok && !m.touch(w, r, token, rec) {
		return m.load(r.Context(), "", &s)
	}
	return ctx, nil
}

// fail answers a request whose session could not be read or saved.
func (m *Manager) fail(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	for _, name := range [...]string{
		"Content-Disposition", "Content-Encoding", "Content-Length", "Content-Range", "Content-Type",
		"Etag", "Last-Modified", "Location", "Refresh",
	} {
		h.Del(name)
	}
	if m.sm.ErrorFunc == nil {
		m.unavailable(w, r, err)
		return
	}
	m.sm.ErrorFunc(w, r, err)
}

// saveAndTell saves the session if need be and tells the browser.
func (w *responseWriter) saveAndTell() error {
	ctx, m := w.r.Context(), w.m
	switch m.sm.Status(ctx) {
	case scs.Destroyed:
		m.clearCookie(w.ResponseWriter)
	case scs.Modified:
		token, expiry, err := m.save(ctx)
		if err != nil {
			return err
		}
		if token != "" {
			persist := m.sm.Cookie.Persist || m.sm.GetBool(ctx, rememberKey)
			m.writeCookie(w.ResponseWriter, token, expiry, persist)
		}
	case scs.Unmodified:
	}
	return nil
}
