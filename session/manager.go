package session

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/internal/configerr"
	"github.com/xsignin/xsignin/internal/loopback"
	"github.com/xsignin/xsignin/internal/seal"
	"github.com/xsignin/xsignin/tokenstore"
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
	// [DefaultLifetime], 14 days; more than 100 years count as 100.
	Lifetime time.Duration

	// IdleTimeout ends a session that has not been used for this long. Zero means
	// that there is no such limit. It cannot be longer than Lifetime. Use is recorded with one store write per
	// sixteenth of the timeout, so a session may end up to that much early.
	IdleTimeout time.Duration

	// CookieName is the name of the cookie. The default is "xsignin". With Secure it gets
	// the prefix "__Host-" if it lacks it. The prefix makes browsers refuse a cookie that
	// another host of the same site, or a network in between, tries to plant.
	CookieName string

	// Secure says that the application is reached over https only. The cookie is
	// then never sent over http.
	Secure bool

	// Vault keeps the lists of the users' sessions, next to the tokens. Replicas that share
	// sessions share its store and its secrets. Nil means that there are no lists: then
	// [Manager.UserSessions] returns nil.
	Vault *tokenstore.Vault

	// Logger gets what no caller is told, such as a session whose use could not be
	// recorded, and the errors behind a default 503 answer. Nil means [slog.Default].
	Logger *slog.Logger
}

// FromSCSConfig is what [FromSCS] needs in addition to the session manager.
type FromSCSConfig struct {
	// Secrets seal the user in the session, as in [PendingStoreConfig]. Required, unless
	// the manager has been made by [New].
	Secrets [][]byte
	// PublicURL is the address of the site. With it, FromSCS checks whether browsers keep a
	// cookie of the configured domain, and that the cookie is Secure if PublicURL is https. It
	// may be empty.
	PublicURL string
	// SecurePerRequest says that the application sets the cookie's Secure attribute for each
	// request, for example to work over plain http in a local network. Then FromSCS does not
	// check the settings that need Secure.
	SecurePerRequest bool
	// Vault is as [Config.Vault].
	Vault *tokenstore.Vault
	// Logger is as [Config.Logger].
	Logger *slog.Logger
}

// Manager knows who is signed in. Make one with [New] or [FromSCS]. Goroutines may
// share it.
//
// A session does not say which Manager made it. Any Manager over the same store takes its
// cookie, so that replicas share their users. Two applications must not share a
// store, unless each may take the users of the other for its own. Give each a store (a
// table, or a prefix of keys) to itself.
type Manager struct {
	sm     *scs.SessionManager
	store  *store
	logger *slog.Logger

	// strict is whether cookies that scs never makes are refused unread.
	strict bool
	// ctxKey is the key under which scs keeps a loaded session in a context.
	ctxKey any

	touches    *touches[string]
	unreadable sync.Once
}

// New makes a manager and its sessions. It reports all errors of cfg at once. Call it
// once per process and configuration: scs starts a cleaning goroutine for each manager, which
// wakes once a minute and never ends.
//
// The cookie is HttpOnly, SameSite=Lax, for every path of exactly this host, and
// stays when the browser closes. The store holds only hashes of session ids, so that they
// are useless to a thief of the store. Records that scs wrote with its default codec can still
// be read. So an application can change to New and keep its sessions, if it keeps the store
// and the cookie's name, and had scs's HashTokenInStore on.
func New(cfg Config) (*Manager, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	name := cmp.Or(cfg.CookieName, defaultName)
	if cfg.Secure && !strings.HasPrefix(name, hostPrefix(true)) && !strings.HasPrefix(name, securePrefix) {
		name = hostPrefix(true) + name
	}
	if err := cfg.check(name); err != nil {
		return nil, err
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
	sm.Lifetime, sm.IdleTimeout = min(cmp.Or(cfg.Lifetime, DefaultLifetime), maxLifetime), cfg.IdleTimeout
	sm.Cookie.Name, sm.Cookie.Secure = name, cfg.Secure

	m := &Manager{sm: sm, logger: cfg.Logger, strict: true}
	sm.ErrorFunc = m.unavailable
	return m, m.join(cfg.Vault, nil)
}

// check returns all errors of cfg, with the cookie's full name.
func (cfg Config) check(name string) error {
	faults := configerr.For("session")
	if cfg.Lifetime < 0 {
		faults.Add("Config.Lifetime", "is %v: leave it unset for 14 days", cfg.Lifetime)
	}
	if cfg.IdleTimeout < 0 {
		faults.Add("Config.IdleTimeout", "is %v: leave it unset for no limit", cfg.IdleTimeout)
	}
	if lifetime := cmp.Or(cfg.Lifetime, DefaultLifetime); cfg.Lifetime >= 0 && cfg.IdleTimeout > lifetime {
		faults.Add("Config.IdleTimeout", "is %v, longer than the lifetime of %v: leave it unset, or set a longer Lifetime", cfg.IdleTimeout, lifetime)
	}
	if strings.Contains(name, pendingInfix) {
		faults.Add("Config.CookieName", "is %q, a name of pending sign-ins, which are cleared", cfg.CookieName)
	}
	switch {
	case (&http.Cookie{Name: name}).Valid() != nil:
		faults.Add("Config.CookieName", "is %q, which cannot be the name of a cookie", cfg.CookieName)
	case strings.HasPrefix(name, securePrefix):
		faults.Add("Config.CookieName", "is %q: leave out __Secure-, New adds __Host-, which is stricter", cfg.CookieName)
	case strings.HasPrefix(name, hostPrefix(true)) && !cfg.Secure:
		faults.Add("Config.CookieName", "is %q, which browsers refuse without Secure", cfg.CookieName)
	}
	return faults.Err()
}

// FromSCS joins the session manager that an application already has: its cookie,
// codec, lifetimes and error function stay. Its LoadAndSave, or [Manager.LoadAndSave], may
// be mounted around the kit's handlers. Without a middleware, the methods here
// write the record and the cookie.
//
// FromSCS puts a wrapper around sm.Store, which ends sessions for good (see the
// package comment). So call it before sm is used, do not replace sm.Store
// afterwards, and keep the concrete store yourself if you need its own methods.
// Calling it again for the same sm is harmless.
//
// It fails if sm lacks a part, if sm does not hash session ids in the store, or if no browser
// keeps or returns its cookie. It also fails if the cookie is SameSite=Strict: browsers do
// not send such a cookie on the way back from the provider, so a user who has just
// signed in would be sent to sign in again, without end.
func FromSCS(sm *scs.SessionManager, cfg FromSCSConfig) (*Manager, error) {
	faults := configerr.For("session")
	switch {
	case sm == nil:
		faults.Add("Manager", "is nil")
	case sm.Store == nil:
		faults.Add("Manager.Store", "is nil: make the manager with scs.New")
	case sm.Codec == nil:
		faults.Add("Manager.Codec", "is nil: make the manager with scs.New")
	case sm.Cookie.Name == "":
		faults.Add("Manager.Cookie.Name", "is empty: make the manager with scs.New")
	case sm.Lifetime <= 0:
		faults.Add("Manager.Lifetime", "is %v: make the manager with scs.New", sm.Lifetime)
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	if !sm.HashTokenInStore {
		faults.Add("Manager.HashTokenInStore", "is false: set it, so that the store keeps no session ids in clear. That ends the sessions so far")
	}
	checkCookie(faults, sm.Cookie, cfg)
	var box *seal.Box
	if _, own := sm.Codec.(codec); !own {
		var err error
		if box, err = seal.New(cfg.Secrets, "xsignin session"); err != nil {
			faults.Add("FromSCSConfig.Secrets", "cannot seal: %v", err)
		}
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	m := &Manager{sm: sm, logger: cfg.Logger}
	return m, m.join(cfg.Vault, box)
}

// checkCookie adds the settings with which no browser keeps the cookie, or sends it back.
func checkCookie(faults *configerr.List, c scs.SessionCookie, cfg FromSCSConfig) {
	const field = "Manager.Cookie."
	secure := c.Secure || cfg.SecurePerRequest
	host := strings.HasPrefix(c.Name, hostPrefix(true))
	public, err := url.Parse(cfg.PublicURL)
	if err != nil {
		faults.Add("FromSCSConfig.PublicURL", "is not a URL")
		return
	}
	prefixed := host || strings.HasPrefix(c.Name, securePrefix)
	switch {
	case (&http.Cookie{Name: c.Name}).Valid() != nil:
		faults.Add(field+"Name", "is %q, which cannot be the name of a cookie", c.Name)
	case prefixed && !secure:
		faults.Add(field+"Secure", "is false, and browsers refuse a cookie with the name %q without Secure: set it to true", c.Name)
	}
	switch {
	case c.Domain != "" && (&http.Cookie{Name: "a", Domain: c.Domain}).Valid() != nil:
		faults.Add(field+"Domain", "is %q, which browsers refuse: leave it empty", c.Domain)
	case c.Domain != "" && host:
		faults.Add(field+"Domain", "is %q, and browsers refuse a cookie with the prefix __Host- and a domain: leave it empty", c.Domain)
	}
	if c.Path != "/" {
		faults.Add(field+"Path", "is %q, where the rest of the site does not see the cookie: set it to \"/\"", c.Path)
	}
	switch {
	case c.SameSite == http.SameSiteNoneMode && !secure:
		faults.Add(field+"SameSite", "is None, which browsers refuse without Secure: set it to http.SameSiteLaxMode")
	case c.SameSite == http.SameSiteStrictMode:
		faults.Add(field+"SameSite", "is Strict: browsers do not send such a cookie on the way back from the provider. Set it to http.SameSiteLaxMode")
	}
	if public.Host != "" {
		checkSite(faults, c, public, cfg.SecurePerRequest)
	}
}

// checkSite adds the settings with which browsers refuse the cookie from the site.
func checkSite(faults *configerr.List, c scs.SessionCookie, public *url.URL, perRequest bool) {
	if c.Domain != "" && !withinDomain(public.Hostname(), c.Domain) {
		faults.Add("Manager.Cookie.Domain", "is %q, which browsers refuse from %s: leave it empty", c.Domain, public.Host)
	}
	switch {
	case perRequest:
	case c.Secure && public.Scheme == "http" && !loopback.Is(public.Hostname()):
		faults.Add("Manager.Cookie.Secure", "is true, and browsers refuse such a cookie over http: set it to false, or use https")
	case !c.Secure && public.Scheme == "https":
		faults.Add("Manager.Cookie.Secure", "is false, and PublicURL is https: "+
			"set it to true, so that browsers never send the session over http")
	}
}

// withinDomain reports whether a browser takes a cookie for domain from host.
func withinDomain(host, domain string) bool {
	host, domain = strings.ToLower(host), strings.ToLower(strings.TrimPrefix(domain, "."))
	return host == domain || strings.HasSuffix(host, "."+domain) && strings.Contains(domain, ".") && net.ParseIP(host) == nil
}

// join connects m to its session manager.
func (m *Manager) join(vault *tokenstore.Vault, box *seal.Box) error {
	m.store = wrapStore(m.sm)
	if box != nil {
		m.store.box = box
	}
	if vault != nil && m.store.users == nil {
		m.store.users = newUserSessions(m.store, vault, m.logger)
	}
	m.touches = newTouches[string](touchMemory)
	// scs does not say whether a context holds a session already, short of making
	// one where it does not. Its key in the context does, and this probe learns the key.
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

// UserSessions returns the lists of the users' sessions, or nil without a vault.
func (m *Manager) UserSessions() *UserSessions { return m.store.users }

// SessionID returns the id in the list ([UserSession].ID) of r's session. ok is false if no
// user is signed in.
func (m *Manager) SessionID(ctx context.Context, r *http.Request) (id string, ok bool, err error) {
	if m.loaded(ctx) {
		i := m.identityIn(ctx)
		return i.id.String(), signedIn(i.user), nil
	}
	found, err := m.open(ctx, r)
	return found.id.String(), found.ok, err
}

// Close finishes what runs in the background, and runs at once what waits: deletions of ended
// sessions, and marks in the token store. It returns when ctx ends at the latest. The stores
// stay open.
func (m *Manager) Close(ctx context.Context) error { return m.store.later.close(ctx) }

// SCS returns the session manager underneath, for values of the application. Its methods need a request behind [Manager.LoadAndSave], or behind its own.
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
