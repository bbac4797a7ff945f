package session

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
)

// load puts the session of a token into ctx, or a new one if there is no record or the record
// does not decode. raw is the record.
//
// scs's own Load fails where a record does not decode, and marks every session as modified if
// there is an idle timeout. A copy of the manager, which shares scs's key in the context,
// does neither.
func (m *Manager) load(ctx context.Context, token string) (loaded context.Context, raw []byte, err error) {
	if token == "" {
		loaded, err = m.sm.Load(ctx, "")
		return loaded, nil, err
	}
	c := &loadCodec{Codec: m.sm.Codec}
	sm := *m.sm
	sm.IdleTimeout = 0
	sm.Codec = c
	loaded, err = sm.Load(ctx, token)
	if c.unreadable {
		m.logUnreadable(ctx)
		loaded, err = sm.Load(ctx, "")
	}
	return loaded, c.raw, err
}

// loadCodec notes which record was decoded.
type loadCodec struct {
	scs.Codec
	raw        []byte
	unreadable bool
}

func (c *loadCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	deadline, values, err := c.Codec.Decode(b)
	if err != nil {
		c.unreadable = true
		return time.Time{}, nil, err
	}
	c.raw = b
	if values == nil {
		values = make(map[string]any) // scs would panic on the first Put
	}
	return deadline, values, nil
}

// loadAndTouch loads the session of r and records that it is used.
func (m *Manager) loadAndTouch(ctx context.Context, r *http.Request) (context.Context, error) {
	token, err := m.token(ctx, r)
	if err != nil {
		return nil, err
	}
	loaded, raw, err := m.load(ctx, token)
	if err != nil || raw == nil {
		return loaded, err
	}
	rec, _ := m.store.decode(raw)
	if m.touchDue(rec.touched) && !m.touch(ctx, token, rec) {
		loaded, _, err = m.load(ctx, "")
	}
	return loaded, err
}

// LoadAndSave is scs's middleware of that name, for applications that keep values in the
// session. It may wrap the whole application, including the kit's handlers. It
// differs from scs's in four ways:
//
//   - If the browser sent several cookies of the session's name, the one whose record opens
//     counts.
//   - A record that does not decode is a new visitor, and not an error.
//   - If the session cannot be saved after a sign-in in the same request, the sign-in is
//     undone, and scs's ErrorFunc answers.
//   - With an idle timeout it writes at most once in a sixteenth of the timeout.
//
// As with scs, a Flush before the first Write loses the cookie. Behind another LoadAndSave of the same sessions it does nothing.
func (m *Manager) LoadAndSave(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.loaded(r.Context()) {
			next.ServeHTTP(w, r)
			return
		}
		roll := &rollback{}
		ctx, err := m.loadAndTouch(context.WithValue(reportEnded(r.Context()), rollbackKey{}, roll), r)
		if err != nil {
			m.fail(w, r, err)
			return
		}
		sm := *m.sm
		sm.IdleTimeout = 0 // the cookie lasts until the deadline, and the store knows the timeout
		failed := false
		sm.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
			failed = true
			// The session ended while the request ran. The browser has a newer cookie, or none.
			if !errors.Is(err, errEnded) {
				m.fail(w, r, errors.Join(err, roll.run()))
			}
		}
		sm.LoadAndSave(next).ServeHTTP(w, r.WithContext(ctx))
		if !failed {
			roll.finish()
		}
	})
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

// rollback undoes a sign-in whose session cannot be saved at the end of its request.
type rollback struct {
	mu    sync.Mutex // guards both
	steps []func() error
	saved []func()
}

type rollbackKey struct{}

func rollbackOf(ctx context.Context) *rollback {
	r, _ := ctx.Value(rollbackKey{}).(*rollback)
	return r
}

// OnRollback makes undo run if the sign-in of this request is undone later, because
// [Manager.LoadAndSave] cannot save the session. Without that middleware it does nothing.
func OnRollback(ctx context.Context, undo func() error) {
	if r := rollbackOf(ctx); r != nil {
		r.add(undo)
	}
}

// OnSaved makes then run when the session of this request is saved for good. Behind
// [Manager.LoadAndSave] that is after the answer. Otherwise it is now.
func OnSaved(ctx context.Context, then func()) {
	r := rollbackOf(ctx)
	if r == nil {
		then()
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.saved = append(r.saved, then)
}

// finish runs the steps that wait until the session is saved.
func (r *rollback) finish() {
	r.mu.Lock()
	saved := r.saved
	r.saved = nil
	r.mu.Unlock()
	for _, then := range saved {
		then()
	}
}

func (r *rollback) add(step func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, step)
}

func (r *rollback) run() error {
	r.mu.Lock()
	steps := r.steps
	r.steps = nil
	r.mu.Unlock()
	var err error
	for _, step := range steps {
		err = join(err, step())
	}
	return err
}
