package session

import (
	"context"
	"errors"
	"net/http"
)

// LoadAndSave is scs's middleware of that name, for applications that keep values in the
// session. It may wrap the whole application. If the session cannot be saved after a sign-in in
// the same request, the sign-in is undone, and scs's ErrorFunc answers.
//
// As with scs, a Flush before the first Write loses the cookie. Behind another LoadAndSave of
// the same sessions it does nothing.
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
		ctx, _, err := m.load(ctx, &sm, r)
		if err != nil {
			m.sm.ErrorFunc(w, r, err)
			return
		}
		saved := false // also if next panics
		defer func() { _ = commit.end(saved) }()
		sm.LoadAndSave(next).ServeHTTP(w, r.WithContext(ctx))
		saved = true
	})
}

// unavailable answers a request whose session could not be read or saved.
func (m *Manager) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	m.store.logger.ErrorContext(r.Context(), "session: the store failed", "err", err)
	for _, name := range [...]string{"Content-Disposition", "Content-Encoding", "Etag", "Last-Modified", "Location", "Refresh"} {
		w.Header().Del(name)
	}
	w.Header().Set("Retry-After", "5")
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "Your session cannot be read or saved at the moment. Please try again.", http.StatusServiceUnavailable)
}

// steps wait until the session is saved for good, or is known to be lost.
type steps []func(saved bool) error

// end takes the steps, once.
func (s *steps) end(saved bool) (err error) {
	all := *s
	*s = nil
	for _, then := range all {
		err = errors.Join(err, then(saved))
	}
	return err
}
