package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
)

// DefaultLifetime is how long a session lasts unless [Config.Lifetime] says
// otherwise.
const DefaultLifetime = 14 * 24 * time.Hour

// maxLifetime is the longest that is reckoned with: time.Duration has 292 years, for which
// programs write "never", and times of so far away do not fit where nanoseconds are kept.
const maxLifetime = 100 * 365 * 24 * time.Hour

// Config says how [New] keeps sessions. The zero value is a working
// configuration for plain http on one process.
type Config struct {
	// Store keeps the records: any of scs's stores. Nil means memory. There a session
	// that holds only its user takes at most 380 bytes, and all sessions end with the
	// process. Replicas share it; another
	// application must not, see [Manager]. A call to a store that takes contexts (an
	// [scs.CtxStore]) is given up after 5 seconds; any other store has to bound its calls
	// itself, or requests hang for as long as it does.
	Store scs.Store

	// Lifetime is how long a session lasts, used or not. Zero means
	// [DefaultLifetime], 14 days; more than 100 years are taken for 100.
	Lifetime time.Duration

	// IdleTimeout ends a session that has not been used for this long. Zero means
	// that there is no such limit. Use is recorded with one store write per
	// sixteenth of the timeout, so a session may end up to that much early.
	IdleTimeout time.Duration

	// CookieName is the name of the cookie. The default is "__Host-xsignin" with
	// Secure, else "xsignin". The prefix makes browsers refuse a cookie that
	// another host of the same site, or a network in between, tries to plant.
	CookieName string

	// Secure says that the application is reached over https only. The cookie is
	// then never sent over http.
	Secure bool

	// Logger gets what no caller is told: a session whose use could not be
	// recorded, and the errors behind a default 503 answer. Nil means
	// [slog.Default].
	Logger *slog.Logger

	// SignOuts is the list of users who were signed out everywhere, which
	// [Manager.SignOutEverywhere] needs. The manager does not close it. Nil means that
	// there is none: each session is ended where it is.
	SignOuts *SignOuts
}

// FromSCSConfig is what [FromSCS] needs besides the manager that it joins. The zero value
// works.
type FromSCSConfig struct {
	// Logger gets what no caller is told, see [Config.Logger]. Nil means
	// [slog.Default].
	Logger *slog.Logger
	// SignOuts is as [Config.SignOuts].
	SignOuts *SignOuts
}

// Manager knows who is signed in. Make one with [New] or [FromSCS]. Goroutines may
// share it.
//
// A session does not say which Manager made it: any Manager over the same store takes
// its cookie, so that replicas share their users. Two applications must not share a
// store, unless each may take the other's users for its own: give each a store (a
// table, or a prefix of keys) to itself.
type Manager struct {
	sm     *scs.SessionManager
	store  *store
	logger *slog.Logger

	// own is whether records are written by our codec.
	own bool
	// strict is whether cookies that scs never makes are refused unread.
	strict bool
	// ctxKey is what scs keeps a loaded session in a context under.
	ctxKey any

	touches    *touches
	unreadable sync.Once
}

// New makes a manager with sessions of its own. It reports all faults of cfg at
// once; cfg is copied. Call it once per process and configuration: scs starts a
// cleaning goroutine for each manager, which wakes once a minute and never ends.
//
// The cookie is HttpOnly, SameSite=Lax, for every path of exactly this host, and
// stays when the browser closes. The store holds only hashes of session ids, so
// that whoever reads the store cannot use them. Records that scs wrote with its
// default codec can still be read, so an application can change to New and keep
// its sessions if it keeps the store and the cookie's name, and had scs's
// HashTokenInStore on.
//
// A store is one application's, see [Manager].
func New(cfg Config) (*Manager, error) {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("session: "+format, args...))
	}
	if cfg.Lifetime < 0 {
		fault("Config.Lifetime %v is negative: leave it unset for 14 days", cfg.Lifetime)
	}
	if cfg.IdleTimeout < 0 {
		fault("Config.IdleTimeout %v is negative: leave it unset for none", cfg.IdleTimeout)
	}
	if cfg.CookieName == "" {
		cfg.CookieName = hostPrefix(cfg.Secure) + defaultName
	}
	if strings.Contains(cfg.CookieName, pendingInfix) {
		fault("Config.CookieName %q is like those of pending sign-ins, which are cleared", cfg.CookieName)
	}
	if (&http.Cookie{Name: cfg.CookieName}).Valid() != nil {
		fault("Config.CookieName %q cannot be the name of a cookie", cfg.CookieName)
	}
	prefixed := strings.HasPrefix(cfg.CookieName, "__Host-") || strings.HasPrefix(cfg.CookieName, "__Secure-")
	if prefixed && !cfg.Secure {
		fault("Config.CookieName %q is one that browsers refuse without Secure", cfg.CookieName)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if cfg.Lifetime == 0 {
		cfg.Lifetime = DefaultLifetime
	}
	cfg.Lifetime = min(cfg.Lifetime, maxLifetime)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	// Only scs.New gives a manager a context key that no other has. It also starts
	// the cleaning goroutine of a store, which cannot be stopped without a race.
	sm := scs.New()
	sm.Store = cfg.Store
	if cfg.Store == nil {
		sm.Store = newMemory()
	}
	sm.Codec = codec{}
	sm.HashTokenInStore = true
	sm.Lifetime, sm.IdleTimeout = cfg.Lifetime, cfg.IdleTimeout
	sm.Cookie.Name, sm.Cookie.Secure = cfg.CookieName, cfg.Secure

	m := &Manager{sm: sm, logger: cfg.Logger, strict: true}
	sm.ErrorFunc = m.unavailable
	return m, m.join(cfg.SignOuts)
}

// FromSCS joins the session manager that an application already has: its cookie,
// codec, lifetimes and error function stay. Its LoadAndSave, or ours, may be
// mounted around the package's users or not; where one is, it writes the record
// and the cookie, and where none is, the methods here do.
//
// FromSCS puts a wrapper around sm.Store, which ends sessions for good (see the
// package comment). So call it before sm is used, do not replace sm.Store
// afterwards, and keep the concrete store yourself if you need its own methods.
// Calling it again for the same sm is harmless; a list of sign-outs is everybody's then.
//
// Behind scs's own LoadAndSave a request in flight during a sign-in or sign-out
// can still send the dead session's cookie, and an idle timeout costs a write at
// each request; [Manager.LoadAndSave] does neither.
//
// It fails if sm is not whole, if it has another list of sign-outs already, or if its cookie is SameSite=Strict: browsers do not
// send such a cookie to the page that a provider's answer leads to, so who has just
// signed in would be sent to sign in again, without end.
func FromSCS(sm *scs.SessionManager, cfg FromSCSConfig) (*Manager, error) {
	switch {
	case sm == nil:
		return nil, errors.New("session: the session manager is nil")
	case sm.Store == nil, sm.Codec == nil, sm.Cookie.Name == "", sm.Lifetime <= 0:
		return nil, errors.New("session: the session manager lacks a store, a codec, a cookie name or a lifetime: make it with scs.New")
	case sm.Cookie.SameSite == http.SameSiteStrictMode:
		return nil, errors.New("session: the session manager's cookie is SameSite=Strict, which browsers do not send on the way back from the provider: set its Cookie.SameSite to http.SameSiteLaxMode, which still keeps the cookie out of other sites' forms")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	m := &Manager{sm: sm, logger: cfg.Logger}
	return m, m.join(cfg.SignOuts)
}

// join connects m to its session manager.
func (m *Manager) join(signOuts *SignOuts) error {
	_, m.own = m.sm.Codec.(codec)
	m.store = wrapStore(m.sm)
	if have := m.store.signOuts; signOuts != nil && have != signOuts {
		if have != nil {
			return errors.New("session: the session manager has a list of sign-outs already, and this is another: make one SignOuts for both")
		}
		m.store.signOuts = signOuts
	}
	m.touches = newTouches()
	// scs does not say whether a context holds a session already, short of making
	// one where it does not. Its key in the context does, so we let scs show it.
	probe := &keyProbe{Context: context.Background()}
	if _, err := m.sm.Load(probe, ""); err != nil || probe.key == nil {
		return errors.New("session: this version of scs keeps its sessions in an unknown way")
	}
	m.ctxKey = probe.key
	return nil
}

// keyProbe notes the key that it is asked for.
type keyProbe struct {
	context.Context
	key any
}

func (p *keyProbe) Value(key any) any {
	p.key = key
	return nil
}

// SCS returns the session manager underneath, for values of the application's
// own. Its methods need a request behind [Manager.LoadAndSave], or behind its own.
// Its Store, Codec and HashTokenInStore must stay as they are.
func (m *Manager) SCS() *scs.SessionManager { return m.sm }

// loaded reports whether a middleware has put the session into ctx.
func (m *Manager) loaded(ctx context.Context) bool { return ctx.Value(m.ctxKey) != nil }

// unavailable answers a request whose session could not be read or saved.
func (m *Manager) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	m.logger.ErrorContext(r.Context(), "session: the store failed", "err", err)
	h := w.Header()
	h.Set("Retry-After", "5")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, "Your session cannot be read or saved at the moment. Please try again.\n")
}
